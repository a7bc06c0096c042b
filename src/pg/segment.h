/*
 * segment.h - what goes to the server between two Syncs: reads that happened to wait together, or one
 * batch of writes that shares a commit. PostgreSQL rolls a failed segment back as a whole (PostgreSQL
 * documentation, 34.5 Pipeline Mode).
 */
#ifndef DIALOGS_SEGMENT_H
#define DIALOGS_SEGMENT_H

#include "pg/prepared.h"
#include "pg/query.h"

/*
 * A read may be from a shard's own table. Citus may have moved the shard and not dropped the table yet; so the last
 * thing that such a segment asks is which of its shards the node has, as Citus itself does before it reads. What was
 * read from one that it has was whole at that moment.
 */
enum segment_form {
    SEGMENT_READS,  /* each answer is good when it arrives, but for those of direct reads */
    SEGMENT_SINGLE, /* one write, committed by its Sync */
    SEGMENT_ROWS,   /* many rows of one statement in one multi-row statement */
    SEGMENT_BLOCK   /* BEGIN, one statement per row, COMMIT */
};

struct segment {
    STAILQ_ENTRY(segment) link;
    enum segment_form form;
    struct query_list queries; /* those without their answer */
    size_t count;
    size_t direct;                 /* how many of them read a shard's own table */
    struct preparation unprepared; /* what could not be prepared; without a statement while nothing */
    struct query *culprit;         /* whose statement failed */
    dlg_error *error;              /* why the segment failed; NULL while it has not */
};

struct segment *segment_new(enum segment_form form);
void segment_free(struct segment *segment);
void segment_add(struct segment *segment, struct query *query);
void segment_remove(struct segment *segment, struct query *query);

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
bool rows_encode(struct rows_buffer *buffer, const struct segment *segment);

/* Encodes the shards that are read directly, as the one parameter. */
bool shards_encode(struct rows_buffer *buffer, const struct segment *segment);

#endif
