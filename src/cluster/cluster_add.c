/* cluster_add.c - a worker that comes. */
#include "base/versioned.h"
#include "cluster/cluster_check.h"
#include "pg/multi_connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_ANSWER_US = 30000000 };

#define HERE(task) (task)->options.host, (int)(task)->options.port

/* ---- The new node ---- */

/* Nothing of another cluster, nothing of an earlier life: Citus itself does not look (citusdata/citus#8855). */
static int joining_node_judge(struct cluster_task *task, const PGresult *result)
{
    const char *citus = field_text(result, 0, 0), *wal_level = field_text(result, 0, 1);
    if (field_bool(result, 0, 2))
        return cluster_fail(task, DLG_E_PRECONDITION, "%s:%d is a standby; name its primary", HERE(task));
    if (strcmp(citus, task->citus) != 0)
        return cluster_fail(
            task, DLG_E_PRECONDITION,
            "%s:%d runs Citus %s, this cluster %s; install the same version there, then ALTER EXTENSION "
            "citus UPDATE",
            HERE(task), citus, task->citus);
    if (field_bool(result, 0, 3))
        return cluster_fail(
            task, DLG_E_PRECONDITION,
            "%s:%d belongs to a cluster already (its coordinator is %s); remove it there (dlgctl cluster "
            "remove-node), or, when nothing of that is needed, run on it: DROP EXTENSION citus CASCADE; "
            "CREATE EXTENSION citus",
            HERE(task), *field_text(result, 0, 4) ? field_text(result, 0, 4) : "not registered");
    if (*field_text(result, 0, 5))
        return cluster_fail(
            task, DLG_E_PRECONDITION,
            "%s:%d has tables of the cluster's names: %s; when nothing of them is needed, run on it: DROP "
            "TABLE %s",
            HERE(task), field_text(result, 0, 5), field_text(result, 0, 5));
    if (strcmp(wal_level, "logical") != 0 && !(task->options.flags & DLG_NODE_ANY_WAL_LEVEL))
        return cluster_fail(task, DLG_E_PRECONDITION,
                            "wal_level of %s:%d is %s; run on it: ALTER SYSTEM SET wal_level = 'logical'; then restart "
                            "that server",
                            HERE(task), wal_level);
    return DLG_OK;
}

static PGresult *joining_node_ask(struct cluster_task *task, PGconn *conn, const char *sql, const char *tables)
{
    const char *values[] = {tables};
    struct patience patience = {.deadline_us = clock_monotonic_us() + NODE_ANSWER_US,
                                .stop = &task->client->admin.stop};
    return admin_connection_query(conn, sql, tables ? 1 : 0, values, &patience, &task->error);
}

static int joining_node_extension(struct cluster_task *task, PGconn *conn)
{
    PGresult *result =
        joining_node_ask(task, conn, "SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus'", NULL);
    if (!result)
        return dlg_error_code(task->error);
    bool installed = PQntuples(result) == 1;
    PQclear(result);
    if (installed)
        return DLG_OK;
    return cluster_fail(task, DLG_E_PRECONDITION,
                        "%s:%d has no Citus in the database %s; run there: CREATE EXTENSION citus (with citus in "
                        "shared_preload_libraries)",
                        HERE(task), PQdb(conn));
}

static int joining_node_check(struct cluster_task *task, PGconn *conn, const char *tables)
{
    int code = joining_node_extension(task, conn);
    if (code != DLG_OK)
        return code;
    PGresult *result = joining_node_ask(
        task, conn,
        "SELECT split_part(citus_version(), ' ', 2), current_setting('wal_level'), pg_is_in_recovery(), "
        "(SELECT groupid FROM pg_dist_local_group) <> 0 OR EXISTS (SELECT FROM pg_dist_node) "
        "OR EXISTS (SELECT FROM pg_dist_partition), "
        "(SELECT nodename || ':' || nodeport FROM pg_dist_node WHERE groupid = 0 LIMIT 1), "
        "(SELECT string_agg(t.name, ', ' ORDER BY t.name) FROM (SELECT unnest($1::text[]) AS name "
        "UNION SELECT 'public.' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind = 'r' AND relname ~ '^(dialogs|users)_[0-9]+$') AS t WHERE to_regclass(t.name) IS NOT NULL)",
        tables);
    if (!result)
        return dlg_error_code(task->error);
    code = joining_node_judge(task, result);
    PQclear(result);
    return code;
}

