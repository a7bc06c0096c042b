/* dlgctl as a process: usage, users and passwords, archives, the private database. */
#include "check.h"
#include "database.h"
#include "tool.h"

#include <dialogs.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ANN "387ac1c1-6581-4ace-a113-707c8585fe28"
#define BOB "aa45b640-d501-4101-83f2-de96b672129f"

/* ---- Usage ---- */

static void wrong_usage_is_2(void **state)
{
    (void)state;
    const char *const *const wrong[] = {
        TOOL("frobnicate"),
        TOOL("user"),
        TOOL("user", "frobnicate"),
        TOOL("--frobnicate"),
        TOOL("init", "now"),
        TOOL("--set", "open", "init"),
        TOOL("--set", "open=perhaps", "init"),
        TOOL("--set", "nothing=1", "init"),
        TOOL("--data", "", "init"),
        TOOL("send", ANN),
        TOOL("send", ANN, "bob", "hi"),
        TOOL("send", ANN, BOB, "a", "b"),
        TOOL("list", ANN),
        TOOL("list", ANN, BOB, "--limit", "0"),
        TOOL("list", ANN, BOB, "--limit", "1001"),
        TOOL("list", ANN, BOB, "--limit", "many"),
        TOOL("list", ANN, BOB, "--before", "x", "--after", "y"),
        TOOL("list", ANN, BOB, "--before", "x", "--follow"),
        TOOL("user", "add", "--id", "7"),
        TOOL("user", "add", "Ann"),
        TOOL("user", "show"),
        TOOL("user", "show", "ann"),
        TOOL("user", "passwd"),
        TOOL("login"),
        TOOL("login", ANN, BOB),
        TOOL("load"),
        TOOL("load", "--generate", "10"),
        TOOL("load", "--generate", "-1", "--users", "2"),
        TOOL("load", "--generate", "1", "--users", "0"),
        TOOL("load", "users"),
        TOOL("load", "users", "a", "b"),
        TOOL("load", "messages", "a", "--skew", "left"),
        TOOL("load", "messages", "a", "--from", "yesterday"),
        TOOL("load", "messages", "a", "--until", "2026-02-30"),
        TOOL("load", "messages", "a", "--seed", "x"),
        TOOL("load", "users", "a", "--password", "--password-file", "b"),
        TOOL("dump", "a", "b"),
        TOOL("restore", "a", "b"),
        TOOL("settings", "all"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct child child;
        tool_expect(&child, 2, tool_database(), wrong[i]);
        tool_said(&child, "dlgctl: ");
        tool_said(&child, "--help` says how to use it");
        assert_int_equal(child.out_length, 0);
        child_free(&child);
    }
    struct child child;
    tool_expect(&child, 2, NULL, (const char *const[]){NULL});
    tool_said(&child, "a command is missing");
    child_free(&child);
}

static void help_tells_everything(void **state)
{
    (void)state;
    static const char *const commands[] = {"init",          "settings", "user add", "user passwd", "user show",
                                           "login",         "send",     "list",     "load",        "load users",
                                           "load messages", "dump",     "restore"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        tool_check(0, TOOL("--help"), commands[i], NULL);
        char name[32], usage[64];
        snprintf(name, sizeof name, "%s", commands[i]);
        snprintf(usage, sizeof usage, "Usage: dlgctl %s ", name);
        char *second = strchr(name, ' ');
        if (second)
            *second++ = '\0';
        tool_check(0, second ? TOOL(name, second, "--help") : TOOL(name, "--help"), usage, NULL);
        tool_check(0, second ? TOOL(name, second, "--help") : TOOL(name, "--help"), "--db CONNINFO", NULL);
    }
    tool_check(0, TOOL("user", "--help"), "user passwd", NULL);
    tool_check(0, TOOL("--version"), dlg_version(), NULL);
    tool_check(0, TOOL("list", "--version"), dlg_version(), NULL);
}

static void settings_are_listed(void **state)
{
    (void)state;
    for (size_t i = 0; i < dlg_setting_count(); i++)
        tool_check(0, TOOL("settings"), dlg_setting_at(i)->name, NULL);
    tool_check(0, TOOL("--set", "timeout_ms=1234", "settings"), "1234", NULL);
    struct child child;
    tool_expect(&child, 0, tool_database(), TOOL("settings", "--set", "token_key=k4.secret.thisissecret"));
    tool_wrote(&child, "(given)");
    assert_null(strstr(child.out, "thisissecret"));
    child_free(&child);
}

static void an_unreachable_database_is_1(void **state)
{
    (void)state;
    struct child child;
    time_t begun = time(NULL);
    tool_expect(&child, 1, "host=/nonexistent", TOOL("--set", "open_timeout_ms=300", "init"));
    tool_said(&child, "dlgctl: ");
    if (time(NULL) - begun < 2) /* the machine did not stand still */
        assert_null(strstr(child.err, "waiting"));
    child_free(&child);
    /* Not `init`: who looks at the tables gives up when the next attempt would be too late. */
    tool_expect(&child, 1, "host=/nonexistent",
                TOOL("--set", "open_timeout_ms=3000", "--set", "schema=none", "user", "show", ANN));
    tool_said(&child, "dlgctl: waiting for the database");
    child_free(&child);
    tool_expect(&child, 1, NULL, TOOL("--data", "/dev/null/data", "init"));
    tool_said(&child, "/dev/null/data");
    child_free(&child);
}

/* ---- Users ---- */

static void users_are_added_and_shown(void **state)
{
    (void)state;
    const char *secret = tool_file("password", "correct horse\nignored\n");
    tool_check(0,
               TOOL("user", "add", "--id", ANN, "--first-name", "Ann", "--second-name", "O'Lee", "--birthdate",
                    "1990-05-04", "--city", "Köln", "--biography", "two\nlines \033[31mred", "--password-file", secret),
               ANN "\n", NULL);
    tool_check(0, TOOL("user", "show", ANN), "first name   Ann\n", NULL);
    tool_check(0, TOOL("user", "show", ANN), "lines \\x1b[31mred\n", NULL);
    struct child child;
    tool_expect(&child, 0, tool_database(), TOOL("user", "show", "--json", ANN));
    json_t *user = json_loads(child.out, 0, NULL);
    assert_non_null(user);
    assert_string_equal(json_string_value(json_object_get(user, "id")), ANN);
    assert_string_equal(json_string_value(json_object_get(user, "second_name")), "O'Lee");
    assert_string_equal(json_string_value(json_object_get(user, "city")), "Köln");
    assert_string_equal(json_string_value(json_object_get(user, "biography")), "two\nlines \033[31mred");
    assert_string_equal(json_string_value(json_object_get(user, "birthdate")), "1990-05-04");
    json_decref(user);
    child_free(&child);
    tool_check(1, TOOL("user", "add", "--id", ANN, "--password-file", secret), NULL, "exists");
    tool_check(1, TOOL("user", "add", "--birthdate", "yesterday", "--password-file", secret), NULL, "birthdate");
    tool_check(1, TOOL("user", "show", BOB), NULL, "no such user");
}

static void passwords_come_from_everywhere(void **state)
{
    (void)state;
    const char *secret = tool_file("password", "from a file\r\n");
    tool_check(0, TOOL("user", "add", "--id", ANN, "--password-file", secret), ANN, NULL);
    tool_check_input(0, "from a file\n", TOOL("login", ANN));
    tool_check_input(0, "from a file", TOOL("login", ANN, "--password-file", "-"));
    tool_check_input(1, "from a file \n", TOOL("login", ANN));
    tool_check_input(1, "", TOOL("login", ANN));
    tool_check_input(1, "\n", TOOL("login", ANN));
    tool_check_input(0, "from a pipe\n", TOOL("user", "passwd", ANN));
    tool_check_input(0, "from a pipe\n", TOOL("login", ANN));
    tool_check_input(1, "from a file\n", TOOL("login", ANN));
    tool_check_input(1, "x\n", TOOL("user", "passwd", BOB));
    tool_check(1, TOOL("login", ANN, "--password-file", tool_path("nothing")), NULL, "No such file");
    char *large = malloc(3000);
    memset(large, 'x', 2999);
    large[2999] = '\0';
    tool_check_input(1, large, TOOL("user", "passwd", ANN));
    free(large);
}

static void login_prints_a_token(void **state)
{
    (void)state;
    tool_check_input(0, "string\n", TOOL("user", "add", "--id", ANN));
    struct child child = {.input = "string\n", .length = 7};
    tool_run(&child, tool_database(), TOOL("login", ANN));
    assert_int_equal(child.status, 0);
    assert_memory_equal(child.out, "v4.public.", 10);
    child.out[strcspn(child.out, "\n")] = '\0';
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    dlg_uuid user;
    char id[DLG_UUID_TEXT_SIZE];
    assert_ok(dlg_open(&client, tool_database(), NULL, &error), error);
    assert_ok(dlg_token_verify(&user, NULL, client, child.out, DLG_NTS, &error), error);
    dlg_uuid_format(id, &user);
    assert_string_equal(id, ANN);
    dlg_close(NULL, client, 0);
    child_free(&child);
}

static void a_terminal_asks_and_does_not_show(void **state)
{
    (void)state;
    struct child child = {.terminal = true, .await = "word: ", .input = "secret\n", .length = 7};
    tool_check_input(0, "secret\n", TOOL("user", "add", "--id", ANN));
    tool_run(&child, tool_database(), TOOL("login", ANN));
    assert_int_equal(child.status, 0);
    tool_wrote(&child, "Password: ");
    tool_wrote(&child, "v4.public.");
    assert_null(strstr(child.out, "secret"));
    child_free(&child);

    child = (struct child){.terminal = true, .await = ": ", .input = "other\nother\n", .length = 12};
    tool_run(&child, tool_database(), TOOL("user", "passwd", ANN));
    assert_int_equal(child.status, 0);
    tool_wrote(&child, "Once more: ");
    assert_null(strstr(child.out, "other"));
    child_free(&child);
    tool_check_input(0, "other\n", TOOL("login", ANN));

    child = (struct child){.terminal = true, .await = ": ", .input = "one\ntwo\n", .length = 8};
    tool_run(&child, tool_database(), TOOL("user", "passwd", ANN));
    assert_int_equal(child.status, 1);
    tool_wrote(&child, "differ");
    child_free(&child);

    child = (struct child){.terminal = true, .await = ": ", .input = "half\003", .length = 5};
    tool_run(&child, tool_database(), TOOL("login", ANN));
    assert_int_equal(child.status, 1);
    tool_wrote(&child, "interrupted");
    child_free(&child);
}

/* ---- Archives ---- */

static void fill(int count)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO dialogs (user_id, to_user_id, text, create_date) SELECT '" ANN "', '" BOB
             "', 'number ' || n, "
             "'2026-01-01'::timestamptz + n * interval '1 second' FROM generate_series(1, %d) n",
             count);
    database_execute(tool_database(), sql);
}

