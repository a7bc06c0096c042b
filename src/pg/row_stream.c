#include "pg/row_stream.h"

#include <poll.h>
#include <unistd.h>

/* What does not block never waits inside libpq. */
void row_stream_open(struct row_stream *stream, PGconn *conn)
{
    stream->conn = conn;
    PQsetnonblocking(conn, 1);
}

void row_stream_close(struct row_stream *stream)
{
    PQfinish(stream->conn);
    stream->conn = NULL;
}

void row_stream_forget(struct row_stream *stream)
{
    if (stream->conn && PQsocket(stream->conn) >= 0)
        close(PQsocket(stream->conn));
    stream->conn = NULL;
}

/* Waits until something can be read, or written when there is something to write. False: the waiting ended. */
static bool row_stream_wait(struct row_stream *stream, struct patience_wait *wait, bool unsent)
{
    if (patience_end(wait, &stream->error) != DLG_OK)
        return false;
    short events = unsent ? POLLIN | POLLOUT : POLLIN;
    if (patience_poll(wait, PQsocket(stream->conn), events, stream->patience.deadline_us))
        PQconsumeInput(stream->conn); /* should it fail, the next answer says so */
    return true;
}

PGresult *row_stream_next(struct row_stream *stream)
{
    struct patience_wait wait;
    for (bool waits = false; !stream->error; waits = true) {
        int unsent = PQflush(stream->conn);
        if (PQstatus(stream->conn) != CONNECTION_OK || (unsent <= 0 && !PQisBusy(stream->conn)))
            return PQgetResult(stream->conn);
        if (!waits)
            patience_begin(&wait, &stream->patience);
        row_stream_wait(stream, &wait, unsent > 0);
    }
    return NULL;
}

static bool is_failure(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

static PGresult *collect(struct row_stream *stream)
{
    PGresult *kept = NULL;
    PGresult *result;
    while ((result = row_stream_next(stream)) != NULL) {
        if (kept && (is_failure(kept) || !is_failure(result))) {
            PQclear(result);
            continue;
        }
        PQclear(kept);
        kept = result;
        if (PQresultStatus(kept) == PGRES_COPY_IN)
            break;
    }
    if (!stream->error)
        return kept;
    PQclear(kept);
    return NULL;
}

PGresult *row_stream_run(struct row_stream *stream, const char *sql)
{
    return !stream->error && PQsendQuery(stream->conn, sql) ? collect(stream) : NULL;
}

PGresult *row_stream_query(struct row_stream *stream, const char *sql, const struct row_stream_values *values)
{
    static const int binary[] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (stream->error ||
        !PQsendQueryParams(stream->conn, sql, values->count, values->types, values->bytes, values->lengths, binary, 1))
        return NULL;
    return collect(stream);
}

bool row_stream_begin(struct row_stream *stream, const char *sql)
{
    return !stream->error && PQsendQueryParams(stream->conn, sql, 0, NULL, NULL, NULL, NULL, 1) &&
           PQsetSingleRowMode(stream->conn);
}

bool row_stream_put(struct row_stream *stream, const char *bytes, size_t size)
{
    struct patience_wait wait;
    patience_begin(&wait, &stream->patience);
    if (stream->error || PQputCopyData(stream->conn, bytes, (int)size) < 0)
        return false;
    int unsent;
    while ((unsent = PQflush(stream->conn)) > 0)
        if (!row_stream_wait(stream, &wait, true))
            return false;
    return unsent == 0;
}

PGresult *row_stream_put_end(struct row_stream *stream)
{
    return !stream->error && PQputCopyEnd(stream->conn, NULL) >= 0 ? collect(stream) : NULL;
}
