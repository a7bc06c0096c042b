/* dispatch.c - what becomes of messages whose answer is late, lost or an error: their fate, and who pays for whom. */
#include "fake_fixture.h"

#include <stdlib.h>
#include <string.h>

static dlg_uuid ben = {{0xbe}};

/* Sends texts behind a first one whose commit is held, so that they share a batch; then lets all go. */
static void send_together(dlg_client *client, struct fake *fake, struct outcomes *outcomes, const char *const *texts,
                          int count)
{
    fake_on(fake, (struct fake_rule){.on = "Execute dlg_message_insert", .held = true, .times = 1});
    outcomes_send(client, outcomes, &ben, "first", 0);
    fake_await(fake, "Execute dlg_message_insert", 1);
    for (int i = 0; i < count; i++)
        outcomes_send(client, outcomes, &ben, texts[i], 0);
    fake_release(fake);
}

static void assert_outcome(const struct outcome *outcome, int code, dlg_fate fate, const char *sqlstate,
                           const char *reason)
{
    if (outcome->code != code || outcome->fate != fate || strcmp(outcome->sqlstate, sqlstate) != 0 ||
        !strstr(outcome->text, reason))
        fail_msg("%s, fate %d, SQLSTATE \"%s\": %s", dlg_code_name(outcome->code), outcome->fate, outcome->sqlstate,
                 outcome->text);
}

static void assert_all_stored(struct fake *fake, const struct outcomes *outcomes, int count)
{
    for (int i = 0; i < count; i++)
        assert_outcome(&outcomes->outcome[i], DLG_OK, DLG_FATE_NOT_WRITTEN, "", "");
    assert_int_equal(fake_stored(fake_world_of(fake), NULL), count);
}

/* ---- Late ---- */

static void an_answer_after_the_deadline_leaves_the_fate_open(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert", .held = true, .times = 1});
    assert_refused(try_send(client, "late", 500000, &error), DLG_E_TIMEOUT, DLG_FATE_POSSIBLY_WRITTEN, "",
                   "the deadline passed before the database answered", error);
    fake_await(*state, "Execute dlg_message_insert", 1);
    fake_release(*state);
    assert_ok(try_send(client, "in time", 0, &error), error);
    assert_int_equal(fake_stored(fake_world_of(*state), "late"), 1);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 2);
    assert_int_equal(client_stats(client).reconnects, 0);
    client_close(client);
}

/* Its answer comes when another request waits for one of the same shape: each gets its own. */
static void a_late_answer_is_nobody_elses(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    struct fake_rows old = {0}, own = {0};
    fake_row(&old, "ltTNb", INT64_C(1), "old", INT64_C(1700000000000000), 1);
    fake_row(&own, "ltTNb", INT64_C(2), "own", INT64_C(1700000000000001), 1);
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before", .held = true, .times = 1, .rows = &old});
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before", .rows = &own});
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.timeout_us = 400000; /* what is given up ends the connection after 500 ms of silence */
    assert_refused(dlg_list(&page, client, &pair.ann, &pair.ben, &options, &error), DLG_E_TIMEOUT, DLG_FATE_NOT_WRITTEN,
                   "", "the deadline passed", error);
    fake_await(*state, "Execute dlg_dialog_before", 1);
    fake_release(*state);
    page = list_newest(client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 1);
    assert_text(dlg_page_at(page, 0), "own");
    dlg_page_free(page);
    client_close(client);
    fake_stop(*state);
    fake_rows_free(&old);
    fake_rows_free(&own);
    *state = fake_start(NULL, 0);
}

static void a_server_that_falls_silent_is_given_up(void **state)
{
    dlg_client *client = fake_client(*state, "timeout_ms=1000");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert", .deed = FAKE_HANG, .times = 1});
    assert_ok(try_send(client, "again", 20000000, &error), error);
    assert_int_equal(fake_stored(fake_world_of(*state), "again"), 1);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 2);
    assert_int_equal(client_stats(client).reconnects, 1);
    client_close(client);
}

/* ---- Lost ---- */

/* Wherever the connection is cut, and where an answer is lost or comes after the next, the message is stored once, and
 * the receipt has the id under which it is. */