static void dump_and_restore_files(void **state)
{
    (void)state;
    fill(500);
    tool_check_input(0, "p\n", TOOL("user", "add", "--id", ANN));
    const char *path = tool_path("archive");
    tool_check(0, TOOL("dump", path), NULL, "Dumped: 1 users, 500 messages");
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_not_equal(access(tool_path("archive.part"), F_OK), 0);
    char *before = database_content(tool_database());
    database_execute(tool_database(), "TRUNCATE dialogs, users");
    tool_check(0, TOOL("restore", path), NULL, "Restored: 1 users, 500 messages");
    tool_check(0, TOOL("restore", path), NULL, "501 rows were there already");
    char *after = database_content(tool_database());
    assert_string_equal(before, after);
    database_execute(tool_database(), "UPDATE dialogs SET text = 'another' WHERE text IN ('number 7', 'number 8')");
    tool_check(1, TOOL("restore", path), NULL, "2 messages were not loaded, because others have their ids");
    tool_check(1, TOOL("restore", path), NULL, "2 have the id of another message and were not restored\n");
    free(before);
    free(after);
    tool_check(0, TOOL("dump", "/dev/null"), NULL, "500 messages");
    tool_check(1, TOOL("dump", "/dev/full"), NULL, "No space left");
    tool_check(1, TOOL("dump", "/nonexistent/archive"), NULL, "/nonexistent/archive");
    tool_check(1, TOOL("restore", "/nonexistent/archive"), NULL, "/nonexistent/archive");
    tool_check(1, TOOL("restore", tool_file("text", "hello")), NULL, "not an archive");
}

