/* dlgctl send and dlgctl list as processes: exact texts, pages, following, what a terminal is shown. */
#include "check.h"
#include "corpus.h"
#include "database.h"
#include "tool.h"

#include <dialogs.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANN "387ac1c1-6581-4ace-a113-707c8585fe28"
#define BOB "aa45b640-d501-4101-83f2-de96b672129f"

static void send_and_list_are_exact(void **state)
{
    (void)state;
    struct corpus corpus = {0};
    corpus_add_naughty(&corpus);
    size_t sent = corpus.count < 60 ? corpus.count : 60;
    for (size_t i = 0; i < sent; i++) {
        const char *text = corpus.texts[i * corpus.count / sent];
        struct child child = {.input = text, .length = strlen(text)};
        tool_run(&child, tool_database(), TOOL("send", ANN, BOB));
        assert_int_equal(child.status, 0);
        child_free(&child);
    }
    struct child list;
    tool_expect(&list, 0, tool_database(), TOOL("list", "--json", BOB, ANN));
    char *line = list.out;
    for (size_t i = 0; i < sent; i++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        json_t *message = json_loads(line, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(message, "text")), corpus.texts[i * corpus.count / sent]);
        assert_string_equal(json_string_value(json_object_get(message, "from")), ANN);
        assert_string_equal(json_string_value(json_object_get(message, "to")), BOB);
        json_decref(message);
        line = end + 1;
    }
    assert_string_equal(line, "");
    child_free(&list);
    corpus_free(&corpus);
}

static void send_takes_arguments_and_keys(void **state)
{
    (void)state;
    tool_check(0, TOOL("send", ANN, BOB, "hello"), "Sent as message ", NULL);
    tool_check(0, TOOL("send", "--key", "k1", ANN, BOB, "once"), "Sent as message ", NULL);
    tool_check(0, TOOL("send", ANN, BOB, "once", "--key", "k1"), "Sent before as message ", NULL);
    tool_check(1, TOOL("send", ANN, BOB, "twice", "--key", "k1"), NULL, "key");
    tool_check(0, TOOL("send", "--json", ANN, BOB, "--", "-dash"), "\"duplicate\":false", NULL);
    tool_check(1, TOOL("send", "--check", ANN, BOB, "anybody?"), NULL, "recipient");
    tool_check(1, TOOL("send", ANN, BOB, ""), NULL, "empty");
    tool_check(1, TOOL("send", ANN, BOB, "\xff\xfe"), NULL, "UTF-8");
    tool_check(1, TOOL("--set", "text_limit=4", "send", ANN, BOB, "hello"), NULL, "limit");
    tool_check_input(1, "hello", TOOL("--set", "text_limit=4", "send", ANN, BOB, "-"));
    tool_check_input(0, "four", TOOL("--set", "text_limit=4", "send", ANN, BOB, "-"));
    assert_int_equal(database_number(tool_database(), "SELECT count(*) FROM dialogs"), 4);
    assert_int_equal(database_number(tool_database(), "SELECT count(*) FROM dialogs WHERE text = '-dash'"), 1);
}

static void list_is_for_reading(void **state)
{
    (void)state;
    tool_check_input(0, "p\n", TOOL("user", "add", "--id", ANN, "--first-name", "Ann", "--second-name", "Lee"));
    tool_check(0, TOOL("send", ANN, BOB, "two\nlines, \033[2J and a bell\a \302\233"), NULL, NULL);
    database_execute(tool_database(), "UPDATE dialogs SET create_date = '2026-01-02 03:04:05+00', "
                                      "update_date = '2026-01-02 03:05:00+00'");
    struct child child;
    tool_expect(&child, 0, tool_database(), TOOL("list", ANN, BOB));
    assert_string_equal(child.out, "2026-01-02 03:04:05  Ann Lee (edited 2026-01-02 03:05:00)\n"
                                   "    two\n    lines, \\x1b[2J and a bell\\x07 \\x9b\n");
    child_free(&child);
    tool_expect(&child, 0, tool_database(), TOOL("list", "--json", ANN, BOB));
    tool_wrote(&child, "\"created_at\":\"2026-01-02T03:04:05.000000Z\",\"updated_at\":\"2026-01-02T03:05:00.000000Z\"");
    child_free(&child);
    tool_check(0, TOOL("send", BOB, ANN, "from a user without a name"), NULL, NULL);
    tool_check(0, TOOL("list", ANN, BOB), "  " BOB "\n    from a user", NULL);
    tool_check(0, TOOL("list", BOB, BOB), "", NULL);
}

/* On a terminal and elsewhere, as text and as JSON. What is stored stays as it was sent. */
static void nobodys_text_plays_tricks_with_a_screen(void **state)
{
    static const char trick[] = "a\xe2\x80\xae"
                                "b\xe2\x81\xa6"
                                "c\xe2\x80\xa8"
                                "d\302\233"
                                "2Je\177 \xd0\x9f\xf0\x9f\x98\x80";
    (void)state;
    tool_check_input(0, "p\n",
                     TOOL("user", "add", "--id", ANN, "--first-name", "Ann\n2026-01-02 03:04:05  Bob", "--second-name",
                          "\342\200\256eeL"));
    tool_check(0, TOOL("send", ANN, BOB, trick), NULL, NULL);
    for (int terminal = 0; terminal < 2; terminal++) {
        struct child child = {.terminal = terminal};
        setenv("NO_COLOR", "1", 1);
        tool_run(&child, tool_database(), TOOL("list", ANN, BOB));
        tool_wrote(&child, "  Ann\\x0a2026-01-02 03:04:05  Bob \\u202eeeL");
        tool_wrote(&child, "    a\\u202eb\\u2066c\\u2028d\\x9b2Je\\x7f \xd0\x9f\xf0\x9f\x98\x80");
        child_free(&child);
        child = (struct child){.terminal = terminal};
        tool_run(&child, tool_database(), TOOL("list", "--json", ANN, BOB));
        tool_wrote(&child, "\"a\\u202eb\\u2066c\\u2028d\\u009b2Je\\u007f \xd0\x9f\xf0\x9f\x98\x80\"");
        unsetenv("NO_COLOR");
        if (!terminal) {
            json_t *message = json_loads(child.out, 0, NULL);
            assert_string_equal(json_string_value(json_object_get(message, "text")), trick);
            json_decref(message);
        }
        child_free(&child);
    }
    tool_check(0, TOOL("user", "show", ANN), "first name   Ann\\x0a2026", NULL);
    assert_int_equal(database_number(tool_database(),
                                     "SELECT count(*) FROM users WHERE first_name LIKE 'Ann' || chr(10) "
                                     "|| '%' AND second_name = U&'\\202EeeL'"),
                     1);
}

