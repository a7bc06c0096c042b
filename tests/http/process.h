/* process.h - a dialogsd of our own: a real process on a free port, started and looked after by a test. */
#ifndef TEST_PROCESS_H
#define TEST_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    int port;
    char directory[64]; /* its files: the access log, what it said on stderr */
};

enum { ARGUMENTS_MOST = 24 };

/*
 * Starts dialogsd with --db `db`, or, when that is NULL, its private server; with weak and quick password hashes, and
 * with more arguments, up to a NULL; `more` NULL: none. A test that fails here fails.
 */
void process_start(struct process *process, const char *db, const char *const *more);

/* The same on a port that is known. */
void process_start_on(struct process *process, int port, const char *db, const char *const *more);

/* Waits until /readyz says 200; fails the test after half a minute. */
void process_wait_ready(const struct process *process);

/* Waits for its end; its exit code, or -1 when a signal ended it or it did not end in time. */
int process_wait_end(struct process *process, int seconds);

/* SIGTERM, and waits: 0 is expected. Does nothing when it has ended. Removes its files. */
void process_stop(struct process *process);

/* What it said on stderr, or wrote to its log; to be freed. */
char *process_said(const struct process *process);
char *process_logged(const struct process *process);

/* Waits until one of those contains `text`; false when that does not happen in ten seconds. */
bool process_says(const struct process *process, const char *text);
bool process_logs(const struct process *process, const char *text);

/* The most memory that it had at a time, KiB. */
long process_memory(const struct process *process);

/* A TCP port of 127.0.0.1 that nobody uses. */
int free_port(void);

void pause_ms(int milliseconds);

#endif
