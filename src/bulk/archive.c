#include "bulk/archive_format.h"

#include "base/clock.h"
#include "base/error.h"
#include "bulk/archive_reader.h"
#include "bulk/archive_writer.h"
#include "bulk/loader.h"
#include "client/client.h"
#include "pg/row_stream.h"
#include "pg/sqlstate.h"
#include "pg/statement.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many rows pass between two calls of a progress function. */
enum { PROGRESS_ROWS = 1024 };

/* Who asks to be told how far the work has come. */
struct listener {
    dlg_progress_fn function;
    void *payload;
};

static int report(const struct listener *listener, const dlg_progress *progress, dlg_error **error)
{
    if (listener->function && listener->function(progress, listener->payload) != 0)
        return error_set(error, DLG_E_CANCELLED, "stopped by the progress function");
    return DLG_OK;
}

/* ---- Dump ---- */

struct dump {
    struct row_stream stream;
    struct patience writing; /* as long as the reader of the dump takes, but not after the client is closed */
    struct archive_writer *writer;
    struct listener listener;
    uint64_t total_messages;
};

/* What a row of one table is in the archive. */
typedef int (*dump_row)(struct archive_writer *writer, const PGresult *row, dlg_error **error);

/* Takes the result. */
static int archive_refused(struct row_stream *stream, PGresult *result, dlg_error **error)
{
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    bool lost = !sqlstate || PQstatus(stream->conn) != CONNECTION_OK;
    if (stream->error) {
        error_give(error, stream->error);
        stream->error = NULL;
    } else {
        error_set_sql(error, lost ? DLG_E_UNAVAILABLE : DLG_E_DATABASE, sqlstate, "the dump stopped",
                      result ? PQresultErrorMessage(result) : PQerrorMessage(stream->conn));
        error_classify(error);
    }
    PQclear(result);
    return dlg_error_code(*error);
}

/*
 * One snapshot for everything; a slow reader of the dump is no reason to be thrown out. Where row-level security would
 * hide rows, the dump fails: half of a backup is worse than none.
 */
static int begin_snapshot(struct row_stream *stream, dlg_error **error)
{
    PGresult *result = row_stream_run(stream, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                              "SET LOCAL row_security = off;"
                                              "SET LOCAL statement_timeout = 0;"
                                              "SET LOCAL idle_in_transaction_session_timeout = 0");
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return archive_refused(stream, result, error);
    PQclear(result);
    return DLG_OK;
}

static int count_messages(struct dump *dump, dlg_error **error)
{
    static const struct row_stream_values none = {0};
    PGresult *result = row_stream_query(&dump->stream, "SELECT pg_catalog.count(*) FROM public.dialogs", &none);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return archive_refused(&dump->stream, result, error);
    dump->total_messages = (uint64_t)get_int64(PQgetvalue(result, 0, 0));
    PQclear(result);
    return DLG_OK;
}

static int dump_report(const struct dump *dump, dlg_error **error)
{
    dlg_progress progress;
    archive_writer_progress(dump->writer, &progress);
    progress.total_messages = dump->total_messages;
    return report(&dump->listener, &progress, error);
}

static int dump_tick(void *payload, dlg_error **error)
{
    return dump_report(payload, error);
}

/* Runs a query and writes its rows one by one, as they come. */
static int dump_rows(struct dump *dump, const char *query, dump_row write, dlg_error **error)
{
    struct row_stream *stream = &dump->stream;
    if (!row_stream_begin(stream, query))
        return archive_refused(stream, NULL, error);
    int code = DLG_OK;
    PGresult *result;
    for (uint64_t rows = 1; code == DLG_OK && (result = row_stream_next(stream)) != NULL; rows++) {
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
            return archive_refused(stream, result, error);
        if (status == PGRES_SINGLE_TUPLE)
            code = write(dump->writer, result, error);
        PQclear(result);
        if (code == DLG_OK && rows % PROGRESS_ROWS == 0)
            code = dump_report(dump, error);
    }
    return code == DLG_OK && stream->error ? archive_refused(stream, NULL, error) : code;
}

static const char *text_at(const PGresult *row, int column)
{
    return PQgetisnull(row, 0, column) ? NULL : PQgetvalue(row, 0, column);
}

static int64_t time_at(const PGresult *row, int column)
{
    return PQgetisnull(row, 0, column) ? 0 : timestamp_to_us(get_int64(PQgetvalue(row, 0, column)));
}