/* Directly, with our own user and password. */
static int joining_node_visit(struct cluster_task *task, const char *tables)
{
    char name[NODE_ADDRESS_SIZE], why[CLUSTER_TEXT];
    node_address_name(task->options.host, task->options.port, name, sizeof name);
    char *conninfo = node_address_conninfo(task->client->settings, task->conn, name);
    struct connect_attempt target = {.conninfo = conninfo};
    const struct patience patience = {.deadline_us =
                                          clock_monotonic_us() + task->client->settings->connect_timeout_ms * 1000};
    multi_connect_all(&target, 1, &patience);
    int code;
    if (multi_connect_succeeded(&target)) {
        code = joining_node_check(task, target.conn, tables);
    } else {
        multi_connect_reason(&target, why, sizeof why);
        code = cluster_fail(task, DLG_E_UNAVAILABLE,
                            "%s cannot be looked at from here: %s; start the server, or say with the setting "
                            "node_addresses where it is reached from here",
                            name, why);
    }
    multi_connect_close(&target, 1);
    free(conninfo);
    return code;
}

/* ---- The coordinator's name among the nodes ---- */

/* A name by which a machine reaches only itself. */
static bool is_local(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || *host == '/';
}

static const struct snapshot_node *coordinator_of(const struct cluster_task *task)
{
    const struct snapshot_node *coordinator = snapshot_node_by_group(task->snapshot, 0);
    return coordinator && coordinator->id ? coordinator : NULL;
}

/*
 * The name under which the coordinator is registered, or is going to be: the one given, or the one that we use. Citus
 * refuses "localhost", but not the address behind it.
 */
static const char *coordinator_host(const struct cluster_task *task)
{
    const struct snapshot_node *coordinator = coordinator_of(task);
    const char *used = PQhost(task->conn);
    if (coordinator)
        return coordinator->node.host;
    if (*task->options.coordinator_host)
        return task->options.coordinator_host;
    return strcmp(used, "localhost") == 0 ? PQhostaddr(task->conn) : used;
}

/* A local name is another machine on each, unless all are on one. */
static int names_check(struct cluster_task *task)
{
    const char *host = coordinator_host(task);
    if (is_local(task->options.host) && !is_local(PQhost(task->conn)))
        return cluster_fail(task, DLG_E_ARGUMENT,
                            "%s names every machine to itself; name the node as other machines do", task->options.host);
    bool serves_nobody = *host == '/' || strcmp(host, "localhost") == 0;
    if (!serves_nobody && (!is_local(host) || is_local(task->options.host)))
        return DLG_OK;
    return cluster_fail(task, DLG_E_PRECONDITION,
                        "%s:%d cannot reach the coordinator, which is known as %s; say how other machines reach it: "
                        "SELECT citus_set_coordinator_host('HOST', PORT)",
                        HERE(task), host);
}

static int coordinator_register(struct cluster_task *task)
{
    const struct cluster_options *options = &task->options;
    char port[16];
    const char *values[] = {coordinator_host(task), port};
    if (coordinator_of(task))
        return DLG_OK;
    snprintf(port, sizeof port, "%s", PQport(task->conn));
    if (options->coordinator_port)
        snprintf(port, sizeof port, "%d", (int)options->coordinator_port);
    return cluster_execute(task, "SELECT citus_set_coordinator_host($1::text, $2::integer)", 2, values);
}

/* ---- Adding ---- */

