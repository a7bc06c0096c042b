# dlgctl. libcsv reads its users from CSV: RFC 4180 has more corners (quotes, line ends) than it seems.
find_path(CSV_INCLUDE_DIR csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)

add_executable(dlgctl
  dlgctl.c dlgctl_archive.c dlgctl_cluster.c dlgctl_dialog.c dlgctl_load.c dlgctl_setup.c dlgctl_user.c
  cluster_show.c cluster_watch.c crowd.c dice.c fiction.c lines.c load.c load_rows.c moment.c password.c place.c
  progress.c roster.c show.c passages.c traffic.c)
dialogs_target(dlgctl)
target_include_directories(dlgctl SYSTEM PRIVATE ${CSV_INCLUDE_DIR})
target_link_libraries(dlgctl PRIVATE dialogs::dialogs ${CSV_LIBRARY} PkgConfig::JANSSON PkgConfig::SODIUM)

install(TARGETS dlgctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT service)
