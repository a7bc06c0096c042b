/* embedded:DIR where it cannot work, and what it says then. */
#include "place.h"

#include "base/clock.h"
#include "base/make_path.h"
#include "embedded/directory.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs a refusal as an unprivileged user in a child: permissions mean nothing to root. */
static void refuses_nobody(const char *directory, const char *part)
{
    pid_t child = fork();
    if (child == 0) {
        struct embedded *embedded = NULL;
        char *conninfo = NULL;
        dlg_error *error = NULL;
        place_become_nobody();
        int code = embedded_open(&embedded, directory, OPEN_LIMIT_US, &conninfo, &error);
        bool said = code == DLG_E_EMBEDDED && strstr(dlg_error_message(error), part) && !embedded;
        if (!said)
            fprintf(stderr, "%s: %s\n", dlg_code_name(code), dlg_error_message(error));
        embedded_close(embedded);
        _exit(said ? 0 : 1);
    }
    assert_int_equal(place_wait(child), 0);
}

static void names_that_are_none(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_refuses("", OPEN_LIMIT_US, "embedded:"), DLG_E_ARGUMENT);
    assert_int_equal(place_refuses(place_path(place, "a\nb"), OPEN_LIMIT_US, "control"), DLG_E_ARGUMENT);
    char endless[5000];
    memset(endless, 'x', sizeof endless);
    endless[0] = '/';
    endless[sizeof endless - 1] = '\0';
    assert_int_equal(place_refuses(endless, OPEN_LIMIT_US, "too long"), DLG_E_ARGUMENT);
}

static void files(void **state)
{
    struct place *place = *state;
    place_write(place->directory, "w", "a file");
    assert_int_equal(place_refuses(place->directory, OPEN_LIMIT_US, "Not a directory"), DLG_E_EMBEDDED);
    assert_int_equal(place_refuses(place_path(place, "db/below"), OPEN_LIMIT_US, place_path(place, "db/below")),
                     DLG_E_EMBEDDED);
}

static void places_where_nothing_can_be_made(void **state)
{
    (void)state;
    assert_int_equal(place_refuses("/proc/dialogs/db", OPEN_LIMIT_US, "/proc/dialogs/db"), DLG_E_EMBEDDED);
}

static void directories_that_may_not_be_written(void **state)
{
    struct place *place = *state;
    assert_int_equal(chmod(place->base, 0777), 0);
    pid_t child = fork();
    if (child == 0) {
        place_become_nobody();
        _exit(mkdir(place->directory, 0500));
    }
    assert_int_equal(place_wait(child), 0);
    refuses_nobody(place->directory, "Permission denied");
}

static void directories_of_others(void **state)
{
    (void)state;
    refuses_nobody("/usr", "belongs to root");
}

/* An empty variable: "embedded:$DIR/". Nothing of it is touched. */
static void the_root_directory(void **state)
{
    (void)state;
    struct stat before, after;
    assert_int_equal(stat("/run", &before), 0);
    place_refuses("/", OPEN_LIMIT_US, geteuid() == 0 ? "variable" : "belongs to root");
    place_refuses("//tmp/..", OPEN_LIMIT_US, geteuid() == 0 ? "variable" : "belongs to root");
    assert_int_equal(stat("/run", &after), 0);
    assert_int_equal(before.st_uid, after.st_uid);
    assert_int_equal(before.st_mode, after.st_mode);
    assert_int_equal(access("/start.lock", F_OK), -1);
}