static void archives_go_through_pipes(void **state)
{
    (void)state;
    fill(500);
    struct child dump, restore;
    tool_expect(&dump, 0, tool_database(), TOOL("dump"));
    database_execute(tool_database(), "TRUNCATE dialogs");
    restore = (struct child){.input = dump.out, .length = dump.out_length};
    tool_run(&restore, tool_database(), TOOL("restore"));
    assert_int_equal(restore.status, 0);
    child_free(&restore);
    assert_int_equal(database_number(tool_database(), "SELECT count(*) FROM dialogs"), 500);
    restore = (struct child){.input = dump.out, .length = dump.out_length - 1};
    tool_run(&restore, tool_database(), TOOL("restore", "-"));
    assert_int_equal(restore.status, 1);
    tool_said(&restore, "too early");
    child_free(&restore);
    child_free(&dump);
    struct child terminal = {.terminal = true};
    tool_run(&terminal, tool_database(), TOOL("dump"));
    assert_int_equal(terminal.status, 2);
    tool_wrote(&terminal, "not for a terminal");
    child_free(&terminal);
    terminal = (struct child){.terminal = true};
    tool_run(&terminal, tool_database(), TOOL("restore"));
    assert_int_equal(terminal.status, 2);
    child_free(&terminal);
}

/* ---- Without --db ---- */

