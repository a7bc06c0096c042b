/* The database goes away in the middle of work, and comes back: nothing acknowledged is lost, nothing is doubled. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 16, LISTERS = 4, MOST = 20000 };

/* Senders and listers at work; each text is sent once. */
struct load {
    dlg_client *client;
    struct pair pairs[SENDERS];
    pthread_t threads[SENDERS + LISTERS];
    _Atomic bool stop;
    _Atomic int sent, acknowledged, failed, listed, late;
    _Atomic int next_worker;
    _Atomic signed char outcome[MOST]; /* 1: acknowledged, -1: not written, 0: unknown */
    _Atomic int64_t deadline_us;       /* what a call may take */
};

static void note_time(struct load *load, int64_t started_us)
{
    load->late += now_us() - started_us > load->deadline_us;
}

static void send_next(struct load *load, const struct pair *pair)
{
    char text[16];
    dlg_error *error = NULL;
    int number = load->sent++;
    if (number >= MOST) {
        load->stop = true;
        return;
    }
    snprintf(text, sizeof text, "%d", number);
    int64_t started_us = now_us();
    int code = dlg_send(NULL, load->client, &pair->ann, &pair->ben, text, DLG_NTS, NULL, &error);
    note_time(load, started_us);
    load->acknowledged += code == DLG_OK;
    load->failed += code != DLG_OK;
    load->outcome[number] = code == DLG_OK ? 1 : dlg_error_fate(error) == DLG_FATE_NOT_WRITTEN ? -1 : 0;
    dlg_error_free(error);
}

static void *send_all(void *argument)
{
    struct load *load = argument;
    const struct pair *pair = &load->pairs[load->next_worker++];
    while (!load->stop)
        send_next(load, pair);
    return NULL;
}

static void *list_all(void *argument)
{
    struct load *load = argument;
    for (int i = 0; !load->stop; i++) {
        dlg_page *page = NULL;
        const struct pair *pair = &load->pairs[i % SENDERS];
        int64_t started_us = now_us();
        load->listed += dlg_list(&page, load->client, &pair->ann, &pair->ben, NULL, NULL) == DLG_OK;
        note_time(load, started_us);
        dlg_page_free(page);
        pause_ms(1);
    }
    return NULL;
}

static struct load *load_start(const char *conninfo, const char *settings)
{
    struct load *load = calloc(1, sizeof *load);
    load->client = client_open(conninfo, settings);
    load->deadline_us = INT64_MAX;
    for (int i = 0; i < SENDERS; i++)
        load->pairs[i] = pair_new();
    for (int i = 0; i < SENDERS + LISTERS; i++)
        assert_int_equal(pthread_create(&load->threads[i], NULL, i < SENDERS ? send_all : list_all, load), 0);
    return load;
}

/* Waits until so many more messages have been acknowledged. */
static void load_wait(const struct load *load, int more)
{
    int goal = load->acknowledged + more;
    for (int64_t end = now_us() + 60 * 1000000; load->acknowledged < goal && !load->stop;) {
        if (now_us() > end)
            fail_msg("%d acknowledged, %d failed", load->acknowledged, load->failed);
        pause_ms(1);
    }
}

static void load_stop(struct load *load)
{
    load->stop = true;
    for (int i = 0; i < SENDERS + LISTERS; i++)
        pthread_join(load->threads[i], NULL);
}

/* Compares what was said with what is stored; `sql` is connected to the database that is left. */
static void load_judge(struct load *load, PGconn *sql)
{
    char *stored = calloc(MOST, 1);
    for (int i = 0; i < SENDERS; i++) {
        char query[200];
        snprintf(query, sizeof query, "SELECT text FROM dialogs WHERE to_user_id = '%s'",
                 uuid_text(&load->pairs[i].ben));
        PGresult *rows = PQexec(sql, query);
        assert_int_equal(PQresultStatus(rows), PGRES_TUPLES_OK);
        for (int row = 0; row < PQntuples(rows); row++)
            stored[atoi(PQgetvalue(rows, row, 0))]++;
        PQclear(rows);
    }
    for (int i = 0; i < MOST && i < load->sent; i++) {
        if (stored[i] > 1)
            fail_msg("message %d is stored %d times", i, stored[i]);
        if (load->outcome[i] == 1 && !stored[i])
            fail_msg("message %d was acknowledged and is lost", i);
        if (load->outcome[i] == -1 && stored[i])
            fail_msg("message %d was said not to be written, and is", i);
    }
    free(stored);
}

