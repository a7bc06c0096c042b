# What is installed: libc checks the room that it knows (FORTIFY_SOURCE, which needs optimisation), programs lie at other
# addresses each time (PIE), and the table of foreign functions is read-only before main() begins (RELRO, BIND_NOW).
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT DIALOGS_SANITIZE)
  include(CheckPIESupported)
  check_pie_supported()
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  add_link_options(LINKER:-z,relro LINKER:-z,now)
endif()
