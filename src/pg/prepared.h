/*
 * prepared.h - what a session has prepared: each statement once, in the form for one row or for many, and some for
 * single shards.
 */
#ifndef DIALOGS_PREPARED_H
#define DIALOGS_PREPARED_H

#include "pg/statement.h"

struct preparation {
    const struct statement *statement;
    bool rows;     /* the multi-row form */
    int64_t shard; /* reads the table of this shard; 0: the table that the statement names */
};

/* A set; zeroed memory is an empty one. */
struct prepared {
    struct preparation *entries;
    size_t room;
    size_t count;
};

bool preparation_equal(const struct preparation *a, const struct preparation *b);

/* The longest name, and the longest text, of what is prepared. */
enum { PREPARATION_NAME = 64, PREPARATION_SQL = 1024 };

const char *preparation_name(const struct preparation *preparation, char name[PREPARATION_NAME]);
const char *preparation_sql(const struct preparation *preparation, char sql[PREPARATION_SQL]);

/* The same behind a comment with the statement's name; to be freed. NULL when out of memory. */
char *preparation_commented_sql(const struct preparation *preparation);

bool prepared_has(const struct prepared *prepared, const struct preparation *preparation);
bool prepared_add(struct prepared *prepared, const struct preparation *preparation); /* false: out of memory */
void prepared_remove(struct prepared *prepared, const struct preparation *preparation);
void prepared_clear(struct prepared *prepared);

#endif
