/*
 * batch.h - what goes to the server between two Syncs: reads that happened to wait together, or one
 * batch of writes that shares a commit. PostgreSQL rolls a failed batch back as a whole (PostgreSQL
 * documentation, 34.5 Pipeline Mode).
 */
#ifndef DIALOGS_BATCH_H
#define DIALOGS_BATCH_H

#include "pg/prepared.h"
#include "pg/query.h"

/*
 * A worker may have lost a shard without knowing: Citus has moved the shard and not dropped the table yet, or the
 * second phase of the move's commit has not reached the worker. So the last thing that a batch of a worker's reads asks
 * is which of their shards the node has, and no transaction is about to take away. What was read from one of these was
 * whole at that moment. The first node reads shards of others, by way of Citus. There the first thing that a batch asks
 * is of which shards Citus knows where they are: that is settled.
 */
enum batch_form {
    BATCH_READS,  /* each answer is good when it arrives, but for those with a placement */
    BATCH_SINGLE, /* one write, committed by its Sync */
    BATCH_ROWS,   /* many rows of one statement in one multi-row statement */
    BATCH_BLOCK   /* BEGIN, one statement per row, COMMIT */
};

struct batch {
    STAILQ_ENTRY(batch) link;
    enum batch_form form;
    struct query_list queries; /* those without their answer */
    size_t count;
    size_t placements;             /* how many of them are good only where their shard is */
    bool settled;                  /* asks for settled shards, first, and not for those that are placed, last */
    struct preparation unprepared; /* what could not be prepared; without a statement while nothing */
    struct query *failed_query;    /* whose statement failed */
    dlg_error *error;              /* why the batch failed; NULL while it has not */
    bool plan_changed;             /* it failed since a statement's result has other columns by now */
};

struct batch *batch_new(enum batch_form form);
void batch_free(struct batch *batch);
void batch_add(struct batch *batch, struct query *query);
void batch_remove(struct batch *batch, struct query *query);

/* A growing piece of memory for the arrays of a multi-row statement; reused from batch to batch. */
struct rows_buffer {
    char *bytes;
    size_t size;
    const char *values[STATEMENT_PARAMETERS];
    int lengths[STATEMENT_PARAMETERS];
};

/*
 * Encodes the parameters of all queries as one array per parameter (PostgreSQL: array_recv). False when
 * out of memory.
 */
bool rows_encode(struct rows_buffer *buffer, const struct batch *batch);

/* Encodes the shards whose placement is asked for, as the one parameter. */
bool placements_encode(struct rows_buffer *buffer, const struct batch *batch);

#endif