/* Names that a joining node must not have: of our tables, and of all that the cluster distributes. */
static int tables_read(struct cluster_task *task, char **tables)
{
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT array_agg(name) FROM (SELECT logicalrelid::regclass::text FROM "
                                     "pg_dist_partition UNION VALUES ('public.dialogs'), ('public.users')) AS t (name)",
                                     0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    *tables = strdup(field_text(result, 0, 0));
    PQclear(result);
    return *tables ? DLG_OK : cluster_fail(task, DLG_E_MEMORY, "out of memory");
}

static int connection_check(struct cluster_task *task)
{
    const char *values[] = {task->options.host, task->options.port_text};
    *task->warning = '\0';
    PGresult *result =
        cluster_query(task, task->conn, "SELECT citus_check_connection_to_node($1::text, $2::integer)", 2, values);
    if (!result)
        return dlg_error_code(task->error);
    bool reached = field_bool(result, 0, 0);
    PQclear(result);
    if (reached)
        return DLG_OK;
    return cluster_fail(
        task, DLG_E_PRECONDITION,
        "the coordinator does not reach %s:%d as %s (%s); let pg_hba.conf there admit it, by a name that "
        "the nodes know",
        HERE(task), task->role, *task->warning ? task->warning : "no connection");
}

static int node_add(struct cluster_task *task)
{
    const char *values[] = {task->options.host, task->options.port_text};
    PGresult *result = cluster_long_query(task, "SELECT citus_add_node($1::text, $2::integer)", 2, values, NULL);
    PQclear(result);
    return result ? DLG_OK : dlg_error_code(task->error);
}

static int already_check(struct cluster_task *task)
{
    const struct snapshot_node *node = snapshot_node_by_name(task->snapshot, HERE(task));
    if (!node || !node->id)
        return DLG_OK;
    return cluster_fail(task, DLG_E_STATE, "%s:%d is in the cluster already", HERE(task));
}

static int run_add_node(struct cluster_task *task)
{
    char *tables = NULL;
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_need_superuser(task, "adding a node");
    if (code == DLG_OK)
        code = cluster_snapshot_read(task, &task->snapshot);
    if (code == DLG_OK)
        code = already_check(task);
    if (code == DLG_OK)
        code = names_check(task);
    if (code == DLG_OK)
        code = tables_read(task, &tables);
    if (code == DLG_OK)
        code = joining_node_visit(task, tables);
    if (code == DLG_OK)
        code = connection_check(task);
    if (code == DLG_OK)
        code = coordinator_register(task);
    if (code == DLG_OK)
        code = node_add(task);
    if (code == DLG_OK)
        cluster_refresh(task);
    free(tables);
    return code;
}

/* ---- Calls ---- */

static int take_coordinator(struct cluster_task *task, const dlg_node_options *options, dlg_error **error)
{
    const char *host = options->coordinator_host ? options->coordinator_host : "";
    if (strlen(host) >= sizeof task->options.coordinator_host || options->coordinator_port < 0 ||
        options->coordinator_port > 65535)
        return error_set(error, DLG_E_ARGUMENT,
                         "malformed coordinator address: give a host and a port from 1 to 65535");
    snprintf(task->options.coordinator_host, sizeof task->options.coordinator_host, "%s", host);
    task->options.coordinator_port = options->coordinator_port;
    return DLG_OK;
}

static int take_add(struct cluster_task *task, const char *host, int32_t port, const dlg_node_options *given,
                    dlg_error **error)
{
    dlg_node_options options;
    int code = versioned_read(&versioned_node_options, &options, given, error);
    if (code != DLG_OK)
        return code;
    if (options.flags & ~DLG_NODE_ANY_WAL_LEVEL)
        return error_set(error, DLG_E_ARGUMENT, "unknown flag in dlg_node_options: give DLG_NODE_ANY_WAL_LEVEL or 0");
    task->options.flags = options.flags;
    cluster_take_timeout(task, options.timeout_us);
    code = cluster_take_host(task, host, port, error);
    return code == DLG_OK ? take_coordinator(task, &options, error) : code;
}

static int add_new(dlg_client *client, const char *host, int32_t port, const dlg_node_options *options, void *payload,
                   struct cluster_task **task, dlg_error **error)
{
    int code = cluster_task_new(client, run_add_node, NULL, payload, task, error);
    if (code != DLG_OK)
        return code;
    code = take_add(*task, host, port, options, error);
    if (code != DLG_OK)
        cluster_release(*task);
    return code;
}

int dlg_cluster_add_node(dlg_client *client, const char *host, int32_t port, const dlg_node_options *options,
                         dlg_error **error)
{
    struct cluster_task *task;
    int code = add_new(client, host, port, options, NULL, &task, error);
    if (code != DLG_OK)
        return code;
    code = cluster_call(task, error);
    cluster_release(task);
    return code;
}

int dlg_cluster_add_node_async(dlg_client *client, const char *host, int32_t port, const dlg_node_options *options,
                               dlg_callback callback, void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = add_new(client, host, port, options, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}
