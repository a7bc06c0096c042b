/* connection_receive.h - takes the answers that have come, and gives each to its query. */
#ifndef DIALOGS_CONNECTION_RECEIVE_H
#define DIALOGS_CONNECTION_RECEIVE_H

#include "pg/connection.h"

/* Takes what has come. */
void connection_receive(struct connection *connection);

#endif
