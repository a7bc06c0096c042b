/* retry.c - what each SQLSTATE leads to: another attempt or none, the code, the fate, and how often it is tried. */
#include "fake_fixture.h"

#include <stdlib.h>
#include <string.h>

/* Enough for a second attempt under valgrind. */
enum { PATIENCE_MS = 400 };

struct verdict {
    const char *sqlstate;
    int code;
    dlg_fate fate;
    bool again; /* it is tried again until the deadline */
};

#define NOT DLG_FATE_NOT_WRITTEN
#define POSSIBLY DLG_FATE_POSSIBLY_WRITTEN

static const struct verdict verdicts[] = {
    /* The server, or one behind it, is going or coming. */
    {"08000", DLG_E_UNAVAILABLE, POSSIBLY, true},
    {"08006", DLG_E_UNAVAILABLE, POSSIBLY, true},
    {"57P01", DLG_E_UNAVAILABLE, POSSIBLY, true},
    {"57P02", DLG_E_UNAVAILABLE, POSSIBLY, true},
    {"57P03", DLG_E_UNAVAILABLE, POSSIBLY, true},
    {"57P05", DLG_E_UNAVAILABLE, POSSIBLY, true},
    /* It passes. */
    {"40001", DLG_E_DATABASE, NOT, true},
    {"40P01", DLG_E_DATABASE, NOT, true},
    {"53000", DLG_E_DATABASE, NOT, true},
    {"53100", DLG_E_DATABASE, NOT, true},
    {"53200", DLG_E_DATABASE, NOT, true},
    {"53300", DLG_E_DATABASE, NOT, true},
    {"55P03", DLG_E_TIMEOUT, NOT, true},
    {"57014", DLG_E_TIMEOUT, NOT, true},
    /* The server does not know whether it was written; to try again blindly is not for the library. */
    {"40003", DLG_E_DATABASE, POSSIBLY, false},
    /* It stays. */
    {"0A000", DLG_E_DATABASE, NOT, false},
    {"22001", DLG_E_ARGUMENT, NOT, false},
    {"22003", DLG_E_ARGUMENT, NOT, false},
    {"22021", DLG_E_TEXT, NOT, false},
    {"22P02", DLG_E_ARGUMENT, NOT, false},
    {"23502", DLG_E_DATABASE, NOT, false},
    {"23505", DLG_E_DATABASE, NOT, false},
    {"23514", DLG_E_DATABASE, NOT, false},
    {"25P02", DLG_E_DATABASE, NOT, false},
    {"40002", DLG_E_DATABASE, NOT, false},
    {"42501", DLG_E_DATABASE, NOT, false},
    {"42703", DLG_E_SCHEMA, NOT, false},
    {"42P01", DLG_E_SCHEMA, NOT, false},
    {"42804", DLG_E_SCHEMA, NOT, false},
    {"54000", DLG_E_DATABASE, NOT, false},
    {"57000", DLG_E_DATABASE, NOT, false},
    {"P0001", DLG_E_DATABASE, NOT, false},
    {"XX000", DLG_E_DATABASE, NOT, false},
    {"XX001", DLG_E_DATABASE, NOT, false},
    {"ZZZZZ", DLG_E_DATABASE, NOT, false}, /* of a later version */
};

static void judge(struct fake *fake, const struct verdict *verdict)
{
    dlg_client *client = fake_client(fake, "");
    dlg_error *error = NULL;
    fake_on(fake, (struct fake_rule){.on = "Execute dlg_message_insert",
                                     .deed = FAKE_ERROR,
                                     .sqlstate = verdict->sqlstate,
                                     .text = "as the server says it"});
    int64_t begin_us = now_us();
    int code = try_send_until_pause(fake, client, "text", PATIENCE_MS * 1000, &error);
    int64_t took_us = now_us() - begin_us;
    int attempts = fake_count(fake, "Execute dlg_message_insert");
    if (code != verdict->code || dlg_error_fate(error) != verdict->fate ||
        strcmp(dlg_error_sqlstate(error), verdict->sqlstate) != 0 ||
        !strstr(dlg_error_message(error), "as the server says it") || (attempts > 1) != verdict->again)
        fail_msg("%s: %s, fate %d, SQLSTATE \"%s\", %d attempts: %s", verdict->sqlstate, dlg_code_name(code),
                 dlg_error_fate(error), dlg_error_sqlstate(error), attempts, dlg_error_message(error));
    assert_int_equal(fake_stored(fake_world_of(fake), NULL), 0);
    if (verdict->again)
        assert_true(took_us >= PATIENCE_MS * 1000);
    dlg_error_free(error);
    client_close(client);
    fake_behave(fake);
}

