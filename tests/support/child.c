#include "child.h"

#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_S = 120, IN = 0, OUT = 1, ERR = 2 };

/* The parent's ends of the three streams, -1 when closed. */
struct streams {
    pid_t pid;
    int fds[3];
    size_t written;
    size_t heard; /* of `out`, when the last line was typed */
    bool signalled;
};

static void start_terminal(struct streams *streams, const char *const *arguments)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int master;
    streams->pid = forkpty(&master, NULL, NULL, &size);
    if (streams->pid == 0) {
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    assert_true(streams->pid > 0);
    streams->fds[IN] = dup(master);
    streams->fds[OUT] = master;
    streams->fds[ERR] = -1;
}

static void start_pipes(struct streams *streams, const char *const *arguments)
{
    int pipes[3][2];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
    streams->pid = fork();
    if (streams->pid == 0) {
        dup2(pipes[IN][0], STDIN_FILENO);
        dup2(pipes[OUT][1], STDOUT_FILENO);
        dup2(pipes[ERR][1], STDERR_FILENO);
        setsid(); /* no terminal to ask on */
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    assert_true(streams->pid > 0);
    close(pipes[IN][0]);
    close(pipes[OUT][1]);
    close(pipes[ERR][1]);
    streams->fds[IN] = pipes[IN][1];
    streams->fds[OUT] = pipes[OUT][0];
    streams->fds[ERR] = pipes[ERR][0];
}

static void hang_up(struct streams *streams, int which)
{
    if (streams->fds[which] >= 0)
        close(streams->fds[which]);
    streams->fds[which] = -1;
}

/* How much may be written now: on a terminal a line, when it was asked for. */
static size_t ready_to_write(const struct child *child, struct streams *streams)
{
    size_t left = child->length - streams->written;
    if (!child->await || left == 0)
        return left;
    const char *asked = child->out ? strstr(child->out + streams->heard, child->await) : NULL;
    if (!asked)
        return 0;
    const char *line = child->input + streams->written;
    const char *end = memchr(line, '\n', left);
    streams->heard = (size_t)(asked - child->out) + strlen(child->await);
    return end ? (size_t)(end - line) + 1 : left;
}

static void feed(const struct child *child, struct streams *streams)
{
    size_t size = ready_to_write(child, streams);
    if (size > 65536)
        size = 65536;
    ssize_t written = size ? write(streams->fds[IN], child->input + streams->written, size) : 0;
    if (written < 0) /* it reads no more */
        hang_up(streams, IN);
    else
        streams->written += (size_t)written;
    if (streams->written == child->length && !child->terminal && !child->hold)
        hang_up(streams, IN);
}

static void take(struct streams *streams, int which, char **bytes, size_t *length)
{
    *bytes = realloc(*bytes, *length + 65536 + 1);
    assert_non_null(*bytes);
    ssize_t count = read(streams->fds[which], *bytes + *length, 65536);
    if (count <= 0)
        hang_up(streams, which);
    else
        *length += (size_t)count;
    (*bytes)[*length] = '\0';
}

static void signal_if_due(const struct child *child, struct streams *streams)
{
    const char *said = child->terminal ? child->out : child->err;
    if (streams->signalled || !child->signal || !said || !strstr(said, child->signal_after))
        return;
    streams->signalled = true;
    kill(streams->pid, child->signal);
}

static bool wants_input(const struct child *child, const struct streams *streams)
{
    if (streams->fds[IN] < 0 || !child->await)
        return streams->fds[IN] >= 0;
    struct streams look = *streams;
    return ready_to_write(child, &look) > 0;
}

static void exchange(struct child *child, struct streams *streams)
{
    struct pollfd polls[3] = {
        {.fd = wants_input(child, streams) && streams->written < child->length ? streams->fds[IN] : -1,
         .events = POLLOUT},
        {.fd = streams->fds[OUT], .events = POLLIN},
        {.fd = streams->fds[ERR], .events = POLLIN},
    };
    if (poll(polls, 3, 1000) <= 0)
        return;
    if (polls[OUT].revents)
        take(streams, OUT, &child->out, &child->out_length);
    if (polls[ERR].revents)
        take(streams, ERR, &child->err, &child->err_length);
    if (polls[IN].revents)
        feed(child, streams);
}

void child_run(struct child *child, const char *const *arguments)
{
    struct streams streams = {0};
    time_t limit = time(NULL) + LIMIT_S;
    signal(SIGPIPE, SIG_IGN);
    if (child->terminal)
        start_terminal(&streams, arguments);
    else
        start_pipes(&streams, arguments);
    if (child->length == 0 && !child->terminal)
        hang_up(&streams, IN);
    while ((streams.fds[OUT] >= 0 || streams.fds[ERR] >= 0) && time(NULL) < limit) {
        exchange(child, &streams);
        signal_if_due(child, &streams);
    }
    bool late = streams.fds[OUT] >= 0 || streams.fds[ERR] >= 0;
    if (late)
        kill(streams.pid, SIGKILL);
    for (int i = 0; i < 3; i++)
        hang_up(&streams, i);
    int status;
    assert_int_equal(waitpid(streams.pid, &status, 0), streams.pid);
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (late)
        fail_msg("%s did not end; it said: %s%s", arguments[0], child->out ? child->out : "",
                 child->err ? child->err : "");
}

void child_free(struct child *child)
{
    free(child->out);
    free(child->err);
    child->out = child->err = NULL;
}