static void a_message_whose_connection_is_lost_is_stored_once(void **state)
{
    static const struct fake_rule losses[] = {
        {.on = "Parse dlg_message_insert", .deed = FAKE_CLOSE},
        {.on = "Execute dlg_message_insert", .deed = FAKE_CLOSE},
        {.on = "Execute dlg_message_insert", .deed = FAKE_CUT},
        {.on = "Execute dlg_message_insert", .deed = FAKE_ANSWER_CLOSE},
        {.on = "Sync", .deed = FAKE_CLOSE},
        {.on = "Sync", .deed = FAKE_CUT},
        {.on = "Sync", .deed = FAKE_CUT, .length = 3},
        {.on = "Sync", .deed = FAKE_RESET},
        {.on = "Execute dlg_message_insert", .deed = FAKE_DROP},
        {.on = "Execute dlg_message_insert", .deed = FAKE_SWAP},
        {.on = "Parse dlg_message_insert", .deed = FAKE_DROP},
        {.on = "Parse dlg_message_insert", .deed = FAKE_SWAP},
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        struct fake *fake = fake_start(NULL, 0);
        dlg_client *client = client_open(fake_conninfo_tcp(fake), FAKE_SETTINGS);
        struct fake_rule rule = losses[i];
        rule.times = 1;
        fake_forget(fake);
        fake_on(fake, rule);
        struct pair pair = pair_new();
        dlg_receipt receipt = send_text(client, &pair.ann, &pair.ben, "once");
        assert_int_equal(fake_stored(fake_world_of(fake), "once"), 1);
        assert_int_equal(fake_world_of(fake)->message[0].id, receipt.id);
        assert_int_equal(fake_world_of(fake)->message[0].created_us, receipt.created_us);
        assert_int_equal(client_stats(client).reconnects, 1);
        client_close(client);
        fake_stop(fake);
    }
    (void)state;
}

/* On a cluster the answers to two reads and the question where their shards are: two of them change places. */
static void answers_that_change_places_are_noticed(void **state)
{
    (void)state;
    struct fake_cluster cluster;
    fake_cluster_start(&cluster, 1);
    dlg_client *client = fake_cluster_client(&cluster, "");
    struct pair pair = {fake_user_in(2), fake_user_in(1)};
    struct fake_rows rows = {0};
    fake_row(&rows, "ltTN", INT64_C(1), "text", INT64_C(1700000000000000));
    dlg_page_free(list_newest(client, &pair, 10)); /* prepares all of it */
    fake_on(cluster.nodes[1],
            (struct fake_rule){.on = "Execute dlg_page_before_102010", .deed = FAKE_SWAP, .times = 1});
    fake_on(cluster.nodes[0], (struct fake_rule){.on = "Execute dlg_page_before", .rows = &rows});
    dlg_page *page = list_newest(client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 2); /* of the coordinator */
    assert_int_equal(fake_count(cluster.nodes[0], "Execute dlg_page_before"), 2);
    dlg_page_free(page);
    client_close(client);
    fake_cluster_stop(&cluster);
    fake_rows_free(&rows);
}

/* One column too few, a stamp that is NULL or too short: the message is found by its id, and its stamp with it. */
static void a_receipt_that_cannot_be_read_is_asked_for_again(void **state)
{
    static const char *const texts[] = {"a", "b"};
    struct fake_rows ids = {0}, null = {0}, text = {0};
    fake_row(&ids, "l", INT64_C(1));
    fake_row(&null, "N");
    fake_row(&text, "lt", INT64_C(1), "now");
    const struct fake_rows *const answers[] = {&ids, &null, &text};
    for (int i = 0; i < 3; i++) {
        struct fake *fake = fake_start(NULL, 0);
        dlg_client *client = fake_client(fake, "");
        struct outcomes outcomes = {0};
        fake_on(fake,
                (struct fake_rule){
                    .on = "Execute dlg_message_insert_rows*", .rows = answers[i], .text = "INSERT 0 1", .times = 1});
        send_together(client, fake, &outcomes, texts, 2);
        fake_on(fake, (struct fake_rule){
                          .on = "Execute dlg_message_insert", .rows = answers[i], .text = "INSERT 0 1", .times = 1});
        outcomes_await(&outcomes);
        assert_outcome(&outcomes.outcome[1], DLG_OK, DLG_FATE_NOT_WRITTEN, "", "");
        dlg_error *error = NULL;
        assert_ok(try_send(client, "alone", 0, &error), error);
        assert_true(client_stats(client).reconnects >= 1);
        client_close(client);
        fake_stop(fake);
    }
    fake_rows_free(&ids);
    fake_rows_free(&null);
    fake_rows_free(&text);
    (void)state;
}

static void news_between_answers_do_no_harm(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    struct wire wire = {0};
    wire_report(&wire, 'N', "WARNING", "01000", "by the way");
    wire_parameter(&wire, "TimeZone", "UTC");
    fake_on(*state, (struct fake_rule){.on = "*", .deed = FAKE_PREPEND, .bytes = wire.bytes, .length = wire.length});
    for (int i = 0; i < 3; i++)
        assert_ok(try_send(client, "text", 0, &error), error);
    assert_int_equal(fake_stored(fake_world_of(*state), "text"), 3);
    assert_int_equal(client_stats(client).reconnects, 0);
    fake_behave(*state);
    client_close(client);
    wire_free(&wire);
}

