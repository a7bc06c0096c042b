/* cluster_commands.c - the commands cluster status, distribute, add-node, rebalance and so on. */
#include "commands/cluster_commands.h"

#include "show/cluster_show.h"
#include "show/cluster_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options ---- */

enum { HOST_SIZE = 256 };

struct node_place {
    char host[HOST_SIZE];
    int32_t port;
};

/* HOST:PORT, or [ADDRESS]:PORT. */
static int read_place(const struct dlgctl *ctl, const char *text, struct node_place *place)
{
    const char *colon = strrchr(text, ':');
    bool brackets = *text == '[' && colon && colon > text && colon[-1] == ']';
    size_t length = colon ? (size_t)(colon - text) - (brackets ? 2 : 0) : 0;
    int64_t port;
    if (length == 0 || length >= sizeof place->host)
        return dlgctl_misuse(ctl, "a node is named HOST:PORT, not \"%s\"", text);
    if (dlgctl_number(ctl, "a node's port", colon + 1, 1, 65535, &port) != DLGCTL_OK)
        return DLGCTL_USAGE;
    snprintf(place->host, sizeof place->host, "%.*s", (int)length, text + (brackets ? 1 : 0));
    place->port = (int32_t)port;
    return DLGCTL_OK;
}

/* The place of a word among several; -1 after saying which there are. */
static int read_choice(const struct dlgctl *ctl, const char *name, const char *text, const char *const *words,
                       int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    dlgctl_misuse(ctl, "%s takes %s%s%s%s%s, not \"%s\"", name, words[0], count > 2 ? ", " : " or ", words[1],
                  count > 2 ? " or " : "", count > 2 ? words[2] : "", text);
    return -1;
}

static const char *const modes[] = {"auto", "force_logical", "block_writes"};
static const char *const strategies[] = {"by_shard_count", "by_disk_size"};

#define MODE_OPTION                                                                                  \
    "  --mode MODE        auto: writers wait for a moment only (the default); force_logical: also\n" \
    "                     for tables without a primary key; block_writes: writers of a shard wait\n" \
    "                     while it is copied\n"
#define RETRIES_OPTION                                                                                 \
    "  --retries N        how often a move that fails is tried again before all is stopped (3); -1:\n" \
    "                     as often as Citus does\n"

enum {
    OPTION_SHARDS = 1,
    OPTION_COORDINATOR,
    OPTION_WAL,
    OPTION_MODE,
    OPTION_RETRIES,
    OPTION_DRY,
    OPTION_STRATEGY,
    OPTION_NO_WAIT,
    OPTION_NODE,
    OPTION_JSON
};

static const struct option moving_options[] = {
    {"dry-run", no_argument, NULL, OPTION_DRY},
    {"no-wait", no_argument, NULL, OPTION_NO_WAIT},
    {"strategy", required_argument, NULL, OPTION_STRATEGY},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"retries", required_argument, NULL, OPTION_RETRIES},
    {0},
};

/* One of the options about moves. */
static int take_moving(const struct dlgctl *ctl, int option, dlg_rebalance_options *options)
{
    int64_t number = 0;
    int choice = 0;
    switch (option) {
    case OPTION_DRY:
        options->flags |= DLG_REBALANCE_DRY_RUN;
        return DLGCTL_OK;
    case OPTION_NO_WAIT:
        options->flags |= DLG_REBALANCE_NO_WAIT;
        return DLGCTL_OK;
    case OPTION_STRATEGY:
        choice = read_choice(ctl, "--strategy", optarg, strategies, 2);
        options->strategy = (dlg_rebalance_strategy)(choice < 0 ? 0 : choice);
        return choice < 0 ? DLGCTL_USAGE : DLGCTL_OK;
    case OPTION_MODE:
        choice = read_choice(ctl, "--mode", optarg, modes, 3);
        options->mode = (dlg_transfer_mode)(choice < 0 ? 0 : choice);
        return choice < 0 ? DLGCTL_USAGE : DLGCTL_OK;
    case OPTION_RETRIES:
        if (dlgctl_number(ctl, "--retries", optarg, -1, 1000, &number) != DLGCTL_OK)
            return DLGCTL_USAGE;
        options->retries = (int32_t)number;
        return DLGCTL_OK;
    default:
        return DLGCTL_USAGE;
    }
}

