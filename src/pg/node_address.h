/* node_address.h - where the nodes of a cluster are reached from here, and with which conninfo. */
#ifndef DIALOGS_NODE_ADDRESS_H
#define DIALOGS_NODE_ADDRESS_H

#include "base/settings.h"

#include <libpq-fe.h>

enum { NODE_ADDRESS_SIZE = 320 }; /* of "host:port" */

/* A node as the cluster's metadata name it. */
void node_address_name(const char *host, int port, char *name, size_t size);

/*
 * The conninfo for that node: the one of `conn` with another host and port, namely what the setting node_addresses
 * has for `name`, or `name` itself. To be freed; NULL when out of memory, or when `name` has no port.
 */
char *node_address_conninfo(const dlg_settings *settings, PGconn *conn, const char *name);

/* The conninfo of the very server that `conn` is connected to, which may be one of several hosts. To be freed. */
char *node_address_same(PGconn *conn);

#endif
