/*
 * guard.c - runs a program and sees to it that nothing of it stays behind.
 *
 *   test_guard [--user NAME] [--preload FILE] [--watch PID] [--remove DIRECTORY] PROGRAM [ARGUMENT...]
 *
 * Ends when the program does, with its status; processes that it left behind are ended, and make the
 * status 1. When process PID (default: our parent) ends first, or a signal asks for it, the program
 * and all that it started are ended, and DIRECTORY is removed with everything in it.
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"

enum { GRACE_MS = 2000, QUIT_MS = 7000, STEP_MS = 10, FAILED = 1, SIGNALLED = 128 };

struct guard {
    const char *user;
    const char *preload;
    const char *remove;
    pid_t watched;
    char **arguments;
    pid_t program;
    int status; /* -1: it runs */
};

static int usage(void)
{
    fputs("usage: test_guard [--user NAME] [--preload FILE] [--watch PID] [--remove DIRECTORY] PROGRAM [ARGUMENT...]\n",
          stderr);
    return 2;
}

static bool read_arguments(struct guard *guard, char **arguments)
{
    for (; arguments[0] && strncmp(arguments[0], "--", 2) == 0; arguments += 2) {
        if (!arguments[1])
            return false;
        if (strcmp(arguments[0], "--user") == 0)
            guard->user = arguments[1];
        else if (strcmp(arguments[0], "--preload") == 0)
            guard->preload = arguments[1];
        else if (strcmp(arguments[0], "--watch") == 0)
            guard->watched = (pid_t)strtol(arguments[1], NULL, 10);
        else if (strcmp(arguments[0], "--remove") == 0)
            guard->remove = arguments[1];
        else
            return false;
    }
    guard->arguments = arguments;
    return arguments[0];
}

static void become(const char *user)
{
    const struct passwd *entry = getpwnam(user);
    if (entry && initgroups(user, entry->pw_gid) == 0 && setgid(entry->pw_gid) == 0 && setuid(entry->pw_uid) == 0)
        return;
    fprintf(stderr, "test_guard: cannot become %s\n", user);
    _exit(FAILED);
}

static _Noreturn void run(const struct guard *guard)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (guard->user)
        become(guard->user);
    if (guard->preload)
        setenv("LD_PRELOAD", guard->preload, 1);
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* should the guard itself be killed */
    execv(guard->arguments[0], guard->arguments);
    fprintf(stderr, "test_guard: %s: %s\n", guard->arguments[0], strerror(errno));
    _exit(FAILED);
}

/* Collects who ended; false when there is no child left. */
static bool reap(struct guard *guard)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return pid == 0;
        if (pid == guard->program)
            guard->status = WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
    }
}

static void signal_child(pid_t pid, void *number)
{
    kill(pid, *(int *)number);
}

static void resume_family(pid_t pid, void *unused)
{
    kill(pid, SIGCONT);
    processes_children(pid, resume_family, unused);
}

static void name_child(pid_t pid, void *unused)
{
    (void)unused;
    char name[64] = "?";
    process_name(pid, name, sizeof name);
    fprintf(stderr, "test_guard: left running: %d %s\n", (int)pid, name);
}

/* Waits for all children to end by themselves; those whose parent ended become ours. */
static bool all_end(struct guard *guard, int milliseconds)
{
    for (; reap(guard); milliseconds -= STEP_MS) {
        if (milliseconds <= 0)
            return false;
        poll(NULL, 0, STEP_MS);
    }
    return true;
}

/* SIGQUIT lets a PostgreSQL server end its own and free its shared memory; the rest is not asked. */
static void end_all(struct guard *guard)
{
    int quit = SIGQUIT, end = SIGKILL;
    processes_children(getpid(), signal_child, &quit);
    processes_children(getpid(), resume_family, NULL);
    if (all_end(guard, QUIT_MS))
        return;
    do
        processes_children(getpid(), signal_child, &end);
    while (!all_end(guard, STEP_MS));
}

/* Waits for the program; false when it is to be ended. */
static bool wait_for_program(struct guard *guard, int signals, int watched)
{
    struct pollfd polled[2] = {{.fd = signals, .events = POLLIN}, {.fd = watched, .events = POLLIN}};
    for (;;) {
        if (poll(polled, 2, -1) < 0)
            continue;
        if (polled[1].revents)
            return false;
        struct signalfd_siginfo signal;
        if (read(signals, &signal, sizeof signal) != (ssize_t)sizeof signal)
            continue;
        reap(guard);
        if (guard->status >= 0)
            return true;
        if (signal.ssi_signo != SIGCHLD)
            return false;
    }
}

static int watch(struct guard *guard, int signals)
{
    int watched = pidfd_open(guard->watched, 0);
    if (watched < 0 || !wait_for_program(guard, signals, watched)) {
        end_all(guard);
        if (guard->remove)
            execlp("rm", "rm", "-rf", "--", guard->remove, (char *)NULL);
        return FAILED;
    }
    if (all_end(guard, GRACE_MS))
        return guard->status;
    processes_children(getpid(), name_child, NULL);
    end_all(guard);
    return FAILED;
}

int main(int count, char **arguments)
{
    struct guard guard = {.watched = getppid(), .status = -1};
    if (count < 2 || !read_arguments(&guard, arguments + 1))
        return usage();
    sigset_t set;
    sigemptyset(&set);
    const int numbers[] = {SIGCHLD, SIGTERM, SIGQUIT, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&set, numbers[i]);
    signal(SIGCHLD, SIG_DFL); /* a parent may have ignored it */
    signal(SIGPIPE, SIG_IGN); /* nobody may be listening to what we say, still we clean */
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    setsid();
    if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || (guard.program = fork()) < 0) {
        perror("test_guard");
        return FAILED;
    }
    if (guard.program == 0)
        run(&guard);
    return watch(&guard, signals);
}
