/* dlgctl load as a process: CSV of both kinds, texts, made-up rows, bad rows, progress, stopping. */
#include "check.h"
#include "corpus.h"
#include "database.h"
#include "tool.h"

#include <dialogs.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Users ---- */

static void users_of_the_customary_form(void **state)
{
    (void)state;
    const char *path =
        tool_file("people.csv", "Абрамов Алексей,1980-06-21,Воткинск\r\nЁлкина Зоя,1999-12-31,Тверь\r\n");
    const char *ids = tool_path("ids");
    tool_check(0, TOOL("load", "users", path, "--ids", ids), "Loaded: 2 users", NULL);
    assert_int_equal(tool_count("users WHERE second_name = 'Абрамов' AND first_name = 'Алексей' AND city = 'Воткинск' "
                                "AND birthdate = '1980-06-21' AND password_hash = ''"),
                     1);
    tool_check(0, TOOL("load", "users", path), "2 were there already", NULL);
    assert_int_equal(tool_count("users"), 2);
    tool_check(0, TOOL("load", "messages", tool_file("texts", "hello\n"), "--among", ids), "Loaded: 1 messages", NULL);
    assert_int_equal(
        tool_count("dialogs d JOIN users u ON u.id = user_id JOIN users v ON v.id = to_user_id AND u.id <> v.id"), 1);
}

static void users_with_a_header_from_a_pipe(void **state)
{
    (void)state;
    static const char csv[] =
        "\xef\xbb\xbf"
        "id,first_name,last_name,city,biography\r\n"
        "387ac1c1-6581-4ace-a113-707c8585fe28,Ann,Lee,\"Ulm, old town\",\"says \"\"hi\"\"\r\nand bye\"\r\n";
    struct child child = {.input = csv, .length = sizeof csv - 1};
    const char *secret = tool_file("secret", "shared\n");
    tool_run(&child, tool_database(), TOOL("load", "users", "-", "--password-file", secret));
    assert_int_equal(child.status, 0);
    tool_wrote(&child, "Loaded: 1 users");
    child_free(&child);
    assert_int_equal(tool_count("users WHERE first_name = 'Ann' AND second_name = 'Lee' AND city = 'Ulm, old town' "
                                "AND biography = E'says \"hi\"\\nand bye'"),
                     1);
    tool_check(0, TOOL("login", "387ac1c1-6581-4ace-a113-707c8585fe28", "--password-file", secret), "v4.public.", NULL);
    /* Standard input is busy, and there is no terminal. */
    child = (struct child){.input = csv, .length = sizeof csv - 1};
    tool_run(&child, tool_database(), TOOL("load", "users", "-", "--password"));
    assert_int_equal(child.status, 1);
    tool_said(&child, "--password-file");
    child_free(&child);
    child = (struct child){.terminal = true, .await = ": ", .input = "pw\npw\n", .length = 6};
    const char *more = tool_file("more.csv", "name\nRoe Bob\n");
    tool_run(&child, tool_database(), TOOL("load", "users", more, "--password"));
    assert_int_equal(child.status, 0);
    child_free(&child);
    assert_int_equal(tool_count("users WHERE second_name = 'Roe' AND password_hash LIKE '$argon2id$%'"), 1);
}

