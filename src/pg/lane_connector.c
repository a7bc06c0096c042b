/* lane_connector.c - makes the connection, sets its session up, and from then on lets answers in. */
#include "pg/lane.h"

#include "base/clock.h"

static void lane_start(struct lane *lane)
{
    lane->state = LANE_STARTING;
    lane->server_us = 0;
    lane->asked_wall_us = clock_wall_us();
    if (PQsetnonblocking(lane->conn, 1) != 0 || !PQenterPipelineMode(lane->conn)) {
        lane_break(lane, lane_error(lane, "the session cannot be set up"));
        return;
    }
    lane_watch(lane, true, false);
    lane_ask(lane, lane->start_sql, STEP_START);
}

static void lane_poll(struct lane *lane)
{
    switch (PQconnectPoll(lane->conn)) {
    case PGRES_POLLING_READING:
        lane_watch(lane, true, false);
        break;
    case PGRES_POLLING_WRITING:
        lane_watch(lane, false, true);
        break;
    case PGRES_POLLING_OK:
        lane_start(lane);
        break;
    default:
        lane_break(lane, lane_error(lane, ""));
    }
}

static void ignore_notice(void *nothing, const PGresult *result)
{
    (void)nothing;
    (void)result;
}

void lane_connect(struct lane *lane, const char *const *keywords, const char *const *values, const char *start_sql,
                  int64_t deadline_us)
{
    lane->state = LANE_CONNECTING;
    lane->start_sql = start_sql;
    lane->connect_deadline_us = deadline_us;
    lane->conn = PQconnectStartParams(keywords, values, 1);
    if (!lane->conn || PQstatus(lane->conn) == CONNECTION_BAD) {
        lane_break(lane, lane_error(lane, ""));
        return;
    }
    PQsetNoticeReceiver(lane->conn, ignore_notice, NULL);
    lane_watch(lane, false, true); /* as PQconnectPoll wants it first */
}

void lane_handle(struct lane *lane)
{
    if (lane->state == LANE_CONNECTING)
        lane_poll(lane);
    else if (lane->state != LANE_CLOSED)
        lane_receive(lane);
}
