/* How PostgreSQL runs our statements: each by its index, in order, whatever the table's size; and the classic query. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_explained(void **state)
{
    const struct test_server_options options = {
        .configuration = "session_preload_libraries = 'auto_explain'\nauto_explain.log_min_duration = 0\n"
                         "autovacuum = off\n"};
    if (fixture_open_with(state, &options) < 0)
        return -1;
    struct fixture *fixture = *state;
    fixture->client = client_open(test_server_conninfo(fixture->server), "");
    return 0;
}

/* ---- The log, where the server writes each plan that it runs ---- */

static FILE *log_open(struct fixture *fixture)
{
    char path[256];
    snprintf(path, sizeof path, "%s/log", test_server_directory(fixture->server));
    FILE *log = fopen(path, "r");
    assert_non_null(log);
    return log;
}

/* Where the log ends now. */
static long log_end(struct fixture *fixture)
{
    FILE *log = log_open(fixture);
    fseek(log, 0, SEEK_END);
    long end = ftell(log);
    fclose(log);
    return end;
}

/* Sorting is only for the two halves of a page, each of which ends by itself. */
static const char *const unwanted[] = {"Seq Scan", "Bitmap", "Filter:", "Sort"};

static void check_line(const char *line, const char *statement)
{
    bool halves = strstr(statement, "mine") || strstr(statement, "CASE");
    size_t count = sizeof unwanted / sizeof *unwanted - halves;
    for (size_t i = 0; i < count; i++)
        if (strstr(line, unwanted[i]))
            fail_msg("%s: %s", statement, line);
}

/* The plans, since `from`, of statements that begin so: how many there are, none with what is not wanted. */
static int log_check(struct fixture *fixture, long from, const char *statement)
{
    char line[4096];
    int plans = 0;
    bool ours = false;
    FILE *log = log_open(fixture);
    fseek(log, from, SEEK_SET);
    while (fgets(line, sizeof line, log)) {
        const char *text = strstr(line, "Query Text: ");
        bool entry = strstr(line, "LOG: ") != NULL;
        if (text)
            ours = strncmp(text + 12, statement, strlen(statement)) == 0;
        else if (entry)
            ours = false;
        else if (ours)
            check_line(line, statement);
        plans += text && ours;
    }
    fclose(log);
    return plans;
}

static bool log_has(struct fixture *fixture, long from, const char *text)
{
    char line[4096];
    bool found = false;
    FILE *log = log_open(fixture);
    fseek(log, from, SEEK_SET);
    while (!found && fgets(line, sizeof line, log))
        found = strstr(line, text) != NULL;
    fclose(log);
    return found;
}

/* ---- The library's statements ---- */

/* `pairs` dialogs of `each` messages. */
static void fill(PGconn *sql, int pairs, int each)
{
    sql_run(sql,
            "INSERT INTO dialogs (user_id, to_user_id, text, create_date) "
            "SELECT md5(p::text)::uuid, md5((-p)::text)::uuid, 'x', now() - m * interval '1 min' "
            "FROM generate_series(1, %d) p, generate_series(1, %d) m",
            pairs, each);
}

/* Lists and sends on fresh sessions; all plans must be by index. */
static void assert_by_index(struct fixture *fixture)
{
    long from = log_end(fixture);
    struct pair pair;
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.after = "";
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    dlg_uuid_parse(&pair.ann, sql_text(fixture->sql, "SELECT md5('1')::uuid"), DLG_NTS);
    dlg_uuid_parse(&pair.ben, sql_text(fixture->sql, "SELECT md5('-1')::uuid"), DLG_NTS);
    dlg_page_free(list_newest(client, &pair, 50));
    dlg_page_free(list_newest(client, &pair, 1000));
    assert_ok(dlg_list(&page, client, &pair.ann, &pair.ben, &options, &error), error);
    dlg_page_free(page);
    client_close(client);
    assert_int_equal(log_check(fixture, from, "SELECT id, text, create_date, update_date, mine FROM"), 2);
    assert_int_equal(log_check(fixture, from, "SELECT id, CASE WHEN"), 1);
}

/* The plans are made once per session, and the table may grow a million times while it lives. */
static void pages_are_read_by_the_index_whatever_the_size(void **state)
{
    static const struct {
        int pairs, each;
    } steps[] = {{1, 1}, {10, 10}, {1, 20000}, {10000, 3}};
    struct fixture *fixture = *state;
    assert_by_index(fixture);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        fill(fixture->sql, steps[i].pairs, steps[i].each);
        assert_by_index(fixture);
        sql_run(fixture->sql, "ANALYZE dialogs");
        assert_by_index(fixture);
    }
}

