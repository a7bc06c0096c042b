/*
 * rebalance.c - rebalance CONNINFO: spreads the shards of a Citus cluster evenly over its nodes while people read and
 * write. It shows the progress. Ctrl-C stops it. Finished moves stay. In the public domain.
 */
#include <dialogs.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Called a few times a second; any value but 0 stops the work. */
static int show_progress(const dlg_cluster_progress *progress, void *payload)
{
    (void)payload;
    printf("%s", progress->phase);
    if (progress->moves_total > 0)
        printf(": %" PRIu32 " of %" PRIu32 " moves", progress->moves_done, progress->moves_total);
    if (progress->shard)
        printf(", shard %" PRId64 " from %s to %s", progress->shard, progress->source, progress->target);
    printf("\n");
    return interrupted;
}

static void show_result(const dlg_rebalance *rebalance)
{
    for (size_t i = 0; i < dlg_rebalance_move_count(rebalance); i++) {
        const dlg_shard_move *move = dlg_rebalance_move_at(rebalance, i);
        printf("moved shard %" PRId64 ", %" PRIu64 " bytes, to %s\n", move->shard, move->bytes, move->target);
    }
    printf("%zu shards were moved\n", dlg_rebalance_move_count(rebalance));
}

int main(int argc, char **argv)
{
    dlg_error *error = NULL;
    dlg_client *client = NULL;
    dlg_rebalance *result = NULL;
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;

    if (argc != 2) {
        fprintf(stderr, "Usage: rebalance CONNINFO    of the coordinator\n");
        return 2;
    }
    signal(SIGINT, interrupt);
    int code = dlg_open(&client, argv[1], NULL, &error);
    if (code == DLG_OK)
        code = dlg_cluster_rebalance(&result, client, &options, show_progress, NULL, &error);
    if (code == DLG_OK)
        show_result(result);
    else
        fprintf(stderr, "rebalance: %s\n", dlg_error_message(error));
    dlg_error_free(error);
    dlg_rebalance_free(result);
    dlg_close(NULL, client, 0);
    return code == DLG_OK ? 0 : 1;
}
