/* connection_send.h - puts batches into libpq's pipeline, and notes what they will be answered with. */
#ifndef DIALOGS_CONNECTION_SEND_H
#define DIALOGS_CONNECTION_SEND_H

#include "pg/connection.h"

/* Takes the batch over and sends it. Only when ready. A failure is told by `lost`. */
void connection_send(struct connection *connection, struct batch *batch);

/* Sends a command of the connection's own. */
void connection_ask(struct connection *connection, const char *sql, enum expected_kind kind);

#endif
