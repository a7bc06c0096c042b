#include "cluster/cluster_snapshot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct snapshot_text {
    struct snapshot_text *next;
    char text[];
};

/* ---- Making ---- */

dlg_cluster *snapshot_new(void)
{
    dlg_cluster *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot)
        snapshot->info.citus = "";
    return snapshot;
}

void *snapshot_add(dlg_cluster *snapshot, struct snapshot_list *list, size_t size)
{
    char *items = realloc(list->items, (list->count + 1) * size);
    snapshot->no_memory |= !items;
    if (!items)
        return NULL;
    list->items = items;
    return memset(items + list->count++ * size, 0, size);
}

const char *snapshot_keep(dlg_cluster *snapshot, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    struct snapshot_text *kept = size > 1 ? malloc(sizeof *kept + size) : NULL;
    snapshot->no_memory |= size > 1 && !kept;
    if (!kept)
        return "";
    kept->next = snapshot->texts;
    snapshot->texts = kept;
    return memcpy(kept->text, text, size);
}

const char *snapshot_keepf(dlg_cluster *snapshot, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return snapshot_keep(snapshot, text);
}

void dlg_cluster_free(dlg_cluster *cluster)
{
    if (!cluster)
        return;
    while (cluster->texts) {
        struct snapshot_text *next = cluster->texts->next;
        free(cluster->texts);
        cluster->texts = next;
    }
    free(cluster->nodes.items);
    free(cluster->problems.items);
    free(cluster->hot.items);
    free(cluster->leftovers.items);
    free(cluster);
}

/* ---- Looking ---- */

struct snapshot_node *snapshot_node_by_id(const dlg_cluster *snapshot, int32_t id)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++)
        if (snapshot_node_at(snapshot, i)->id == id)
            return snapshot_node_at(snapshot, i);
    return NULL;
}

struct snapshot_node *snapshot_node_by_name(const dlg_cluster *snapshot, const char *host, int32_t port)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const dlg_cluster_node *node = &snapshot_node_at(snapshot, i)->node;
        if (strcmp(node->host, host) == 0 && node->port == port)
            return snapshot_node_at(snapshot, i);
    }
    return NULL;
}

struct snapshot_node *snapshot_node_by_group(const dlg_cluster *snapshot, int32_t group)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++)
        if (snapshot_node_at(snapshot, i)->node.group == group)
            return snapshot_node_at(snapshot, i);
    return NULL;
}

const dlg_cluster_info *dlg_cluster_describe(const dlg_cluster *cluster)
{
    return cluster ? &cluster->info : NULL;
}

size_t dlg_cluster_node_count(const dlg_cluster *cluster)
{
    return cluster ? cluster->nodes.count : 0;
}

size_t dlg_cluster_problem_count(const dlg_cluster *cluster)
{
    return cluster ? cluster->problems.count : 0;
}

size_t dlg_cluster_hot_count(const dlg_cluster *cluster)
{
    return cluster ? cluster->hot.count : 0;
}

size_t dlg_cluster_leftover_count(const dlg_cluster *cluster)
{
    return cluster ? cluster->leftovers.count : 0;
}

const dlg_cluster_node *dlg_cluster_node_at(const dlg_cluster *cluster, size_t index)
{
    return index < dlg_cluster_node_count(cluster) ? &snapshot_node_at(cluster, index)->node : NULL;
}

const dlg_cluster_problem *dlg_cluster_problem_at(const dlg_cluster *cluster, size_t index)
{
    return index < dlg_cluster_problem_count(cluster) ? (const dlg_cluster_problem *)cluster->problems.items + index
                                                      : NULL;
}

const dlg_hot_recipient *dlg_cluster_hot_at(const dlg_cluster *cluster, size_t index)
{
    return index < dlg_cluster_hot_count(cluster) ? (const dlg_hot_recipient *)cluster->hot.items + index : NULL;
}

const dlg_cluster_leftover *dlg_cluster_leftover_at(const dlg_cluster *cluster, size_t index)
{
    return index < dlg_cluster_leftover_count(cluster) ? (const dlg_cluster_leftover *)cluster->leftovers.items + index
                                                       : NULL;
}

dlg_job_state dlg_cluster_job_state(const dlg_cluster *cluster)
{
    return cluster ? cluster->job_state : DLG_JOB_STATE_NONE;
}

const dlg_cluster_progress *dlg_cluster_job(const dlg_cluster *cluster)
{
    return cluster && job_is_under_way(cluster->job_state) ? &cluster->progress : NULL;
}

/* ---- States ---- */

static const char *const state_names[] = {"none",       "scheduled", "running", "finished",
                                          "cancelling", "cancelled", "failing", "failed"};
enum { STATES = sizeof state_names / sizeof *state_names };

const char *dlg_job_state_name(dlg_job_state state)
{
    return (unsigned)state < STATES ? state_names[state] : "unknown";
}

dlg_job_state job_state_of(const char *name)
{
    for (int i = 0; i < STATES; i++)
        if (strcmp(state_names[i], name) == 0)
            return (dlg_job_state)i;
    return DLG_JOB_STATE_NONE;
}
