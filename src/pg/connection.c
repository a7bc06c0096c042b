#include "pg/connection.h"

#include <stdlib.h>
#include <unistd.h>

void connection_init(struct connection *connection, const struct connection_events *events, void *owner, bool writes)
{
    *connection = (struct connection){.events = events, .owner = owner, .writes = writes, .fd = -1, .watched = -1};
    STAILQ_INIT(&connection->batches);
}

void connection_watch(struct connection *connection, bool readable, bool writable)
{
    connection->fd = PQsocket(connection->conn);
    connection->wants_write = writable;
    connection->events->watch(connection, connection->fd, readable, writable);
}

dlg_error *connection_error(const struct connection *connection, const char *what)
{
    dlg_error *error = NULL;
    error_set_sql(&error, DLG_E_UNAVAILABLE, NULL, what, PQerrorMessage(connection->conn));
    return error;
}

static void batch_return(struct connection *connection, struct batch *batch, const dlg_error *why)
{
    struct query *query;
    while ((query = TAILQ_LAST(&batch->queries, query_list))) {
        batch_remove(batch, query);
        connection->in_flight--;
        query_clear(query);
        connection->events->returned(connection, query, why);
    }
    batch_free(batch);
}

static void connection_close(struct connection *connection)
{
    if (connection->fd >= 0)
        connection->events->watch(connection, -1, false, false);
    connection->fd = -1;
    PQfinish(connection->conn);
    connection->conn = NULL;
    if (connection->trace)
        fclose(connection->trace);
    connection->trace = NULL;
    connection->state = CONN_CLOSED;
    prepared_clear(&connection->prepared);
    expected_clear(&connection->expected);
}

void connection_break(struct connection *connection, dlg_error *why)
{
    connection_close(connection);
    struct batch *batch;
    while ((batch = STAILQ_FIRST(&connection->batches))) {
        STAILQ_REMOVE_HEAD(&connection->batches, link);
        struct query *query;
        TAILQ_FOREACH (query, &batch->queries, link)
            query->possibly_written |= query->statement->writes;
        batch_return(connection, batch, why);
    }
    connection->events->lost(connection, why);
}

void connection_free(struct connection *connection)
{
    if (connection->conn)
        connection_close(connection);
    expected_free(&connection->expected);
    free(connection->rows.bytes);
}

void connection_forget(const struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
}

void connection_flush(struct connection *connection)
{
    int left = PQflush(connection->conn);
    if (left < 0)
        connection_break(connection, connection_error(connection, "cannot send"));
    else if ((left > 0) != connection->wants_write)
        connection_watch(connection, true, left > 0);
}