/* Somebody's own directory, which has a "run" of another kind. */
static void directories_with_other_things(void **state)
{
    struct place *place = *state;
    struct stat status;
    assert_int_equal(mkdir(place->directory, 0700), 0);
    assert_int_equal(mkdir(place_path(place, "db/run"), 0755), 0);
    assert_int_equal(chmod(place_path(place, "db/run"), 0755), 0);
    place_refuses(place->directory, OPEN_LIMIT_US, "other things");
    assert_int_equal(stat(place_path(place, "db/run"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0755);
    assert_int_equal(status.st_uid, geteuid());
    assert_int_equal(access(place_path(place, "db/start.lock"), F_OK), -1);
    assert_int_equal(rmdir(place_path(place, "db/run")), 0);
    assert_int_equal(mkdir(place_path(place, "db/lost+found"), 0700), 0); /* a new file system is empty */
    char *conninfo;
    embedded_close(place_open(place->directory, &conninfo));
    free(conninfo);
}

/* Whoever owns the parent puts a symbolic link in the place of what we make; `target` must keep its rights. */
static _Noreturn void swap_for_ever(const struct place *place, const char *target)
{
    char made[300], link[300];
    snprintf(made, sizeof made, "%s", place_path(place, "parent/d"));
    snprintf(link, sizeof link, "%s", place_path(place, "parent/link"));
    place_become_nobody();
    for (;;) {
        unlink(link);
        if (symlink(target, link) == 0)
            syscall(SYS_renameat2, AT_FDCWD, link, AT_FDCWD, made, RENAME_EXCHANGE);
    }
}

static void links_in_the_place_of_what_is_made(void **state)
{
    enum { ROUNDS = 300 };
    struct place *place = *state;
    struct stat status;
    char target[300], made[300];
    if (geteuid() != 0)
        skip();
    snprintf(target, sizeof target, "%s", place_path(place, "target"));
    snprintf(made, sizeof made, "%s", place_path(place, "parent/d/e"));
    assert_int_equal(mkdir(target, 0), 0);
    assert_int_equal(mkdir(place_path(place, "parent"), 0700), 0);
    assert_int_equal(chown(place_path(place, "parent"), 65534, 65534), 0);
    umask(077); /* the rights have to be given afterwards */
    pid_t swapper = fork();
    if (swapper == 0)
        swap_for_ever(place, target);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = make_path(made, 0700, 0711);
        if (fd >= 0)
            close(fd);
        assert_int_equal(stat(target, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0);
        rmdir(made);
        directory_remove(AT_FDCWD, place_path(place, "parent/d"));
    }
    umask(022);
    kill(swapper, SIGKILL);
    waitpid(swapper, NULL, 0);
}

static void directories_that_others_write_in(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(place->directory, 0700), 0);
    assert_int_equal(chmod(place->directory, 01777), 0);
    place_refuses(place->directory, OPEN_LIMIT_US, "chmod go-w");
    assert_int_equal(access(place_path(place, "db/postgresql"), F_OK), -1);
}

/* For root: its server's user does not get in. For a user: it does not itself. */
static void directories_behind_a_closed_door(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(place_path(place, "closed"), 0700), 0);
    assert_int_equal(mkdir(place_path(place, "closed/db"), 0700), 0);
    if (geteuid() == 0) {
        char said[300];
        snprintf(said, sizeof said, "who cannot pass through %s: choose", place_path(place, "closed"));
        place_refuses(place_path(place, "closed/db"), OPEN_LIMIT_US, said);
        place_refuses(place_path(place, "closed/db"), OPEN_LIMIT_US, "/var/lib/dialogsd");
        assert_int_equal(access(place_path(place, "closed/db/postgresql.new"), F_OK), -1);
    }
    assert_int_equal(chmod(place_path(place, "closed"), 0600), 0);
    refuses_nobody(place_path(place, "closed/db"), "Permission denied");
    assert_int_equal(chmod(place_path(place, "closed"), 0711), 0);
    char *conninfo;
    embedded_close(place_open(place_path(place, "closed/db"), &conninfo));
    free(conninfo);
}

static void data_that_is_none(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(place->directory, 0700), 0);
    assert_int_equal(chmod(place->directory, 0711), 0);
    place_write(place_path(place, "db/start.lock"), "w", ""); /* it had a server before */
    assert_int_equal(mkdir(place_path(place, "db/postgresql"), 0700), 0);
    place_write(place_path(place, "db/postgresql/photo.jpg"), "w", "mine");
    if (geteuid() == 0)
        assert_int_equal(chown(place_path(place, "db/postgresql"), 65534, 65534), 0);
    place_refuses(place->directory, OPEN_LIMIT_US, "no PostgreSQL data");
    assert_int_equal(access(place_path(place, "db/postgresql/photo.jpg"), F_OK), 0);
}

static void data_of_a_version_that_is_not_installed(void **state)
{
    struct place *place = *state;
    data_that_is_none(state);
    place_write(place_path(place, "db/postgresql/PG_VERSION"), "w", "9\n");
    if (geteuid() == 0)
        assert_int_equal(chown(place_path(place, "db/postgresql/PG_VERSION"), 65534, 65534), 0);
    place_refuses(place->directory, OPEN_LIMIT_US, "apt install postgresql-9");
}

