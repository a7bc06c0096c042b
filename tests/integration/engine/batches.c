/* Batches: messages that share a commit, and those that the database refuses. */
#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 500 };

struct outcome {
    _Atomic int replies;
    _Atomic int stored;
    _Atomic int refused;
    char sqlstate[6];
    dlg_fate fate;
};

static void note(dlg_reply *reply, void *payload)
{
    struct outcome *outcome = payload;
    const dlg_error *error = dlg_reply_error(reply);
    outcome->stored += !error;
    outcome->refused += error != NULL;
    if (error) {
        snprintf(outcome->sqlstate, sizeof outcome->sqlstate, "%s", dlg_error_sqlstate(error));
        outcome->fate = dlg_error_fate(error);
    }
    dlg_reply_free(reply);
    outcome->replies++;
}

static void wait_for_replies(const struct outcome *outcome, int count)
{
    for (int64_t end = now_us() + 60 * 1000000; outcome->replies < count;) {
        if (now_us() > end)
            fail_msg("%d replies of %d", outcome->replies, count);
        pause_ms(1);
    }
}

/* Sends "text 0", "text 1"...; every `step`-th is "bad 0", ... (0: none). */
static void send_many(dlg_client *client, const struct pair *pair, int step, struct outcome *outcome)
{
    for (int i = 0; i < MESSAGES; i++) {
        char text[32];
        dlg_error *error = NULL;
        snprintf(text, sizeof text, "%s %d", step && i % step == step / 2 ? "bad" : "text", i);
        assert_ok(dlg_send_async(client, &pair->ann, &pair->ben, text, DLG_NTS, NULL, note, outcome, &error), error);
    }
    wait_for_replies(outcome, MESSAGES);
}

static void assert_stored(struct fixture *fixture, const struct pair *pair, int count)
{
    const char *ben = uuid_text(&pair->ben);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'", ben), count);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(DISTINCT text) FROM dialogs WHERE to_user_id = '%s'", ben),
                     count);
}

static void many_messages_share_few_commits(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    uint64_t before = client_stats(fixture->client).batches;
    send_many(fixture->client, &pair, 0, &outcome);
    uint64_t batches = client_stats(fixture->client).batches - before;
    assert_int_equal(outcome.stored, MESSAGES);
    assert_true(batches < MESSAGES / 4);
    assert_stored(fixture, &pair, MESSAGES);
}

static void the_settings_bound_a_batch(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "batch_messages=7");
    send_many(client, &pair, 0, &outcome);
    assert_true(client_stats(client).batches >= MESSAGES / 7);
    client_close(client);
    client = client_open(test_server_conninfo(fixture->server), "batch_bytes=300");
    send_many(client, &pair, 0, &(struct outcome){0}); /* each has over 50 bytes of parameters */
    assert_true(client_stats(client).batches >= MESSAGES / 6);
    client_close(client);
}

static void send_one(dlg_client *client, const struct pair *pair)
{
    dlg_error *error = NULL;
    assert_ok(dlg_send(NULL, client, &pair->ann, &pair->ben, "one", DLG_NTS, NULL, &error), error);
}

static void batches_are_counted_by_size(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "batch_messages=7");
    dlg_user user = DLG_USER_INIT;
    assert_int_equal(dlg_user_create(NULL, client, &user, "secret", DLG_NTS, NULL), DLG_OK); /* no batch of messages */
    assert_int_equal(client_stats(client).batches, 0);
    send_one(client, &pair);
    dlg_stats one = client_stats(client);
    assert_int_equal(one.batch_sizes[0], 1);
    assert_int_equal(one.batched, 1);
    send_many(client, &pair, 0, &outcome);
    dlg_stats stats = client_stats(client);
    uint64_t batches = 0;
    for (size_t i = 0; i < DLG_BATCH_SIZES; i++)
        batches += stats.batch_sizes[i];
    assert_int_equal(batches, stats.batches);
    assert_int_equal(stats.batched, MESSAGES + 1);
    assert_true(stats.batch_sizes[3] > 0); /* 7 is between 4 and 8 */
    assert_int_equal(stats.batch_sizes[4], 0);
    client_close(client);
}

/* A program that was built with the first version has no room for more. */
static void older_programs_get_what_they_know(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_stats stats = DLG_STATS_INIT;
    send_one(fixture->client, &pair);
    memset(&stats, 0xaa, sizeof stats);
    stats.version = 1;
    assert_int_equal(dlg_stats_get(&stats, fixture->client), DLG_OK);
    assert_int_equal(stats.version, 1);
    assert_true(stats.sends >= 1 && stats.sends < 1000000);
    assert_true(stats.batched == UINT64_C(0xaaaaaaaaaaaaaaaa));
    assert_true(stats.batch_sizes[DLG_BATCH_SIZES - 1] == UINT64_C(0xaaaaaaaaaaaaaaaa));
    stats.version = 0;
    assert_int_equal(dlg_stats_get(&stats, fixture->client), DLG_E_ARGUMENT);
    stats.version = DLG_STATS_VERSION + 1;
    assert_int_equal(dlg_stats_get(&stats, fixture->client), DLG_E_ARGUMENT);
}

static void messages_are_listed_in_the_order_of_sending(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "write_connections=1");
    send_many(client, &pair, 0, &outcome);
    dlg_page *page = list_newest(client, &pair, 1000);
    assert_int_equal(dlg_page_count(page), MESSAGES);
    for (int i = 0; i < MESSAGES; i++) {
        char text[32];
        snprintf(text, sizeof text, "text %d", i);
        assert_text(dlg_page_at(page, (size_t)i), text);
    }
    dlg_page_free(page);
    client_close(client);
}

/* ---- Refusals ---- */

