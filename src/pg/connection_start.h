/* connection_start.h - makes the connection, sets its session up, and from then on lets answers in. */
#ifndef DIALOGS_CONNECTION_START_H
#define DIALOGS_CONNECTION_START_H

#include "pg/connection.h"

/*
 * Takes over a connection that connect_begin() began; `lost` or `ready` follows.
 *
 *   start_sql  the first question, which sets the session up: its row has the server's clock, whether it is a
 *              standby, whether Citus is there, and the node's group or NULL.
 */
void connection_connect(struct connection *connection, PGconn *conn, const char *start_sql, int64_t deadline_us);

/* The descriptor is ready. */
void connection_handle(struct connection *connection);

#endif