static void load_end(struct load *load, PGconn *sql)
{
    load_stop(load);
    load_judge(load, sql);
    assert_true(load->listed > 0);
    assert_int_equal(load->late, 0);
    client_close(load->client);
    free(load);
}

/* ---- The server ends ---- */

static PGconn *sql_again(struct fixture *fixture)
{
    PQfinish(fixture->sql);
    fixture->sql = sql_connect(test_server_conninfo_admin(fixture->server));
    return fixture->sql;
}

static void a_killed_server_loses_and_doubles_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct load *load = load_start(test_server_conninfo(fixture->server), "backoff_max_ms=100");
    for (int i = 0; i < 3; i++) {
        load_wait(load, 300);
        assert_true(test_server_kill(fixture->server));
        assert_true(test_server_restart(fixture->server));
    }
    load_wait(load, 300);
    assert_int_equal(load->failed, 0); /* all within the deadline of 30 s */
    load_end(load, sql_again(fixture));
}

static void a_restart_goes_unnoticed(void **state)
{
    struct fixture *fixture = *state;
    struct load *load = load_start(test_server_conninfo(fixture->server), "backoff_max_ms=100");
    for (int i = 0; i < 3; i++) {
        load_wait(load, 300);
        assert_true(test_server_restart(fixture->server));
    }
    load_wait(load, 300);
    assert_int_equal(load->failed, 0);
    load_end(load, sql_again(fixture));
}

static void a_server_that_is_away_too_long_fails_in_time(void **state)
{
    struct fixture *fixture = *state;
    struct load *load = load_start(test_server_conninfo(fixture->server), "backoff_max_ms=100 timeout_ms=400");
    load->deadline_us = 20 * 1000000;
    load_wait(load, 300);
    assert_true(test_server_kill(fixture->server));
    while (load->failed < 3 * SENDERS)
        pause_ms(5);
    assert_false(dlg_ready(load->client));
    assert_true(test_server_restart(fixture->server));
    load_wait(load, 300);
    assert_true(dlg_ready(load->client));
    load_end(load, sql_again(fixture));
}

static void ended_sessions_are_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct load *load = load_start(test_server_conninfo(fixture->server), "backoff_max_ms=50");
    for (int i = 0; i < 20; i++) {
        load_wait(load, 50);
        sql_run(fixture->sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
                              "'libdialogs'");
    }
    load_wait(load, 50);
    assert_int_equal(load->failed, 0);
    assert_true(client_stats(load->client).reconnects > 0);
    load_end(load, fixture->sql);
}

/* ---- The server falls silent ---- */

static void a_short_freeze_only_delays(void **state)
{
    struct fixture *fixture = *state;
    struct load *load = load_start(test_server_conninfo(fixture->server), "");
    for (int i = 0; i < 3; i++) {
        load_wait(load, 100);
        assert_true(test_server_freeze(fixture->server));
        pause_ms(300);
        assert_true(test_server_thaw(fixture->server));
    }
    load_wait(load, 100);
    assert_int_equal(load->failed, 0);
    load_end(load, fixture->sql);
}

static void a_long_freeze_fails_in_time(void **state)
{
    struct fixture *fixture = *state;
    struct load *load =
        load_start(test_server_conninfo(fixture->server), "timeout_ms=500 connect_timeout_ms=300 backoff_max_ms=50");
    load->deadline_us = 20 * 1000000;
    load_wait(load, 100);
    assert_true(test_server_freeze(fixture->server));
    while (load->failed < 3 * SENDERS)
        pause_ms(5);
    assert_true(test_server_thaw(fixture->server));
    load_wait(load, 200);
    load_stop(load);
    /* What the old sessions had been sent may still be stored now. */
    wait_until_idle(fixture);
    load_judge(load, fixture->sql);
    assert_int_equal(load->late, 0);
    client_close(load->client);
    free(load);
}

/* ---- The server refuses for a while ---- */

static void *repair_later(void *argument)
{
    struct fixture *fixture = argument;
    pause_ms(400);
    PQclear(PQexec(fixture->sql, "DROP FUNCTION refuse CASCADE"));
    return NULL;
}

static void make_refusal(struct fixture *fixture, const char *sqlstate)
{
    sql_run(fixture->sql,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'not now' USING "
            "ERRCODE = '%s'; END$$; CREATE TRIGGER refuse BEFORE INSERT ON dialogs EXECUTE FUNCTION refuse()",
            sqlstate);
}