static void assert_only_culprits_fail(struct fixture *fixture, dlg_client *client, int step, const char *sqlstate)
{
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    int culprits = MESSAGES / step;
    send_many(client, &pair, step, &outcome);
    assert_int_equal(outcome.refused, culprits);
    assert_int_equal(outcome.stored, MESSAGES - culprits);
    assert_string_equal(outcome.sqlstate, sqlstate);
    assert_int_equal(outcome.fate, DLG_FATE_NOT_WRITTEN);
    assert_stored(fixture, &pair, MESSAGES - culprits);
}

static void a_check_constraint_fails_its_own_message_only(void **state)
{
    struct fixture *fixture = *state;
    sql_run(fixture->sql, "ALTER TABLE dialogs ADD CONSTRAINT nice CHECK (text NOT LIKE 'bad%%')");
    assert_only_culprits_fail(fixture, fixture->client, MESSAGES, "23514");
    assert_only_culprits_fail(fixture, fixture->client, 50, "23514");
    sql_run(fixture->sql, "ALTER TABLE dialogs DROP CONSTRAINT nice");
}

static void make_trigger(struct fixture *fixture, const char *kind, const char *tail)
{
    sql_run(fixture->sql,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.text LIKE 'bad%%' THEN "
            "RAISE EXCEPTION 'not nice' USING ERRCODE = 'ZX001'; END IF; RETURN NEW; END$$; "
            "CREATE %s refuse %s ON dialogs %s FOR EACH ROW EXECUTE FUNCTION refuse()",
            kind, strstr(kind, "CONSTRAINT") ? "AFTER INSERT" : "BEFORE INSERT", tail);
}

static void a_trigger_fails_its_own_message_only(void **state)
{
    struct fixture *fixture = *state;
    make_trigger(fixture, "TRIGGER", "");
    assert_only_culprits_fail(fixture, fixture->client, 100, "ZX001");
    sql_run(fixture->sql, "DROP FUNCTION refuse CASCADE");
}

/* The INSERT succeeds, the COMMIT does not. */
static void a_deferred_trigger_fails_its_own_message_only(void **state)
{
    struct fixture *fixture = *state;
    make_trigger(fixture, "CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED");
    assert_only_culprits_fail(fixture, fixture->client, 100, "ZX001");
    sql_run(fixture->sql, "DROP FUNCTION refuse CASCADE");
}

/*
 * On a cluster a batch is BEGIN, one statement per message, COMMIT. A plain server with an extension of the name is
 * taken for a node of one, which has no shards yet.
 */
static void blocks_behave_as_rows_do(void **state)
{
    struct fixture *fixture = *state;
    sql_run(fixture->sql, "UPDATE pg_extension SET extname = 'citus' WHERE extname = 'plpgsql'");
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    struct pair pair = pair_new();
    send_many(client, &pair, 0, &(struct outcome){0});
    assert_true(client_stats(client).batches < MESSAGES / 4);
    assert_stored(fixture, &pair, MESSAGES);
    sql_run(fixture->sql, "ALTER TABLE dialogs ADD CONSTRAINT nice CHECK (text NOT LIKE 'bad%%')");
    assert_only_culprits_fail(fixture, client, 50, "23514");
    sql_run(fixture->sql, "ALTER TABLE dialogs DROP CONSTRAINT nice");
    make_trigger(fixture, "CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED");
    assert_only_culprits_fail(fixture, client, 100, "ZX001");
    sql_run(fixture->sql, "DROP FUNCTION refuse CASCADE");
    client_close(client);
    sql_run(fixture->sql, "UPDATE pg_extension SET extname = 'plpgsql' WHERE extname = 'citus'");
}

/* ---- Conflicts inside a batch ---- */

static void send_keyed(dlg_client *client, const struct pair *pair, const char *key, const char *text,
                       struct outcome *outcome)
{
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = key;
    assert_ok(dlg_send_async(client, &pair->ann, &pair->ben, text, DLG_NTS, &options, note, outcome, &error), error);
}

static void repeated_keys_in_one_batch_store_one_message_each(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    for (int i = 0; i < MESSAGES; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i % 20);
        send_keyed(fixture->client, &pair, key, key, &outcome);
    }
    wait_for_replies(&outcome, MESSAGES);
    assert_int_equal(outcome.stored, MESSAGES);
    assert_stored(fixture, &pair, 20);
}

static void one_key_with_two_texts_stores_the_first(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "write_connections=1");
    for (int i = 0; i < 40; i++)
        send_keyed(client, &pair, "k", i % 2 ? "odd" : "even", &outcome);
    wait_for_replies(&outcome, 40);
    assert_int_equal(outcome.stored, 20);
    assert_int_equal(outcome.fate, DLG_FATE_NOT_WRITTEN);
    assert_string_equal(
        sql_text(fixture->sql, "SELECT text FROM dialogs WHERE to_user_id = '%s'", uuid_text(&pair.ben)), "even");
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_messages_share_few_commits),
        cmocka_unit_test(the_settings_bound_a_batch),
        cmocka_unit_test(batches_are_counted_by_size),
        cmocka_unit_test(older_programs_get_what_they_know),
        cmocka_unit_test(messages_are_listed_in_the_order_of_sending),
        cmocka_unit_test(a_check_constraint_fails_its_own_message_only),
        cmocka_unit_test(a_trigger_fails_its_own_message_only),
        cmocka_unit_test(a_deferred_trigger_fails_its_own_message_only),
        cmocka_unit_test(blocks_behave_as_rows_do),
        cmocka_unit_test(repeated_keys_in_one_batch_store_one_message_each),
        cmocka_unit_test(one_key_with_two_texts_stores_the_first),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
