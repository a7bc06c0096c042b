/* node_facts.c - what each node says of itself: one statement on all nodes, one JSON object from each. */
#include "cluster/node_facts.h"
#include "base/sql.h"

#include <jansson.h>
#include <stdlib.h>

static void hot_read(dlg_cluster *snapshot, const json_t *list, int32_t group)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *recipient = NULL;
        json_int_t shard = 0, rows = 0;
        int isolated = 0;
        if (json_unpack(item, "{s:s, s:I, s:b, s:I}", "recipient", &recipient, "shardid", &shard, "isolated", &isolated,
                        "rows", &rows) < 0)
            continue;
        dlg_hot_recipient *hot = snapshot_add(snapshot, &snapshot->hot, sizeof *hot);
        if (!hot)
            return;
        *hot = (dlg_hot_recipient){.shard = shard, .rows = (uint64_t)rows, .group = group, .isolated = isolated};
        dlg_uuid_parse(&hot->recipient, recipient, DLG_NTS);
    }
}

static bool facts_take(dlg_cluster *snapshot, struct snapshot_node *node, const json_t *facts)
{
    const char *postgresql, *citus, *wal_level, *plugins;
    json_int_t rows, unknown, idle, slots, senders, origins, appliers, processes;
    json_t *hot;
    if (json_unpack((json_t *)(uintptr_t)facts, "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
                    "postgresql", &postgresql, "citus", &citus, "wal_level", &wal_level, "plugins", &plugins, "idle",
                    &idle, "slots", &slots, "senders", &senders, "origins", &origins, "appliers", &appliers,
                    "processes", &processes, "rows", &rows, "unknown", &unknown, "hot", &hot) < 0)
        return false;
    node->node.postgresql = snapshot_keep(snapshot, postgresql);
    node->node.citus = snapshot_keep(snapshot, citus);
    node->node.wal_level = snapshot_keep(snapshot, wal_level);
    node->node.rows = (uint64_t)rows;
    node->plugins = snapshot_keep(snapshot, plugins);
    node->idle_timeout_ms = idle;
    node->slots = slots;
    node->senders = senders;
    node->origins = origins;
    node->appliers = appliers;
    node->processes = processes;
    snapshot->info.unknown_shards += (uint32_t)unknown;
    hot_read(snapshot, hot, node->node.group);
    return true;
}

static void answer_read(dlg_cluster *snapshot, const PGresult *result, int row)
{
    struct snapshot_node *node = snapshot_node_by_id(snapshot, (int32_t)field_number(result, row, 0));
    if (!node)
        return;
    if (!field_bool(result, row, 1)) {
        node->silence = snapshot_keep(snapshot, field_text(result, row, 2));
        return;
    }
    json_t *facts = json_loads(field_text(result, row, 2), 0, NULL);
    node->answered = facts && facts_take(snapshot, node, facts);
    node->node.answers = node->answered;
    json_decref(facts);
}

static int hotter(const void *a, const void *b)
{
    const dlg_hot_recipient *x = a, *y = b;
    return x->rows != y->rows ? (x->rows < y->rows ? 1 : -1) : dlg_uuid_compare(&x->recipient, &y->recipient);
}

int node_facts_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    const char *values[] = {sql_node_facts};
    PGresult *result =
        cluster_query(task, task->conn, "SELECT nodeid, success, result FROM run_command_on_all_nodes($1)", 1, values);
    if (!result)
        return dlg_error_code(task->error);
    for (int row = 0; row < PQntuples(result); row++)
        answer_read(snapshot, result, row);
    PQclear(result);
    if (snapshot->hot.count)
        qsort(snapshot->hot.items, snapshot->hot.count, sizeof(dlg_hot_recipient), hotter);
    if (snapshot->hot.count > DLG_HOT_RECIPIENTS)
        snapshot->hot.count = DLG_HOT_RECIPIENTS;
    return DLG_OK;
}
