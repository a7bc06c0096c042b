/*
 * A program's parent is not the host but a process in between, the keeper: it knows the exit status
 * whatever the host does with SIGCHLD, and a server that it leaves behind belongs to init.
 *
 *   host --fork--> keeper --fork--> program
 *     ^----report----'---------------'       a pipe: why it did not start, or how it ended
 *
 * Between fork() and exec() only async-signal-safe calls are made: the host may have threads.
 */
#include "embedded/subprocess.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

/* The descriptors of a keeper; the program has all but the report. */
enum { REPORT_FD = 3, LOCK_FD = 4, AFTER_LAST_FD = 5, HIGH_FD = 16 };

struct report {
    enum subprocess_end end;
    int value;
};

/* fork() is not async-signal-safe, _Fork() is; but ThreadSanitizer does not survive what it does not see. */
#ifdef __SANITIZE_THREAD__
#define fork_again fork
#else
#define fork_again _Fork
#endif

/* What the keeper needs, made before the fork. */
struct launch {
    const struct subprocess *program;
    char *environment[4];
    int report;
    int output;
    bool detached;
};

static _Noreturn void report_and_exit(enum subprocess_end end, int value)
{
    struct report report = {end, value};
    ssize_t written;
    do
        written = write(REPORT_FD, &report, sizeof report);
    while (written < 0 && errno == EINTR);
    _exit(written == (ssize_t)sizeof report ? 0 : 1);
}

/* Handlers of the host must not run in its child, nor may what it ignores be ignored there. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Null input, the output twice, the report; first above the places where they are going to be. */
static void arrange_descriptors(const struct launch *launch)
{
    int report = fcntl(launch->report, F_DUPFD_CLOEXEC, HIGH_FD);
    int output = fcntl(launch->output, F_DUPFD_CLOEXEC, HIGH_FD);
    if (report < 0 || dup3(report, REPORT_FD, O_CLOEXEC) < 0)
        _exit(1);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int input = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, HIGH_FD);
    if (output < 0 || input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        report_and_exit(SUBPROCESS_NO_PROCESS, errno);
    closefrom(REPORT_FD + 1);
}

static void take_lock(const char *path)
{
    int lock = open(path, O_RDWR | O_NOFOLLOW);
    if (lock >= 0 && lock != LOCK_FD) {
        dup2(lock, LOCK_FD);
        close(lock);
    }
    if (lock < 0 || flock(LOCK_FD, LOCK_EX | LOCK_NB) < 0)
        report_and_exit(SUBPROCESS_NO_LOCK, errno);
}

static void become(const struct account *account)
{
    if (!account || (account->uid == geteuid() && account->uid == getuid()))
        return;
    if (setgroups((size_t)account->group_count, account->groups) < 0 ||
        setresgid(account->gid, account->gid, account->gid) < 0 ||
        setresuid(account->uid, account->uid, account->uid) < 0)
        report_and_exit(SUBPROCESS_NO_ACCOUNT, errno);
}

static _Noreturn void run_program(const struct launch *launch)
{
    const struct subprocess *program = launch->program;
    if (launch->detached)
        setsid();
    become(program->account);
    umask(077);
    if (chdir(program->directory ? program->directory : "/") < 0)
        report_and_exit(SUBPROCESS_NO_DIRECTORY, errno);
    execve(program->arguments[0], (char *const *)(uintptr_t)program->arguments, launch->environment);
    report_and_exit(SUBPROCESS_NO_FILE, errno);
}

/* The keeper leads a session, away from the terminal's Ctrl-C; killing its group ends the program. */
static _Noreturn void keep(const struct launch *launch)
{
    setsid();
    arrange_descriptors(launch);
    reset_signals();
    if (launch->program->lock)
        take_lock(launch->program->lock);
    pid_t pid = fork_again();
    if (pid < 0)
        report_and_exit(SUBPROCESS_NO_PROCESS, errno);
    if (pid == 0)
        run_program(launch);
    if (launch->detached)
        _exit(0);
    int status;
    pid_t ended;
    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended < 0)
        report_and_exit(SUBPROCESS_NO_PROCESS, errno);
    if (WIFSIGNALED(status))
        report_and_exit(SUBPROCESS_SIGNALLED, WTERMSIG(status));
    report_and_exit(SUBPROCESS_DONE, WEXITSTATUS(status));
}

/* Signals stay blocked across the fork until the child has let go of the host's handlers. */
static pid_t fork_keeper(const struct launch *launch)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        keep(launch);
    int failed = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return pid;
}

/* ECHILD: the host ignores SIGCHLD or was faster. */
static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* "NAME=value" of a variable of ours, or NULL. */
static char *inherited(const char *name)
{
    const char *value = getenv(name);
    size_t size = value ? strlen(name) + strlen(value) + 2 : 0;
    char *text = size ? malloc(size) : NULL;
    if (text)
        snprintf(text, size, "%s=%s", name, value);
    return text;
}

/*
 * Starts the keeper; `*report` receives the pipe's end for reading. The environment is short: a
 * PGDATA or PGOPTIONS of the host is not meant for our server.
 */
