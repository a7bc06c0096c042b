#include "embedded/private_server.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/lock.h"
#include "embedded/directory.h"
#include "embedded/postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATA "postgresql"
#define NEW_DATA "postgresql.new"
#define PID_FILE DATA "/postmaster.pid"
#define LOG_NAMES DATA "/current_logfiles"
#define RUN "run"
#define SOCKET ".s.PGSQL.5432"
#define START_LOG "start.log"

enum { TAIL_SIZE = 8192 };

/* What must hold whatever stands in the server's files; the rest is initdb's, for people to edit. */
static const char *const server_settings[] = {"listen_addresses=",
                                              "port=5432",
                                              "unix_socket_directories=../run",
                                              "unix_socket_permissions=0700",
                                              "fsync=on",
                                              "full_page_writes=on",
                                              "synchronous_commit=on",
                                              "log_destination=stderr",
                                              "logging_collector=on",
                                              "log_directory=log",
                                              "log_filename=server-%a.log", /* a week, then over again */
                                              "log_rotation_age=1d",
                                              "log_rotation_size=0",
                                              "log_truncate_on_rotation=on",
                                              "log_checkpoints=off",
                                              NULL};

/* DIR is short enough for this: see DIRECTORY_LENGTH. */
static void path_in(const struct private_server *server, const char *name, char *path)
{
    snprintf(path, PATH_MAX, "%s/%s", server->path, name);
}

/* An error about DIR/name, with errno. */
static int server_file_error(const struct private_server *server, const char *name, dlg_error **error)
{
    return error_set(error, DLG_E_EMBEDDED, "%s/%s cannot be used: %s", server->path, name, strerrordesc_np(errno));
}

/* ---- Running -------------------------------------------------------------------------------- */

