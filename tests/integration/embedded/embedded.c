/* embedded:DIR in the ordinary course of things. */
#include "place.h"

#include "base/clock.h"
#include "embedded/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void creates_a_private_server(void **state)
{
    struct place *place = *state;
    char *conninfo;
    const char *directory = place_path(place, "some/new/db");
    struct embedded *embedded = place_open(directory, &conninfo);
    assert_string_equal(embedded_directory(embedded), place_path(place, "some/new/db"));
    assert_string_equal(place_ask(conninfo, "SHOW data_checksums"), "on");
    assert_string_equal(place_ask(conninfo, "SHOW server_encoding"), "UTF8");
    assert_string_equal(place_ask(conninfo, "SHOW lc_collate"), "C");
    assert_string_equal(place_ask(conninfo, "SHOW fsync"), "on");
    assert_string_equal(place_ask(conninfo, "SHOW synchronous_commit"), "on");
    assert_string_equal(place_ask(conninfo, "SHOW full_page_writes"), "on");
    assert_string_equal(place_ask(conninfo, "SELECT lower('ÄÖЖ')"), "äöж");
    free(conninfo);
    embedded_close(embedded);
}

static mode_t mode_of(const struct place *place, const char *name, uid_t *owner)
{
    struct stat status;
    assert_int_equal(stat(place_path(place, name), &status), 0);
    *owner = status.st_uid;
    return status.st_mode & 07777;
}

static void lets_nobody_else_in(void **state)
{
    struct place *place = *state;
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    uid_t owner;
    bool root = geteuid() == 0;
    assert_int_equal(mode_of(place, "db", &owner), root ? 0710 : 0700);
    assert_int_equal(owner, geteuid());
    assert_int_equal(mode_of(place, "db/clients.lock", &owner), 0600);
    assert_int_equal(mode_of(place, "db/postgresql", &owner), 0700);
    assert_int_equal(owner == geteuid(), !root);
    assert_int_equal(mode_of(place, "db/run", &owner), 0700);
    assert_int_equal(owner == geteuid(), !root);
    assert_int_equal(mode_of(place, "db/run/.s.PGSQL.5432", &owner), 0700);
    free(conninfo);
    embedded_close(embedded);
}

/* Root's parents let the server's account pass, and nobody reads in them. */
static void the_umask_takes_nothing_away(void **state)
{
    struct place *place = *state;
    char *conninfo;
    uid_t owner;
    bool root = geteuid() == 0;
    mode_t mask = umask(0777);
    struct embedded *embedded = place_open(place_path(place, "some/new/db"), &conninfo);
    umask(mask);
    assert_int_equal(mode_of(place, "some", &owner), root ? 0711 : 0700);
    assert_int_equal(mode_of(place, "some/new", &owner), root ? 0711 : 0700);
    assert_int_equal(mode_of(place, "some/new/db", &owner), root ? 0710 : 0700);
    assert_string_equal(place_ask(conninfo, "SELECT 1"), "1");
    free(conninfo);
    embedded_close(embedded);
}

/* The inode of a socket that a descriptor stands for, 0 when it is none. */
static unsigned long socket_inode(const char *path)
{
    char target[128];
    ssize_t length = readlink(path, target, sizeof target - 1);
    unsigned long inode = 0;
    target[length > 0 ? length : 0] = '\0';
    return sscanf(target, "socket:[%lu]", &inode) == 1 ? inode : 0;
}

static bool listed(const char *table, unsigned long inode)
{
    char line[512];
    unsigned long listed_inode;
    bool found = false;
    FILE *file = fopen(table, "re");
    while (!found && file && fgets(line, sizeof line, file))
        found = sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &listed_inode) == 1 && listed_inode == inode;
    if (file)
        fclose(file);
    return found;
}

static int count_sockets(pid_t pid, const char *table, int *sockets)
{
    char path[300];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    *sockets = 0;
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, entry->d_name);
        unsigned long inode = socket_inode(path);
        *sockets += inode != 0;
        count += inode && listed(table, inode);
    }
    closedir(listing);
    return count;
}

