#include "pg/lane.h"

#include <stdlib.h>
#include <unistd.h>

void lane_init(struct lane *lane, const struct lane_events *events, void *owner, bool writes)
{
    *lane = (struct lane){.events = events, .owner = owner, .writes = writes, .fd = -1, .watched = -1};
    STAILQ_INIT(&lane->segments);
}

void lane_watch(struct lane *lane, bool readable, bool writable)
{
    lane->fd = PQsocket(lane->conn);
    lane->wants_write = writable;
    lane->events->watch(lane, lane->fd, readable, writable);
}

dlg_error *lane_error(const struct lane *lane, const char *what)
{
    dlg_error *error = NULL;
    error_set_sql(&error, DLG_E_UNAVAILABLE, NULL, what, PQerrorMessage(lane->conn));
    return error;
}

static void segment_return(struct lane *lane, struct segment *segment, const dlg_error *why)
{
    struct query *query;
    while ((query = TAILQ_LAST(&segment->queries, query_list))) {
        segment_remove(segment, query);
        lane->in_flight--;
        query_clear(query);
        lane->events->returned(lane, query, why);
    }
    segment_free(segment);
}

static void lane_close(struct lane *lane)
{
    if (lane->fd >= 0)
        lane->events->watch(lane, -1, false, false);
    lane->fd = -1;
    PQfinish(lane->conn);
    lane->conn = NULL;
    lane->state = LANE_CLOSED;
    prepared_clear(&lane->prepared);
    steps_clear(&lane->steps);
}

void lane_break(struct lane *lane, dlg_error *why)
{
    lane_close(lane);
    struct segment *segment;
    while ((segment = STAILQ_FIRST(&lane->segments))) {
        STAILQ_REMOVE_HEAD(&lane->segments, link);
        struct query *query;
        TAILQ_FOREACH (query, &segment->queries, link)
            query->possibly_written |= query->statement->writes;
        segment_return(lane, segment, why);
    }
    lane->events->lost(lane, why);
}

void lane_free(struct lane *lane)
{
    if (lane->conn)
        lane_close(lane);
    steps_free(&lane->steps);
    free(lane->rows.bytes);
}

void lane_forget(const struct lane *lane)
{
    if (lane->fd >= 0)
        close(lane->fd);
}

void lane_flush(struct lane *lane)
{
    int left = PQflush(lane->conn);
    if (left < 0)
        lane_break(lane, lane_error(lane, "cannot send"));
    else if ((left > 0) != lane->wants_write)
        lane_watch(lane, true, left > 0);
}
