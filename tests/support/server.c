#include "server.h"

#include "base/clock.h"
#include "embedded/postgres.h"
#include "processes.h"
#include "server_files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ports below those that the system gives to outgoing connections, so that a restart finds its own free. */
enum { FIRST_PORT = 20000, PORTS = 12000, PORT_ATTEMPTS = 20, START_LIMIT_US = 60 * 1000000, STEP_MS = 5 };

struct test_server {
    struct test_server *next; /* of those to free at the end */
    struct test_server_options options;
    struct server_files files;
    int port;
    pid_t guard;
    pid_t process;
    bool frozen;
    char conninfo[512];
    char conninfo_tcp[512];
    char conninfo_admin[512];
};

static struct test_server *servers;
static pid_t owner; /* a forked child must not end its parent's servers */

static bool complain(const struct test_server *server, const char *what)
{
    fprintf(stderr, "test server in %s: %s\n", server->files.directory, what);
    return false;
}

/* ---- Reaching ------------------------------------------------------------------------------- */

static bool port_is_free(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_free;
}

/* Programs that start at once begin their search at different places. */
static void choose_port(struct test_server *server)
{
    unsigned place = (unsigned)getpid() * 37 + (unsigned)clock_monotonic_us() / 64;
    do
        server->port = FIRST_PORT + (int)(place++ % PORTS);
    while (!port_is_free(server->port));
}

static void make_conninfos(struct test_server *server)
{
    static const char admin[] = "host='%s' port=%d dbname=postgres user=" POSTGRES_SUPERUSER;
    const struct test_server_options *options = &server->options;
    char who[256] = "user=" POSTGRES_SUPERUSER, trust[192] = "sslmode=disable";
    if (options->role)
        snprintf(who, sizeof who, "user='%s' password='%s'", options->role, options->password);
    if (options->tls)
        snprintf(trust, sizeof trust, "sslmode=verify-full sslrootcert='%s'", server->files.certificate);
    snprintf(server->conninfo_admin, sizeof server->conninfo_admin, admin, server->files.directory, server->port);
    snprintf(server->conninfo, sizeof server->conninfo, "host='%s' port=%d dbname=postgres %s", server->files.directory,
             server->port, who);
    snprintf(server->conninfo_tcp, sizeof server->conninfo_tcp, "host=127.0.0.1 port=%d dbname=postgres %s %s",
             server->port, who, trust);
}

/* ---- Processes ------------------------------------------------------------------------------ */

/* What the guard is told, from `arguments` on, which are NULL. */
static void fill_arguments(const struct server_files *files, const char **arguments, const char *program,
                           const char *port)
{
    *arguments++ = "--remove";
    *arguments++ = files->directory;
    if (geteuid() == 0) {
        *arguments++ = "--user";
        *arguments++ = files->account.name;
    }
    if (*files->preload) {
        *arguments++ = "--preload";
        *arguments++ = files->preload;
    }
    *arguments++ = program;
    *arguments++ = "-D";
    *arguments++ = files->data;
    *arguments++ = "-p";
    *arguments++ = port;
}

