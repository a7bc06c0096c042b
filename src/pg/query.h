/*
 * query.h - one statement on its way to one node and back: parameters, then the answer. Queries live
 * inside their request; the engine and the connections only link them.
 */
#ifndef DIALOGS_QUERY_H
#define DIALOGS_QUERY_H

#include "base/error.h"
#include "pg/statement.h"

#include <sys/queue.h>

struct request;
struct batch;

struct query {
    TAILQ_ENTRY(query) link;     /* in its node's queue, or in the batch that carries it */
    TAILQ_ENTRY(query) same_way; /* the engine's: messages of one author to one recipient */
    struct request *request;
    const struct statement *statement;
    const dlg_uuid *route;           /* whose shard; NULL: any node knows */
    const dlg_uuid *author;          /* of a message, which keeps its order among those to the same route; else NULL */
    int64_t shard;                   /* read from this shard's own table; 0: from the table that it is a part of */
    int64_t placement;               /* the shard whose place must be known for the answer to be good; 0: none */
    bool here;                       /* ... and be this node, else Citus reads it wherever it is */
    int64_t placement_row;           /* as the map has it: see SETTLED in statement.c */
    bool via_coordinator;            /* not from a worker now: the shard was not surely where the map has it */
    bool placement_verified;         /* the answer is good: the shard's place was sure when it was read */
    void (*prepare)(struct query *); /* when not NULL: called just before each attempt */
    struct queue *queue;             /* where it waits, NULL when it does not */
    struct batch *batch;             /* what carries it, NULL when it is not under way */

    const char *values[STATEMENT_PARAMETERS];
    int lengths[STATEMENT_PARAMETERS];
    char numbers[STATEMENT_PARAMETERS][8]; /* for parameters that are numbers */

    unsigned attempts;
    bool isolated;         /* shares no commit: a batch with it was refused */
    bool ordered;          /* among the engine's messages that keep their order by `same_way` */
    bool possibly_written; /* an earlier attempt may have been committed */
    int64_t not_before_us; /* pause before the next attempt; monotonic */

    PGresult *result; /* the rows, after success */
    int64_t affected; /* rows written; 0 also when that is not known */
    int64_t stamp_us; /* of the row that was written, when the statement stamps it */
    dlg_error *error; /* NULL after success */
};

TAILQ_HEAD(query_list, query);

/* A list that counts itself. */
struct queue {
    struct query_list list;
    size_t count;
};

void queue_init(struct queue *queue);
void queue_push(struct queue *queue, struct query *query);
void queue_push_front(struct queue *queue, struct query *query);
void queue_remove(struct query *query); /* from whichever queue it waits in */
struct query *queue_pop(struct queue *queue);

/* Begins a query; parameters follow by position, from 0. Values are borrowed until it is done. */
void query_init(struct query *query, struct request *request, enum statement_id id, const dlg_uuid *route);
void query_set_uuid(struct query *query, int position, const dlg_uuid *uuid);
void query_set_text(struct query *query, int position, const char *text, size_t length); /* NULL text: SQL NULL */
void query_set_int64(struct query *query, int position, int64_t value);
void query_set_time(struct query *query, int position, int64_t us);

/* How many bytes the parameters are. */
size_t query_size(const struct query *query);

/* Forgets the answer, before it runs again or is freed. */
void query_clear(struct query *query);

/* The answer's fields; a NULL field reads as 0, NULL. */
int query_rows(const struct query *query);
bool query_bool(const struct query *query, int row, int column);
int32_t query_int32(const struct query *query, int row, int column);
int64_t query_int64(const struct query *query, int row, int column);
int64_t query_time(const struct query *query, int row, int column);
bool query_is_int64(const struct query *query, int row, int column); /* neither NULL nor of another size */
const char *query_text(const struct query *query, int row, int column, size_t *length);
bool query_uuid(const struct query *query, int row, int column, dlg_uuid *uuid);

#endif
