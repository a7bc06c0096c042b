# The package dialogsd: its unit, its user, its configuration.
set(CPACK_DEBIAN_SERVICE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVICE_PACKAGE_DEPENDS "${at_least_this}, adduser")
set(CPACK_DEBIAN_SERVICE_PACKAGE_RECOMMENDS postgresql)
set(CPACK_COMPONENT_SERVICE_DESCRIPTION
"dialogs between users over HTTP
 A service that stores messages between two users in PostgreSQL and lists
 them, with passwords, tokens and a Swagger page. Without a database of yours
 it keeps a private one in /var/lib/dialogsd, for which it needs the package
 postgresql.")

set(unit_dir /lib/systemd/system)
configure_file(dialogsd.service.in dialogsd.service @ONLY)
install(FILES ${staged}/dialogsd.service DESTINATION ${unit_dir} COMPONENT service)
install(FILES dialogsd.env DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/dialogsd COMPONENT service
  PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)

file(WRITE ${staged}/conffiles "${CMAKE_INSTALL_FULL_SYSCONFDIR}/dialogsd/dialogsd.env\n")
set(CPACK_DEBIAN_SERVICE_PACKAGE_CONTROL_EXTRA ${staged}/conffiles ${CMAKE_CURRENT_SOURCE_DIR}/postinst
  ${CMAKE_CURRENT_SOURCE_DIR}/prerm ${CMAKE_CURRENT_SOURCE_DIR}/postrm)
