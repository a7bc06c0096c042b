/* embedded:DIR after kill -9 at every bad moment. */
#include "place.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_US = 2000, MANY_STEPS = 30000 };

static void wait_for_file(const char *path)
{
    for (int steps = 0; access(path, F_OK) < 0; steps++) {
        assert_true(steps < MANY_STEPS);
        usleep(STEP_US);
    }
}

/* A child that opens, writes a row and stays; returns when it has. */
static pid_t start_owner(const struct place *place)
{
    int pipes[2];
    char done;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        char *conninfo;
        place_open(place->directory, &conninfo);
        const char *answer = place_ask(conninfo, "CREATE TABLE IF NOT EXISTS t(i int); INSERT INTO t VALUES (1)");
        if (*answer || write(pipes[1], "!", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &done, 1), 1);
    close(pipes[0]);
    return child;
}

static void end_owner(pid_t owner)
{
    kill(owner, SIGKILL);
    assert_int_equal(place_wait(owner), -1);
}

/* Opens again: the rows are there, and this last close stops the server. */
static void assert_recovers(const struct place *place, const char *rows)
{
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    pid_t server = place_server(place->directory);
    assert_string_equal(place_ask(conninfo, "SELECT count(*) FROM t"), rows);
    embedded_close(embedded);
    assert_true(place_ends(server));
    free(conninfo);
}

static void outlives_a_killed_owner(void **state)
{
    struct place *place = *state;
    pid_t owner = start_owner(place);
    pid_t server = place_server(place->directory);
    end_owner(owner);
    assert_true(place_alive(server));
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    assert_int_equal(place_server(place->directory), server);
    assert_string_equal(place_ask(conninfo, "SELECT count(*) FROM t"), "1");
    embedded_close(embedded);
    assert_true(place_ends(server));
    free(conninfo);
}

static void starts_again_after_a_killed_server(void **state)
{
    struct place *place = *state;
    pid_t owner = start_owner(place);
    char *first, *second;
    struct embedded *a = place_open(place->directory, &first);
    pid_t server = place_server(place->directory);
    kill(server, SIGKILL);
    assert_true(place_ends(server));
    struct embedded *b = place_open(place->directory, &second);
    assert_int_not_equal(place_server(place->directory), server);
    assert_string_equal(place_ask(first, "SELECT count(*) FROM t"), "1");
    embedded_close(a);
    end_owner(owner);
    assert_string_equal(place_ask(second, "SELECT count(*) FROM t"), "1");
    embedded_close(b);
    assert_recovers(place, "1");
    free(first);
    free(second);
}

static void starts_again_after_everything_was_killed(void **state)
{
    struct place *place = *state;
    for (int round = 0; round < 3; round++) {
        pid_t owner = start_owner(place);
        pid_t server = place_server(place->directory);
        kill(server, SIGKILL);
        end_owner(owner);
    }
    assert_recovers(place, "3");
}

/* A process of the server's user, as after a restart of the machine, when numbers are given anew. */
static pid_t start_bystander(const struct place *place)
{
    struct stat status;
    int pipes[2];
    char done;
    assert_int_equal(stat(place_path(place, "db/postgresql"), &status), 0);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setuid(status.st_uid) < 0 || write(pipes[1], "!", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &done, 1), 1);
    close(pipes[0]);
    return child;
}

/* Puts another process id into a file whose first line is one. */
static void replace_process(const char *path, pid_t pid)
{
    char text[1024], line[32];
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    snprintf(line, sizeof line, "%d", (int)pid);
    rewind(file);
    assert_true(fprintf(file, "%s%s", line, text + strcspn(text, "\n")) > 0);
    assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
    assert_int_equal(fclose(file), 0);
}

static void is_not_held_up_by_a_process_id_given_anew(void **state)
{
    struct place *place = *state;
    pid_t owner = start_owner(place);
    pid_t server = place_server(place->directory);
    kill(server, SIGKILL);
    end_owner(owner);
    assert_true(place_ends(server));
    pid_t bystander = start_bystander(place);
    replace_process(place_path(place, "db/postgresql/postmaster.pid"), bystander);
    replace_process(place_path(place, "db/run/.s.PGSQL.5432.lock"), bystander);
    assert_recovers(place, "1");
    assert_true(place_alive(bystander));
    end_owner(bystander);
}

static void makes_half_made_data_anew(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(place->directory, 0700), 0);
    place_write(place_path(place, "db/start.lock"), "w", ""); /* made before all others */
    assert_int_equal(mkdir(place_path(place, "db/postgresql.new"), 0700), 0);
    assert_int_equal(mkdir(place_path(place, "db/postgresql.new/base"), 0700), 0);
    place_write(place_path(place, "db/postgresql.new/PG_VERSION"), "w", "15\n");
    place_write(place_path(place, "db/postgresql.new/base/1"), "w", "half");
    assert_int_equal(symlink("/", place_path(place, "db/postgresql.new/base/link")), 0);
    end_owner(start_owner(place));
    assert_int_equal(access(place_path(place, "db/postgresql.new"), F_OK), -1);
    assert_recovers(place, "1");
}

