/* cluster_distribute.c - from plain tables to shards, and back. */
#include "base/sql.h"
#include "base/versioned.h"
#include "cluster/cluster_check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Progress: what Citus copies into shards, as the workers count it ---- */

/* The rows of one COPY, as they were seen last; it is gone from the statistics when it is done. */
struct copy {
    int64_t node;
    int64_t process;
    int64_t shard_table;
    uint64_t rows;
};

struct copies {
    struct copy *items;
    size_t count;
};

static void copy_note(struct copies *copies, struct copy seen)
{
    for (size_t i = 0; i < copies->count; i++) {
        struct copy *copy = &copies->items[i];
        if (copy->node != seen.node || copy->process != seen.process || copy->shard_table != seen.shard_table)
            continue;
        copy->rows = seen.rows > copy->rows ? seen.rows : copy->rows;
        return;
    }
    struct copy *items = realloc(copies->items, (copies->count + 1) * sizeof *items);
    if (!items)
        return;
    copies->items = items;
    items[copies->count++] = seen;
}

static void copies_read(struct copies *copies, int64_t node, const char *text)
{
    json_t *list = json_loads(text, 0, NULL), *item;
    size_t index;
    json_array_foreach(list, index, item)
    {
        struct copy seen = {.node = node,
                            .process = json_integer_value(json_array_get(item, 0)),
                            .shard_table = json_integer_value(json_array_get(item, 1)),
                            .rows = (uint64_t)json_integer_value(json_array_get(item, 2))};
        copy_note(copies, seen);
    }
    json_decref(list);
}

static void copies_ask(struct cluster_task *task)
{
    static const char sql[] =
        "SELECT coalesce(json_agg(json_build_array(pid, relid::bigint, tuples_processed)), '[]') "
        "FROM pg_catalog.pg_stat_progress_copy WHERE command = 'COPY FROM' AND datname = current_database()";
    struct copies *copies = task->notes;
    const char *values[] = {sql};
    PGconn *watch = cluster_watch(task);
    PGresult *result =
        watch ? cluster_query(task, watch, "SELECT nodeid, result FROM run_command_on_all_nodes($1) WHERE success", 1,
                              values)
              : NULL;
    for (int row = 0; row < (result ? PQntuples(result) : 0); row++)
        copies_read(copies, field_number(result, row, 0), field_text(result, row, 1));
    PQclear(result);
    task->progress.rows_done = 0;
    for (size_t i = 0; i < copies->count; i++)
        task->progress.rows_done += copies->items[i].rows;
}

static int tick(void *payload, dlg_error **error)
{
    struct cluster_task *task = payload;
    if (task->notes)
        copies_ask(task);
    int code = cluster_report(task);
    if (code != DLG_OK)
        error_give(error, error_copy(task->error));
    return code;
}

/* ---- What there is ---- */

struct tables {
    bool dialogs;             /* it is there */
    bool dialogs_known;       /* to Citus, in one way or another */
    bool dialogs_distributed; /* ... by recipient */
    bool users;               /* it is there, and is ours: with a uuid `id` as its key, and with password hashes */
    bool users_known;
    bool users_distributed; /* beside `dialogs` */
    bool owned;             /* by a role whose rights we have */
    int64_t rows;           /* of what is to be distributed; about */
};

