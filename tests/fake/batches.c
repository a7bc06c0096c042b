/*
 * batches.c - golden traces: what the library sends for each kind of work, what shares a batch, and where each Sync
 * falls.
 */
#include "fake_fixture.h"

#include <stdatomic.h>
#include <stdio.h>

static void a_session_is_set_up_by_one_question(void **state)
{
    dlg_client *client = client_open(fake_conninfo(*state), FAKE_SETTINGS " open=lazy");
    fake_await(*state, "Sync", 2);
    client_close(client);
    assert_int_equal(fake_count(*state, "Connect"), 2);
    assert_int_equal(fake_count(*state, "Startup"), 2);
    assert_int_equal(fake_count(*state, "Parse start"), 2);
    assert_int_equal(fake_count(*state, "Execute start"), 2);
    assert_int_equal(fake_count(*state, "Sync"), 2);
    assert_int_equal(fake_count(*state, "Query *"), 0);
}

static void a_lone_message_is_committed_by_its_sync(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "one");
    fake_assert_trace(*state, "Parse dlg_message_insert\n"
                              "Execute dlg_message_insert\n"
                              "Sync\n");
    send_text(client, &pair.ann, &pair.ben, "two");
    fake_assert_trace(*state, "Execute dlg_message_insert\n"
                              "Sync\n");
    client_close(client);
}

/* While the first message's commit is held, others gather behind it. */
static void gather(dlg_client *client, struct fake *fake, struct outcomes *outcomes, const dlg_uuid *recipient,
                   int count)
{
    static const char *const texts[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    fake_on(fake, (struct fake_rule){.on = "Execute dlg_message_insert", .held = true, .times = 1});
    outcomes_send(client, outcomes, recipient, "first", 0);
    fake_await(fake, "Execute dlg_message_insert", 1);
    for (int i = 0; i < count; i++)
        outcomes_send(client, outcomes, recipient, texts[i], 0);
    fake_forget(fake);
    fake_release(fake);
    outcomes_await(outcomes);
    for (int i = 0; i < outcomes->count; i++)
        assert_int_equal(outcomes->outcome[i].code, DLG_OK);
}

static void messages_that_wait_share_a_multi_row_statement(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    struct outcomes outcomes = {0};
    gather(client, *state, &outcomes, &pair.ben, 5);
    fake_assert_trace(*state, "Sync\n"
                              "Parse dlg_message_insert_rows\n"
                              "Execute dlg_message_insert_rows x5\n"
                              "Sync\n");
    client_close(client);
}

static void a_batch_has_no_more_messages_than_the_setting(void **state)
{
    dlg_client *client = fake_client(*state, "batch_messages=3");
    struct pair pair = pair_new();
    struct outcomes outcomes = {0};
    gather(client, *state, &outcomes, &pair.ben, 7);
    fake_assert_trace(*state, "Sync\n"
                              "Parse dlg_message_insert_rows\n"
                              "Execute dlg_message_insert_rows x3\n"
                              "Sync\n"
                              "Execute dlg_message_insert_rows x3\n"
                              "Sync\n"
                              "Execute dlg_message_insert\n"
                              "Sync\n");
    client_close(client);
}

/* The server stamps what it runs: two messages of one dialog are not under way on two connections. */
static void a_message_waits_for_those_of_its_own_dialog_only(void **state)
{
    dlg_client *client = fake_client(*state, "write_connections=2");
    struct pair pair = pair_new();
    struct outcomes own = {0}, other = {0};
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert", .held = true, .times = 1});
    outcomes_send_from(client, &own, &pair.ann, &pair.ben, "first", 0);
    fake_await(*state, "Execute dlg_message_insert", 1);
    outcomes_send_from(client, &own, &pair.ann, &pair.ben, "second", 0);
    outcomes_send(client, &other, &pair.ben, "of another author", 0);
    outcomes_await(&other);
    assert_int_equal(atomic_load(&own.done), 0);
    fake_release(*state);
    outcomes_await(&own);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 3);
    client_close(client);
}

static void a_cluster_gets_a_block_of_single_rows(void **state)
{
    (void)state;
    struct fake_cluster cluster;
    fake_cluster_start(&cluster, 1);
    struct fake *worker = cluster.nodes[1];
    dlg_client *client = fake_cluster_client(&cluster, "");
    struct outcomes outcomes = {0};
    dlg_uuid ben = fake_user_in(0);
    gather(client, worker, &outcomes, &ben, 3);
    fake_assert_trace(worker, "Sync\n"
                              "Parse BEGIN\n"
                              "Execute BEGIN\n"
                              "Execute dlg_message_insert\n"
                              "Execute dlg_message_insert\n"
                              "Execute dlg_message_insert\n"
                              "Parse COMMIT\n"
                              "Execute COMMIT\n"
                              "Sync\n");
    client_close(client);
    fake_cluster_stop(&cluster);
}

static void a_page_of_a_plain_server_is_one_statement(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    dlg_page_free(list_newest(client, &pair, 10));
    fake_assert_trace(*state, "Parse dlg_dialog_before\n"
                              "Execute dlg_dialog_before\n"
                              "Sync\n");
    client_close(client);
}

/* Both halves from the tables of their shards, and then the question whether these are here still. */
static void a_page_of_a_cluster_asks_where_its_shards_are(void **state)
{
    (void)state;
    struct fake_cluster cluster;
    fake_cluster_start(&cluster, 1);
    struct fake *worker = cluster.nodes[1];
    dlg_client *client = fake_cluster_client(&cluster, "");
    struct pair pair = {fake_user_in(2), fake_user_in(1)};
    dlg_page_free(list_newest(client, &pair, 10));
    fake_assert_trace(worker, "Parse dlg_page_before_102009\n"
                              "Execute dlg_page_before_102009\n"
                              "Parse dlg_page_before_102010\n"
                              "Execute dlg_page_before_102010\n"
                              "Parse dlg_placed\n"
                              "Execute dlg_placed\n"
                              "Sync\n");
    client_close(client);
    fake_cluster_stop(&cluster);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_is_set_up_by_one_question),
        TEST(a_lone_message_is_committed_by_its_sync),
        TEST(messages_that_wait_share_a_multi_row_statement),
        TEST(a_batch_has_no_more_messages_than_the_setting),
        TEST(a_message_waits_for_those_of_its_own_dialog_only),
        cmocka_unit_test(a_cluster_gets_a_block_of_single_rows),
        TEST(a_page_of_a_plain_server_is_one_statement),
        cmocka_unit_test(a_page_of_a_cluster_asks_where_its_shards_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