static void has_no_tcp_port(void **state)
{
    struct place *place = *state;
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    assert_string_equal(place_ask(conninfo, "SHOW listen_addresses"), "");
    place_write(place_path(place, "db/postgresql/postgresql.conf"), "a",
                "listen_addresses = '127.0.0.1'\nfsync = off\n");
    assert_string_equal(place_ask(conninfo, "SELECT pg_reload_conf()"), "t");
    embedded_close(embedded);
    free(conninfo);
    embedded = place_open(place->directory, &conninfo);
    assert_string_equal(place_ask(conninfo, "SHOW listen_addresses"), "");
    assert_string_equal(place_ask(conninfo, "SHOW fsync"), "on");
    int sockets;
    assert_int_equal(count_sockets(place_server(place->directory), "/proc/net/tcp", &sockets), 0);
    assert_true(sockets > 0);
    assert_int_equal(count_sockets(place_server(place->directory), "/proc/net/tcp6", &sockets), 0);
    free(conninfo);
    embedded_close(embedded);
}

static void keeps_data_and_stops_after_the_last(void **state)
{
    struct place *place = *state;
    char *first, *second;
    struct embedded *a = place_open(place->directory, &first);
    pid_t server = place_server(place->directory);
    assert_string_equal(place_ask(first, "CREATE TABLE t(i int)"), "");
    struct embedded *b = place_open(place->directory, &second);
    assert_int_equal(place_server(place->directory), server);
    assert_string_equal(place_ask(second, "INSERT INTO t VALUES (42)"), "");
    embedded_close(a);
    assert_true(place_alive(server));
    assert_string_equal(place_ask(second, "SELECT i FROM t"), "42");
    embedded_close(b);
    assert_true(place_ends(server));
    assert_int_equal(place_server(place->directory), 0);
    free(first);
    free(second);
    a = place_open(place->directory, &first);
    assert_string_equal(place_ask(first, "SELECT i FROM t"), "42");
    free(first);
    embedded_close(a);
}

/* A session in the middle of its work does not keep the server from stopping. */
static void stops_under_open_connections(void **state)
{
    struct place *place = *state;
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    pid_t server = place_server(place->directory);
    PGconn *connection = PQconnectdb(conninfo);
    PQclear(PQexec(connection, "BEGIN; CREATE TABLE gone(i int)"));
    assert_int_equal(PQtransactionStatus(connection), PQTRANS_INTRANS);
    embedded_close(embedded);
    assert_true(place_ends(server));
    PQfinish(connection);
    free(conninfo);
}

static void is_one_by_any_name(void **state)
{
    struct place *place = *state;
    char *first, *second, *third;
    struct embedded *a = place_open(place->directory, &first);
    assert_int_equal(symlink(place->directory, place_path(place, "link")), 0);
    struct embedded *b = place_open(place_path(place, "link"), &second);
    assert_int_equal(chdir(place->base), 0);
    struct embedded *c = place_open("db", &third);
    assert_string_equal(embedded_directory(b), place->directory);
    assert_string_equal(embedded_directory(c), place->directory);
    assert_int_equal(chdir("/"), 0);
    assert_string_equal(first, second);
    assert_string_equal(first, third);
    embedded_close(a);
    embedded_close(b);
    assert_string_equal(place_ask(third, "SELECT 1"), "1");
    embedded_close(c);
    free(first);
    free(second);
    free(third);
}

static void assert_works_in(const char *path)
{
    char *first, *second;
    struct embedded *a = place_open(path, &first);
    struct embedded *b = place_open(path, &second);
    pid_t server = place_server(path);
    assert_true(server > 0);
    assert_string_equal(place_ask(first, "SELECT 1"), "1");
    embedded_close(a);
    assert_string_equal(place_ask(second, "SELECT 2"), "2");
    embedded_close(b);
    assert_true(place_ends(server));
    free(first);
    free(second);
}

static void takes_any_name(void **state)
{
    struct place *place = *state;
    assert_works_in(place_path(place, "space, comma"));
    assert_works_in(place_path(place, "it's \"quoted\" back\\slash $HOME `id` %s дневник"));
}

/* A socket's address has 107 bytes, PostgreSQL's paths have 1023. */
static void takes_paths_of_any_length(void **state)
{
    struct place *place = *state;
    static const size_t lengths[] = {75, 76, DIRECTORY_LENGTH};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char path[DIRECTORY_LENGTH + 1];
        memset(path, 'd', sizeof path);
        memcpy(path, place->base, strlen(place->base));
        for (size_t slash = strlen(place->base); slash < lengths[i] - 1; slash += 200)
            path[slash] = '/';
        path[lengths[i]] = '\0';
        assert_works_in(path);
    }
}

