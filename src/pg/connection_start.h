/* connection_start.h - makes the connection, sets its session up, and from then on lets answers in. */
#ifndef DIALOGS_CONNECTION_START_H
#define DIALOGS_CONNECTION_START_H

#include "pg/connection.h"

/*
 * Begins to connect; `lost` or `ready` follows. Arrays as for PQconnectStartParams.
 *
 *   start_sql  the first question, which sets the session up: its row has the server's clock, whether it is a
 *              standby, whether Citus is there, and the node's group or NULL.
 */
void connection_connect(struct connection *connection, const char *const *keywords, const char *const *values,
                        const char *start_sql, int64_t deadline_us);

/* The descriptor is ready. */
void connection_handle(struct connection *connection);

#endif