static bool spawn_guard(struct test_server *server)
{
    char program[PATH_MAX + 16], watched[16], port[16], log[128];
    snprintf(program, sizeof program, "%s/postgres", server->files.postgres.binaries);
    snprintf(watched, sizeof watched, "%d", (int)getpid());
    snprintf(port, sizeof port, "%d", server->port);
    snprintf(log, sizeof log, "%s/log", server->files.directory);
    const char *arguments[16] = {TEST_GUARD, "--watch", watched};
    fill_arguments(&server->files, arguments + 3, program, port);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    int failed = posix_spawn(&server->guard, TEST_GUARD, &actions, NULL, (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        server->guard = 0;
    return !failed || complain(server, strerror(failed));
}

/* The guard ends after every process of the server has. */
static void wait_for_guard(struct test_server *server)
{
    while (server->guard && waitpid(server->guard, NULL, 0) < 0 && errno == EINTR)
        ;
    server->guard = 0;
    server->process = 0;
    server->frozen = false;
}

static bool guard_ended(struct test_server *server)
{
    return waitpid(server->guard, NULL, WNOHANG) != 0;
}

static void pause_briefly(void)
{
    struct timespec time = {.tv_nsec = STEP_MS * 1000000};
    nanosleep(&time, NULL);
}

static bool launch(struct test_server *server)
{
    int64_t deadline = clock_monotonic_us() + START_LIMIT_US;
    if (!spawn_guard(server))
        return false;
    while (PQping(server->conninfo_admin) != PQPING_OK) {
        if (guard_ended(server)) {
            server->guard = 0;
            return false;
        }
        if (clock_monotonic_us() >= deadline)
            return complain(server, "it does not accept connections");
        pause_briefly();
    }
    server->process = server_files_process(&server->files);
    return server->process || complain(server, "it has no postmaster.pid");
}

/* A port that was free a moment ago may not be any more. */
static bool launch_somewhere(struct test_server *server)
{
    for (int attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
        choose_port(server);
        make_conninfos(server);
        if (launch(server))
            return true;
        if (server->guard)
            break;
    }
    server_files_show_log(&server->files);
    return complain(server, "it did not start");
}

static bool create_role(const struct test_server *server)
{
    char sql[512];
    if (!server->options.role)
        return true;
    snprintf(sql, sizeof sql, "CREATE ROLE \"%s\" LOGIN PASSWORD '%s'; ALTER DATABASE postgres OWNER TO \"%s\"",
             server->options.role, server->options.password, server->options.role);
    return test_server_execute(server, sql);
}

static void signal_process(pid_t pid, void *number)
{
    kill(pid, *(int *)number);
}

static bool stop_process(pid_t pid)
{
    kill(pid, SIGSTOP);
    for (char state = process_state(pid); state != 'T'; state = process_state(pid)) {
        if (!state || state == 'Z')
            return false;
        pause_briefly();
    }
    return true;
}

static void stop_child(pid_t pid, void *unused)
{
    (void)unused;
    stop_process(pid);
}

/* ---- The fixture ---------------------------------------------------------------------------- */

static void free_all(void)
{
    while (servers && owner == getpid())
        test_server_free(servers);
}

static void enlist(struct test_server *server)
{
    static bool registered;
    if (!registered)
        registered = atexit(free_all) == 0;
    if (owner != getpid())
        servers = NULL;
    owner = getpid();
    server->next = servers;
    servers = server;
}

static bool find_programs(struct test_server *server)
{
    dlg_error *error = NULL;
    int code = postgres_account(&server->files.account, 0, &error);
    if (code == DLG_OK)
        code = postgres_find(&server->files.postgres, 0, clock_monotonic_us() + START_LIMIT_US, &error);
    if (code != DLG_OK)
        fprintf(stderr, "test server: %s\n", dlg_error_message(error));
    dlg_error_free(error);
    return code == DLG_OK;
}

struct test_server *test_server_start(const struct test_server_options *options)
{
    struct test_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    if (options)
        server->options = *options;
    enlist(server);
    if (find_programs(server) && server_files_make(&server->files, &server->options) && launch_somewhere(server) &&
        create_role(server))
        return server;
    test_server_free(server);
    return NULL;
}

const char *test_server_conninfo(const struct test_server *server)
{
    return server->conninfo;
}

const char *test_server_conninfo_tcp(const struct test_server *server)
{
    return server->conninfo_tcp;
}

const char *test_server_conninfo_admin(const struct test_server *server)
{
    return server->conninfo_admin;
}

const char *test_server_directory(const struct test_server *server)
{
    return server->files.directory;
}

int test_server_port(const struct test_server *server)
{
    return server->port;
}

const char *test_server_certificate(const struct test_server *server)
{
    return server->files.certificate;
}

bool test_server_execute(const struct test_server *server, const char *sql)
{
    PGconn *connection = PQconnectdb(server->conninfo_admin);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!done)
        complain(server, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    return done;
}

bool test_server_stop(struct test_server *server)
{
    if (server->frozen)
        test_server_thaw(server);
    if (!server->process)
        return complain(server, "it does not run");
    bool alive = kill(server->process, SIGINT) == 0;
    wait_for_guard(server);
    return alive || complain(server, "it had ended by itself");
}

/* The first process is stopped before, so that it neither starts others nor cleans up after them. */
bool test_server_kill(struct test_server *server)
{
    int number = SIGKILL;
    if (!server->process || !stop_process(server->process))
        return complain(server, "it does not run");
    processes_children(server->process, signal_process, &number);
    kill(server->process, SIGKILL);
    wait_for_guard(server);
    return true;
}

bool test_server_restart(struct test_server *server)
{
    if (server->process && !test_server_stop(server))
        return false;
    if (launch(server))
        return true;
    server_files_show_log(&server->files);
    return complain(server, "it did not start again");
}

bool test_server_move(struct test_server *server)
{
    int before = server->port;
    if (server->process && !test_server_stop(server))
        return false;
    do
        choose_port(server);
    while (server->port == before);
    make_conninfos(server);
    return test_server_restart(server);
}

bool test_server_freeze(struct test_server *server)
{
    if (!server->process || !stop_process(server->process))
        return complain(server, "it does not run");
    processes_children(server->process, stop_child, NULL);
    server->frozen = true;
    return true;
}

bool test_server_thaw(struct test_server *server)
{
    int number = SIGCONT;
    if (!server->process)
        return complain(server, "it does not run");
    processes_children(server->process, signal_process, &number);
    kill(server->process, SIGCONT);
    server->frozen = false;
    return true;
}

bool test_server_limit_space(const struct test_server *server, int64_t bytes)
{
    return server_files_limit_space(&server->files, bytes);
}

static void end_server(struct test_server *server)
{
    if (server->frozen)
        test_server_thaw(server);
    if (server->process)
        kill(server->process, SIGQUIT);
    else if (server->guard)
        kill(server->guard, SIGTERM);
    wait_for_guard(server);
}

void test_server_free(struct test_server *server)
{
    if (!server)
        return;
    for (struct test_server **at = &servers; *at; at = &(*at)->next)
        if (*at == server) {
            *at = server->next;
            break;
        }
    end_server(server);
    server_files_remove(&server->files);
    free(server);
}