static void the_data_directory_has_a_private_database(void **state)
{
    (void)state;
    const char *data = tool_path("deep/data");
    char database[256];
    struct child child;
    tool_expect(&child, 0, NULL, TOOL("--data", data, "init"));
    child_free(&child);
    snprintf(database, sizeof database, "%s/db", data);
    assert_int_equal(access(database, F_OK), 0);
    tool_expect(&child, 0, NULL, TOOL("--data", data, "send", ANN, BOB, "at home"));
    child_free(&child);
    setenv("PGSERVICE", "none", 1); /* meant for another server */
    setenv("PGTZ", "nonsense", 1);
    tool_expect(&child, 0, NULL, TOOL("list", "--data", data, ANN, BOB));
    unsetenv("PGSERVICE");
    unsetenv("PGTZ");
    tool_wrote(&child, "at home");
    child_free(&child);
}

#define TOOL_TEST(name) cmocka_unit_test_setup(name, tool_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOOL_TEST(wrong_usage_is_2),
        TOOL_TEST(help_tells_everything),
        TOOL_TEST(settings_are_listed),
        TOOL_TEST(an_unreachable_database_is_1),
        TOOL_TEST(users_are_added_and_shown),
        TOOL_TEST(passwords_come_from_everywhere),
        TOOL_TEST(login_prints_a_token),
        TOOL_TEST(a_terminal_asks_and_does_not_show),
        TOOL_TEST(dump_and_restore_files),
        TOOL_TEST(archives_go_through_pipes),
        TOOL_TEST(the_data_directory_has_a_private_database),
    };
    return cmocka_run_group_tests(tests, tool_group_setup, tool_group_teardown);
}