static void feeds_are_read_by_index(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "feed=on");
    long from = log_end(fixture);
    dlg_uuid user;
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    dlg_uuid_parse(&user, sql_text(fixture->sql, "SELECT md5('1')::uuid"), DLG_NTS);
    assert_ok(dlg_feed(&page, client, &user, &options, &error), error);
    assert_int_equal(dlg_page_count(page), 50);
    options.after = dlg_page_before(page);
    dlg_page *next = NULL;
    assert_ok(dlg_feed(&next, client, &user, &options, &error), error);
    assert_int_equal(dlg_page_count(next), 49);
    dlg_page_free(page);
    dlg_page_free(next);
    assert_true(log_has(fixture, from, "Index Scan Backward using ix_dialogs_feed_from on"));
    assert_true(log_has(fixture, from, "Index Scan using ix_dialogs_feed_from on"));
    assert_true(log_has(fixture, from, "Index Scan using ix_dialogs_feed_to on"));
    assert_false(log_has(fixture, from, "Sort"));
    client_close(client);
}

/* The newest page of a dialog, or (`peer` NULL) of a feed, and what came since: nothing. */
static void read_and_follow(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer)
{
    dlg_error *error = NULL;
    dlg_page *pages[2] = {NULL, NULL};
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = 100;
    for (int i = 0; i < 2; i++) {
        int code = peer ? dlg_list(&pages[i], client, user, peer, &options, &error)
                        : dlg_feed(&pages[i], client, user, &options, &error);
        assert_ok(code, error);
        options.after = dlg_page_after(pages[0]);
    }
    assert_int_equal(dlg_page_count(pages[1]), 0);
    for (int i = 0; i < 2; i++)
        dlg_page_free(pages[i]);
}

/* A feed that is followed from its newest page asks for what is there before it. */
static void places_are_read_by_index(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "feed=on");
    sql_run(fixture->sql,
            "INSERT INTO dialogs (user_id, to_user_id, text) SELECT md5((n %% 2)::text)::uuid, md5((1 - n "
            "%% 2)::text)::uuid, 'x' FROM generate_series(1, 600) n");
    dlg_uuid_parse(&pair.ann, sql_text(fixture->sql, "SELECT md5('0')::uuid"), DLG_NTS);
    dlg_uuid_parse(&pair.ben, sql_text(fixture->sql, "SELECT md5('1')::uuid"), DLG_NTS);
    read_and_follow(client, &pair.ann, &pair.ben);
    long from = log_end(fixture);
    read_and_follow(client, &pair.ann, NULL);
    assert_true(log_has(fixture, from, "Query Text: SELECT id, ''::text"));
    assert_true(log_has(fixture, from, "Index Scan using ix_dialogs_feed_from on"));
    assert_true(log_has(fixture, from, "Index Scan using ix_dialogs_feed_to on"));
    assert_false(log_has(fixture, from, "Seq Scan on dialogs"));
    client_close(client);
}

static void other_statements_are_by_index_too(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    long from = log_end(fixture);
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = "k";
    for (int i = 0; i < 2; i++) /* the second looks the first one up */
        assert_ok(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error), error);
    assert_int_equal(dlg_user_get(&users, fixture->client, &pair.ann, NULL), DLG_E_NOT_FOUND);
    options.flags = DLG_SEND_CHECK_RECIPIENT;
    assert_int_equal(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, NULL), DLG_E_RECIPIENT);
    assert_int_equal(dlg_auth(NULL, fixture->client, &pair.ann, "x", 1, NULL), DLG_E_NOT_FOUND);
    char *token = NULL;
    assert_ok(dlg_token_issue(&token, fixture->client, &pair.ann, &error), error);
    assert_int_equal(dlg_token_check(NULL, NULL, fixture->client, token, DLG_NTS, NULL), DLG_E_TOKEN);
    dlg_free(token);
    assert_int_equal(log_check(fixture, from, "SELECT tokens_since"), 1);
    assert_int_equal(log_check(fixture, from, "SELECT user_id, text, create_date, update_date FROM"), 1);
    assert_int_equal(log_check(fixture, from, "SELECT id, first_name"), 1);
    assert_int_equal(log_check(fixture, from, "SELECT id FROM public.users"), 1);
    assert_int_equal(log_check(fixture, from, "SELECT password_hash, tokens_since FROM public.users"), 1);
}