/* The commit was made and its answer lost: the id is found again, so the second attempt stores nothing. */
static void a_commit_whose_answer_is_lost_is_found_again(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Sync", .deed = FAKE_CUT, .times = 1});
    assert_ok(try_send(client, "once", 0, &error), error);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 2);
    assert_int_equal(fake_count(*state, "Execute dlg_message_find"), 1);
    client_close(client);
}

static void a_batch_whose_connection_is_lost_is_sent_again(void **state)
{
    static const char *const texts[] = {"a", "b", "c"};
    dlg_client *client = fake_client(*state, "");
    struct outcomes outcomes = {0};
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert_rows*", .deed = FAKE_CLOSE, .times = 1});
    send_together(client, *state, &outcomes, texts, 3);
    outcomes_await(&outcomes);
    assert_all_stored(*state, &outcomes, 4);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert_rows x3"), 2);
    client_close(client);
}

static void a_message_that_is_lost_for_good_is_possibly_written(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert", .deed = FAKE_CLOSE});
    fake_on(*state, (struct fake_rule){.on = "Startup", .skip = 2, .deed = FAKE_HANG});
    assert_refused(try_send(client, "lost", 2000000, &error), DLG_E_UNAVAILABLE, DLG_FATE_POSSIBLY_WRITTEN, "",
                   "connection lost", error);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 3);
    client_close(client);
}

/* A message that ends the server's process each time is not sent as fast as the server comes back. */
static void a_message_that_ends_the_server_is_sent_again_with_pauses(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert", .deed = FAKE_CLOSE});
    int code = try_send(client, "poison", 1000000, &error);
    assert_true(code == DLG_E_UNAVAILABLE || code == DLG_E_TIMEOUT);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_POSSIBLY_WRITTEN);
    assert_non_null(strstr(dlg_error_message(error), "connection lost"));
    assert_in_range(fake_count(*state, "Execute dlg_message_insert"), 2, 7);
    dlg_error_free(error);
    client_close(client);
}

/* The last attempt waits when the deadline comes: what ended the one before is told too. */
static void a_deadline_tells_why_there_was_more_than_one_attempt(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert",
                                       .deed = FAKE_FATAL,
                                       .sqlstate = "57P01",
                                       .text = "shut down by the administrator",
                                       .times = 1});
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert", .deed = FAKE_HANG});
    assert_refused(try_send(client, "lost", 2000000, &error), DLG_E_TIMEOUT, DLG_FATE_POSSIBLY_WRITTEN, "",
                   "shut down by the administrator", error);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 2);
    client_close(client);
}

static void a_message_that_never_left_is_not_written(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state,
            (struct fake_rule){.on = "Startup", .deed = FAKE_ERROR, .sqlstate = "57P03", .text = "starting up"});
    fake_disconnect(*state);
    fake_await(*state, "Startup", 2);
    assert_refused(try_send(client, "never", 1000000, &error), DLG_E_UNAVAILABLE, DLG_FATE_NOT_WRITTEN, "57P03",
                   "starting up", error);
    assert_int_equal(fake_count(*state, "Execute *"), 0);
    client_close(client);
}

/* ---- One of a batch is refused ---- */

static void only_the_culprit_of_a_batch_fails(void **state)
{
    static const char *const texts[] = {"a", "bad", "c", "d"};
    dlg_client *client = fake_client(*state, "");
    struct outcomes outcomes = {0};
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert*",
                                       .having = "bad",
                                       .deed = FAKE_ERROR,
                                       .sqlstate = "23514",
                                       .text = "violates a check constraint"});
    send_together(client, *state, &outcomes, texts, 4);
    outcomes_await(&outcomes);
    for (int i = 0; i < 5; i++)
        if (i != 2)
            assert_outcome(&outcomes.outcome[i], DLG_OK, DLG_FATE_NOT_WRITTEN, "", "");
    assert_outcome(&outcomes.outcome[2], DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN, "23514", "violates a check constraint");
    assert_int_equal(fake_stored(fake_world_of(*state), NULL), 4);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert_rows x4"), 1);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 5);
    client_close(client);
}

static void only_the_culprit_of_a_block_fails(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "bad", "c"};
    struct fake_cluster cluster;
    fake_cluster_start(&cluster, 0);
    dlg_client *client = fake_cluster_client(&cluster, "");
    struct fake *fake = cluster.nodes[0];
    struct outcomes outcomes = {0};
    fake_on(fake, (struct fake_rule){.on = "Execute dlg_message_insert",
                                     .having = "bad",
                                     .deed = FAKE_ERROR,
                                     .sqlstate = "23514",
                                     .text = "violates a check constraint"});
    send_together(client, fake, &outcomes, texts, 3);
    outcomes_await(&outcomes);
    assert_outcome(&outcomes.outcome[2], DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN, "23514", "violates a check constraint");
    assert_outcome(&outcomes.outcome[1], DLG_OK, DLG_FATE_NOT_WRITTEN, "", "");
    assert_outcome(&outcomes.outcome[3], DLG_OK, DLG_FATE_NOT_WRITTEN, "", "");
    assert_int_equal(fake_stored(cluster.world, NULL), 3);
    assert_int_equal(fake_count(fake, "Execute ROLLBACK"), 1);
    client_close(client);
    fake_cluster_stop(&cluster);
}