static void refusals_that_pass_are_tried_again(void **state)
{
    static const char *const states[] = {"53100", "53200", "40001", "40P01", "57P03", "08006", "55P03", "57014"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        pthread_t thread;
        struct pair pair = pair_new();
        make_refusal(fixture, states[i]);
        assert_int_equal(pthread_create(&thread, NULL, repair_later, fixture), 0);
        send_text(fixture->client, &pair.ann, &pair.ben, "x");
        pthread_join(thread, NULL);
        assert_int_equal(
            sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'", uuid_text(&pair.ben)), 1);
    }
}

struct refusal {
    const char *sqlstate;
    int code;
    dlg_fate fate;
};

/* What a send that is refused again and again is told at its deadline. */
static dlg_error *refused_send(struct fixture *fixture, const struct pair *pair)
{
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = 500000;
    int64_t before = now_us();
    int code = dlg_send(NULL, fixture->client, &pair->ann, &pair->ben, "x", 1, &options, &error);
    assert_true(now_us() - before >= 500000);
    assert_int_equal(code, dlg_error_code(error));
    return error;
}

static bool fell_into_an_attempt(const dlg_error *error)
{
    return dlg_error_code(error) == DLG_E_TIMEOUT && !*dlg_error_sqlstate(error) &&
           dlg_error_fate(error) == DLG_FATE_POSSIBLY_WRITTEN;
}

/* When the deadline falls into one of the attempts, nothing is known of that one: then it is tried once more. */
static void assert_told_at_the_deadline(struct fixture *fixture, const struct refusal *refusal)
{
    struct pair pair = pair_new();
    make_refusal(fixture, refusal->sqlstate);
    dlg_error *error = refused_send(fixture, &pair);
    for (int i = 0; i < 3 && fell_into_an_attempt(error); i++) {
        dlg_error_free(error);
        error = refused_send(fixture, &pair);
    }
    sql_run(fixture->sql, "DROP FUNCTION refuse CASCADE");
    assert_string_equal(dlg_error_sqlstate(error), refusal->sqlstate);
    assert_true(dlg_error_retriable(error));
    assert_int_equal(dlg_error_fate(error), refusal->fate);
    assert_fails(dlg_error_code(error), refusal->code, error);
    assert_int_equal(
        sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'", uuid_text(&pair.ben)), 0);
}

static void refusals_that_stay_are_told_at_the_deadline(void **state)
{
    static const struct refusal refusals[] = {
        {"53100", DLG_E_DATABASE, DLG_FATE_NOT_WRITTEN}, /* the disk is full */
        {"55P03", DLG_E_TIMEOUT, DLG_FATE_NOT_WRITTEN},
        {"08006", DLG_E_UNAVAILABLE, DLG_FATE_POSSIBLY_WRITTEN}}; /* a node behind it was lost */
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        assert_told_at_the_deadline(*state, &refusals[i]);
}

static void too_many_connections_are_waited_out(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_client *client = NULL;
    sql_run(fixture->sql, "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0; GRANT SELECT, INSERT ON dialogs TO crowded; "
                          "GRANT SELECT ON dlg_schema TO crowded");
    char conninfo[600];
    snprintf(conninfo, sizeof conninfo, "%s user=crowded", test_server_conninfo(fixture->server));
    int code = client_try(&client, conninfo, "open_timeout_ms=500", &error);
    assert_string_equal(dlg_error_sqlstate(error), "53300");
    assert_fails(code, DLG_E_UNAVAILABLE, error);
    client = client_open(conninfo, "open=lazy backoff_max_ms=50");
    pause_ms(200);
    sql_run(fixture->sql, "ALTER ROLE crowded CONNECTION LIMIT 2");
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "x"); /* with one connection for reads and one for commits */
    dlg_page_free(list_newest(client, &pair, 5));
    client_close(client);
    sql_run(fixture->sql, "DROP OWNED BY crowded; DROP ROLE crowded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_server_loses_and_doubles_nothing),
        cmocka_unit_test(a_restart_goes_unnoticed),
        cmocka_unit_test(a_server_that_is_away_too_long_fails_in_time),
        cmocka_unit_test(ended_sessions_are_replaced),
        cmocka_unit_test(a_short_freeze_only_delays),
        cmocka_unit_test(a_long_freeze_fails_in_time),
        cmocka_unit_test(refusals_that_pass_are_tried_again),
        cmocka_unit_test(refusals_that_stay_are_told_at_the_deadline),
        cmocka_unit_test(too_many_connections_are_waited_out),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
