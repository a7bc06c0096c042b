# debian_gzip(OUT FILE): FILE, packed as Debian wants documents, the same bytes each time.
find_program(GZIP gzip REQUIRED)
function(debian_gzip out file)
  cmake_path(GET out PARENT_PATH directory)
  file(MAKE_DIRECTORY ${directory})
  execute_process(COMMAND ${GZIP} -9nc ${file} OUTPUT_FILE ${out} COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()