static void programs_that_are_not_there(void **state)
{
    struct place *place = *state;
    setenv("DLG_POSTGRES_BIN", "/nowhere/bin", 1);
    assert_int_equal(place_refuses(place->directory, OPEN_LIMIT_US, "/nowhere/bin"), DLG_E_EMBEDDED);
    assert_int_equal(access(place_path(place, "db/postgresql"), F_OK), -1);
    assert_int_equal(access(place_path(place, "db/postgresql.new"), F_OK), -1);
    unsetenv("DLG_POSTGRES_BIN");
    char *conninfo;
    embedded_close(place_open(place->directory, &conninfo));
    free(conninfo);
}

/* Programs by those names that do not work. */
static void write_program(const struct place *place, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s", place_path(place, name));
    place_write(path, "w", text);
    assert_int_equal(chmod(path, 0755), 0);
}

static void programs_that_fail(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(place_path(place, "bin"), 0755), 0);
    assert_int_equal(chmod(place_path(place, "bin"), 0755), 0);
    write_program(place, "bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 15.99'\n");
    write_program(place, "bin/initdb",
                  "#!/bin/sh\necho working...\necho 'initdb: error: the moon is full' >&2\n"
                  "echo 'initdb: removing it all' >&2\nexit 1\n");
    setenv("DLG_POSTGRES_BIN", place_path(place, "bin"), 1);
    place_refuses(place->directory, OPEN_LIMIT_US, "the moon is full");
    write_program(place, "bin/initdb", "#!/bin/sh\nkill -11 $$\n");
    place_refuses(place->directory, OPEN_LIMIT_US, "signal 11");
    write_program(place, "bin/initdb", "");
    place_refuses(place->directory, OPEN_LIMIT_US, "Exec format error");
    write_program(place, "bin/initdb", "#!/bin/sh\nexit 0\n");
    place_refuses(place->directory, OPEN_LIMIT_US, "did not start");
    write_program(place, "bin/postgres", "#!/bin/sh\nexit 1\n");
    place_refuses(place->directory, OPEN_LIMIT_US, "DLG_POSTGRES_BIN");
    unsetenv("DLG_POSTGRES_BIN");
}

/* An initdb that hangs is ended with all that it started, and leaves nothing behind. */
static void programs_that_hang(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(place_path(place, "bin"), 0755), 0);
    assert_int_equal(chmod(place_path(place, "bin"), 0755), 0);
    write_program(place, "bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 15.99'\n");
    write_program(place, "bin/initdb", "#!/bin/sh\necho 15 > \"$2/PG_VERSION\"\nsleep 1000 & sleep 1000\n");
    setenv("DLG_POSTGRES_BIN", place_path(place, "bin"), 1);
    int64_t begin = clock_monotonic_us();
    place_refuses(place->directory, 300000, "took too long");
    assert_in_range(clock_monotonic_us() - begin, 300000, 5000000);
    assert_int_equal(access(place_path(place, "db/postgresql.new"), F_OK), -1);
    unsetenv("DLG_POSTGRES_BIN");
    char *conninfo;
    embedded_close(place_open(place->directory, &conninfo));
    free(conninfo);
}

static void waiting_for_others_beyond_the_deadline(void **state)
{
    struct place *place = *state;
    char *conninfo;
    struct embedded *embedded = place_open(place->directory, &conninfo);
    int lock = open(place_path(place, "db/start.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    int64_t begin = clock_monotonic_us();
    place_refuses(place->directory, 200000, "another process");
    assert_in_range(clock_monotonic_us() - begin, 200000, 2000000);
    close(lock);
    embedded_close(embedded);
    assert_int_equal(place_server(place->directory), 0);
    free(conninfo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NEW_PLACE(names_that_are_none),
        IN_NEW_PLACE(files),
        IN_NEW_PLACE(places_where_nothing_can_be_made),
        IN_NEW_PLACE(directories_that_may_not_be_written),
        IN_NEW_PLACE(directories_of_others),
        IN_NEW_PLACE(the_root_directory),
        IN_NEW_PLACE(directories_with_other_things),
        IN_NEW_PLACE(links_in_the_place_of_what_is_made),
        IN_NEW_PLACE(directories_that_others_write_in),
        IN_NEW_PLACE(directories_behind_a_closed_door),
        IN_NEW_PLACE(data_that_is_none),
        IN_NEW_PLACE(data_of_a_version_that_is_not_installed),
        IN_NEW_PLACE(programs_that_are_not_there),
        IN_NEW_PLACE(programs_that_fail),
        IN_NEW_PLACE(programs_that_hang),
        IN_USED_PLACE(waiting_for_others_beyond_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, place_forget_used);
}
