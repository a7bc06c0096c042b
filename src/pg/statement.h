/*
 * statement.h - every SQL statement that the I/O thread runs. Each is prepared once per connection,
 * on first use; parameters and results are binary. Ids are supplied, and times are of stable functions: a volatile
 * function in a statement would keep Citus from caching its local plan.
 */
#ifndef DIALOGS_STATEMENT_H
#define DIALOGS_STATEMENT_H

#include <dialogs.h>
#include <libpq-fe.h>
#include <stdbool.h>

/* Types of parameters and results (pg_type.dat). */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_DATE = 1082,
    OID_TIMESTAMPTZ = 1184,
    OID_UUID = 2950,
    OID_BYTEA_ARRAY = 1001,
    OID_INT8_ARRAY = 1016,
    OID_TEXT_ARRAY = 1009,
    OID_DATE_ARRAY = 1182,
    OID_TIMESTAMPTZ_ARRAY = 1185,
    OID_UUID_ARRAY = 2951
};

enum { STATEMENT_PARAMETERS = 8 };

enum statement_id {
    STATEMENT_MESSAGE_INSERT,
    STATEMENT_MESSAGE_FIND,
    STATEMENT_PAGE_AFTER,
    STATEMENT_PAGE_BEFORE,
    STATEMENT_DIALOG_AFTER,
    STATEMENT_DIALOG_BEFORE,
    /* The same four for pages of many messages, in the same order. A text beyond DLG_PAGE_BYTES is NULL. */
    STATEMENT_LONG_PAGE_AFTER,
    STATEMENT_LONG_PAGE_BEFORE,
    STATEMENT_LONG_DIALOG_AFTER,
    STATEMENT_LONG_DIALOG_BEFORE,
    STATEMENT_FEED_TO_AFTER,
    STATEMENT_FEED_TO_BEFORE,
    STATEMENT_FEED_FROM_AFTER,
    STATEMENT_FEED_FROM_BEFORE,
    STATEMENT_FEED_TO_POSITIONS,
    STATEMENT_FEED_FROM_POSITIONS,
    STATEMENT_USER_INSERT,
    STATEMENT_USER_GET,
    STATEMENT_USER_EXISTS,
    STATEMENT_USER_HASH,
    STATEMENT_USER_SET_HASH,
    STATEMENT_USER_RENEW_HASH,
    STATEMENT_USER_TOKEN,
    STATEMENT_USER_REVOKE,
    STATEMENT_USER_REVOKE_ALL,
    STATEMENT_USER_SEARCH_FIRST,
    STATEMENT_USER_SEARCH_SECOND,
    STATEMENT_PLACED,
    STATEMENT_SETTLED,
    STATEMENT_WRITERS,
    STATEMENT_WRITERS_CITUS,
    STATEMENT_WRITERS_ALL,
    STATEMENT_SHARD_MAP,
    STATEMENT_IS_CITUS,
    STATEMENT_COUNT
};

struct statement {
    const char *name;
    const char *sql;
    /*
     * The same for many rows in one statement, each parameter an array; NULL when there is none. Returns the first
     * parameter of each row that was written, in their order, and what `sql` returns.
     */
    const char *rows_name;
    const char *rows_sql;
    /* The same, read from the table of one shard, by its own name; NULL when there is none. */
    const char *shard_sql;
    bool writes;
    bool stamps; /* returns the time that the server gave the row */
    bool users;  /* about the table `users`, which may live elsewhere than `dialogs` */
    int count;   /* of parameters */
    Oid types[STATEMENT_PARAMETERS];
    Oid array_types[STATEMENT_PARAMETERS];
};

const struct statement *statement_get(enum statement_id id);
int statement_index(const struct statement *statement);

/* Writes `shard_sql` for a shard. */
void statement_shard_sql(const struct statement *statement, int64_t shard, char *sql, size_t size);

/* Big-endian integers, as the binary protocol has them. */
void put_int32(char *to, int32_t value);
void put_int64(char *to, int64_t value);
int32_t get_int32(const char *from);
int64_t get_int64(const char *from);

/* PostgreSQL counts microseconds from 2000-01-01; its infinities are kept. */
int64_t timestamp_from_us(int64_t us);
int64_t timestamp_to_us(int64_t timestamp);

#endif