/* Kills the owner in the middle of initdb, which goes on alone for a while. */
static void waits_for_an_abandoned_initdb(void **state)
{
    struct place *place = *state;
    pid_t owner = fork();
    if (owner == 0) {
        char *conninfo;
        place_open(place->directory, &conninfo);
        for (;;)
            pause();
    }
    wait_for_file(place_path(place, "db/postgresql.new/PG_VERSION"));
    end_owner(owner);
    assert_int_equal(access(place_path(place, "db/postgresql"), F_OK), -1);
    end_owner(start_owner(place));
    assert_int_equal(access(place_path(place, "db/postgresql.new"), F_OK), -1);
    assert_recovers(place, "1");
}

/* As after a close that was killed when it had told the server to stop. */
static void waits_for_a_server_that_is_stopping(void **state)
{
    struct place *place = *state;
    pid_t owner = start_owner(place);
    pid_t server = place_server(place->directory);
    kill(server, SIGSTOP);
    kill(server, SIGINT);
    end_owner(owner);
    kill(server, SIGCONT);
    owner = start_owner(place);
    assert_int_not_equal(place_server(place->directory), server);
    end_owner(owner);
    assert_recovers(place, "2");
}

static void says_when_a_server_does_not_answer(void **state)
{
    struct place *place = *state;
    pid_t owner = start_owner(place);
    pid_t server = place_server(place->directory);
    kill(server, SIGSTOP);
    assert_int_equal(place_refuses(place->directory, 100000, "is not ready"), DLG_E_EMBEDDED);
    kill(server, SIGCONT);
    end_owner(owner);
    assert_recovers(place, "1");
}

static void says_why_a_server_does_not_start(void **state)
{
    struct place *place = *state;
    pid_t owner = start_owner(place);
    kill(place_server(place->directory), SIGKILL);
    end_owner(owner);
    struct stat status;
    const char *conf = place_path(place, "db/postgresql/postgresql.conf");
    assert_int_equal(stat(conf, &status), 0);
    place_write(conf, "a", "no_such_setting = 1\n");
    place_refuses(place->directory, OPEN_LIMIT_US, "FATAL:");
    place_refuses(place->directory, OPEN_LIMIT_US, "start.log");
    assert_int_equal(truncate(place_path(place, "db/postgresql/postgresql.conf"), status.st_size), 0);
    assert_recovers(place, "1");
}

/* A disk of this size is full at some step of initdb; each must be told by its cause, not by what follows from it. */
static void says_that_the_disk_is_full(void **state)
{
    struct place *place = *state;
    static const char *const sizes[] = {"size=3m", "size=18m", "size=20m", "size=22m", "size=30m"};
    assert_int_equal(mkdir(place->directory, 0700), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (mount("none", place->directory, "tmpfs", 0, sizes[i]) != 0)
            skip(); /* it takes a root with all rights */
        struct stat status;
        chmod(place->directory, 0700);
        place_refuses(place->directory, OPEN_LIMIT_US, "No space left on device");
        int left =
            stat(place_path(place, "db/postgresql.new"), &status) + stat(place_path(place, "db/postgresql"), &status);
        assert_int_equal(umount(place->directory), 0);
        assert_int_equal(left, -2);
    }
}

/* Damage that the server notices only after its own log has begun. */
static void says_what_the_servers_own_log_says(void **state)
{
    struct place *place = *state;
    pid_t owner = start_owner(place);
    pid_t server = place_server(place->directory);
    kill(server, SIGKILL);
    end_owner(owner);
    assert_true(place_ends(server));
    char away[256];
    snprintf(away, sizeof away, "%s", place_path(place, "db/postgresql/wal-taken-away"));
    assert_int_equal(rename(place_path(place, "db/postgresql/pg_wal"), away), 0);
    place_refuses(place->directory, OPEN_LIMIT_US, "pg_wal");
    place_refuses(place->directory, OPEN_LIMIT_US, "log/server-");
    assert_int_equal(rename(away, place_path(place, "db/postgresql/pg_wal")), 0);
    assert_recovers(place, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_USED_PLACE(outlives_a_killed_owner),
        IN_USED_PLACE(starts_again_after_a_killed_server),
        IN_USED_PLACE(starts_again_after_everything_was_killed),
        IN_USED_PLACE(is_not_held_up_by_a_process_id_given_anew),
        IN_NEW_PLACE(makes_half_made_data_anew),
        IN_NEW_PLACE(waits_for_an_abandoned_initdb),
        IN_USED_PLACE(waits_for_a_server_that_is_stopping),
        IN_USED_PLACE(says_when_a_server_does_not_answer),
        IN_USED_PLACE(says_why_a_server_does_not_start),
        IN_USED_PLACE(says_what_the_servers_own_log_says),
        IN_NEW_PLACE(says_that_the_disk_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, place_forget_used);
}
