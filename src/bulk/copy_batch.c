#include "bulk/copy_batch.h"

#include "base/error.h"
#include "pg/sqlstate.h"
#include "pg/statement.h"

#include <stdlib.h>
#include <string.h>

#define USER_COLUMNS "id, password_hash, first_name, second_name, birthdate, biography, city, create_date"
#define MESSAGE_COLUMNS "id, user_id, to_user_id, text, create_date, update_date"

/*
 * unnest() of several arrays is syntax, not a function: it has no schema. The rows are returned to be
 * counted, since the count in Citus's own answer has those in it that were there already.
 */

static const struct copy_buffer_table users_table = {
    .copy = "COPY public.users (" USER_COLUMNS ") FROM STDIN (FORMAT binary)",
    .insert = "INSERT INTO public.users (" USER_COLUMNS ") "
              "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1",
    .columns = 8,
    .types = {OID_UUID, OID_TEXT, OID_TEXT, OID_TEXT, OID_DATE, OID_TEXT, OID_TEXT, OID_TIMESTAMPTZ},
    .array_types = {OID_UUID_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_DATE_ARRAY, OID_TEXT_ARRAY,
                    OID_TEXT_ARRAY, OID_TIMESTAMPTZ_ARRAY},
};

static const struct copy_buffer_table messages_table = {
    .copy = "COPY public.dialogs (" MESSAGE_COLUMNS ") FROM STDIN (FORMAT binary)",
    .insert = "INSERT INTO public.dialogs (" MESSAGE_COLUMNS ") "
              "SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING 1",
    .compare = "SELECT given.n FROM unnest($1, $2, $3, $4) WITH ORDINALITY "
               "AS given (id, user_id, to_user_id, digest, n) JOIN public.dialogs stored "
               "ON stored.id = given.id AND stored.to_user_id = given.to_user_id AND stored.user_id = given.user_id "
               "WHERE stored.update_date IS NOT NULL "
               "OR pg_catalog.sha256(pg_catalog.convert_to(stored.text, 'UTF8')) = given.digest",
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

void copy_batch_init(struct copy_batch *batch)
{
    *batch = (struct copy_batch){.users = {.table = &users_table}, .messages = {.table = &messages_table}};
}

void copy_batch_clear(struct copy_batch *batch)
{
    copy_buffer_clear(&batch->users);
    copy_buffer_clear(&batch->messages);
    batch->sequence_id = 0;
}

void copy_batch_free(struct copy_batch *batch)
{
    copy_buffer_free(&batch->users);
    copy_buffer_free(&batch->messages);
}

/* Citus has no SQLSTATEs but these for much of what happens between its nodes, such as one that goes away. */
static bool is_between_nodes(const dlg_error *error)
{
    const char *sqlstate = dlg_error_sqlstate(error);
    return strcmp(sqlstate, "XX000") == 0 || strcmp(sqlstate, "58030") == 0;
}

/* Takes the result; DONE when it is one of the two good kinds. */
static enum copy_batch_outcome judge(PGresult *result, struct row_stream *stream, dlg_error **error)
{
    ExecStatusType status = PQresultStatus(result);
    if (stream->error) {
        error_give(error, stream->error);
        stream->error = NULL;
        return COPY_BATCH_STOPPED;
    }
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        PQclear(result);
        return COPY_BATCH_DONE;
    }
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    bool lost = !sqlstate || PQstatus(stream->conn) != CONNECTION_OK;
    error_set_sql(error, lost ? DLG_E_UNAVAILABLE : DLG_E_DATABASE, sqlstate, "a batch was not loaded",
                  result ? PQresultErrorMessage(result) : PQerrorMessage(stream->conn));
    error_classify(error);
    PQclear(result);
    return error_is_transient(*error) || is_between_nodes(*error) ? COPY_BATCH_AGAIN : COPY_BATCH_REFUSED;
}

