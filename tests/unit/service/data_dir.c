/* Where things are when nobody says where: for root, and for others. */
#include "common/data_dir.h"
#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static void expect_data(const char *given, const char *expected)
{
    char *data = data_dir_find(given);
    assert_non_null(data);
    assert_string_equal(data, expected);
    free(data);
}

/* In a process that is not root's, also when we are. */
static void as_somebody(void (*check)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
            _exit(99);
        check();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void check(bool good)
{
    if (!good)
        _exit(1);
}

static void check_data(const char *expected)
{
    char *data = data_dir_find(NULL);
    check(data && strcmp(data, expected) == 0);
    free(data);
}

static void others_have_it_at_home(void)
{
    setenv("XDG_STATE_HOME", "/somewhere/state", 1);
    setenv("HOME", "/somewhere", 1);
    check_data("/somewhere/state/dialogs");
    setenv("XDG_STATE_HOME", "relative", 1);
    check_data("/somewhere/.local/state/dialogs");
    setenv("XDG_STATE_HOME", "", 1);
    check_data("/somewhere/.local/state/dialogs");
    unsetenv("XDG_STATE_HOME");
    check_data("/somewhere/.local/state/dialogs");
    unsetenv("HOME");
    char *data = data_dir_find(NULL); /* of the password file */
    check(!data || strstr(data, "/.local/state/dialogs"));
    free(data);
}

static void the_data_directory(void **state)
{
    (void)state;
    expect_data("given", "given");
    if (geteuid() == 0)
        expect_data(NULL, "/var/lib/dialogsd");
    as_somebody(others_have_it_at_home);
}

static void the_database_is_in_it(void **state)
{
    (void)state;
    char *conninfo = data_dir_database("/data dir");
    assert_string_equal(conninfo, "embedded:/data dir/db");
    free(conninfo);
}

static void it_is_made_with_those_above(void **state)
{
    (void)state;
    char root[] = "/tmp/place-test-XXXXXX", path[128];
    struct stat status;
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a//b/c/", root);
    mode_t before = umask(0077);
    assert_int_equal(data_dir_make(path), 0);
    umask(before);
    assert_int_equal(data_dir_make(path), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 0777, geteuid() == 0 ? 0755 : 0700);
    assert_int_equal(data_dir_make(root), 0);
    assert_int_equal(stat(root, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700); /* what was there is left alone */

    snprintf(path, sizeof path, "%s/a/file", root);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(data_dir_make(path), -1);
    assert_int_equal(errno, ENOTDIR);
    snprintf(path, sizeof path, "%s/a/file/below", root);
    assert_int_equal(data_dir_make(path), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(data_dir_make(""), -1);
    assert_int_equal(errno, ENOENT);

    static const char *const parts[] = {"a/file", "a/b/c", "a/b", "a", ""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s", root, parts[i]);
        assert_int_equal(remove(path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data_directory),
        cmocka_unit_test(the_database_is_in_it),
        cmocka_unit_test(it_is_made_with_those_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
