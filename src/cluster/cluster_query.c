/* cluster_query.c - the sessions of a piece of task with the coordinator, and what it asks of them. */
#include "cluster/cluster_query.h"
#include "engine/submit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Questions that every node has to answer take as long as Citus waits for a silent one, 30 s, and more. */
enum { ANSWER_US = 90000000, ATTEMPT_US = 15000000 };

/* Text is qualified in answers; nothing of the role's settings ends a statement that takes long. */
#define SETUP                                                          \
    "pg_catalog.set_config('search_path', '', false), "                \
    "pg_catalog.set_config('statement_timeout', '0', false), "         \
    "pg_catalog.set_config('lock_timeout', '0', false), "              \
    "pg_catalog.set_config('client_min_messages', 'warning', false), " \
    "pg_catalog.set_config('idle_in_transaction_session_timeout', '0', false)"

/* ---- Errors ---- */

int cluster_fail(struct cluster_task *task, int code, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(&task->error, code, "%s", text);
}

/*
 * Two operations on shards at once; Citus has no SQLSTATE of its own for these, and no translation of their texts
 * either: they are English under every lc_messages.
 */
static int classify(dlg_error **error)
{
    static const char *const busy[] = {"could not acquire the lock required to", "rebalance is already running"};
    for (size_t i = 0; i < sizeof busy / sizeof *busy; i++)
        if (strstr(dlg_error_message(*error), busy[i])) {
            dlg_error *why = error_copy(*error);
            error_set(error, DLG_E_BUSY, "shards are already being moved: %s", dlg_error_message(why));
            dlg_error_free(why);
        }
    if (strstr(dlg_error_message(*error), "no ongoing rebalance"))
        error_set(error, DLG_E_STATE, "no rebalance is under way");
    return dlg_error_code(*error);
}

/* ---- Sessions ---- */

