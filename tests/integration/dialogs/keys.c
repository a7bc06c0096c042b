/* Idempotency keys: sends under one key store one message, whoever makes them and however often. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static dlg_receipt send_keyed(dlg_client *client, const struct pair *pair, const char *text, const char *key)
{
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = key;
    assert_ok(dlg_send(&receipt, client, &pair->ann, &pair->ben, text, DLG_NTS, &options, &error), error);
    return receipt;
}

static int64_t count(struct fixture *fixture, const struct pair *pair)
{
    return sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE user_id = '%s' AND to_user_id = '%s'",
                      uuid_text(&pair->ann), uuid_text(&pair->ben));
}

static void one_client_gets_one_receipt(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_receipt first = send_keyed(fixture->client, &pair, "hi", "k");
    assert_int_equal(first.duplicate, 0);
    for (int i = 0; i < 3; i++) {
        dlg_receipt again = send_keyed(fixture->client, &pair, "hi", "k");
        assert_int_equal(again.id, first.id);
        assert_int_equal(again.created_us, first.created_us);
        assert_int_equal(again.duplicate, 1);
    }
    assert_int_equal(count(fixture, &pair), 1);
    assert_int_not_equal(send_keyed(fixture->client, &pair, "hi", "k2").id, first.id);
    assert_int_equal(count(fixture, &pair), 2);
}

static void two_clients_get_one_receipt(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *other = client_open(test_server_conninfo(fixture->server), "");
    dlg_receipt first = send_keyed(fixture->client, &pair, "hi", "k");
    dlg_receipt second = send_keyed(other, &pair, "hi", "k");
    assert_int_equal(first.id, second.id);
    assert_int_equal(first.created_us, second.created_us);
    assert_int_equal(second.duplicate, 1);
    assert_int_equal(count(fixture, &pair), 1);
    client_close(other);
}

/* ---- Other processes ---- */

/* In another process: sends "hi" under the key "p" and prints the receipt. */
static int send_and_print(char **arguments)
{
    struct pair pair;
    dlg_uuid_parse(&pair.ann, arguments[1], DLG_NTS);
    dlg_uuid_parse(&pair.ben, arguments[2], DLG_NTS);
    dlg_client *client = NULL;
    if (client_try(&client, arguments[0], "", NULL) != DLG_OK)
        return 1;
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = "p";
    int code = dlg_send(&receipt, client, &pair.ann, &pair.ben, "hi", 2, &options, NULL);
    printf("%lld %lld\n", (long long)receipt.id, (long long)receipt.created_us);
    dlg_close(NULL, client, 0);
    return code == DLG_OK ? 0 : 1;
}

static void processes_get_one_receipt(void **state)
{
    enum { PROCESSES = 3 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    const char *arguments[] = {test_server_conninfo(fixture->server), uuid_text(&pair.ann), uuid_text(&pair.ben), NULL};
    pid_t pids[PROCESSES];
    int outputs[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = self_start(arguments, &outputs[i]);
    dlg_receipt ours = send_keyed(fixture->client, &pair, "hi", "p");
    for (int i = 0; i < PROCESSES; i++) {
        long long id = 0, created_us = 0;
        FILE *output = fdopen(outputs[i], "r");
        assert_int_equal(fscanf(output, "%lld %lld", &id, &created_us), 2);
        fclose(output);
        assert_int_equal(self_wait(pids[i]), 0);
        assert_int_equal(id, ours.id);
        assert_int_equal(created_us, ours.created_us);
    }
    assert_int_equal(count(fixture, &pair), 1);
}

/* ---- Races ---- */

struct racer {
    pthread_t thread;
    dlg_client *client;
    struct pair pair;
    pthread_barrier_t *start;
    dlg_receipt receipts[20];
};

enum { RACERS = 8, ROUNDS = 20 };

static void *race(void *argument)
{
    struct racer *racer = argument;
    for (int i = 0; i < ROUNDS; i++) {
        char key[32];
        snprintf(key, sizeof key, "race %d", i);
        pthread_barrier_wait(racer->start);
        racer->receipts[i] = send_keyed(racer->client, &racer->pair, "hi", key);
    }
    return NULL;
}

static void threads_that_race_get_one_receipt(void **state)
{
    struct fixture *fixture = *state;
    struct racer racers[RACERS];
    struct pair pair = pair_new();
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, RACERS);
    dlg_client *other = client_open(test_server_conninfo(fixture->server), "");
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.client = i % 2 ? other : fixture->client, .pair = pair, .start = &start};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        pthread_join(racers[i].thread, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int originals = 0;
        for (int i = 0; i < RACERS; i++) {
            assert_int_equal(racers[i].receipts[round].id, racers[0].receipts[round].id);
            assert_int_equal(racers[i].receipts[round].created_us, racers[0].receipts[round].created_us);
            originals += !racers[i].receipts[round].duplicate;
        }
        assert_int_equal(originals, 1);
    }
    assert_int_equal(count(fixture, &pair), ROUNDS);
    client_close(other);
    pthread_barrier_destroy(&start);
}