static void uuid_at(const PGresult *row, int column, dlg_uuid *uuid)
{
    memcpy(uuid->bytes, PQgetvalue(row, 0, column), sizeof uuid->bytes);
}

static const char users_sql[] = "SELECT id, nullif(password_hash, ''), first_name, second_name, "
                                "CASE WHEN extract(year FROM birthdate) BETWEEN 1 AND 9999 "
                                "THEN pg_catalog.to_char(birthdate, 'YYYY-MM-DD') END, biography, city, create_date "
                                "FROM public.users";

static int dump_user(struct archive_writer *writer, const PGresult *row, dlg_error **error)
{
    dlg_user user = {.version = DLG_USER_VERSION,
                     .first_name = text_at(row, 2),
                     .second_name = text_at(row, 3),
                     .birthdate = text_at(row, 4),
                     .biography = text_at(row, 5),
                     .city = text_at(row, 6),
                     .created_us = time_at(row, 7)};
    uuid_at(row, 0, &user.id);
    return archive_writer_user(writer, &user, text_at(row, 1), error);
}

static const char messages_sql[] = "SELECT id, user_id, to_user_id, text, create_date, update_date FROM public.dialogs";

static int dump_message(struct archive_writer *writer, const PGresult *row, dlg_error **error)
{
    dlg_message message = {.id = get_int64(PQgetvalue(row, 0, 0)),
                           .created_us = time_at(row, 4),
                           .updated_us = time_at(row, 5),
                           .text = PQgetvalue(row, 0, 3),
                           .length = (size_t)PQgetlength(row, 0, 3)};
    uuid_at(row, 1, &message.author);
    uuid_at(row, 2, &message.recipient);
    return archive_writer_message(writer, &message, error);
}

static int dump_all(struct dump *dump, dlg_error **error)
{
    int code = begin_snapshot(&dump->stream, error);
    if (code == DLG_OK)
        code = count_messages(dump, error);
    if (code == DLG_OK)
        code = dump_rows(dump, users_sql, dump_user, error);
    if (code == DLG_OK)
        code = dump_rows(dump, messages_sql, dump_message, error);
    if (code == DLG_OK)
        code = archive_writer_end(dump->writer, error);
    return code == DLG_OK ? dump_report(dump, error) : code;
}

static int dump_run(struct dump *dump, dlg_client *client, int fd, dlg_error **error)
{
    PGconn *connection = client_connect(client, error);
    if (!connection)
        return dlg_error_code(*error);
    row_stream_open(&dump->stream, connection);
    dump->stream.patience = dump->writing = client_bulk_patience(client);
    dump->stream.patience.tick = dump->writing.tick = dump_tick;
    dump->stream.patience.payload = dump->writing.payload = dump;
    dump->writing.silence_us = 0;
    dump->writer = archive_writer_new(fd, clock_wall_us());
    if (!dump->writer)
        error_set(error, DLG_E_MEMORY, "out of memory");
    else
        archive_writer_wait(dump->writer, &dump->writing);
    return dump->writer ? dump_all(dump, error) : DLG_E_MEMORY;
}

static void dump_end(struct dump *dump)
{
    archive_writer_free(dump->writer);
    row_stream_close(&dump->stream);
}

int dlg_dump(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error)
{
    if (!client || fd < 0)
        return error_set(error, DLG_E_ARGUMENT, "dlg_dump() needs a client and an open file descriptor");
    dlg_error *failure = NULL;
    ADMIN_PLACE(place);
    struct dump dump __attribute__((cleanup(dump_end))) = {.listener = {progress, payload}};
    int code = client_may_wait(client, &failure);
    if (code == DLG_OK)
        code = admin_enter(&client->admin, &place, &failure);
    if (code == DLG_OK)
        code = dump_run(&dump, client, fd, &failure);
    return code == DLG_OK ? code : error_give(error, failure);
}

/* ---- Restore ---- */

struct restore {
    dlg_loader *loader;
    int fd;
    bool checking; /* only looking whether the archive is whole */
    struct listener listener;
    struct archive_reader *reader;
    struct patience reading; /* as long as the source takes, but not after the client is closed */
    dlg_error *ended;        /* why the reading ended early */
    uint64_t total_bytes;
};

static ssize_t read_fd(void *payload, char *bytes, size_t room)
{
    struct restore *restore = payload;
    ssize_t count;
    do {
        errno = ECANCELED;
        if (patience_await(&restore->reading, restore->fd, POLLIN, &restore->ended) != DLG_OK)
            return -1;
        count = read(restore->fd, bytes, room);
    } while (count < 0 && (errno == EINTR || errno == EAGAIN));
    return count;
}