static void bad_rows_are_said_and_counted(void **state)
{
    (void)state;
    const char *path = tool_file("bad.csv", "name,birthdate\nLee Ann,1990-01-02\nRoe Bob,1990-02-30\nDoe\n"
                                            "Poe Edgar,1809-01-19\n\xff\xfe,\n");
    struct child child;
    tool_expect(&child, 0, tool_database(), TOOL("load", "users", path));
    tool_wrote(&child, "Loaded: 2 users");
    tool_wrote(&child, "3 bad rows");
    tool_said(&child, ":3: not loaded: birthdate");
    tool_said(&child, ":4: not loaded: it has 1 fields instead of 2");
    tool_said(&child, ":6: not loaded: ");
    child_free(&child);
    assert_int_equal(tool_count("users"), 2);
    database_execute(tool_database(), "TRUNCATE users");
    tool_expect(&child, 1, tool_database(), TOOL("load", "users", "--strict", path));
    tool_wrote(&child, "Stopped; loaded so far: nothing");
    tool_said(&child, ":3: not loaded: birthdate");
    assert_null(strstr(child.err, ":4:"));
    child_free(&child);
    assert_int_equal(tool_count("users"), 0);
    tool_check(1, TOOL("load", "users", "/nonexistent.csv"), NULL, "/nonexistent.csv");
    tool_check(1, TOOL("load", "users", "/"), NULL, "cannot be read");
    tool_check(1, TOOL("load", "users", path, "--ids", "/nonexistent/ids"), NULL, "/nonexistent/ids");
}

static void unknown_columns_are_said(void **state)
{
    (void)state;
    const char *path = tool_file("people.csv", "name,birthday,shoe\x1b[31m size,sity\nLee Ann,1990-01-02,43,Ulm\n");
    struct child child;
    tool_expect(&child, 1, tool_database(), TOOL("load", "users", "--strict", path));
    tool_wrote(&child, "Stopped; loaded so far: nothing");
    tool_said(&child, ":1: not loaded: unknown columns: \"shoe\\x1b[31m size\", \"sity\"");
    child_free(&child);
    tool_expect(&child, 0, tool_database(), TOOL("load", "users", path));
    tool_wrote(&child, "Loaded: 1 users");
    tool_wrote(&child, "0 bad rows");
    tool_said(&child, ":1: ignored: unknown columns: \"shoe\\x1b[31m size\", \"sity\"");
    child_free(&child);
    assert_int_equal(tool_count("users WHERE birthdate = '1990-01-02' AND city IS DISTINCT FROM 'Ulm'"), 1);
}

static void only_the_first_bad_rows_are_shown(void **state)
{
    (void)state;
    char csv[4096];
    char *end = stpcpy(csv, "name,birthdate\n");
    for (int i = 0; i < 100; i++)
        end = stpcpy(end, "Lee Ann,never\n");
    struct child child;
    tool_expect(&child, 1, tool_database(), TOOL("load", "users", tool_file("bad.csv", csv)));
    tool_wrote(&child, "100 bad rows");
    tool_said(&child, "counted, not shown");
    assert_int_equal(tool_lines(child.err), 21);
    child_free(&child);
}

/* ---- Messages ---- */

static void make_users(void)
{
    database_execute(tool_database(),
                     "INSERT INTO users (id, password_hash, first_name, second_name) SELECT gen_random_uuid(), '', "
                     "'first ' || n, 'second ' || n FROM generate_series(1, 5) n");
}

static void texts_of_each_form(void **state)
{
    (void)state;
    make_users();
    const char *path = tool_file("texts", "one\ntwo\n\nthree\n%\nfour\n");
    tool_check(0, TOOL("load", "messages", path), "Loaded: 5 messages", NULL);
    assert_int_equal(tool_count("dialogs WHERE text IN ('one', 'two', 'three', '%', 'four')"), 5);
    tool_check(0, TOOL("load", "messages", path, "--paragraphs"), "Loaded: 2 messages", NULL);
    assert_int_equal(tool_count("dialogs WHERE text IN (E'one\\ntwo', E'three\\n%\\nfour')"), 2);
    tool_check(0, TOOL("load", "messages", path, "--separator", "%"), "Loaded: 2 messages", NULL);
    assert_int_equal(tool_count("dialogs WHERE text IN (E'one\\ntwo\\n\\nthree', 'four')"), 3);
    assert_int_equal(
        tool_count("dialogs WHERE create_date BETWEEN now() - interval '31 days' AND now() AND user_id <> to_user_id"),
        9);
}