/* All options of a command that are about moves, from `own`. */
static int read_moving(struct dlgctl *ctl, int argc, char **argv, const struct option *own,
                       dlg_rebalance_options *options)
{
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, own)) != -1)
        if (option == DLGCTL_BAD || take_moving(ctl, option, options) != DLGCTL_OK)
            return DLGCTL_USAGE;
    return DLGCTL_OK;
}

static int one_argument(const struct dlgctl *ctl, int argc, const char *what)
{
    return optind + 1 == argc ? DLGCTL_OK : dlgctl_misuse(ctl, "%s takes %s", ctl->command->name, what);
}

/* ---- cluster status ---- */

static const struct option status_options[] = {{"json", no_argument, NULL, OPTION_JSON}, {0}};

static int command_status(struct dlgctl *ctl, int argc, char **argv)
{
    bool json = false;
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, status_options)) != -1) {
        if (option == DLGCTL_BAD)
            return DLGCTL_USAGE;
        json = true;
    }
    if (dlgctl_no_arguments(ctl, argc) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    dlg_cluster *cluster = NULL;
    if (dlg_cluster_status(&cluster, ctl->client, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    int status = DLGCTL_OK;
    if (json)
        status = cluster_show_json(cluster);
    else
        cluster_show(cluster);
    dlg_cluster_free(cluster);
    return status;
}

/* ---- cluster distribute, undistribute ---- */

static const struct option distribute_options[] = {{"shards", required_argument, NULL, OPTION_SHARDS}, {0}};

static int command_distribute(struct dlgctl *ctl, int argc, char **argv)
{
    dlg_distribute_options options = DLG_DISTRIBUTE_OPTIONS_INIT;
    int64_t shards = options.shard_count;
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, distribute_options)) != -1)
        if (option == DLGCTL_BAD || dlgctl_number(ctl, "--shards", optarg, 1, 64000, &shards) != DLGCTL_OK)
            return DLGCTL_USAGE;
    if (dlgctl_no_arguments(ctl, argc) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    struct cluster_watch watch;
    options.shard_count = (int32_t)shards;
    watch_begin(&watch, ctl, "distribute", true);
    int code = dlg_cluster_distribute(ctl->client, &options, watch_show, &watch, &error);
    char done[64];
    snprintf(done, sizeof done, "The tables are distributed, in %d shards.", (int)options.shard_count);
    return watch_finish(&watch, code, error, done);
}

