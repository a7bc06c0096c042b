/* embedded:DIR in all kinds of host programs: many processes, threads, forks, signals. */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);

enum { PROCESSES = 6, CHURN_PROCESSES = 3, CHURN_ROUNDS = 4, THREADS = 4 };

/* In a process that is interrupted just there. */
static bool slow_chmod;

int __wrap_fchmod(int fd, mode_t mode)
{
    if (slow_chmod)
        usleep(500000);
    return __real_fchmod(fd, mode);
}

/* Opens, tells which server it got, closes when the pipe `go` ends. */
static _Noreturn void join_in(const struct place *place, int tell, int go)
{
    char *conninfo, end;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    pid_t server = place_server(place->directory);
    if (strcmp(place_ask(conninfo, "SELECT 1"), "1") != 0 || write(tell, &server, sizeof server) != sizeof server)
        _exit(1);
    close(tell);
    ssize_t got = read(go, &end, 1);
    embedded_close(embedded);
    _exit(got == 0 ? 0 : 1);
}

static void processes_make_one_server_together(void **state)
{
    struct place *place = *state;
    int tell[2], go[2];
    pid_t children[PROCESSES], server = 0;
    assert_int_equal(pipe(tell), 0);
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            slow_chmod = i == 0;
            close(go[1]);
            join_in(place, tell[1], go[0]);
        }
        while (access(place->directory, F_OK) < 0)
            usleep(1000);
    }
    close(tell[1]);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t theirs;
        assert_int_equal(read(tell[0], &theirs, sizeof theirs), sizeof theirs);
        assert_true(i == 0 || theirs == server);
        server = theirs;
    }
    assert_true(place_alive(server));
    close(go[1]);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(place_wait(children[i]), 0);
    assert_true(place_ends(server));
    close(go[0]);
    close(tell[0]);
}

static _Noreturn void churn(const struct place *place)
{
    for (int round = 0; round < CHURN_ROUNDS; round++) {
        char *conninfo;
        struct embedded *embedded = place_open(place->directory, &conninfo);
        if (*place_ask(conninfo, "INSERT INTO t VALUES (1)"))
            _exit(1);
        embedded_close(embedded);
        free(conninfo);
        usleep((useconds_t)(getpid() * 7919 % 50000));
    }
    _exit(0);
}

/* Closings and openings cross: nobody may find the server gone under him, and none may stay. */
static void processes_come_and_go(void **state)
{
    struct place *place = *state;
    pid_t children[CHURN_PROCESSES];
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    assert_string_equal(place_ask(conninfo, "CREATE TABLE t(i int)"), "");
    embedded_close(embedded);
    free(conninfo);
    for (int i = 0; i < CHURN_PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            churn(place);
    }
    for (int i = 0; i < CHURN_PROCESSES; i++)
        assert_int_equal(place_wait(children[i]), 0);
    assert_int_equal(place_server(place->directory), 0);
    embedded = place_open(place->directory, &conninfo);
    char rows[16];
    snprintf(rows, sizeof rows, "%d", CHURN_PROCESSES * CHURN_ROUNDS);
    assert_string_equal(place_ask(conninfo, "SELECT count(*) FROM t"), rows);
    embedded_close(embedded);
    free(conninfo);
}

static void *open_and_close(void *directory)
{
    char *conninfo = NULL;
    struct embedded *embedded = NULL;
    if (embedded_open(&embedded, directory, OPEN_LIMIT_US, &conninfo, NULL) != DLG_OK)
        return NULL;
    PGconn *connection = PQconnectdb(conninfo);
    bool good = PQstatus(connection) == CONNECTION_OK;
    PQfinish(connection);
    embedded_close(embedded);
    free(conninfo);
    return good ? directory : NULL;
}

static void threads_share_it(void **state)
{
    struct place *place = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, place->directory), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, place->directory);
    }
    assert_int_equal(place_server(place->directory), 0);
}

/* A child that lets go does not stop the server; one that keeps everything does not keep it running. */
static void forks_leave_it_alone(void **state)
{
    struct place *place = *state;
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    pid_t server = place_server(place->directory);
    pid_t polite = fork();
    if (polite == 0) {
        embedded_forget(embedded);
        _exit(0);
    }
    assert_int_equal(place_wait(polite), 0);
    assert_true(place_alive(server));
    assert_string_equal(place_ask(conninfo, "SELECT 1"), "1");
    pid_t careless = fork();
    if (careless == 0) {
        for (;;)
            pause();
    }
    embedded_close(embedded);
    assert_true(place_ends(server));
    free(conninfo);
    embedded = place_open(place->directory, &conninfo);
    embedded_close(embedded);
    assert_int_equal(place_server(place->directory), 0);
    kill(careless, SIGKILL);
    assert_int_equal(place_wait(careless), -1);
    free(conninfo);
}

static void open_ask_close(const struct place *place)
{
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    pid_t server = place_server(place->directory);
    assert_string_equal(place_ask(conninfo, "SELECT 1"), "1");
    embedded_close(embedded);
    assert_true(place_ends(server));
    free(conninfo);
}