/* Files of another system: the texts and the ids of users are those of any other. */
static void files_of_another_system(void **state)
{
    (void)state;
    const char *people = tool_file("people.csv", "\xef\xbb\xbfname,city\r\nLee Ann,Ulm\r\nRoe Bob,\"new\r\ntown\"\r\n");
    const char *ids = tool_path("ids");
    const char *secret = tool_file("secret", "\xef\xbb\xbfshared\r\n");
    tool_check(0, TOOL("load", "users", people, "--ids", ids, "--password-file", secret), "Loaded: 2 users", NULL);
    tool_check(0, TOOL("load", "users", tool_file("same.csv", "name,city\nLee Ann,Ulm\nRoe Bob,\"new\ntown\"\n")),
               "2 were there already", NULL);
    char *id = database_text(tool_database(), "SELECT id FROM users WHERE city = 'Ulm'");
    tool_check(0, TOOL("login", id, "--password-file", tool_file("secret", "shared")), "v4.public.", NULL);
    char among[128];
    snprintf(among, sizeof among, "\xef\xbb\xbf%s\r\n", id);
    free(id);
    const char *texts = tool_file("texts", "\xef\xbb\xbf"
                                           "one\r\ntwo\r\n\r\nthree\r\n");
    tool_check(0, TOOL("load", "messages", "--paragraphs", texts, "--among", tool_file("among", among)),
               "Loaded: 2 messages", NULL);
    assert_int_equal(tool_count("dialogs WHERE text IN (E'one\\ntwo', 'three')"), 2);
}

/* The dialogs' texts by their times are these. */
static void check_texts_in_order(const struct corpus *corpus)
{
    PGconn *connection = PQconnectdb(tool_database());
    PGresult *result = PQexec(connection, "SELECT text FROM dialogs ORDER BY create_date");
    assert_int_equal(PQntuples(result), corpus->count);
    for (int i = 0; i < PQntuples(result); i++)
        assert_string_equal(PQgetvalue(result, i, 0), corpus->texts[i]);
    PQclear(result);
    PQfinish(connection);
}

/* A line that is a lone '%', perhaps with the carriage return of another system. */
static bool has_separator(const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        char next = *line == '%' ? line[1 + (line[1] == '\r')] : ' ';
        if (next == '\n' || next == '\0')
            return true;
    }
    return false;
}

static void fortunes_byte_for_byte(void **state)
{
    (void)state;
    struct corpus corpus = {0};
    corpus_add_fortunes(&corpus, 30);
    make_users();
    FILE *file = fopen(tool_path("fortunes"), "we");
    assert_non_null(file);
    size_t kept = 0;
    for (size_t i = 0; i < corpus.count; i++) {
        char *text = corpus.texts[i];
        bool keep = !has_separator(text);
        corpus.texts[i] = corpus.texts[kept];
        corpus.texts[kept] = text;
        kept += keep;
        if (keep)
            fprintf(file, "%s\n%%\n", text);
    }
    fclose(file);
    size_t all = corpus.count;
    corpus.count = kept;
    assert_true(kept > 5000);
    tool_check(0,
               TOOL("load", "messages", "--separator", "%", "--strict", tool_path("fortunes"), "--from", "2020-01-01"),
               NULL, NULL);
    check_texts_in_order(&corpus);
    corpus.count = all;
    corpus_free(&corpus);
}

static void bad_texts_are_said_and_counted(void **state)
{
    (void)state;
    make_users();
    const char *path = tool_file("texts", "good\n\xff\xff\nmuch too long\n\nfine\n");
    struct child child;
    tool_expect(&child, 0, tool_database(), TOOL("--set", "text_limit=8", "load", "messages", path));
    tool_wrote(&child, "Loaded: 2 messages");
    tool_wrote(&child, "2 bad rows");
    tool_said(&child, ":2: not loaded: the text is not UTF-8");
    tool_said(&child, ":3: not loaded: the text is longer");
    child_free(&child);
    tool_check(1, TOOL("load", "messages", "--strict", path), "Stopped", ":2: not loaded");
    database_execute(tool_database(), "TRUNCATE users");
    tool_check(1, TOOL("load", "messages", path), NULL, "no users");
    tool_check(1, TOOL("load", "messages", path, "--among", "/nonexistent"), NULL, "/nonexistent");
    tool_check(1, TOOL("load", "messages", path, "--among", path), NULL, ":1: this is no user's id");
    make_users();
    tool_check(1, TOOL("load", "messages", path, "--from", "2026-01-02", "--until", "2026-01-01"), NULL, "too short");
}