/* The version of DIR/postgresql, 0 when there is none yet. */
static int data_version(const struct private_server *server, int *major, dlg_error **error)
{
    *major = 0;
    int data = openat(server->directory, DATA, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (data < 0)
        return errno == ENOENT ? DLG_OK : server_file_error(server, DATA, error);
    *major = postgres_data_version(data);
    close(data);
    if (*major || directory_empty(server->directory, DATA))
        return DLG_OK;
    return error_set(error, DLG_E_EMBEDDED, "%s/" DATA " is there but is no PostgreSQL data: choose another directory",
                     server->path);
}

static int data_make(const struct private_server *server, const struct postgres *postgres, int64_t deadline_us,
                     dlg_error **error)
{
    char path[PATH_MAX], lock[PATH_MAX];
    path_in(server, NEW_DATA, path);
    path_in(server, PRIVATE_SERVER_LOCK, lock);
    int data = -1;
    if (directory_remove(server->directory, NEW_DATA))
        data = directory_private(server->directory, NEW_DATA, &server->account);
    if (data < 0)
        return server_file_error(server, NEW_DATA, error);
    close(data);
    int code = postgres_initialize(postgres, &server->account, path, lock, deadline_us, error);
    if (code == DLG_OK && renameat(server->directory, NEW_DATA, server->directory, DATA) < 0)
        code = server_file_error(server, DATA, error);
    if (code == DLG_OK && fsync(server->directory) < 0)
        code = server_file_error(server, DATA, error);
    if (code != DLG_OK)
        directory_remove(server->directory, NEW_DATA);
    return code;
}

/*
 * The end of a file as text; "" when it cannot be read, or is not a file of that user: root must
 * not be led to show what another one put in its place.
 */
static void read_tail(const struct private_server *server, const char *name, uid_t owner, char *text, size_t size)
{
    ssize_t got = -1;
    struct stat status;
    int fd = openat(server->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == owner) {
        off_t from = status.st_size < (off_t)size ? 0 : status.st_size - (off_t)size + 1;
        got = pread(fd, text, size - 1, from);
    }
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
}

/*
 * Nothing runs here, server.lock says so. PostgreSQL itself knows only the process ids that a killed
 * server left in files, and refuses to start when one now belongs to another process of its user.
 */
static void forget_killed_server(const struct private_server *server)
{
    char text[TAIL_SIZE], path[64];
    struct stat data, place;
    read_tail(server, PID_FILE, server->account.uid, text, sizeof text);
    snprintf(path, sizeof path, "/proc/%ld/cwd", strtol(text, NULL, 10));
    if (fstatat(server->directory, DATA, &data, 0) == 0 && stat(path, &place) == 0 &&
        (place.st_ino != data.st_ino || place.st_dev != data.st_dev))
        unlinkat(server->directory, PID_FILE, 0);
    unlinkat(server->run, SOCKET ".lock", 0);
    unlinkat(server->directory, LOG_NAMES, 0); /* or its log would pass for that of the next one */
}

static int server_start(const struct private_server *server, int64_t deadline_us, dlg_error **error)
{
    struct postgres postgres;
    char data[PATH_MAX], lock[PATH_MAX];
    int major;
    int code = data_version(server, &major, error);
    if (code == DLG_OK)
        code = postgres_find(&postgres, major, deadline_us, error);
    if (code == DLG_OK && !major)
        code = data_make(server, &postgres, deadline_us, error);
    if (code != DLG_OK)
        return code;
    path_in(server, DATA, data);
    path_in(server, PRIVATE_SERVER_LOCK, lock);
    forget_killed_server(server);
    unlinkat(server->directory, START_LOG, 0); /* a new file: the old name could lead anywhere */
    int log = openat(server->directory, START_LOG, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (log < 0)
        return server_file_error(server, START_LOG, error);
    code = postgres_start(&postgres, &server->account, data, lock, server_settings, log, error);
    close(log);
    return code;
}

/* Says why a server ended: from its own log when it came so far, else from what it said before. */
static int server_ended(const struct private_server *server, dlg_error **error)
{
    char text[TAIL_SIZE], name[PATH_MAX] = START_LOG, reason[512];
    uid_t owner = geteuid();
    read_tail(server, LOG_NAMES, server->account.uid, text, sizeof text);
    if (strncmp(text, "stderr ", 7) == 0) {
        owner = server->account.uid;
        snprintf(name, sizeof name, DATA "/%.*s", (int)strcspn(text + 7, "\n"), text + 7);
    }
    read_tail(server, name, owner, text, sizeof text);
    postgres_reason(text, reason, sizeof reason);
    return error_set(error, DLG_E_EMBEDDED, "the private server did not start: %s (its log is %s/%s)", reason,
                     server->path, name);
}

/* One attempt to get in; when it fails, `reason` receives why. */
static PGPing server_try(const struct private_server *server, int64_t deadline_us, char *reason, size_t size)
{
    int64_t seconds = (deadline_us - clock_monotonic_us()) / 1000000;
    char timeout[32];
    snprintf(timeout, sizeof timeout, "%d", seconds < 2 ? 2 : seconds > 3600 ? 3600 : (int)seconds);
    const char *names[] = {"dbname", "connect_timeout", NULL};
    const char *values[] = {server->conninfo, timeout, NULL};
    PGconn *connection = PQconnectdbParams(names, values, 1);
    PGPing answer = PQPING_OK;
    if (!connection || PQstatus(connection) != CONNECTION_OK) {
        postgres_reason(PQerrorMessage(connection), reason, size);
        answer = PQpingParams(names, values, 1);
    }
    PQfinish(connection);
    return answer;
}

/* libpq itself reads PGSERVICE: no parameter is stronger. */
static int server_unreachable(const struct private_server *server, const char *reason, dlg_error **error)
{
    return error_set(error, DLG_E_EMBEDDED,
                     "the private server in %s cannot be asked: %s; unset the environment variable PGSERVICE",
                     server->path, reason);
}

int private_server_serve(const struct private_server *server, int64_t deadline_us, dlg_error **error)
{
    char reason[512];
    for (bool started = false;;) {
        bool runs = lock_held(server->lock);
        if (!runs && started)
            return server_ended(server, error);
        PGPing answer = server_try(server, deadline_us, reason, sizeof reason);
        if (answer == PQPING_NO_ATTEMPT)
            return server_unreachable(server, reason, error);
        if (runs && answer == PQPING_OK) /* or it refuses us: then whoever connects next is told why */
            return DLG_OK;
        if (!runs) {
            int code = server_start(server, deadline_us, error);
            if (code != DLG_OK)
                return code;
            started = true;
        }
        if (clock_monotonic_us() >= deadline_us)
            return error_set(error, DLG_E_EMBEDDED,
                             "the private server in %s is not ready: %s; it was left to go on: try again, or allow "
                             "more time to open",
                             server->path, reason);
        lock_pause();
    }
}

/* The process that listens on the socket: the one to stop. 0 when there is none. */
static pid_t server_process(const struct private_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return 0;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/" SOCKET, server->host);
    bool known = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    close(fd);
    return known && peer.uid == server->account.uid && peer.pid > 1 ? peer.pid : 0;
}

void private_server_stop(const struct private_server *server, int64_t deadline_us)
{
    pid_t pid = server_process(server);
    if (pid > 0)
        kill(pid, SIGINT);
    while (lock_held(server->lock) && clock_monotonic_us() < deadline_us)
        lock_pause();
}

/* ---- Reaching ------------------------------------------------------------------------------- */

/* Finds whom the server runs as: the owner of the data when there is some, else of the directory. */
static int choose_account(struct private_server *server, dlg_error **error)
{
    struct stat status;
    bool data = fstatat(server->directory, DATA, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!data && fstat(server->directory, &status) < 0)
        return server_file_error(server, "", error);
    int code = postgres_account(&server->account, status.st_uid, error);
    if (code == DLG_OK && data && status.st_uid != server->account.uid)
        return error_set(error, DLG_E_EMBEDDED,
                         "%s/" DATA " does not belong to %s, as whom its server must run: run \"chown -R %s\" on it",
                         server->path, server->account.name, server->account.name);
    return code;
}

/* Lets the server's user pass through a directory of root. */
static int let_pass(const struct private_server *server, dlg_error **error)
{
    struct stat status;
    if (fstat(server->directory, &status) < 0)
        return server_file_error(server, "", error);
    if (account_may_search(&server->account, &status))
        return DLG_OK;
    if (fchown(server->directory, (uid_t)-1, server->account.gid) < 0 ||
        fchmod(server->directory, (status.st_mode & 0700) | S_IXGRP) < 0)
        return server_file_error(server, "", error);
    return DLG_OK;
}

static void choose_host(struct private_server *server)
{
    int length = snprintf(server->host, sizeof server->host, "%s/" RUN, server->path);
    if ((size_t)length >= sizeof server->host || strchr(server->path, ',')) /* libpq: a list of hosts */
        snprintf(server->host, sizeof server->host, "/proc/self/fd/%d", server->run);
}

/* A parameter as libpq reads it: its value in quotes, with backslashes before quotes and backslashes. */
static void put_parameter(FILE *to, const char *keyword, const char *value)
{
    fprintf(to, "%s='", keyword);
    for (; *value; value++)
        fprintf(to, "%s%c", *value == '\'' || *value == '\\' ? "\\" : "", *value);
    fputs("' ", to);
}

static const char *const parameters[][2] = {
    {"port", "5432"},
    {"dbname", "postgres"},
    {"user", POSTGRES_SUPERUSER},
    {"hostaddr", ""},
    {"options", ""},
    {"sslmode", "disable"},
    {"gssencmode", "disable"},
    {"channel_binding", "disable"},
    {"target_session_attrs", "any"},
    {"client_encoding", "UTF8"},
    {"connect_timeout", "0"},
};

/* Those that are given anyway, or may come from outside; a service cannot be taken back by any value. */
static bool is_settled(const char *keyword)
{
    static const char *const others[] = {"host", "requirepeer", "service", "application_name"};
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (strcmp(keyword, parameters[i][0]) == 0)
            return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(keyword, others[i]) == 0)
            return true;
    return false;
}

/* PG... variables are meant for other servers: what one gives is set back to libpq's own value, whatever this libpq
 * knows. */
static void put_defaults(FILE *to)
{
    PQconninfoOption *options = PQconndefaults();
    for (const PQconninfoOption *option = options; option && option->keyword; option++)
        if (option->envvar && getenv(option->envvar) && !is_settled(option->keyword))
            put_parameter(to, option->keyword, option->compiled ? option->compiled : "");
    PQconninfoFree(options);
}

/* requirepeer makes sure whose server it is. NULL when out of memory. */
static char *make_conninfo(const struct private_server *server)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    put_parameter(to, "host", server->host);
    put_parameter(to, "requirepeer", server->account.name);
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        put_parameter(to, parameters[i][0], parameters[i][1]);
    put_defaults(to);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

int private_server_prepare(struct private_server *server, dlg_error **error)
{
    int code = choose_account(server, error);
    if (code == DLG_OK)
        code = let_pass(server, error);
    if (code != DLG_OK)
        return code;
    server->run = directory_private(server->directory, RUN, &server->account);
    if (server->run < 0)
        return server_file_error(server, RUN, error);
    choose_host(server);
    server->conninfo = make_conninfo(server);
    return server->conninfo ? DLG_OK : error_set(error, DLG_E_MEMORY, "out of memory");
}

void private_server_free(struct private_server *server)
{
    const int descriptors[] = {server->directory, server->lock, server->run};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    free(server->path);
    free(server->conninfo);
}
