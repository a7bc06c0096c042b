/*
 * client.c - a closed loop of sends or lists through the library: CONCURRENCY requests are always under way.
 * Prints one JSON object. The rivals do the same work by other means.
 */
#include <dialogs.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char text[] =
    "Shall we meet at the station at six? I have the tickets, and there is a train at twenty past.";

struct load {
    dlg_client *client;
    bool lists;
    int users; /* of user_of() */
    int limit;
    const char *skew; /* uniform, sender, recipient */
    double end;
    atomic_int under_way;
    atomic_long done, failed;
    unsigned seed;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* User number n, as the SQL of the rivals writes it: lpad(to_hex(n), 32, '0')::uuid. */
static dlg_uuid user_of(int n)
{
    dlg_uuid user = {{0}};
    for (int i = 0; i < 4; i++)
        user.bytes[15 - i] = (uint8_t)(n >> (8 * i));
    return user;
}

static int draw(struct load *load)
{
    return 1 + (int)((unsigned)rand_r(&load->seed) % (unsigned)load->users);
}

static void done(dlg_reply *reply, void *payload);

/* Runs on the I/O thread, but for the first requests. */
static int start(struct load *load)
{
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = load->limit;
    dlg_uuid author = user_of(strcmp(load->skew, "sender") == 0 ? 1 : draw(load));
    dlg_uuid recipient = user_of(strcmp(load->skew, "recipient") == 0 ? 1 : draw(load));
    int code = load->lists
                   ? dlg_list_async(load->client, &author, &recipient, &options, done, load, &error)
                   : dlg_send_async(load->client, &author, &recipient, text, sizeof text - 1, NULL, done, load, &error);
    if (code != DLG_OK) {
        fprintf(stderr, "%s\n", dlg_error_message(error));
        dlg_error_free(error);
    }
    return code;
}

static void done(dlg_reply *reply, void *payload)
{
    struct load *load = payload;
    if (dlg_reply_code(reply) == DLG_OK)
        atomic_fetch_add(&load->done, 1);
    else
        atomic_fetch_add(&load->failed, 1);
    dlg_reply_free(reply);
    if (now() >= load->end || start(load) != DLG_OK)
        atomic_fetch_sub(&load->under_way, 1);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run(struct load *load, int concurrency, double seconds)
{
    load->end = now() + seconds;
    for (int i = 0; i < concurrency; i++) {
        atomic_fetch_add(&load->under_way, 1);
        if (start(load) != DLG_OK)
            exit(1);
    }
    while (atomic_load(&load->under_way) > 0)
        usleep(1000);
}

static void usage(void)
{
    fprintf(stderr, "usage: bench_client CONNINFO send|list CONCURRENCY SECONDS USERS LIMIT SKEW [NAME VALUE]...\n");
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc < 8)
        usage();
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    for (int i = 8; i + 1 < argc; i += 2)
        if (dlg_settings_set(settings, argv[i], argv[i + 1], &error) != DLG_OK)
            usage();
    struct load load = {.lists = strcmp(argv[2], "list") == 0,
                        .users = atoi(argv[5]),
                        .limit = atoi(argv[6]),
                        .skew = argv[7],
                        .seed = 1};
    if (dlg_open(&load.client, argv[1], settings, &error) != DLG_OK) {
        fprintf(stderr, "%s\n", dlg_error_message(error));
        return 1;
    }
    run(&load, atoi(argv[3]), 0.5); /* connects every lane, warms every cache */
    atomic_store(&load.done, 0);
    double began = now(), cpu = cpu_seconds();
    run(&load, atoi(argv[3]), atof(argv[4]));
    double seconds = now() - began;
    dlg_stats stats = DLG_STATS_INIT;
    dlg_stats_get(load.client, &stats);
    printf("{\"rate\": %.1f, \"failed\": %ld, \"cpu_us\": %.3f, \"batches\": %llu, \"sends\": %llu, \"routed\": %llu, "
           "\"fallback\": %llu}\n",
           (double)load.done / seconds, load.failed, (cpu_seconds() - cpu) * 1e6 / (double)load.done,
           (unsigned long long)stats.batches, (unsigned long long)stats.sends, (unsigned long long)stats.routed,
           (unsigned long long)stats.fallback);
    dlg_settings_free(settings);
    return dlg_close(load.client, 0, NULL) != DLG_OK || load.failed > 0;
}