/* Variables for psql and other programs must not lead a client astray. */
static void is_not_misled_by_the_environment(void **state)
{
    struct place *place = *state;
    static const char *const variables[][2] = {{"PGHOSTADDR", "192.0.2.1"},
                                               {"PGHOST", "nowhere"},
                                               {"PGPORT", "1"},
                                               {"PGDATABASE", "other"},
                                               {"PGUSER", "other"},
                                               {"PGOPTIONS", "-c search_path=other"},
                                               {"PGSSLMODE", "require"},
                                               {"PGGSSENCMODE", "prefer"},
                                               {"PGCHANNELBINDING", "require"},
                                               {"PGDATA", "/nonexistent"},
                                               {"PGREQUIREPEER", "other"},
                                               {"PGTARGETSESSIONATTRS", "standby"},
                                               {"PGCLIENTENCODING", "nonsense"},
                                               {"PGCONNECT_TIMEOUT", "nonsense"},
                                               {"PGSSLMINPROTOCOLVERSION", "nonsense"},
                                               {"PGSSLMAXPROTOCOLVERSION", "nonsense"},
                                               {"PGSSLCERT", "/nonexistent"},
                                               {"PGGSSLIB", "nonsense"},
                                               {"PGPASSFILE", "/nonexistent"},
                                               {"PGREQUIREAUTH", "scram-sha-256"},
                                               {"PGLOADBALANCEHOSTS", "nonsense"}};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        setenv(variables[i][0], variables[i][1], 1);
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    assert_string_equal(place_ask(conninfo, "SHOW search_path"), "\"$user\", public");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i][0]);
    free(conninfo);
    embedded_close(embedded);
}

/* libpq hands these on, whatever a conninfo says: what is no good in them is told at once, and no server stays. */
static void a_failed_open_leaves_no_server(void **state)
{
    struct place *place = *state;
    static const char *const variables[][3] = {
        {"PGSERVICE", "none", "PGSERVICE"},
        {"PGTZ", "nonsense", "TimeZone"},
        {"PGDATESTYLE", "nonsense", "PGDATESTYLE"},
        {"PGGEQO", "nonsense", "geqo"},
    };
    char conninfo[300];
    snprintf(conninfo, sizeof conninfo, "embedded:%s", place->directory);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        dlg_client *client = NULL;
        dlg_error *error = NULL;
        setenv(variables[i][0], variables[i][1], 1);
        int64_t before = clock_monotonic_us();
        int code = dlg_open(&client, conninfo, NULL, &error);
        assert_true(clock_monotonic_us() - before < 25000000);
        unsetenv(variables[i][0]);
        assert_int_not_equal(code, DLG_OK);
        if (!strstr(dlg_error_message(error), variables[i][2]))
            fail_msg("no \"%s\" in: %s", variables[i][2], dlg_error_message(error));
        assert_false(dlg_error_retriable(error));
        dlg_error_free(error);
        assert_int_equal(place_server(place->directory), 0);
    }
    dlg_client *client = NULL;
    setenv("PGTZ", "Asia/Tokyo", 1);
    assert_ok(dlg_open(&client, conninfo, NULL, NULL), NULL);
    unsetenv("PGTZ");
    dlg_close(NULL, client, 0);
    assert_int_equal(place_server(place->directory), 0);
}

static void writes_a_log(void **state)
{
    struct place *place = *state;
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    assert_non_null(strstr(place_ask(conninfo, "SELECT 1/0"), "division by zero"));
    assert_string_equal(place_ask(conninfo, "SELECT pg_read_file(pg_current_logfile()) LIKE '%division by zero%' AND "
                                            "pg_current_logfile() ~ '^log/server-[A-Z][a-z][a-z].log$'"),
                        "t");
    free(conninfo);
    embedded_close(embedded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NEW_PLACE(creates_a_private_server),
        IN_NEW_PLACE(lets_nobody_else_in),
        IN_NEW_PLACE(the_umask_takes_nothing_away),
        IN_USED_PLACE(has_no_tcp_port),
        IN_USED_PLACE(keeps_data_and_stops_after_the_last),
        IN_USED_PLACE(stops_under_open_connections),
        IN_USED_PLACE(is_one_by_any_name),
        IN_NEW_PLACE(takes_any_name),
        IN_NEW_PLACE(takes_paths_of_any_length),
        IN_USED_PLACE(is_not_misled_by_the_environment),
        IN_USED_PLACE(a_failed_open_leaves_no_server),
        IN_USED_PLACE(writes_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, place_forget_used);
}
