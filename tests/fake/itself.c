/* itself.c - the fake server does what its header says, as libpq sees it. */
#include "fake_fixture.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static void it_behaves_when_it_is_left_alone(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    dlg_receipt first = send_text(client, &pair.ann, &pair.ben, "hello");
    assert_true(first.id > 0);
    dlg_page *page = list_newest(client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 0);
    dlg_page_free(page);
    client_close(client);
    fake_await(*state, "Terminate", 2);
}

static void it_has_the_tables_that_a_client_checks(void **state)
{
    dlg_client *client = client_open(fake_conninfo(*state), "schema=check");
    client_close(client);
}

static void it_serves_over_tcp_too(void **state)
{
    dlg_client *client = client_open(fake_conninfo_tcp(*state), FAKE_SETTINGS);
    client_close(client);
    assert_int_equal(fake_count(*state, "SSLRequest"), 2);
    assert_int_equal(fake_count(*state, "Startup"), 2);
}

static void it_says_what_it_is_told_to(void **state)
{
    PGconn *sql = sql_connect(fake_conninfo(*state));
    fake_on(*state,
            (struct fake_rule){.on = "Query SELECT", .deed = FAKE_ERROR, .sqlstate = "40001", .text = "no luck"});
    PGresult *result = PQexec(sql, "SELECT 1");
    assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "40001");
    assert_string_equal(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), "no luck");
    PQclear(result);
    fake_behave(*state);
    fake_on(*state, (struct fake_rule){.on = "Query SELECT", .deed = FAKE_CLOSE});
    PQclear(PQexec(sql, "SELECT 1"));
    assert_int_equal(PQstatus(sql), CONNECTION_BAD);
    PQfinish(sql);
}

static void it_tears_every_answer_into_pieces(void **state)
{
    fake_tear(*state, 1);
    PGconn *sql = sql_connect(fake_conninfo(*state));
    struct fake_rows rows = {0};
    fake_row(&rows, "ltn", INT64_C(7), "seven");
    fake_on(*state, (struct fake_rule){.on = "Execute SELECT", .rows = &rows});
    PGresult *result = PQexecParams(sql, "SELECT 7", 0, NULL, NULL, NULL, NULL, 1);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    assert_int_equal(PQgetlength(result, 0, 0), 8);
    assert_string_equal(PQgetvalue(result, 0, 1), "seven");
    assert_true(PQgetisnull(result, 0, 2));
    PQclear(result);
    PQfinish(sql);
    fake_stop(*state);
    fake_rows_free(&rows);
    *state = fake_start(NULL, 0);
}

static void a_held_answer_waits_for_its_release(void **state)
{
    PGconn *sql = sql_connect(fake_conninfo(*state));
    fake_on(*state, (struct fake_rule){.on = "Query SELECT", .held = true, .times = 1});
    assert_true(PQsendQuery(sql, "SELECT 1"));
    fake_await(*state, "Query SELECT", 1);
    pause_ms(50);
    assert_true(PQconsumeInput(sql));
    assert_true(PQisBusy(sql));
    fake_release(*state);
    PQclear(PQgetResult(sql));
    assert_null(PQgetResult(sql));
    PQfinish(sql);
}

static void a_cluster_tells_its_shards(void **state)
{
    (void)state;
    struct fake_cluster cluster;
    fake_cluster_start(&cluster, 2);
    dlg_client *client = fake_cluster_client(&cluster, "");
    for (int shard = 0; shard < FAKE_SHARDS; shard++) {
        dlg_uuid ann = fake_user_in(shard), ben = fake_user_in(shard);
        send_text(client, &ann, &ben, "hello");
    }
    client_close(client);
    assert_int_equal(fake_count(cluster.nodes[0], "Execute dlg_message_insert"), 0);
    assert_int_equal(fake_count(cluster.nodes[1], "Execute dlg_message_insert"), 2);
    assert_int_equal(fake_count(cluster.nodes[2], "Execute dlg_message_insert"), 2);
    assert_int_equal(fake_stored(cluster.world, NULL), 4);
    fake_cluster_stop(&cluster);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_behaves_when_it_is_left_alone),
        TEST(it_has_the_tables_that_a_client_checks),
        TEST(it_serves_over_tcp_too),
        TEST(it_says_what_it_is_told_to),
        TEST(it_tears_every_answer_into_pieces),
        TEST(a_held_answer_waits_for_its_release),
        cmocka_unit_test(a_cluster_tells_its_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
