/* lane_sender.c - puts segments into libpq's pipeline, and notes what they will be answered with. */
#include "pg/lane.h"

#include "base/clock.h"

/* Puts one Sync after what was sent. libpq before 17 flushes with it. */
static bool send_sync(struct lane *lane, struct segment *segment)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    if (!PQsendPipelineSync(lane->conn))
        return false;
#else
    if (!PQpipelineSync(lane->conn))
        return false;
#endif
    return steps_push(&lane->steps, (struct step){.kind = STEP_SYNC, .segment = segment});
}

/* Prepares it unless that was done; `name` is of what is prepared then. */
static bool send_prepare(struct lane *lane, const struct preparation *preparation, const char *name)
{
    if (prepared_has(&lane->prepared, preparation))
        return true;
    char sql[PREPARATION_SQL];
    const struct statement *statement = preparation->statement;
    return prepared_add(&lane->prepared, preparation) &&
           PQsendPrepare(lane->conn, name, preparation_sql(preparation, sql), statement->count,
                         preparation->rows ? statement->array_types : statement->types) &&
           steps_push(&lane->steps, (struct step){.kind = STEP_PREPARE, .preparation = *preparation});
}

static const int all_binary[STATEMENT_PARAMETERS] = {1, 1, 1, 1, 1, 1, 1, 1};

static bool send_query(struct lane *lane, struct query *query)
{
    if (query->stamp)
        query->stamp(query);
    query->attempts++;
    char buffer[PREPARATION_NAME];
    struct preparation preparation = {query->statement, false, query->shard};
    const char *name = preparation_name(&preparation, buffer);
    return send_prepare(lane, &preparation, name) &&
           PQsendQueryPrepared(lane->conn, name, query->statement->count, query->values, query->lengths, all_binary,
                               1) &&
           steps_push(&lane->steps, (struct step){.kind = STEP_QUERY, .query = query});
}

static bool send_rows(struct lane *lane, struct segment *segment)
{
    const struct statement *statement = TAILQ_FIRST(&segment->queries)->statement;
    struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link) {
        if (query->stamp)
            query->stamp(query);
        query->attempts++;
    }
    struct preparation preparation = {statement, true, 0};
    return rows_encode(&lane->rows, segment) && send_prepare(lane, &preparation, statement->rows_name) &&
           PQsendQueryPrepared(lane->conn, statement->rows_name, statement->count, lane->rows.values,
                               lane->rows.lengths, all_binary, 1) &&
           steps_push(&lane->steps, (struct step){.kind = STEP_ROWS, .segment = segment});
}

static bool send_command(struct lane *lane, const char *sql, enum step_kind kind)
{
    return PQsendQueryParams(lane->conn, sql, 0, NULL, NULL, NULL, NULL, 1) &&
           steps_push(&lane->steps, (struct step){.kind = kind});
}

/* Asks which of the shards that were read are here. */
static bool send_placed(struct lane *lane, struct segment *segment)
{
    struct preparation preparation = {statement_get(STATEMENT_PLACED), false, 0};
    const char *name = preparation.statement->name;
    return shards_encode(&lane->rows, segment) && send_prepare(lane, &preparation, name) &&
           PQsendQueryPrepared(lane->conn, name, 1, lane->rows.values, lane->rows.lengths, all_binary, 1) &&
           steps_push(&lane->steps, (struct step){.kind = STEP_PLACED, .segment = segment});
}

static bool send_queries(struct lane *lane, struct segment *segment)
{
    struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link)
        if (!send_query(lane, query))
            return false;
    return true;
}

static bool send_block(struct lane *lane, struct segment *segment)
{
    return send_command(lane, "BEGIN", STEP_BEGIN) && send_queries(lane, segment) &&
           send_command(lane, "COMMIT", STEP_COMMIT);
}

static bool send_segment(struct lane *lane, struct segment *segment)
{
    bool sent = segment->form == SEGMENT_ROWS    ? send_rows(lane, segment)
                : segment->form == SEGMENT_BLOCK ? send_block(lane, segment)
                                                 : send_queries(lane, segment);
    if (sent && segment->direct)
        sent = send_placed(lane, segment);
    return sent && send_sync(lane, segment);
}

void lane_send(struct lane *lane, struct segment *segment)
{
    if (lane->steps.count == 0)
        lane->progress_us = clock_monotonic_us();
    STAILQ_INSERT_TAIL(&lane->segments, segment, link);
    lane->in_flight += segment->count;
    if (send_segment(lane, segment))
        lane_flush(lane);
    else
        lane_break(lane, lane_error(lane, "cannot send"));
}

void lane_ask(struct lane *lane, const char *sql, enum step_kind kind)
{
    if (send_command(lane, sql, kind) && send_sync(lane, NULL))
        lane_flush(lane);
    else
        lane_break(lane, lane_error(lane, "cannot send"));
}