static void the_same_seed_makes_the_same_rows(void **state)
{
    (void)state;
    static const char texts[] = "one\ntwo\nthree\nfour\nfive\nsix\n";
    make_users();
    const char *path = tool_file("texts", texts);
    tool_check(0, TOOL("load", "messages", "--seed", "7", path), "0 were there already", NULL);
    struct child child = {.input = texts, .length = sizeof texts - 1}; /* from a pipe it is no other */
    tool_run(&child, tool_database(), TOOL("load", "messages", "--seed", "7", "-"));
    tool_wrote(&child, "6 were there already");
    child_free(&child);
    database_execute(tool_database(), "UPDATE dialogs SET text = 'another' WHERE text = 'four'");
    tool_check(1, TOOL("load", "messages", "--seed", "7", path),
               "5 were there already, 1 have the id of another message", "1 messages were not loaded");
    database_execute(tool_database(), "UPDATE dialogs SET text = 'four' WHERE text = 'another'");
    assert_int_equal(tool_count("dialogs WHERE create_date BETWEEN '2025-12-02 UTC' AND '2026-01-01 UTC'"), 6);
    tool_check(0, TOOL("load", "messages", "--seed", "8", path), "0 were there already", NULL);
    tool_check(0, TOOL("load", "messages", "--seed", "7", "--from", "2025-01-01", "--until", "2025-02-01T12:30", path),
               "0 were there already", NULL);
    assert_int_equal(tool_count("dialogs WHERE create_date BETWEEN '2025-01-01 UTC' AND '2025-02-01 12:30 UTC'"), 6);
}

/* ---- Made up ---- */

static int64_t share_of_busiest(const char *column)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT max(n) FROM (SELECT count(*) AS n FROM dialogs GROUP BY %s) AS counts", column);
    return database_number(tool_database(), sql);
}

static void skew_is_where_it_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *skew;
        bool author, recipient;
    } skews[] = {{"uniform", false, false}, {"sender", true, false}, {"recipient", false, true}, {"zipf", true, true}};
    for (size_t i = 0; i < 4; i++) {
        database_execute(tool_database(), "TRUNCATE dialogs, users");
        tool_check(0, TOOL("load", "--generate", "10000", "--users", "100", "--seed", "1", "--skew", skews[i].skew),
                   "Loaded: 100 users, 10,000 messages", NULL);
        int64_t author = share_of_busiest("user_id"), recipient = share_of_busiest("to_user_id");
        assert_true(skews[i].author ? author > 1500 : author < 200);
        assert_true(skews[i].recipient ? recipient > 1000 : recipient < 200);
        assert_int_equal(tool_count("dialogs WHERE user_id = to_user_id"), 0);
        assert_int_equal(tool_count("(SELECT DISTINCT create_date FROM dialogs) AS times"), 10000);
    }
    tool_check(0, TOOL("load", "--generate", "3", "--users", "1"), "Loaded: 1 users, 3 messages", NULL);
    assert_int_equal(tool_count("dialogs WHERE user_id = to_user_id"), 3);
    tool_check(0, TOOL("load", "--generate", "0", "--users", "2"), "Loaded: 2 users in", NULL);
}

/* ---- Progress ---- */