static int tables_read(struct cluster_task *task, struct tables *tables)
{
    PGresult *result = cluster_query(
        task, task->conn,
        "WITH d AS (SELECT c.oid, c.relowner, c.reltuples, p.partmethod, p.colocationid, "
        "column_to_column_name(p.logicalrelid, p.partkey) AS key FROM pg_class c "
        "LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid WHERE c.oid = to_regclass('public.dialogs')), "
        "u AS (SELECT c.oid, c.relowner, c.reltuples, p.partmethod, p.colocationid FROM pg_class c "
        "LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid WHERE c.oid = to_regclass('public.users') "
        "AND EXISTS (SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid "
        "AND k.conkey = ARRAY[a.attnum] WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attname = 'id' "
        "AND a.atttypid = 'uuid'::regtype) AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid "
        "AND a.attname = 'password_hash' AND NOT a.attisdropped)) "
        "SELECT d.oid IS NOT NULL, d.partmethod IS NOT NULL, coalesce(d.partmethod = 'h' AND d.key = 'to_user_id', "
        "false), "
        "u.oid IS NOT NULL, u.partmethod IS NOT NULL, "
        "coalesce(u.partmethod = 'h' AND u.colocationid = d.colocationid, false), "
        "coalesce(pg_has_role(d.relowner, 'USAGE'), true) AND coalesce(pg_has_role(u.relowner, 'USAGE'), true), "
        "(coalesce(CASE WHEN d.partmethod IS NULL THEN greatest(d.reltuples, 0) END, 0) + "
        "coalesce(CASE WHEN u.partmethod IS NULL THEN greatest(u.reltuples, 0) END, 0))::bigint "
        "FROM (VALUES (1)) AS one (n) LEFT JOIN d ON true LEFT JOIN u ON true",
        0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    *tables = (struct tables){.dialogs = field_bool(result, 0, 0),
                              .dialogs_known = field_bool(result, 0, 1),
                              .dialogs_distributed = field_bool(result, 0, 2),
                              .users = field_bool(result, 0, 3),
                              .users_known = field_bool(result, 0, 4),
                              .users_distributed = field_bool(result, 0, 5),
                              .owned = field_bool(result, 0, 6),
                              .rows = field_number(result, 0, 7)};
    PQclear(result);
    return DLG_OK;
}

static int check_owner(struct cluster_task *task, const struct tables *tables)
{
    if (tables->owned)
        return DLG_OK;
    return cluster_fail(
        task, DLG_E_PRECONDITION,
        "the tables belong to another role; connect as their owner, or: ALTER TABLE public.dialogs OWNER "
        "TO %s; ALTER TABLE public.users OWNER TO %s",
        task->role, task->role);
}

/* ---- Distributing ---- */

static int distribute_check(struct cluster_task *task, const struct tables *tables)
{
    if (!tables->dialogs)
        return cluster_fail(task, DLG_E_SCHEMA, "the tables are missing: run dlgctl init");
    if (tables->dialogs_distributed && (tables->users_distributed || !tables->users))
        return cluster_fail(task, DLG_E_STATE, "the tables are distributed already, in %u shards",
                            task->snapshot->info.shards);
    if (tables->dialogs_known && !tables->dialogs_distributed)
        return cluster_fail(task, DLG_E_PRECONDITION,
                            "Citus keeps public.dialogs in another way than by to_user_id; make it a plain table first "
                            "(SELECT undistribute_table('public.dialogs'))");
    if (tables->users && tables->users_known && !tables->users_distributed)
        return cluster_fail(task, DLG_E_PRECONDITION,
                            "public.users is distributed already, but not beside public.dialogs; make it a plain table "
                            "first: SELECT undistribute_table('public.users')");
    return check_owner(task, tables);
}

static int long_step(struct cluster_task *task, const char *phase, const char *sql, int count,
                     const char *const *values)
{
    int code = cluster_phase(task, phase);
    if (code != DLG_OK)
        return code;
    PGresult *result = cluster_long_query(task, sql, count, values, tick);
    PQclear(result);
    return result ? DLG_OK : dlg_error_code(task->error);
}

static int distribute_dialogs(struct cluster_task *task)
{
    char count[16];
    const char *values[] = {count};
    snprintf(count, sizeof count, "%d", (int)task->options.shard_count);
    int code = long_step(task, "distributing dialogs",
                         "SELECT create_distributed_table('public.dialogs', 'to_user_id', colocate_with := 'none', "
                         "shard_count := $1)",
                         1, values);
    if (code == DLG_OK)
        code = long_step(task, "emptying the local dialogs",
                         "SELECT truncate_local_data_after_distributing_table('public.dialogs')", 0, NULL);
    return code;
}

static int distribute_users(struct cluster_task *task)
{
    int code =
        long_step(task, "distributing users",
                  "SELECT create_distributed_table('public.users', 'id', colocate_with := 'public.dialogs')", 0, NULL);
    if (code == DLG_OK)
        code = long_step(task, "emptying the local users",
                         "SELECT truncate_local_data_after_distributing_table('public.users')", 0, NULL);
    return code;
}

/* In one transaction, which ends with the session when it fails. */
static int distribute(struct cluster_task *task, const struct tables *tables)
{
    int code = cluster_execute(task, "BEGIN", 0, NULL);
    if (code == DLG_OK && !tables->dialogs_distributed)
        code = distribute_dialogs(task);
    if (code == DLG_OK && tables->users)
        code = distribute_users(task);
    return code == DLG_OK ? cluster_execute(task, "COMMIT", 0, NULL) : code;
}

static int run_distribute(struct cluster_task *task)
{
    struct tables tables = {0};
    struct copies copies = {0};
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_phase(task, "checking");
    if (code == DLG_OK)
        code = cluster_snapshot_read(task, &task->snapshot);
    if (code == DLG_OK)
        code = tables_read(task, &tables);
    if (code == DLG_OK)
        code = distribute_check(task, &tables);
    if (code == DLG_OK)
        code = cluster_check(task, task->snapshot, DLG_TRANSFER_MODE_AUTO, CHECK_NODES);
    if (code == DLG_OK)
        code = cluster_need_no_problems(task, task->snapshot);
    task->progress.rows_total = (uint64_t)tables.rows;
    task->notes = &copies;
    if (code == DLG_OK)
        code = distribute(task, &tables);
    free(copies.items);
    task->notes = NULL;
    if (code != DLG_OK)
        return code;
    task->progress.rows_done = task->progress.rows_total;
    cluster_refresh(task);
    cluster_analyze(task, tables.users);
    return DLG_OK;
}

/* ---- And back ---- */

static int undistribute(struct cluster_task *task, const struct tables *tables)
{
    int code = cluster_execute(task, "BEGIN", 0, NULL);
    if (code == DLG_OK && tables->users_distributed)
        code = long_step(task, "taking users back", "SELECT undistribute_table('public.users')", 0, NULL);
    if (code == DLG_OK)
        code = long_step(task, "taking dialogs back", sql_undistribute, 0, NULL);
    return code == DLG_OK ? cluster_execute(task, "COMMIT", 0, NULL) : code;
}

static int run_undistribute(struct cluster_task *task)
{
    struct tables tables = {0};
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_need_distributed(task);
    if (code == DLG_OK)
        code = cluster_prepare(task, CHECK_NODES);
    if (code == DLG_OK)
        code = tables_read(task, &tables);
    if (code == DLG_OK)
        code = check_owner(task, &tables);
    if (code == DLG_OK)
        code = undistribute(task, &tables);
    if (code != DLG_OK)
        return code;
    cluster_refresh(task);
    cluster_analyze(task, tables.users);
    return DLG_OK;
}

/* ---- Calls ---- */

static int distribute_new(dlg_client *client, const dlg_distribute_options *given, dlg_cluster_progress_fn progress,
                          void *payload, struct cluster_task **task, dlg_error **error)
{
    dlg_distribute_options options;
    int code = versioned_read(&versioned_distribute_options, &options, given, error);
    if (code != DLG_OK)
        return code;
    if (options.shard_count < 1 || options.shard_count > 64000)
        return error_set(error, DLG_E_ARGUMENT, "shard_count is out of range: give 1 to 64000");
    code = cluster_task_new(client, run_distribute, progress, payload, task, error);
    if (code != DLG_OK)
        return code;
    (*task)->options.shard_count = options.shard_count;
    cluster_take_timeout(*task, options.timeout_us);
    return DLG_OK;
}

static int distribute_call(struct cluster_task *task, dlg_error **error)
{
    int code = cluster_call(task, error);
    cluster_release(task);
    return code;
}

int dlg_cluster_distribute(dlg_client *client, const dlg_distribute_options *options, dlg_cluster_progress_fn progress,
                           void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = distribute_new(client, options, progress, payload, &task, error);
    return code == DLG_OK ? distribute_call(task, error) : code;
}

int dlg_cluster_distribute_async(dlg_client *client, const dlg_distribute_options *options,
                                 dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                 dlg_error **error)
{
    struct cluster_task *task;
    int code = distribute_new(client, options, progress, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}

static int undistribute_new(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress, void *payload,
                            struct cluster_task **task, dlg_error **error)
{
    int code = cluster_task_new(client, run_undistribute, progress, payload, task, error);
    if (code == DLG_OK)
        cluster_take_timeout(*task, timeout_us);
    return code;
}

int dlg_cluster_undistribute(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress, void *payload,
                             dlg_error **error)
{
    struct cluster_task *task;
    int code = undistribute_new(client, timeout_us, progress, payload, &task, error);
    return code == DLG_OK ? distribute_call(task, error) : code;
}

int dlg_cluster_undistribute_async(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress,
                                   dlg_callback callback, void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = undistribute_new(client, timeout_us, progress, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}