/* ---- Limits and misuse ---- */

static void another_text_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = "k";
    send_keyed(fixture->client, &pair, "one", "k");
    int code = dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "two", DLG_NTS, &options, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    assert_fails(code, DLG_E_KEY_REUSED, error);
    assert_int_equal(count(fixture, &pair), 1);
}

static void a_key_is_one_dialog_direction(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new(), reversed = {pair.ben, pair.ann}, other = {pair.ann, pair_new().ben};
    dlg_receipt receipts[] = {send_keyed(fixture->client, &pair, "a", "k"),
                              send_keyed(fixture->client, &reversed, "b", "k"),
                              send_keyed(fixture->client, &other, "c", "k")};
    for (int i = 0; i < 3; i++)
        assert_int_equal(receipts[i].duplicate, 0);
    assert_int_equal(count(fixture, &pair), 1);
    assert_int_equal(count(fixture, &reversed), 1);
    assert_int_equal(count(fixture, &other), 1);
}

static void an_edited_message_is_still_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_receipt first = send_keyed(fixture->client, &pair, "helo", "k");
    sql_run(fixture->sql, "UPDATE dialogs SET text = 'hello', update_date = now() WHERE id = %lld",
            (long long)first.id);
    dlg_receipt again = send_keyed(fixture->client, &pair, "helo", "k");
    assert_int_equal(again.id, first.id);
    assert_int_equal(again.duplicate, 1);
}

static void keys_have_1_to_255_bytes_of_anything(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    char key[DLG_KEY_LIMIT + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = key;
    assert_fails(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error), DLG_E_ARGUMENT,
                 error);
    options.key = "";
    assert_fails(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error), DLG_E_ARGUMENT,
                 error);
    key[DLG_KEY_LIMIT] = '\0';
    send_keyed(fixture->client, &pair, "x", key);
    options.key = "a\0b";
    options.key_length = 3;
    assert_ok(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error), error);
    options.key = "a\0c";
    assert_ok(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error), error);
    assert_int_equal(count(fixture, &pair), 3);
}

/* ---- Somebody else's row under the id ---- */

static void occupy(struct fixture *fixture, const struct pair *pair, int64_t id)
{
    dlg_uuid stranger;
    dlg_uuid_random(&stranger);
    sql_run(fixture->sql,
            "DELETE FROM dialogs WHERE id = %lld AND to_user_id = '%s'; INSERT INTO dialogs (id, user_id, to_user_id, "
            "text, create_date) VALUES (%lld, '%s', '%s', 'mine', now())",
            (long long)id, uuid_text(&pair->ben), (long long)id, uuid_text(&stranger), uuid_text(&pair->ben));
}

static void an_id_that_is_taken_gives_way_to_another(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    int64_t first = send_keyed(fixture->client, &pair, "hi", "k").id;
    occupy(fixture, &pair, first);
    dlg_receipt second = send_keyed(fixture->client, &pair, "hi", "k");
    assert_int_not_equal(second.id, first);
    assert_int_equal(second.duplicate, 0);
    occupy(fixture, &pair, second.id);
    dlg_receipt third = send_keyed(fixture->client, &pair, "hi", "k");
    assert_true(third.id != first && third.id != second.id);
    dlg_receipt again = send_keyed(fixture->client, &pair, "hi", "k"); /* goes the same way */
    assert_int_equal(again.id, third.id);
    assert_int_equal(again.duplicate, 1);
    assert_int_equal(count(fixture, &pair), 1);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return send_and_print(argv + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_gets_one_receipt),
        cmocka_unit_test(two_clients_get_one_receipt),
        cmocka_unit_test(processes_get_one_receipt),
        cmocka_unit_test(threads_that_race_get_one_receipt),
        cmocka_unit_test(another_text_is_refused),
        cmocka_unit_test(a_key_is_one_dialog_direction),
        cmocka_unit_test(an_edited_message_is_still_the_same),
        cmocka_unit_test(keys_have_1_to_255_bytes_of_anything),
        cmocka_unit_test(an_id_that_is_taken_gives_way_to_another),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