static void a_terminal_shows_a_bar(void **state)
{
    (void)state;
    struct child child = {.terminal = true};
    tool_run(&child, tool_database(), TOOL("load", "--generate", "60000", "--users", "10"));
    assert_int_equal(child.status, 0);
    tool_wrote(&child, "rows 100% [########");
    tool_wrote(&child, "% [");
    tool_wrote(&child, "/s, ");
    tool_wrote(&child, " left");
    tool_wrote(&child, "Loaded: 10 users, 60,000 messages");
    for (char *line = strtok(child.out, "\r\n"); line; line = strtok(NULL, "\r\n"))
        assert_true(strlen(line) <= 80 + 3); /* and the sequence that clears the line */
    child_free(&child);
    child = (struct child){.terminal = true};
    tool_run(&child, tool_database(), TOOL("load", "--quiet", "--generate", "60000", "--users", "10"));
    assert_null(strstr(child.out, "%"));
    child_free(&child);
}

static void elsewhere_there_is_no_bar(void **state)
{
    (void)state;
    struct child child;
    tool_expect(&child, 0, tool_database(), TOOL("load", "--generate", "60000", "--users", "10"));
    assert_null(memchr(child.out, '\r', child.out_length));
    if (child.err)
        assert_null(memchr(child.err, '\r', child.err_length));
    assert_int_equal(tool_lines(child.out), 1);
    child_free(&child);
}

static void ctrl_c_stops_between_chunks(void **state)
{
    (void)state;
    struct child child = {.terminal = true, .signal = SIGINT, .signal_after = " 1% ["};
    tool_run(&child, tool_database(), TOOL("load", "--generate", "3000000", "--users", "10", "--seed", "5"));
    assert_int_equal(child.status, 1);
    tool_wrote(&child, "Stopped; loaded so far: ");
    tool_wrote(&child, "repeat the command with: --seed 5 --from 2025-12-02T00:00:00 --until 2026-01-01T00:00:00");
    int64_t loaded = tool_count("dialogs") + tool_count("users");
    assert_true(loaded > 0 && loaded < 3000000);
    assert_int_equal(loaded % 10000, 0);
    child_free(&child);
}

/* Also while it waits for input. */
static void ctrl_c_stops_reading(void **state)
{
    (void)state;
    static const char csv[] = "Lee Ann,1990-01-02,Ulm\nbad\n";
    struct child child = {
        .input = csv, .length = sizeof csv - 1, .hold = true, .signal = SIGINT, .signal_after = ":2: not loaded"};
    tool_run(&child, tool_database(), TOOL("load", "users", "-"));
    assert_int_equal(child.status, 1);
    tool_wrote(&child, "Stopped; loaded so far: nothing");
    assert_int_equal(tool_lines(child.err), 1);
    child_free(&child);
    child = (struct child){
        .input = csv, .length = sizeof csv - 1, .hold = true, .signal = SIGTERM, .signal_after = ":2: not loaded"};
    tool_run(&child, tool_database(), TOOL("load", "users", "-"));
    assert_int_equal(child.status, 1);
    child_free(&child);
}

#define LOAD_TEST(name) cmocka_unit_test_setup(name, tool_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(users_of_the_customary_form),
        LOAD_TEST(users_with_a_header_from_a_pipe),
        LOAD_TEST(bad_rows_are_said_and_counted),
        LOAD_TEST(unknown_columns_are_said),
        LOAD_TEST(only_the_first_bad_rows_are_shown),
        LOAD_TEST(texts_of_each_form),
        LOAD_TEST(files_of_another_system),
        LOAD_TEST(fortunes_byte_for_byte),
        LOAD_TEST(bad_texts_are_said_and_counted),
        LOAD_TEST(the_same_seed_makes_the_same_rows),
        LOAD_TEST(skew_is_where_it_was_asked_for),
        LOAD_TEST(a_terminal_shows_a_bar),
        LOAD_TEST(elsewhere_there_is_no_bar),
        LOAD_TEST(ctrl_c_stops_between_chunks),
        LOAD_TEST(ctrl_c_stops_reading),
    };
    return cmocka_run_group_tests(tests, tool_group_setup, tool_group_teardown);
}
