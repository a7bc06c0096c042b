/*
 * The recorder: a process that works on the database through the public API, and logs every operation's begin, end,
 * arguments and result.
 *
 *   history_client ROLE --db CONNINFO --log FILE --process N [--round N] [--seed N] [--users N] [--threads N]
 *                  [--pause-us N] [--log-limit BYTES] [--set NAME=VALUE]...
 *
 * ROLE is writer, sender (a writer that never reads), reader, follower, feed, or open, which only opens a client: the
 * tables are there then. SIGTERM ends it in order: what is under way is finished, and logged.
 */
#include "client.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SETTINGS = 16, USAGE = 2 };

struct options {
    const char *role, *conninfo, *log;
    const char *settings[SETTINGS];
    int setting_count, process, round, users, threads;
    unsigned seed;
    int64_t pause_us, log_limit;
};

typedef void (*role_fn)(struct worker *worker);

static void end_at_once(struct worker *worker)
{
    (void)worker;
    kill(getpid(), SIGTERM);
}

static role_fn find_role(const char *name)
{
    static const struct {
        const char *name;
        role_fn run;
    } roles[] = {{"open", end_at_once},  {"writer", write_messages},  {"sender", send_messages},
                 {"reader", read_pages}, {"follower", follow_dialog}, {"feed", follow_feed}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].run;
    return NULL;
}

/* ---- What threads use ----------------------------------------------------------------------- */

int worker_random(struct worker *worker, int limit)
{
    return rand_r(&worker->seed) % limit;
}

bool recorder_ending(struct recorder *recorder)
{
    return atomic_load(&recorder->stop) || journal_full(recorder->journal);
}

void sleep_us(int64_t us)
{
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

bool worker_pause(struct worker *worker)
{
    int64_t mean = worker->recorder->pause_us;
    sleep_us(mean / 2 + worker_random(worker, (int)mean + 1));
    return !recorder_ending(worker->recorder);
}

/* ---- Arguments ------------------------------------------------------------------------------ */

static bool set_option(struct options *options, int letter)
{
    switch (letter) {
    case 'd':
        options->conninfo = optarg;
        return true;
    case 'l':
        options->log = optarg;
        return true;
    case 'p':
        options->process = atoi(optarg);
        return true;
    case 'r':
        options->round = atoi(optarg);
        return true;
    case 's':
        options->seed = (unsigned)atoi(optarg);
        return true;
    case 'u':
        options->users = atoi(optarg);
        return true;
    case 't':
        options->threads = atoi(optarg);
        return true;
    case 'w':
        options->pause_us = atoll(optarg);
        return true;
    case 'b':
        options->log_limit = atoll(optarg);
        return true;
    case 'S':
        options->settings[options->setting_count++] = optarg;
        return options->setting_count < SETTINGS;
    default:
        return false;
    }
}

static bool parse(int count, char **words, struct options *options)
{
    static const struct option known[] = {{"db", required_argument, NULL, 'd'},
                                          {"log", required_argument, NULL, 'l'},
                                          {"process", required_argument, NULL, 'p'},
                                          {"round", required_argument, NULL, 'r'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"users", required_argument, NULL, 'u'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"pause-us", required_argument, NULL, 'w'},
                                          {"log-limit", required_argument, NULL, 'b'},
                                          {"set", required_argument, NULL, 'S'},
                                          {NULL, 0, NULL, 0}};
    *options = (struct options){.users = 6, .threads = 2, .pause_us = 10000, .log_limit = 256 << 20, .seed = 1};
    int letter;
    while ((letter = getopt_long(count, words, "", known, NULL)) != -1)
        if (!set_option(options, letter))
            return false;
    options->role = words[optind];
    return options->role && find_role(options->role) && options->conninfo && options->log && options->users > 0 &&
           options->users < 256 && options->threads > 0 && options->threads <= CLIENT_THREADS;
}

/* ---- Running -------------------------------------------------------------------------------- */

static role_fn role;

static void *run_worker(void *argument)
{
    role(argument);
    return NULL;
}

static void run_threads(struct recorder *recorder, unsigned seed, const sigset_t *signals)
{
    struct worker workers[CLIENT_THREADS] = {0};
    for (int i = 0; i < recorder->threads; i++) {
        workers[i] = (struct worker){.recorder = recorder, .seed = seed + (unsigned)i * 7919, .number = i};
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0)
            abort();
    }
    int received;
    sigwait(signals, &received);
    atomic_store(&recorder->stop, true);
    for (int i = 0; i < recorder->threads; i++)
        pthread_join(workers[i].thread, NULL);
}

static void open_once(struct recorder *recorder, const struct options *options)
{
    struct outcome outcome;
    int64_t began_us = journal_now_us();
    recorder->api =
        api_open(options->conninfo, options->settings, options->setting_count, (uint16_t)options->round, &outcome);
    journal_write(recorder->journal, "\"t\":\"open\",\"role\":\"%s\",\"b\":%lld,\"e\":%lld,\"c\":%d,\"why\":\"%s\"",
                  options->role, (long long)began_us, (long long)journal_now_us(), outcome.code, outcome.reason);
    if (!recorder->api)
        fprintf(stderr, "history_client: %d %s\n", outcome.code, outcome.reason);
}

/* The database may be away when the process starts. False when the process has to end meanwhile. */
static bool open_client(struct recorder *recorder, const struct options *options, const sigset_t *signals)
{
    const struct timespec pause = {.tv_sec = 1};
    open_once(recorder, options);
    while (!recorder->api && sigtimedwait(signals, NULL, &pause) < 0)
        open_once(recorder, options);
    return recorder->api != NULL;
}

static int run(const struct options *options)
{
    struct recorder recorder = {.process = options->process,
                                .users = options->users,
                                .threads = options->threads,
                                .pause_us = options->pause_us};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    recorder.journal = journal_open(options->log, options->process, options->log_limit);
    if (!recorder.journal) {
        perror(options->log);
        return EXIT_FAILURE;
    }
    bool opened = open_client(&recorder, options, &signals);
    if (opened) {
        run_threads(&recorder, options->seed, &signals);
        journal_write(recorder.journal, "\"t\":\"done\",\"e\":%lld", (long long)journal_now_us());
        api_close(recorder.api);
    }
    journal_close(recorder.journal);
    return opened ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **words)
{
    struct options options;
    if (!parse(count, words, &options)) {
        fputs("Usage: history_client writer|sender|reader|follower|feed --db CONNINFO --log FILE --process N [...]\n",
              stderr);
        return USAGE;
    }
    role = find_role(options.role);
    return run(&options);
}