/* Whatever the beginnings are: by an index, in its order, so that no more is read than is asked for. */
static void names_are_searched_by_their_index(void **state)
{
    static const struct {
        const char *first, *second, *index;
    } searches[] = {
        {"", "", "ix_users_first_name_second_name"},      {"B1", "", "ix_users_first_name_second_name"},
        {"B", "C", "ix_users_first_name_second_name"},    {"B1", "C", "ix_users_first_name_second_name"},
        {"", "zzzz", "ix_users_second_name_first_name"},  {"", "A", "ix_users_second_name_first_name"},
        {"B", "C100", "ix_users_second_name_first_name"},
    };
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    for (int rows = 0; rows <= 20000; rows += 20000) {
        sql_run(fixture->sql,
                "INSERT INTO users (id, password_hash, first_name, second_name) SELECT md5(g::text)::uuid, "
                "'', chr(65 + g %% 26) || g, chr(65 + g %% 7) || g FROM generate_series(1, %d) g",
                rows);
        sql_run(fixture->sql, "ANALYZE users");
        dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
        for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
            char expected[128];
            long from = log_end(fixture);
            assert_ok(dlg_user_search(&users, client, searches[i].first, searches[i].second, 10, &error), error);
            dlg_users_free(users);
            snprintf(expected, sizeof expected, "Index Scan using %s", searches[i].index);
            assert_true(log_has(fixture, from, expected));
            assert_int_equal(log_check(fixture, from, "SELECT id, first_name"), 1);
        }
        client_close(client);
    }
}

static void one_index_is_all_there_is_beside_the_key(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(sql_text(fixture->sql, "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND "
                                               "tablename = 'dialogs' ORDER BY 1"),
                        "ix_dialogs_user_id_to_user_id\npk_dialogs");
}

/* ---- The query that everybody has ---- */

#define CLASSIC                                                                                    \
    "SELECT user_id::text AS \"From\", to_user_id::text AS \"To\", text AS \"Text\" FROM dialogs " \
    "WHERE (user_id='%s' AND to_user_id='%s') OR (user_id='%s' AND to_user_id='%s') ORDER BY create_date"

static void the_classic_query_sees_what_the_library_sent(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    for (int i = 0; i < 20; i++) {
        char text[24];
        snprintf(text, sizeof text, "text %d", i);
        send_text(fixture->client, i % 3 ? &pair.ann : &pair.ben, i % 3 ? &pair.ben : &pair.ann, text);
    }
    const char *ann = uuid_text(&pair.ann), *ben = uuid_text(&pair.ben);
    char query[1024];
    snprintf(query, sizeof query, CLASSIC, ann, ben, ben, ann);
    PGresult *rows = PQexec(fixture->sql, query);
    assert_int_equal(PQntuples(rows), 20);
    assert_string_equal(PQfname(rows, 0), "From");
    dlg_page *page = list_newest(fixture->client, &pair, 50);
    for (int i = 0; i < 20; i++) {
        const dlg_message *message = dlg_page_at(page, (size_t)i);
        assert_string_equal(PQgetvalue(rows, i, 0), uuid_text(&message->author));
        assert_string_equal(PQgetvalue(rows, i, 1), uuid_text(&message->recipient));
        assert_string_equal(PQgetvalue(rows, i, 2), message->text);
    }
    dlg_page_free(page);
    PQclear(rows);
    const char *plan = sql_text(fixture->sql, "EXPLAIN (COSTS off) " CLASSIC, ann, ben, ben, ann);
    assert_non_null(strstr(plan, "ix_dialogs_user_id_to_user_id")); /* the table is large by now */
}

static void plain_inserts_appear_in_the_library(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    sql_run(fixture->sql,
            "INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ('%s', '%s', 'a', now())",
            uuid_text(&pair.ann), uuid_text(&pair.ben));
    sql_run(fixture->sql, "INSERT INTO dialogs (user_id, to_user_id, text) VALUES ('%s', '%s', 'b')",
            uuid_text(&pair.ben), uuid_text(&pair.ann));
    dlg_page *page = list_newest(fixture->client, &pair, 50);
    assert_int_equal(dlg_page_count(page), 2);
    assert_text(dlg_page_at(page, 0), "a");
    assert_text(dlg_page_at(page, 1), "b");
    assert_true(dlg_page_at(page, 0)->id < dlg_page_at(page, 1)->id);
    dlg_page_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_read_by_the_index_whatever_the_size),
        cmocka_unit_test(other_statements_are_by_index_too),
        cmocka_unit_test(names_are_searched_by_their_index),
        cmocka_unit_test(one_index_is_all_there_is_beside_the_key),
        cmocka_unit_test(feeds_are_read_by_index),
        cmocka_unit_test(places_are_read_by_index),
        cmocka_unit_test(the_classic_query_sees_what_the_library_sent),
        cmocka_unit_test(plain_inserts_appear_in_the_library),
    };
    return cmocka_run_group_tests(tests, open_explained, fixture_close);
}