static int command_undistribute(struct dlgctl *ctl, int argc, char **argv)
{
    if (dlgctl_bare(ctl, argc, argv) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    struct cluster_watch watch;
    watch_begin(&watch, ctl, "undistribute", true);
    int code = dlg_cluster_undistribute(ctl->client, 0, watch_show, &watch, &error);
    return watch_finish(&watch, code, error, "The tables are plain ones again, on the coordinator.");
}

/* ---- cluster add-node, remove-node ---- */

static const struct option add_options[] = {{"coordinator", required_argument, NULL, OPTION_COORDINATOR},
                                            {"any-wal-level", no_argument, NULL, OPTION_WAL},
                                            {0}};

static int command_add(struct dlgctl *ctl, int argc, char **argv)
{
    dlg_node_options options = DLG_NODE_OPTIONS_INIT;
    struct node_place place, coordinator = {.port = 0};
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, add_options)) != -1) {
        if (option == DLGCTL_BAD ||
            (option == OPTION_COORDINATOR && read_place(ctl, optarg, &coordinator) != DLGCTL_OK))
            return DLGCTL_USAGE;
        if (option == OPTION_WAL) {
            options.flags |= DLG_NODE_ANY_WAL_LEVEL;
        } else {
            options.coordinator_host = coordinator.host;
            options.coordinator_port = coordinator.port;
        }
    }
    if (one_argument(ctl, argc, "HOST:PORT") != DLGCTL_OK || read_place(ctl, argv[optind], &place) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    if (dlg_cluster_add_node(ctl->client, place.host, place.port, &options, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    printf("%s is in the cluster; `dlgctl cluster rebalance` gives it shards.\n", argv[optind]);
    return DLGCTL_OK;
}

static int command_remove(struct dlgctl *ctl, int argc, char **argv)
{
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    struct node_place place = {.port = 0};
    if (read_moving(ctl, argc, argv, moving_options + 3, &options) != DLGCTL_OK ||
        one_argument(ctl, argc, "HOST:PORT") != DLGCTL_OK || read_place(ctl, argv[optind], &place) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    struct cluster_watch watch;
    watch_begin(&watch, ctl, "shards", true);
    int code = dlg_cluster_remove_node(NULL, ctl->client, place.host, place.port, &options, watch_show, &watch, &error);
    char done[HOST_SIZE + 64];
    snprintf(done, sizeof done, "%s:%d is no longer in the cluster.", place.host, (int)place.port);
    return watch_finish(&watch, code, error, done);
}

/* ---- cluster rebalance, wait, cancel ---- */

static void tell_rebalance(const dlg_rebalance *rebalance, const dlg_rebalance_options *options, char *text,
                           size_t size)
{
    const dlg_rebalance_info *info = dlg_rebalance_describe(rebalance);
    if (info->moves_total == 0)
        snprintf(text, size, "The shards are balanced already.");
    else if (options->flags & DLG_REBALANCE_DRY_RUN)
        snprintf(text, size, "%u shards would be moved, %s. Nothing was moved.", info->moves_total,
                 cluster_size(info->bytes_total));
    else if (options->flags & DLG_REBALANCE_NO_WAIT)
        snprintf(text, size, "Job %lld moves %u shards, %s; `dlgctl cluster wait` waits for it.", (long long)info->job,
                 info->moves_total, cluster_size(info->bytes_total));
    else
        snprintf(text, size, "%u of %u shards were moved, %s.", info->moves_done, info->moves_total,
                 cluster_size(info->bytes_done));
}

static int command_rebalance(struct dlgctl *ctl, int argc, char **argv)
{
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    if (read_moving(ctl, argc, argv, moving_options, &options) != DLGCTL_OK ||
        dlgctl_no_arguments(ctl, argc) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    dlg_rebalance *rebalance = NULL;
    struct cluster_watch watch;
    char done[160] = "";
    watch_begin(&watch, ctl, "shards", true);
    int code = dlg_cluster_rebalance(&rebalance, ctl->client, &options, watch_show, &watch, &error);
    if (code == DLG_OK) {
        progress_clear(&watch.bar);
        if (options.flags & DLG_REBALANCE_DRY_RUN)
            cluster_show_moves(rebalance);
        tell_rebalance(rebalance, &options, done, sizeof done);
    }
    dlg_rebalance_free(rebalance);
    return watch_finish(&watch, code, error, done);
}

/* Ctrl-C ends only the waiting. */
static int command_wait(struct dlgctl *ctl, int argc, char **argv)
{
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    options.retries = -1;
    if (read_moving(ctl, argc, argv, moving_options + 4, &options) != DLGCTL_OK ||
        dlgctl_no_arguments(ctl, argc) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    dlg_rebalance *rebalance = NULL;
    struct cluster_watch watch;
    char done[160] = "";
    watch_begin(&watch, ctl, "shards", false);
    int code = dlg_cluster_rebalance_wait(&rebalance, ctl->client, &options, watch_show, &watch, &error);
    const dlg_rebalance_info *info = dlg_rebalance_describe(rebalance);
    if (code == DLG_OK && info->state == DLG_JOB_STATE_NONE)
        snprintf(done, sizeof done, "There was no rebalance yet.");
    else if (code == DLG_OK)
        snprintf(done, sizeof done, "Job %lld is %s; %u of %u shards were moved.", (long long)info->job,
                 dlg_job_state_name(info->state), info->moves_done, info->moves_total);
    dlg_rebalance_free(rebalance);
    return watch_finish(&watch, code, error, done);
}

static int command_cancel(struct dlgctl *ctl, int argc, char **argv)
{
    if (dlgctl_bare(ctl, argc, argv) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    if (dlg_cluster_rebalance_cancel(ctl->client, 0, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    puts("The rebalance is stopped; the shards that were moved stay where they are.");
    return DLGCTL_OK;
}

/* ---- cluster isolate ---- */

static const struct option isolate_options[] = {
    {"node", required_argument, NULL, OPTION_NODE}, {"mode", required_argument, NULL, OPTION_MODE}, {0}};

static int command_isolate(struct dlgctl *ctl, int argc, char **argv)
{
    dlg_isolate_options options = DLG_ISOLATE_OPTIONS_INIT;
    dlg_rebalance_options moving = DLG_REBALANCE_OPTIONS_INIT;
    struct node_place place = {.port = 0};
    dlg_uuid user;
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, isolate_options)) != -1) {
        if (option == DLGCTL_BAD)
            return DLGCTL_USAGE;
        if ((option == OPTION_NODE ? read_place(ctl, optarg, &place) : take_moving(ctl, option, &moving)) != DLGCTL_OK)
            return DLGCTL_USAGE;
        options.host = option == OPTION_NODE ? place.host : options.host;
    }
    if (one_argument(ctl, argc, "a user's id") != DLGCTL_OK || dlgctl_uuid(ctl, argv[optind], &user) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    struct cluster_watch watch;
    int64_t shard = 0;
    options.mode = moving.mode;
    options.port = options.host ? place.port : 0;
    watch_begin(&watch, ctl, "isolate", true);
    int code = dlg_cluster_isolate(&shard, ctl->client, &user, &options, watch_show, &watch, &error);
    char done[160];
    snprintf(done, sizeof done, "Messages to %s have shard %lld to themselves.", argv[optind], (long long)shard);
    return watch_finish(&watch, code, error, done);
}

/* ---- Table ---- */

const struct command cluster_commands[] = {
    {"cluster status", "[OPTION]...", "Shows a Citus cluster: nodes, shards, sizes, moves, problems, hot recipients.",
     "Options:\n  --json             one line of JSON\n", command_status},
    {"cluster distribute", "[OPTION]...", "Spreads the tables with their rows over the nodes of a Citus cluster.",
     "Writers wait while it runs.\n\nOptions:\n  --shards N         how many shards (32)\n", command_distribute},
    {"cluster undistribute", "[OPTION]...", "Takes all rows back into plain tables on the coordinator.",
     "Writers wait while it runs.\n", command_undistribute},
    {"cluster add-node", "[OPTION]... HOST:PORT", "Checks a worker and adds it.",
     "HOST:PORT is the worker's address for the other nodes. Needs a superuser.\n\nOptions:\n"
     "  --coordinator HOST:PORT\n"
     "                     the coordinator's address for the nodes, if it is not registered yet\n"
     "  --any-wal-level    accept a worker whose wal_level is not logical\n",
     command_add},
    {"cluster remove-node", "[OPTION]... HOST:PORT", "Moves all shards off a worker and removes it.",
     "Needs a superuser. Ctrl-C stops it.\n\nOptions:\n" MODE_OPTION RETRIES_OPTION, command_remove},
    {"cluster rebalance", "[OPTION]...", "Spreads the shards evenly over the workers while people read and write.",
     "Ctrl-C stops it. Finished moves stay.\n\nOptions:\n"
     "  --dry-run          only list the moves\n"
     "  --strategy NAME    by_shard_count (the default) or by_disk_size\n" MODE_OPTION RETRIES_OPTION
     "  --no-wait          return as soon as it has started\n",
     command_rebalance},
    {"cluster wait", "[OPTION]...", "Waits for the running rebalance and shows how far it is.",
     "Ctrl-C ends only the waiting.\n\nOptions:\n"
     "  --retries N        how often a move that fails is tried again before all is stopped (-1: as\n"
     "                     often as Citus does)\n",
     command_wait},
    {"cluster cancel", "[OPTION]...", "Stops the running rebalance. Finished moves stay.", "", command_cancel},
    {"cluster isolate", "[OPTION]... USER", "Gives the messages to one user a shard of their own.",
     "Options:\n  --node HOST:PORT   the worker for the new shard\n" MODE_OPTION, command_isolate},
    {0},
};