static void hosts_may_ignore_their_children(void **state)
{
    struct sigaction before, ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGCHLD, &ignore, &before), 0);
    open_ask_close(*state);
    struct sigaction after;
    assert_int_equal(sigaction(SIGCHLD, &before, &after), 0);
    assert_ptr_equal(after.sa_handler, SIG_IGN);
}

static void reap_everything(int number)
{
    int saved = errno;
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    errno = saved;
}

static void hosts_may_reap_every_child(void **state)
{
    struct sigaction before, reap = {.sa_handler = reap_everything};
    assert_int_equal(sigaction(SIGCHLD, &reap, &before), 0);
    open_ask_close(*state);
    assert_int_equal(sigaction(SIGCHLD, &before, NULL), 0);
}

/* Children of the host's own are not taken from it. */
static void hosts_keep_their_children(void **state)
{
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    open_ask_close(*state);
    assert_int_equal(place_wait(child), 7);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void signals_of_the_host_stay_as_they_are(void **state)
{
    sigset_t blocked, after;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &blocked, NULL), 0);
    open_ask_close(*state);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_true(sigismember(&after, SIGUSR1) == 1);
    assert_true(sigismember(&after, SIGTERM) == 0);
    sigemptyset(&blocked);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &blocked, NULL), 0);
}

/* The links of a process's descriptors, or its signals' line, looked through for a text. */
static bool has_descriptor(pid_t pid, const char *target)
{
    for (int fd = 0; fd < 256; fd++) {
        char path[64], text[300];
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        ssize_t length = readlink(path, text, sizeof text - 1);
        text[length > 0 ? length : 0] = '\0';
        if (length > 0 && strcmp(text, target) == 0)
            return true;
    }
    return false;
}

static void the_server_inherits_nothing(void **state)
{
    struct place *place = *state;
    place_write(place_path(place, "mark"), "w", "");
    int low = open(place_path(place, "mark"), O_RDONLY);
    int high = fcntl(low, F_DUPFD, 200);
    assert_true(high >= 200);
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    pid_t server = place_server(place->directory);
    assert_false(has_descriptor(server, place_path(place, "mark")));
    assert_false(has_descriptor(server, place_path(place, "db/start.lock")));
    assert_false(has_descriptor(server, place_path(place, "db/clients.lock")));
    assert_true(has_descriptor(server, place_path(place, "db/server.lock")));
    assert_int_not_equal(getsid(server), getsid(0)); /* no Ctrl-C from our terminal */
    assert_int_not_equal(getpgid(server), getpgid(0));
    embedded_close(embedded);
    free(conninfo);
    close(low);
    close(high);
}

/* With standard streams closed, pipes and files get the numbers 0, 1 and 2. */
static void hosts_may_lack_standard_streams(void **state)
{
    const struct place *place = *state;
    pid_t child = fork();
    if (child == 0) {
        close(0);
        close(1);
        close(2);
        char *conninfo = NULL;
        struct embedded *embedded = NULL;
        int code = embedded_open(&embedded, place->directory, OPEN_LIMIT_US, &conninfo, NULL);
        embedded_close(embedded);
        free(conninfo);
        _exit(code == DLG_OK ? 0 : 1);
    }
    assert_int_equal(place_wait(child), 0);
    assert_int_equal(access(place_path(place, "db/postgresql/PG_VERSION"), F_OK), 0);
    assert_int_equal(place_server(place->directory), 0);
}

/* What an unprivileged user made, root may open, and the user again after that. */
static void root_may_open_what_a_user_made(void **state)
{
    const struct place *place = *state;
    assert_int_equal(chmod(place->base, 0777), 0);
    for (int turn = 0; turn < 3; turn++) {
        pid_t child = fork();
        if (child == 0) {
            char *conninfo;
            if (turn != 1)
                place_become_nobody();
            struct embedded *embedded = place_open(place->directory, &conninfo);
            const char *answer = place_ask(conninfo, "CREATE TABLE IF NOT EXISTS t(i int); INSERT INTO t VALUES (1)");
            embedded_close(embedded);
            _exit(*answer ? 1 : 0);
        }
        assert_int_equal(place_wait(child), 0);
    }
    assert_int_equal(place_server(place->directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NEW_PLACE(processes_make_one_server_together),
        IN_USED_PLACE(processes_come_and_go),
        IN_USED_PLACE(threads_share_it),
        IN_USED_PLACE(forks_leave_it_alone),
        IN_NEW_PLACE(hosts_may_ignore_their_children),
        IN_NEW_PLACE(hosts_may_reap_every_child),
        IN_USED_PLACE(hosts_keep_their_children),
        IN_USED_PLACE(signals_of_the_host_stay_as_they_are),
        IN_USED_PLACE(the_server_inherits_nothing),
        IN_NEW_PLACE(hosts_may_lack_standard_streams),
        IN_NEW_PLACE(root_may_open_what_a_user_made),
    };
    return cmocka_run_group_tests(tests, NULL, place_forget_used);
}