static pid_t launch_program(const struct subprocess *program, int output, bool detached, int *report)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -1;
    struct launch launch = {.program = program, .report = pipes[1], .output = output, .detached = detached};
    static char locale[] = "LC_ALL=C";
    char *path = inherited("PATH");
    char *libraries = inherited("LD_LIBRARY_PATH");
    size_t count = 0;
    launch.environment[count++] = locale;
    if (path)
        launch.environment[count++] = path;
    if (libraries)
        launch.environment[count++] = libraries;
    pid_t pid = fork_keeper(&launch);
    int failed = errno; /* the cleaning must not change it */
    free(path);
    free(libraries);
    close(pipes[1]);
    if (pid < 0)
        close(pipes[0]);
    *report = pipes[0];
    errno = failed;
    return pid;
}

/* Appends what the pipe holds, forgetting the oldest. False at its end. */
static bool read_output(int output, struct subprocess_result *result)
{
    char *text = result->output;
    size_t length = strlen(text);
    size_t room = sizeof result->output - 1 - length;
    if (room < sizeof result->output / 4) {
        size_t kept = sizeof result->output / 2;
        memmove(text, text + length - kept, kept);
        length = kept;
        room = sizeof result->output - 1 - length;
    }
    ssize_t got = read(output, text + length, room);
    size_t added = got > 0 ? (size_t)got : 0;
    for (size_t i = length; i < length + added; i++)
        if (!text[i])
            text[i] = ' ';
    text[length + added] = '\0';
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void read_report(int pipe, struct subprocess_result *result)
{
    struct report report;
    ssize_t got;
    do
        got = read(pipe, &report, sizeof report);
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof report) {
        result->end = report.end;
        result->value = report.value;
    }
}

static int poll_timeout(int64_t deadline_us)
{
    int64_t left = (deadline_us - clock_monotonic_us() + 999) / 1000;
    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Collects output until the report comes; false when the deadline did first. */
static bool follow(int report, int output, int64_t deadline_us, struct subprocess_result *result)
{
    struct pollfd polled[2] = {{.fd = report, .events = POLLIN}, {.fd = output, .events = POLLIN}};
    for (;;) {
        int ready = poll(polled, 2, poll_timeout(deadline_us));
        if (ready > 0 && polled[1].revents && !read_output(output, result))
            polled[1].fd = -1;
        if (ready > 0 && polled[0].revents)
            break;
        if (clock_monotonic_us() >= deadline_us)
            return false;
    }
    read_report(report, result);
    struct pollfd rest = {.fd = output, .events = POLLIN};
    while (poll(&rest, 1, 0) > 0 && read_output(output, result))
        ;
    return true;
}

bool subprocess_run(const struct subprocess *program, int64_t deadline_us, struct subprocess_result *result)
{
    int output[2], report;
    *result = (struct subprocess_result){.end = SUBPROCESS_NO_PROCESS, .value = ECHILD};
    if (pipe2(output, O_CLOEXEC) < 0) {
        result->value = errno;
        return false;
    }
    pid_t pid = launch_program(program, output[1], false, &report);
    result->value = pid < 0 ? errno : ECHILD;
    close(output[1]);
    if (pid > 0) {
        if (!follow(report, output[0], deadline_us, result)) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            result->end = SUBPROCESS_TIMEOUT;
        }
        reap(pid);
        close(report);
    }
    close(output[0]);
    return result->end == SUBPROCESS_DONE && result->value == 0;
}

bool subprocess_start(const struct subprocess *program, int output, struct subprocess_result *result)
{
    int report;
    *result = (struct subprocess_result){.end = SUBPROCESS_DONE};
    pid_t pid = launch_program(program, output, true, &report);
    if (pid < 0) {
        *result = (struct subprocess_result){.end = SUBPROCESS_NO_PROCESS, .value = errno};
        return false;
    }
    read_report(report, result); /* ends without a report when exec() closes the last copy */
    reap(pid);
    close(report);
    return result->end == SUBPROCESS_DONE;
}

void subprocess_explain(const struct subprocess *program, const struct subprocess_result *result, char *line,
                        size_t size)
{
    const char *path = program->arguments[0];
    const char *user = program->account ? program->account->name : "its user";
    const char *place = program->directory ? program->directory : "/";
    const char *why = strerrordesc_np(result->value); /* NULL only where it is not used */
    switch (result->end) {
    case SUBPROCESS_DONE:
        snprintf(line, size, "%s ended with status %d", path, result->value);
        break;
    case SUBPROCESS_SIGNALLED:
        snprintf(line, size, "%s was ended by signal %d", path, result->value);
        break;
    case SUBPROCESS_TIMEOUT:
        snprintf(line, size, "%s took too long and was ended", path);
        break;
    case SUBPROCESS_NO_PROCESS:
        snprintf(line, size, "no process could be made for %s: %s", path, why);
        break;
    case SUBPROCESS_NO_LOCK:
        snprintf(line, size, "%s could not be locked: %s", program->lock, why);
        break;
    case SUBPROCESS_NO_ACCOUNT:
        snprintf(line, size, "%s could not be run as %s: %s", path, user, why);
        break;
    case SUBPROCESS_NO_DIRECTORY:
        snprintf(line, size, "%s cannot be entered by %s: %s", place, user, why);
        break;
    case SUBPROCESS_NO_FILE:
        snprintf(line, size, "%s could not be run: %s", path, why);
        break;
    }
}