/* Names the rows whose ordinals are not among those that are there as they were given. */
static enum copy_batch_outcome note_conflicts(const struct copy_buffer *rows, const PGresult *equal,
                                              struct copy_conflicts *conflicts, dlg_error **error)
{
    bool *there = calloc(rows->count, sizeof *there);
    if (!there) {
        error_set(error, DLG_E_MEMORY, "out of memory");
        return COPY_BATCH_REFUSED;
    }
    for (int i = 0; i < PQntuples(equal); i++)
        there[get_int64(PQgetvalue(equal, i, 0)) - 1] = true;
    const char *row = copy_buffer_first(rows);
    for (size_t i = 0; i < rows->count; i++, row = copy_buffer_next(rows, row)) {
        dlg_uuid recipient;
        if (there[i])
            continue;
        memcpy(recipient.bytes, copy_buffer_column(row, 2).bytes, sizeof recipient.bytes);
        copy_conflicts_note(conflicts, get_int64(copy_buffer_column(row, 0).bytes), &recipient);
    }
    free(there);
    return COPY_BATCH_DONE;
}

/* Rows were skipped: are they there as they were given, or are others? An edited one may have another text by now. */
static enum copy_batch_outcome compare_rows(const struct copy_buffer *rows, struct row_stream *stream,
                                            struct copy_conflicts *conflicts, dlg_error **error)
{
    PGresult *equal = copy_buffer_compare(rows, stream);
    if (PQresultStatus(equal) != PGRES_TUPLES_OK)
        return judge(equal, stream, error);
    enum copy_batch_outcome outcome = note_conflicts(rows, equal, conflicts, error);
    PQclear(equal);
    return outcome;
}

static enum copy_batch_outcome write_rows(const struct copy_buffer *rows, struct row_stream *stream, bool insert,
                                          struct copy_batch_result *done, dlg_error **error)
{
    if (!rows->count)
        return COPY_BATCH_DONE;
    PGresult *result = insert ? copy_buffer_insert(rows, stream) : copy_buffer_copy(rows, stream);
    size_t count = insert ? (size_t)PQntuples(result) : rows->count;
    enum copy_batch_outcome outcome = judge(result, stream, error);
    if (outcome != COPY_BATCH_DONE)
        return outcome;
    done->written += count;
    return count < rows->count && rows->table->compare ? compare_rows(rows, stream, &done->conflicts, error)
                                                       : COPY_BATCH_DONE;
}

static enum copy_batch_outcome advance_sequence(const struct copy_batch *batch, struct row_stream *stream,
                                                dlg_error **error)
{
    if (!batch->sequence_id)
        return COPY_BATCH_DONE;
    char id[8];
    put_int64(id, batch->sequence_id);
    const struct row_stream_values values = {.count = 1,
                                             .types = (const Oid[]){OID_INT8},
                                             .bytes = (const char *const[]){id},
                                             .lengths = (const int[]){sizeof id}};
    return judge(row_stream_query(stream, sequence_sql, &values), stream, error);
}

/* Explicit BEGIN and COMMIT: on Citus rows of several nodes are then committed together. */
enum copy_batch_outcome copy_batch_write(const struct copy_batch *batch, struct row_stream *stream, bool insert,
                                         struct copy_batch_result *result, dlg_error **error)
{
    *result = (struct copy_batch_result){0};
    enum copy_batch_outcome outcome = judge(row_stream_run(stream, "BEGIN"), stream, error);
    if (outcome == COPY_BATCH_DONE)
        outcome = write_rows(&batch->users, stream, insert, result, error);
    if (outcome == COPY_BATCH_DONE)
        outcome = write_rows(&batch->messages, stream, insert, result, error);
    if (outcome == COPY_BATCH_DONE)
        outcome = advance_sequence(batch, stream, error);
    if (outcome == COPY_BATCH_DONE) {
        outcome = judge(row_stream_run(stream, "COMMIT"), stream, error);
        result->committing = outcome == COPY_BATCH_AGAIN || outcome == COPY_BATCH_STOPPED;
        return outcome;
    }
    if (outcome != COPY_BATCH_STOPPED)
        PQclear(row_stream_run(stream, "ROLLBACK"));
    return outcome;
}