/* ---- Errors around the statements ---- */

/* In a block of a cluster: BEGIN and COMMIT are refused once, for a reason that passes. */
static void a_block_is_sent_again_when_its_frame_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "b"};
    static const struct fake_rule refusals[] = {
        {.on = "Execute BEGIN", .sqlstate = "53200", .text = "out of memory"},
        {.on = "Execute COMMIT", .sqlstate = "40001", .text = "could not serialize access"},
        {.on = "Parse COMMIT", .sqlstate = "53200", .text = "out of memory"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct fake_cluster cluster;
        fake_cluster_start(&cluster, 0);
        dlg_client *client = fake_cluster_client(&cluster, "");
        struct fake *fake = cluster.nodes[0];
        struct outcomes outcomes = {0};
        struct fake_rule rule = refusals[i];
        rule.deed = FAKE_ERROR;
        rule.times = 1;
        fake_on(fake, rule);
        send_together(client, fake, &outcomes, texts, 2);
        outcomes_await(&outcomes);
        assert_all_stored(fake, &outcomes, 3);
        client_close(client);
        fake_cluster_stop(&cluster);
    }
}

/* The commit is the Sync's own; its refusal comes before ReadyForQuery. */
static void a_refused_commit_fails_its_message(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state,
            (struct fake_rule){
                .on = "Sync", .deed = FAKE_ERROR, .sqlstate = "23503", .text = "violates a foreign key", .times = 1});
    assert_refused(try_send(client, "refused", 0, &error), DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN, "23503",
                   "violates a foreign key", error);
    assert_int_equal(fake_stored(fake_world_of(*state), NULL), 0);
    assert_ok(try_send(client, "fine", 0, &error), error);
    assert_int_equal(client_stats(client).reconnects, 0);
    client_close(client);
}

static void a_statement_that_cannot_be_prepared_fails_alone(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Parse dlg_message_insert",
                                       .deed = FAKE_ERROR,
                                       .sqlstate = "42501",
                                       .text = "permission denied for table dialogs",
                                       .times = 1});
    assert_refused(try_send(client, "refused", 0, &error), DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN, "42501",
                   "permission denied for table dialogs", error);
    assert_ok(try_send(client, "fine", 0, &error), error);
    assert_int_equal(fake_count(*state, "Parse dlg_message_insert"), 2);
    client_close(client);
}

/* A pooler that gave the session to somebody else between two batches: statements are prepared anew. */
static void a_session_that_lost_its_statements_is_replaced(void **state)
{
    static const char *const states[] = {"26000", "42P05"};
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    assert_ok(try_send(client, "prepares", 0, &error), error);
    for (int i = 0; i < 2; i++) {
        fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert",
                                           .deed = FAKE_ERROR,
                                           .sqlstate = states[i],
                                           .text = "prepared statement",
                                           .times = 1});
        assert_ok(try_send(client, "again", 0, &error), error);
        assert_int_equal(client_stats(client).reconnects, i + 1);
    }
    assert_int_equal(fake_stored(fake_world_of(*state), "again"), 2);
    client_close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_after_the_deadline_leaves_the_fate_open),
        TEST(a_late_answer_is_nobody_elses),
        TEST(a_server_that_falls_silent_is_given_up),
        TEST(a_message_whose_connection_is_lost_is_stored_once),
        cmocka_unit_test(answers_that_change_places_are_noticed),
        cmocka_unit_test(a_receipt_that_cannot_be_read_is_asked_for_again),
        TEST(news_between_answers_do_no_harm),
        TEST(a_commit_whose_answer_is_lost_is_found_again),
        TEST(a_batch_whose_connection_is_lost_is_sent_again),
        TEST(a_message_that_is_lost_for_good_is_possibly_written),
        TEST(a_message_that_ends_the_server_is_sent_again_with_pauses),
        TEST(a_deadline_tells_why_there_was_more_than_one_attempt),
        TEST(a_message_that_never_left_is_not_written),
        TEST(only_the_culprit_of_a_batch_fails),
        cmocka_unit_test(only_the_culprit_of_a_block_fails),
        cmocka_unit_test(a_block_is_sent_again_when_its_frame_is_refused),
        TEST(a_refused_commit_fails_its_message),
        TEST(a_statement_that_cannot_be_prepared_fails_alone),
        TEST(a_session_that_lost_its_statements_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