/* How much there is to read; 0 where that cannot be known, and nothing can be read twice. */
static uint64_t size_ahead(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return 0;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at >= 0 && at < status.st_size ? (uint64_t)(status.st_size - at) : 0;
}

static int restore_report(const struct restore *restore, dlg_error **error)
{
    dlg_progress progress = DLG_PROGRESS_INIT;
    dlg_loader_progress(&progress, restore->loader);
    progress.bytes = restore->checking ? 0 : archive_reader_offset(restore->reader);
    progress.total_bytes = restore->total_bytes;
    return report(&restore->listener, &progress, error);
}

static int restore_tick(void *payload, dlg_error **error)
{
    return restore_report(payload, error);
}

static int restore_record(const struct restore *restore, const struct archive_reader *reader,
                          const struct archive_record *record, dlg_error **error)
{
    if (restore->checking)
        return DLG_OK;
    int code = record->tag == ARCHIVE_USER
                   ? loader_restore_user(restore->loader, &record->user, record->password_hash, error)
                   : loader_restore_message(restore->loader, &record->message, error);
    /* The values are the archive's: those that no table can hold were never dumped. */
    return code == DLG_E_ARGUMENT ? archive_reader_refuse(reader, "a date or a time is none", error) : code;
}

static int restore_records(struct restore *restore, struct archive_reader *reader, dlg_error **error)
{
    struct archive_record record = {.tag = ARCHIVE_END};
    int code = archive_reader_next(reader, &record, error);
    for (uint64_t rows = 1; code == DLG_OK && record.tag != ARCHIVE_END; rows++) {
        code = restore_record(restore, reader, &record, error);
        if (code == DLG_OK && rows % PROGRESS_ROWS == 0)
            code = restore_report(restore, error);
        if (code == DLG_OK)
            code = archive_reader_next(reader, &record, error);
    }
    if (code == DLG_OK)
        code = dlg_loader_flush(restore->loader, error);
    if (code == DLG_OK)
        code = restore_report(restore, error);
    return code == DLG_OK ? loader_conflicts(restore->loader, error) : code;
}

static int restore_once(struct restore *restore, dlg_error **error)
{
    restore->reader = archive_reader_new(read_fd, restore);
    if (!restore->reader)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    int code = restore_records(restore, restore->reader, error);
    archive_reader_free(restore->reader);
    restore->reader = NULL;
    if (!restore->ended)
        return code;
    code = error_give(error, restore->ended); /* and not that the file could not be read */
    restore->ended = NULL;
    return code;
}

/* A file is read twice: the checksum stands at its end, and rows of a damaged one are better not stored. */
static int restore_all(struct restore *restore, dlg_error **error)
{
    if (restore->total_bytes > 0) {
        off_t start = lseek(restore->fd, 0, SEEK_CUR);
        restore->checking = true;
        int code = restore_once(restore, error);
        if (code != DLG_OK)
            return code;
        restore->checking = false;
        if (lseek(restore->fd, start, SEEK_SET) != start)
            return error_set(error, DLG_E_FILE, "cannot read the archive: %s", strerror(errno));
    }
    return restore_once(restore, error);
}

static int restore_run(struct restore *restore, dlg_client *client, dlg_error **error)
{
    restore->reading = client_bulk_patience(client);
    restore->reading.silence_us = 0;
    restore->reading.tick = restore_tick;
    restore->reading.payload = restore;
    int code = dlg_loader_open(&restore->loader, client, error);
    if (code == DLG_OK) {
        loader_collect_conflicts(restore->loader);
        loader_listen(restore->loader, restore_tick, restore);
        code = restore_all(restore, error);
    }
    return code;
}

static void restore_end(struct restore *restore)
{
    archive_reader_free(restore->reader);
    dlg_loader_free(restore->loader);
}

int dlg_restore(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error)
{
    if (!client || fd < 0)
        return error_set(error, DLG_E_ARGUMENT, "dlg_restore() needs a client and an open file descriptor");
    dlg_error *failure = NULL;
    ADMIN_PLACE(place);
    struct restore restore __attribute__((cleanup(restore_end))) = {
        .fd = fd, .listener = {progress, payload}, .total_bytes = size_ahead(fd)};
    int code = client_may_wait(client, &failure);
    if (code == DLG_OK)
        code = admin_enter(&client->admin, &place, &failure);
    if (code == DLG_OK)
        code = restore_run(&restore, client, &failure);
    return code == DLG_OK ? code : error_give(error, failure);
}