/* The last warning often says what an error, or a plain "false", does not. */
static void take_notice(void *payload, const PGresult *result)
{
    struct cluster_task *task = payload;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(task->warning, sizeof task->warning, "%s", text ? text : "");
    for (char *at = task->warning; *at; at++)
        *at = *at == '\n' || *at == '\t' ? ' ' : *at;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static PGconn *open_session(struct cluster_task *task, dlg_error **error)
{
    const dlg_client *client = task->client;
    int64_t deadline_us = clock_monotonic_us() + client->settings->timeout_ms * 1000;
    const struct patience patience = {.deadline_us = sooner(deadline_us, task->deadline_us),
                                      .stop = &task->client->admin.stop};
    PGconn *conn = admin_connection_open(client->conninfo, client->settings, &patience, error);
    PGresult *result = conn ? admin_connection_run(conn, "SELECT " SETUP, &patience, error) : NULL;
    if (!result) {
        PQfinish(conn);
        return NULL;
    }
    PQclear(result);
    PQsetNoticeReceiver(conn, take_notice, task);
    return conn;
}

int cluster_reconnect(struct cluster_task *task)
{
    PQfinish(task->conn);
    PQfinish(task->watch);
    task->watch = NULL;
    task->conn = open_session(task, &task->error);
    return task->conn ? DLG_OK : dlg_error_code(task->error);
}

PGconn *cluster_watch(struct cluster_task *task)
{
    if (task->watch && PQstatus(task->watch) != CONNECTION_OK) {
        PQfinish(task->watch);
        task->watch = NULL;
    }
    if (!task->watch)
        task->watch = open_session(task, &task->error);
    return task->watch;
}

/* ---- Statements ---- */

PGresult *cluster_query(struct cluster_task *task, PGconn *conn, const char *sql, int count, const char *const *values)
{
    struct patience patience = {
        .deadline_us = sooner(clock_monotonic_us() + ANSWER_US, task->deadline_us),
        .stop = &task->client->admin.stop,
    };
    PGresult *result = admin_connection_query(conn, sql, count, values, &patience, &task->error);
    if (!result)
        classify(&task->error);
    return result;
}

int cluster_execute(struct cluster_task *task, const char *sql, int count, const char *const *values)
{
    PGresult *result = cluster_query(task, task->conn, sql, count, values);
    PQclear(result);
    return result ? DLG_OK : dlg_error_code(task->error);
}

PGresult *cluster_long_query(struct cluster_task *task, const char *sql, int count, const char *const *values,
                             int (*tick)(void *task, dlg_error **error))
{
    struct patience patience = {
        .deadline_us = task->deadline_us,
        .stop = &task->client->admin.stop,
        .tick = tick,
        .payload = task,
    };
    dlg_error *error = NULL; /* ticks have the task's own */
    PGresult *result = admin_connection_query(task->conn, sql, count, values, &patience, &error);
    if (!result) {
        classify(&error);
        error_give(&task->error, error);
    }
    return result;
}

/* Also when the task is to end: this is what has to be done nevertheless. */
void cluster_attempt(struct cluster_task *task, const char *sql, int count, const char *const *values)
{
    struct patience patience = {.deadline_us = clock_monotonic_us() + ATTEMPT_US};
    bool usable =
        task->conn && PQstatus(task->conn) == CONNECTION_OK && PQtransactionStatus(task->conn) == PQTRANS_IDLE;
    if (!usable) {
        PQfinish(task->conn);
        task->conn = admin_connection_open(task->client->conninfo, task->client->settings, &patience, NULL);
    }
    if (task->conn)
        PQclear(admin_connection_query(task->conn, sql, count, values, &patience, NULL));
}

/* ---- Progress ---- */

int cluster_report(struct cluster_task *task)
{
    if (atomic_load(&task->client->admin.stop))
        return cluster_fail(task, DLG_E_CLOSED, "the client was closed before the task was done");
    if (clock_monotonic_us() >= task->deadline_us)
        return cluster_fail(task, DLG_E_TIMEOUT, "the deadline passed before the task was done");
    if (task->report && task->report(&task->progress, task->payload) != 0)
        return cluster_fail(task, DLG_E_CANCELLED, "stopped as the progress callback asked");
    return DLG_OK;
}

int cluster_phase(struct cluster_task *task, const char *phase)
{
    task->progress.phase = phase;
    return cluster_report(task);
}

void cluster_analyze(struct cluster_task *task, bool users)
{
    PGresult *result = NULL;
    if (cluster_phase(task, "analyzing") == DLG_OK)
        result = cluster_long_query(task, "ANALYZE public.dialogs", 0, NULL, NULL);
    if (result && users) {
        PQclear(result);
        result = cluster_long_query(task, "ANALYZE public.users", 0, NULL, NULL);
    }
    PQclear(result);
}

void cluster_refresh(struct cluster_task *task)
{
    engine_refresh_topology(&task->client->engine);
}

/* ---- What kind of server ---- */

static int not_a_cluster(struct cluster_task *task)
{
    return cluster_fail(task, DLG_E_NOT_CLUSTER,
                        "this database is not a Citus cluster: the extension is not installed in it "
                        "(CREATE EXTENSION citus, with citus in shared_preload_libraries)");
}

static int read_role(struct cluster_task *task)
{
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus'), rolname, "
                                     "rolsuper FROM pg_roles WHERE rolname = current_user",
                                     0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    bool installed = field_bool(result, 0, 0);
    snprintf(task->role, sizeof task->role, "%s", field_text(result, 0, 1));
    task->superuser = field_bool(result, 0, 2);
    PQclear(result);
    return installed ? DLG_OK : not_a_cluster(task);
}

static int check_version(struct cluster_task *task)
{
    int major = 0, minor = 0;
    sscanf(task->citus, "%d.%d", &major, &minor);
    if (major > 11 || (major == 11 && minor >= 2))
        return DLG_OK;
    return cluster_fail(
        task, DLG_E_PRECONDITION,
        "this cluster runs Citus %s, which cannot be administered from here; upgrade it to 11.2 or later", task->citus);
}

static int check_coordinator(struct cluster_task *task, const PGresult *result)
{
    int64_t group = field_number(result, 0, 0);
    if (group == 0)
        return check_version(task);
    return cluster_fail(task, DLG_E_PRECONDITION,
                        "this server is a worker (group %lld) of the cluster; connect to its coordinator%s%s",
                        (long long)group, *field_text(result, 0, 2) ? ", " : "", field_text(result, 0, 2));
}

int cluster_connect(struct cluster_task *task)
{
    int code = cluster_report(task);
    if (code == DLG_OK)
        code = cluster_reconnect(task);
    if (code == DLG_OK)
        code = read_role(task);
    if (code != DLG_OK)
        return code;
    PGresult *result =
        cluster_query(task, task->conn,
                      "SELECT g.groupid, split_part(citus_version(), ' ', 2), (SELECT nodename || ':' || "
                      "nodeport FROM pg_dist_node WHERE groupid = 0 AND noderole = 'primary') "
                      "FROM pg_dist_local_group g",
                      0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    snprintf(task->citus, sizeof task->citus, "%s", field_text(result, 0, 1));
    code = check_coordinator(task, result);
    PQclear(result);
    return code;
}

int cluster_need_distributed(struct cluster_task *task)
{
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('public.dialogs') "
                                     "AND partmethod = 'h'",
                                     0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    int rows = PQntuples(result);
    PQclear(result);
    if (rows)
        return DLG_OK;
    return cluster_fail(task, DLG_E_NOT_CLUSTER, "the tables are not distributed; run `dlgctl cluster distribute`");
}

int cluster_need_superuser(struct cluster_task *task, const char *what)
{
    if (task->superuser)
        return DLG_OK;
    return cluster_fail(task, DLG_E_PRECONDITION,
                        "%s needs a superuser, which %s is not; connect as one, or: ALTER ROLE %s SUPERUSER", what,
                        task->role, task->role);
}

/* ---- Names and fields ---- */

const char *cluster_mode_name(dlg_transfer_mode mode)
{
    static const char *const names[] = {"auto", "force_logical", "block_writes"};
    return names[mode];
}

const char *cluster_strategy_name(dlg_rebalance_strategy strategy)
{
    return strategy == DLG_REBALANCE_STRATEGY_DISK_SIZE ? "by_disk_size" : "by_shard_count";
}

int64_t field_number(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

double field_real(const PGresult *result, int row, int column)
{
    return strtod(PQgetvalue(result, row, column), NULL);
}

bool field_bool(const PGresult *result, int row, int column)
{
    return *PQgetvalue(result, row, column) == 't';
}

const char *field_text(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}