static void each_sqlstate_has_its_verdict(void **state)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        judge(*state, &verdicts[i]);
}

static void what_passes_in_time_is_no_error(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        if (!verdicts[i].again)
            continue;
        fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert",
                                           .deed = FAKE_ERROR,
                                           .sqlstate = verdicts[i].sqlstate,
                                           .text = "for a moment",
                                           .times = 2});
        fake_forget(*state);
        assert_ok(try_send(client, "text", 0, &error), error);
        assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 3);
        assert_int_equal(fake_stored(fake_world_of(*state), NULL), 1);
        fake_rollback(fake_world_of(*state), 0); /* all that is committed */
    }
    assert_int_equal(client_stats(client).reconnects, 0);
    client_close(client);
}

/* The pauses double from 10 ms to 20 ms on: 4 attempts at least, 6 at most, in 400 ms. */
static void attempts_are_bounded_by_pauses_and_the_deadline(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){
                        .on = "Execute dlg_message_insert", .deed = FAKE_ERROR, .sqlstate = "40001", .text = "retry"});
    int64_t begin_us = now_us();
    assert_refused(try_send_until_pause(*state, client, "text", 400000, &error), DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN,
                   "40001", "retry", error);
    assert_true(now_us() - begin_us >= 400000);
    assert_in_range(fake_count(*state, "Execute dlg_message_insert"), 2, 6);
    assert_true(client_stats(client).retries >= (uint64_t)fake_count(*state, "Execute dlg_message_insert"));
    client_close(client);
}

/* A server that has become a standby: its connections are given up, until one of them can write again. */
static void a_demoted_server_is_left_until_it_is_promoted(void **state)
{
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    fake_demote(*state, true);
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_message_insert",
                                       .deed = FAKE_ERROR,
                                       .sqlstate = "25006",
                                       .text = "cannot execute INSERT in a read-only transaction",
                                       .times = 1});
    assert_refused(try_send(client, "text", 1000000, &error), DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN, "25006",
                   "read-only transaction", error);
    assert_int_equal(fake_count(*state, "Execute dlg_message_insert"), 1);
    fake_demote(*state, false);
    assert_ok(try_send(client, "text", 0, &error), error);
    client_close(client);
}

static void a_read_is_tried_again_too(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.timeout_us = 500000;
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before",
                                       .deed = FAKE_ERROR,
                                       .sqlstate = "40001",
                                       .text = "conflict with recovery",
                                       .times = 1});
    assert_ok(dlg_list(&page, client, &pair.ann, &pair.ben, NULL, &error), error);
    dlg_page_free(page);
    fake_on(*state,
            (struct fake_rule){
                .on = "Execute dlg_dialog_before", .deed = FAKE_ERROR, .sqlstate = "57P01", .text = "shutting down"});
    assert_refused(dlg_list(&page, client, &pair.ann, &pair.ben, &options, &error), DLG_E_UNAVAILABLE,
                   DLG_FATE_NOT_WRITTEN, "57P01", "shutting down", error);
    client_close(client);
}

/* One of several reads in a batch is refused: the others are answered, or asked again. */
static void a_refused_read_fails_alone(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    dlg_users *list = NULL;
    dlg_error *error = NULL;
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_user_get",
                                       .deed = FAKE_ERROR,
                                       .sqlstate = "42501",
                                       .text = "permission denied for table users"});
    assert_refused(dlg_user_get(&list, client, &pair.ann, &error), DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN, "42501",
                   "permission denied", error);
    dlg_page_free(list_newest(client, &pair, 10));
    assert_int_equal(fake_count(*state, "Execute dlg_user_get"), 1);
    client_close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_sqlstate_has_its_verdict),
        TEST(what_passes_in_time_is_no_error),
        TEST(attempts_are_bounded_by_pauses_and_the_deadline),
        TEST(a_demoted_server_is_left_until_it_is_promoted),
        TEST(a_read_is_tried_again_too),
        TEST(a_refused_read_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
