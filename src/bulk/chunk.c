#include "bulk/chunk.h"

#include "base/error.h"
#include "pg/retry.h"
#include "pg/statement.h"

#include <string.h>

#define USER_COLUMNS "id, password_hash, first_name, second_name, birthdate, biography, city, create_date"
#define MESSAGE_COLUMNS "id, user_id, to_user_id, text, create_date, update_date"

/*
 * unnest() of several arrays is syntax, not a function: it has no schema. The rows are returned to be
 * counted, since the count in Citus's own answer has those in it that were there already.
 */

static const struct rows_table users_table = {
    .copy = "COPY public.users (" USER_COLUMNS ") FROM STDIN (FORMAT binary)",
    .insert = "INSERT INTO public.users (" USER_COLUMNS ") "
              "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1",
    .columns = 8,
    .types = {OID_UUID, OID_TEXT, OID_TEXT, OID_TEXT, OID_DATE, OID_TEXT, OID_TEXT, OID_TIMESTAMPTZ},
    .array_types = {OID_UUID_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_DATE_ARRAY, OID_TEXT_ARRAY,
                    OID_TEXT_ARRAY, OID_TIMESTAMPTZ_ARRAY},
};

static const struct rows_table messages_table = {
    .copy = "COPY public.dialogs (" MESSAGE_COLUMNS ") FROM STDIN (FORMAT binary)",
    .insert = "INSERT INTO public.dialogs (" MESSAGE_COLUMNS ") "
              "SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING 1",
    .columns = 6,
    .types = {OID_INT8, OID_UUID, OID_UUID, OID_TEXT, OID_TIMESTAMPTZ, OID_TIMESTAMPTZ},
    .array_types = {OID_INT8_ARRAY, OID_UUID_ARRAY, OID_UUID_ARRAY, OID_TEXT_ARRAY, OID_TIMESTAMPTZ_ARRAY,
                    OID_TIMESTAMPTZ_ARRAY},
};

/*
 * Plain inserts take ids from the column's sequence: it must not hand out again what was loaded.
 * On a Citus worker the sequence has another range, and stays as it is.
 */
static const char sequence_sql[] =
    "SELECT pg_catalog.setval(seqrelid, $1) FROM pg_catalog.pg_sequence "
    "WHERE seqrelid = pg_catalog.pg_get_serial_sequence('public.dialogs', 'id')::pg_catalog.regclass "
    "AND $1 BETWEEN seqmin AND seqmax "
    "AND CASE WHEN pg_catalog.has_sequence_privilege(seqrelid, 'UPDATE') "
    "AND pg_catalog.has_sequence_privilege(seqrelid, 'USAGE') "
    "THEN $1 > coalesce(pg_catalog.pg_sequence_last_value(seqrelid), 0) END";

void chunk_init(struct chunk *chunk)
{
    *chunk = (struct chunk){.users = {.table = &users_table}, .messages = {.table = &messages_table}};
}

void chunk_clear(struct chunk *chunk)
{
    rows_clear(&chunk->users);
    rows_clear(&chunk->messages);
    chunk->sequence_id = 0;
}

void chunk_free(struct chunk *chunk)
{
    rows_free(&chunk->users);
    rows_free(&chunk->messages);
}

/* Citus has no SQLSTATEs but these for much of what happens between its nodes, such as one that goes away. */
static bool is_between_nodes(const dlg_error *error)
{
    const char *sqlstate = dlg_error_sqlstate(error);
    return strcmp(sqlstate, "XX000") == 0 || strcmp(sqlstate, "58030") == 0;
}

/* Takes the result; DONE when it is one of the two good kinds. */
static enum chunk_outcome judge(PGresult *result, PGconn *connection, dlg_error **error)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        PQclear(result);
        return CHUNK_DONE;
    }
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    bool lost = !sqlstate || PQstatus(connection) != CONNECTION_OK;
    error_set_sql(error, lost ? DLG_E_UNAVAILABLE : DLG_E_DATABASE, sqlstate, "a chunk was not loaded",
                  result ? PQresultErrorMessage(result) : PQerrorMessage(connection));
    error_classify(error);
    PQclear(result);
    return error_is_transient(*error) || is_between_nodes(*error) ? CHUNK_AGAIN : CHUNK_REFUSED;
}

static enum chunk_outcome write_rows(const struct rows *rows, PGconn *connection, bool insert, size_t *written,
                                     dlg_error **error)
{
    if (!rows->count)
        return CHUNK_DONE;
    PGresult *result = insert ? rows_insert(rows, connection) : rows_copy(rows, connection);
    size_t count = insert ? (size_t)PQntuples(result) : rows->count;
    enum chunk_outcome outcome = judge(result, connection, error);
    if (outcome == CHUNK_DONE)
        *written += count;
    return outcome;
}

static enum chunk_outcome advance_sequence(const struct chunk *chunk, PGconn *connection, dlg_error **error)
{
    if (!chunk->sequence_id)
        return CHUNK_DONE;
    char id[8];
    put_int64(id, chunk->sequence_id);
    PGresult *result = PQexecParams(connection, sequence_sql, 1, (const Oid[]){OID_INT8}, (const char *[]){id},
                                    (const int[]){sizeof id}, (const int[]){1}, 1);
    return judge(result, connection, error);
}

/* Explicit BEGIN and COMMIT: on Citus rows of several nodes are then committed together. */
enum chunk_outcome chunk_write(const struct chunk *chunk, PGconn *connection, bool insert, size_t *written,
                               dlg_error **error)
{
    *written = 0;
    enum chunk_outcome outcome = judge(PQexec(connection, "BEGIN"), connection, error);
    if (outcome == CHUNK_DONE)
        outcome = write_rows(&chunk->users, connection, insert, written, error);
    if (outcome == CHUNK_DONE)
        outcome = write_rows(&chunk->messages, connection, insert, written, error);
    if (outcome == CHUNK_DONE)
        outcome = advance_sequence(chunk, connection, error);
    if (outcome == CHUNK_DONE)
        return judge(PQexec(connection, "COMMIT"), connection, error);
    PQclear(PQexec(connection, "ROLLBACK"));
    return outcome;
}