static void colours_are_for_terminals(void **state)
{
    (void)state;
    tool_check(0, TOOL("send", ANN, BOB, "hello"), NULL, NULL);
    struct child child = {.terminal = true};
    tool_run(&child, tool_database(), TOOL("list", ANN, BOB));
    tool_wrote(&child, "\033[");
    child_free(&child);
    setenv("NO_COLOR", "1", 1);
    child = (struct child){.terminal = true};
    tool_run(&child, tool_database(), TOOL("list", ANN, BOB));
    unsetenv("NO_COLOR");
    tool_wrote(&child, "hello");
    assert_null(strstr(child.out, "\033["));
    child_free(&child);
    tool_expect(&child, 0, tool_database(), TOOL("list", ANN, BOB));
    assert_null(strstr(child.out, "\033["));
    child_free(&child);
}

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

static void pages_go_both_ways(void **state)
{
    (void)state;
    fill(25);
    struct child child;
    char cursor[512];
    tool_expect(&child, 0, tool_database(), TOOL("list", "--json", "--limit", "10", ANN, BOB));
    assert_int_equal(tool_lines(child.out), 10);
    tool_wrote(&child, "number 16\"");
    tool_wrote(&child, "number 25\"");
    const char *before = strstr(child.err, "--before ");
    assert_non_null(before);
    snprintf(cursor, sizeof cursor, "%.*s", (int)strcspn(before + 9, "\n"), before + 9);
    child_free(&child);
    tool_expect(&child, 0, tool_database(), TOOL("list", "--json", "--limit", "10", "--before", cursor, ANN, BOB));
    tool_wrote(&child, "number 6\"");
    tool_wrote(&child, "number 15\"");
    assert_int_equal(tool_lines(child.out), 10);
    child_free(&child);
    tool_expect(&child, 0, tool_database(), TOOL("list", "--json", "--after", "", "--limit", "3", ANN, BOB));
    tool_wrote(&child, "number 1\"");
    assert_int_equal(tool_lines(child.out), 3);
    child_free(&child);
    tool_check(1, TOOL("list", "--before", "forged", ANN, BOB), NULL, "cursor");
    tool_expect(&child, 0, tool_database(), TOOL("list", "--json", ANN, BOB));
    assert_int_equal(tool_lines(child.out), 25);
    child_free(&child);
}

static void a_long_dialog_comes_whole(void **state)
{
    (void)state;
    fill(5000);
    struct child child;
    tool_expect(&child, 0, tool_database(), TOOL("list", "--json", ANN, BOB));
    assert_int_equal(tool_lines(child.out), 5000);
    child_free(&child);
}

static void follow_shows_what_comes(void **state)
{
    (void)state;
    fill(3);
    struct child child = {.terminal = true, .signal = SIGINT, .signal_after = "the end"};
    if (fork() == 0) {
        /* The message that ends it, some time after the list has begun. */
        struct child sender;
        usleep(1500 * 1000);
        tool_expect(&sender, 0, tool_database(), TOOL("send", BOB, ANN, "the end"));
        _exit(0);
    }
    tool_run(&child, tool_database(), TOOL("list", "--follow", "--limit", "2", ANN, BOB));
    assert_int_equal(child.status, 0);
    tool_wrote(&child, "number 3");
    assert_null(strstr(child.out, "number 1"));
    child_free(&child);
}

/* A reader that has seen enough is no accident. */
static void a_closed_pipe_is_quiet(void **state)
{
    (void)state;
    fill(5000);
    char command[1024];
    snprintf(command, sizeof command, "%s --db '%s' list --json " ANN " " BOB " | head -n 1", DLGCTL, tool_database());
    struct child child = {0};
    child_run(&child, (const char *const[]){"/bin/sh", "-c", command, NULL});
    assert_int_equal(tool_lines(child.out), 1);
    assert_int_equal(child.err_length, 0);
    child_free(&child);
}

#define TOOL_TEST(name) cmocka_unit_test_setup(name, tool_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOOL_TEST(send_and_list_are_exact),   TOOL_TEST(send_takes_arguments_and_keys),
        TOOL_TEST(list_is_for_reading),       TOOL_TEST(nobodys_text_plays_tricks_with_a_screen),
        TOOL_TEST(colours_are_for_terminals), TOOL_TEST(pages_go_both_ways),
        TOOL_TEST(a_long_dialog_comes_whole), TOOL_TEST(follow_shows_what_comes),
        TOOL_TEST(a_closed_pipe_is_quiet),
    };
    return cmocka_run_group_tests(tests, tool_group_setup, tool_group_teardown);
}
