# dialogsd, and the API page that it serves, whose parts npm brings when it is built.
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.71)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)
find_program(NODE node)
find_program(NPM npm)
if(NOT NODE OR NOT NPM)
  message(FATAL_ERROR "The API page of dialogsd needs node and npm to be built: install them (Debian: apt-get install "
    "nodejs npm), or build the library alone with -DDIALOGS_SERVICE=OFF.")
endif()

add_executable(dialogsd
  accept.c access.c backend.c config.c dialogsd.c exchange.c handlers_dialogs.c handlers_system.c handlers_users.c
  input.c listener.c log.c messages.c pages.c peers.c place.c reply.c router.c server.c stream.c text.c)
dialogs_target(dialogsd)
target_compile_definitions(dialogsd PRIVATE
  DIALOGSD_PAGES="${CMAKE_INSTALL_FULL_DATADIR}/dialogsd/swagger")
target_link_libraries(dialogsd PRIVATE dialogs::dialogs PkgConfig::MICROHTTPD PkgConfig::JANSSON Threads::Threads)

set(modules ${CMAKE_CURRENT_BINARY_DIR}/modules)
set(pages ${CMAKE_CURRENT_BINARY_DIR}/swagger)
set(source ${CMAKE_CURRENT_SOURCE_DIR}/swagger)
add_custom_command(OUTPUT ${modules}/stamp
  COMMAND ${CMAKE_COMMAND} -E make_directory ${modules}
  COMMAND ${CMAKE_COMMAND} -E copy ${source}/package.json ${source}/package-lock.json ${modules}
  COMMAND ${NPM} ci --prefix ${modules} --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel error
  COMMAND ${CMAKE_COMMAND} -E touch ${modules}/stamp
  DEPENDS ${source}/package.json ${source}/package-lock.json
  COMMENT "Fetching the parts of the API page" VERBATIM)
add_custom_command(OUTPUT ${pages}/openapi.json
  COMMAND ${NODE} ${source}/stage.mjs ${modules} ${source} ${CMAKE_CURRENT_SOURCE_DIR}/openapi.yaml ${pages}
  DEPENDS ${modules}/stamp ${source}/stage.mjs ${source}/index.html ${source}/page.js ${source}/page.css openapi.yaml
  COMMENT "Putting the API page together" VERBATIM)
add_custom_target(swagger ALL DEPENDS ${pages}/openapi.json)

install(TARGETS dialogsd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT service)
install(DIRECTORY ${pages} DESTINATION ${CMAKE_INSTALL_DATADIR}/dialogsd COMPONENT service)
