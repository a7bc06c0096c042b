#include "pg/connection_send.h"

#include "base/clock.h"

#include <stdlib.h>

/* Puts one Sync after what was sent. libpq before 17 flushes with it. */
static bool send_sync(struct connection *connection, struct batch *batch)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    if (!PQsendPipelineSync(connection->conn))
        return false;
#else
    if (!PQpipelineSync(connection->conn))
        return false;
#endif
    return expected_push(&connection->expected, (struct expected){.kind = EXPECT_SYNC, .batch = batch});
}

static bool prepare(struct connection *connection, const struct preparation *preparation, const char *name)
{
    char sql[PREPARATION_SQL];
    const struct statement *statement = preparation->statement;
    char *commented = connection->comments ? preparation_commented_sql(preparation) : NULL;
    if (connection->comments && !commented)
        return false;
    bool sent = PQsendPrepare(connection->conn, name, commented ? commented : preparation_sql(preparation, sql),
                              statement->count, preparation->rows ? statement->array_types : statement->types);
    free(commented);
    return sent;
}

/* Prepares it unless that was done; `name` is of what is prepared then. */
static bool send_preparation(struct connection *connection, const struct preparation *preparation, const char *name)
{
    return prepared_has(&connection->prepared, preparation) ||
           (prepared_add(&connection->prepared, preparation) && prepare(connection, preparation, name) &&
            expected_push(&connection->expected,
                          (struct expected){.kind = EXPECT_PREPARE, .preparation = *preparation}));
}

static const int all_binary[STATEMENT_PARAMETERS] = {1, 1, 1, 1, 1, 1, 1, 1};

static bool send_query(struct connection *connection, struct query *query)
{
    if (query->prepare)
        query->prepare(query);
    query->attempts++;
    char buffer[PREPARATION_NAME];
    struct preparation preparation = {query->statement, false, query->shard};
    const char *name = preparation_name(&preparation, buffer);
    return send_preparation(connection, &preparation, name) &&
           PQsendQueryPrepared(connection->conn, name, query->statement->count, query->values, query->lengths,
                               all_binary, 1) &&
           expected_push(&connection->expected, (struct expected){.kind = EXPECT_QUERY, .query = query});
}

static bool send_rows(struct connection *connection, struct batch *batch)
{
    const struct statement *statement = TAILQ_FIRST(&batch->queries)->statement;
    struct query *query;
    TAILQ_FOREACH (query, &batch->queries, link) {
        if (query->prepare)
            query->prepare(query);
        query->attempts++;
    }
    struct preparation preparation = {statement, true, 0};
    return rows_encode(&connection->rows, batch) && send_preparation(connection, &preparation, statement->rows_name) &&
           PQsendQueryPrepared(connection->conn, statement->rows_name, statement->count, connection->rows.values,
                               connection->rows.lengths, all_binary, 1) &&
           expected_push(&connection->expected, (struct expected){.kind = EXPECT_ROWS, .batch = batch});
}

static bool send_command(struct connection *connection, const char *sql, enum expected_kind kind)
{
    return PQsendQueryParams(connection->conn, sql, 0, NULL, NULL, NULL, NULL, 1) &&
           expected_push(&connection->expected, (struct expected){.kind = kind});
}

/* Asks which of the shards that were read are here, and stay; or of which Citus knows where they are. */
static bool send_placed(struct connection *connection, struct batch *batch)
{
    enum statement_id statement = batch->settled ? STATEMENT_SETTLED : STATEMENT_PLACED;
    struct preparation preparation = {statement_get(statement), false, 0};
    const char *name = preparation.statement->name;
    return placements_encode(&connection->rows, batch) && send_preparation(connection, &preparation, name) &&
           PQsendQueryPrepared(connection->conn, name, 1, connection->rows.values, connection->rows.lengths, all_binary,
                               1) &&
           expected_push(&connection->expected, (struct expected){.kind = EXPECT_PLACEMENT, .batch = batch});
}

static bool send_queries(struct connection *connection, struct batch *batch)
{
    struct query *query;
    TAILQ_FOREACH (query, &batch->queries, link)
        if (!send_query(connection, query))
            return false;
    return true;
}

static bool send_block(struct connection *connection, struct batch *batch)
{
    return send_command(connection, "BEGIN", EXPECT_BEGIN) && send_queries(connection, batch) &&
           send_command(connection, "COMMIT", EXPECT_COMMIT);
}

static bool send_batch(struct connection *connection, struct batch *batch)
{
    bool sent = !connection->is_pooled || send_command(connection, connection->batch_sql, EXPECT_SETTINGS);
    if (sent && batch->placements && batch->settled)
        sent = send_placed(connection, batch);
    if (sent)
        sent = batch->form == BATCH_ROWS    ? send_rows(connection, batch)
               : batch->form == BATCH_BLOCK ? send_block(connection, batch)
                                            : send_queries(connection, batch);
    if (sent && batch->placements && !batch->settled)
        sent = send_placed(connection, batch);
    return sent && send_sync(connection, batch);
}

void connection_send(struct connection *connection, struct batch *batch)
{
    if (connection->expected.count == 0)
        connection->progress_us = clock_monotonic_us();
    STAILQ_INSERT_TAIL(&connection->batches, batch, link);
    connection->in_flight += batch->count;
    if (send_batch(connection, batch))
        connection_flush(connection);
    else
        connection_break(connection, connection_error(connection, "cannot send"));
}

void connection_ask(struct connection *connection, const char *sql, enum expected_kind kind)
{
    if (send_command(connection, sql, kind) && send_sync(connection, NULL))
        connection_flush(connection);
    else
        connection_break(connection, connection_error(connection, "cannot send"));
}
