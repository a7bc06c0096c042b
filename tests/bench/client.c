/*
 * client.c - sends or lists through the library: a closed loop with CONCURRENCY requests under way, or one lone caller
 * at a fixed rate. Prints one JSON object. The rivals do the same work by other means.
 */
#include "clock.h"

#include <dialogs.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char text[] =
    "Shall we meet at the station at six? I have the tickets, and there is a train at twenty past.";

struct load {
    dlg_client *client;
    bool lists;
    int concurrency; /* 0: one blocking call after another, at `pace` */
    double seconds;  /* how long, or */
    long count;      /* how many requests */
    double pace;     /* requests per second */
    int users;       /* of user_of() */
    int partner;     /* lists: always of 1 and this one; 0: drawn */
    int limit;
    const char *skew; /* uniform, sender, recipient */
    double end;
    atomic_int under_way;
    atomic_long started, done, failed;
    unsigned seed;
};

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

static void pair_of(struct load *load, dlg_uuid *author, dlg_uuid *recipient)
{
    *author = user_of(strcmp(load->skew, "sender") == 0 || load->partner ? 1 : draw(load));
    *recipient = user_of(load->partner ? load->partner : strcmp(load->skew, "recipient") == 0 ? 1 : draw(load));
}

static void complain(dlg_error *error)
{
    fprintf(stderr, "%s\n", dlg_error_message(error));
    dlg_error_free(error);
}

/* ---- Many at a time ---- */

static void done(dlg_reply *reply, void *payload);

/* Runs on the I/O thread, but for the first requests. */
static int start(struct load *load)
{
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = load->limit;
    dlg_uuid author, recipient;
    pair_of(load, &author, &recipient);
    int code = load->lists
                   ? dlg_list_async(load->client, &author, &recipient, &options, done, load, &error)
                   : dlg_send_async(load->client, &author, &recipient, text, sizeof text - 1, NULL, done, load, &error);
    if (code != DLG_OK)
        complain(error);
    return code;
}

static bool is_over(struct load *load)
{
    return load->count ? atomic_fetch_add(&load->started, 1) >= load->count : clock_now() >= load->end;
}

static void done(dlg_reply *reply, void *payload)
{
    struct load *load = payload;
    atomic_fetch_add(dlg_reply_code(reply) == DLG_OK ? &load->done : &load->failed, 1);
    dlg_reply_free(reply);
    if (is_over(load) || start(load) != DLG_OK)
        atomic_fetch_sub(&load->under_way, 1);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run(struct load *load, double seconds)
{
    load->end = clock_now() + seconds;
    load->started = load->done = 0;
    for (int i = 0; i < load->concurrency && !is_over(load); i++) {
        atomic_fetch_add(&load->under_way, 1);
        if (start(load) != DLG_OK)
            exit(1);
    }
    while (atomic_load(&load->under_way) > 0)
        usleep(1000);
}

static void measure_rate(struct load *load)
{
    if (!load->count)
        run(load, 0.5); /* connects every lane, warms every cache */
    double began = clock_now(), cpu = cpu_seconds();
    run(load, load->seconds);
    double seconds = clock_now() - began;
    dlg_stats stats = DLG_STATS_INIT;
    dlg_stats_get(&stats, load->client);
    printf("{\"rate\": %.1f, \"failed\": %ld, \"cpu_us\": %.3f, \"batches\": %llu, \"sends\": %llu, \"routed\": %llu, "
           "\"fallback\": %llu}\n",
           (double)load->done / seconds, load->failed, (cpu_seconds() - cpu) * 1e6 / (double)load->done,
           (unsigned long long)stats.batches, (unsigned long long)stats.sends, (unsigned long long)stats.routed,
           (unsigned long long)stats.fallback);
}

/* ---- One at a time ---- */

static int call(void *payload)
{
    struct load *load = payload;
    dlg_error *error = NULL;
    dlg_uuid author, recipient;
    pair_of(load, &author, &recipient);
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = load->limit;
    dlg_page *page = NULL;
    int code = load->lists ? dlg_list(&page, load->client, &author, &recipient, &options, &error)
                           : dlg_send(NULL, load->client, &author, &recipient, text, sizeof text - 1, NULL, &error);
    dlg_page_free(page);
    if (code != DLG_OK) {
        load->failed++;
        complain(error);
    }
    return code;
}

/* ---- Arguments ---- */

static void usage(void)
{
    fprintf(stderr, "usage: bench_client CONNINFO send|list [NAME=VALUE]...\n"
                    "  concurrency=64 seconds=3 count=0 pace=0 users=2000 partner=0 limit=50 skew=uniform\n"
                    "  and the settings of the library\n");
    exit(2);
}

static void set(struct load *load, dlg_settings *settings, char *argument)
{
    char *value = strchr(argument, '=');
    if (!value)
        usage();
    *value++ = '\0';
    const struct {
        const char *name;
        int *to;
    } numbers[] = {{"concurrency", &load->concurrency},
                   {"users", &load->users},
                   {"partner", &load->partner},
                   {"limit", &load->limit}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(argument, numbers[i].name) == 0) {
            *numbers[i].to = atoi(value);
            return;
        }
    dlg_error *error = NULL;
    if (strcmp(argument, "seconds") == 0)
        load->seconds = atof(value);
    else if (strcmp(argument, "pace") == 0)
        load->pace = atof(value);
    else if (strcmp(argument, "count") == 0)
        load->count = atol(value);
    else if (strcmp(argument, "skew") == 0)
        load->skew = value;
    else if (dlg_settings_set(settings, argument, value, &error) != DLG_OK) {
        complain(error);
        usage();
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        usage();
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    struct load load = {.lists = strcmp(argv[2], "list") == 0,
                        .concurrency = 64,
                        .seconds = 3,
                        .users = 2000,
                        .limit = 50,
                        .skew = "uniform",
                        .seed = 1};
    for (int i = 3; i < argc; i++)
        set(&load, settings, argv[i]);
    if (dlg_open(&load.client, argv[1], settings, &error) != DLG_OK) {
        complain(error);
        return 1;
    }
    if (load.concurrency)
        measure_rate(&load);
    else
        clock_pace(call, &load, load.pace, load.seconds);
    dlg_settings_free(settings);
    return dlg_close(NULL, load.client, 0) != DLG_OK || load.failed > 0;
}
