/* connection.c - a connection that is lost, torn, late or refused in each state while it is made, and when idle. */
#include "fake_fixture.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Opens a client with short deadlines. */
static int try_open(struct fake *fake, const char *settings, dlg_client **client, dlg_error **error)
{
    char all[512];
    snprintf(all, sizeof all, "%s open_timeout_ms=500 connect_timeout_ms=100 %s", FAKE_SETTINGS, settings);
    return client_try(client, fake_conninfo(fake), all, error);
}

/* The client opens and sends. */
static void assert_opens(const char *conninfo)
{
    dlg_client *client = client_open(conninfo, FAKE_SETTINGS " connect_timeout_ms=5000");
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "hello");
    client_close(client);
}

/* It does not while the rule holds, and says why: at once, or when the time is over. */
static void assert_no_opening_after(struct fake *fake, struct fake_rule rule, bool once, const char *sqlstate,
                                    const char *reason)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    fake_on(fake, rule);
    int64_t begin_us = now_us();
    assert_refused(try_open(fake, "", &client, &error), DLG_E_UNAVAILABLE, DLG_FATE_NOT_WRITTEN, sqlstate, reason,
                   error);
    assert_null(client);
    assert_in_range(now_us() - begin_us, once ? 0 : 150000, 5000000);
    /* Reads and writes have their own, and a caller that is woken late sees a few more; 500 ms have room for 25. */
    assert_in_range(fake_count(fake, "Connect"), once ? 1 : 2, once ? 10 : INT_MAX);
    fake_behave(fake);
    fake_forget(fake);
}

static void assert_no_opening_for(struct fake *fake, struct fake_rule rule, const char *sqlstate, const char *reason)
{
    assert_no_opening_after(fake, rule, false, sqlstate, reason);
}

static void assert_no_opening(struct fake *fake, struct fake_rule rule, const char *reason)
{
    assert_no_opening_for(fake, rule, "", reason);
}

/* ---- Lost ---- */

static void a_loss_in_any_state_leads_to_another_attempt(void **state)
{
    static const struct fake_rule losses[] = {
        {.on = "Connect", .deed = FAKE_CLOSE},        {.on = "Startup", .deed = FAKE_CLOSE},
        {.on = "Startup", .deed = FAKE_ANSWER_CLOSE}, {.on = "Parse start", .deed = FAKE_CLOSE},
        {.on = "Execute start", .deed = FAKE_CLOSE},  {.on = "Execute start", .deed = FAKE_CUT, .length = 0},
        {.on = "Sync", .deed = FAKE_CLOSE},           {.on = "Sync", .deed = FAKE_CUT, .length = 5},
        {.on = "Connect", .deed = FAKE_RESET},        {.on = "Startup", .deed = FAKE_RESET},
        {.on = "Sync", .deed = FAKE_RESET},
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        struct fake_rule rule = losses[i];
        rule.times = 1;
        fake_on(*state, rule);
        assert_opens(i % 2 ? fake_conninfo(*state) : fake_conninfo_tcp(*state));
        assert_int_equal(fake_count(*state, "Connect"), 3);
        fake_behave(*state);
        fake_forget(*state);
    }
}

static void a_loss_after_any_byte_of_the_greeting_leads_to_another_attempt(void **state)
{
    for (size_t length = 0; length < 190; length += 3) {
        fake_on(*state, (struct fake_rule){.on = "Startup", .deed = FAKE_CUT, .length = length, .times = 1});
        assert_opens(fake_conninfo(*state));
        assert_int_equal(fake_count(*state, "Connect"), 3);
        fake_behave(*state);
        fake_forget(*state);
    }
}

static void a_loss_after_any_byte_of_the_first_answer_leads_to_another_attempt(void **state)
{
    for (size_t length = 1; length < 300; length += 7) {
        fake_on(*state, (struct fake_rule){.on = "Execute start", .deed = FAKE_CUT, .length = length, .times = 1});
        assert_opens(fake_conninfo(*state));
        assert_int_equal(fake_count(*state, "Connect"), 3);
        fake_behave(*state);
        fake_forget(*state);
    }
}

static void losses_without_end_are_told(void **state)
{
    assert_no_opening(*state, (struct fake_rule){.on = "Connect", .deed = FAKE_CLOSE}, "closed the connection");
    assert_no_opening(*state, (struct fake_rule){.on = "Startup", .deed = FAKE_CLOSE}, "closed the connection");
    assert_no_opening(*state, (struct fake_rule){.on = "Sync", .deed = FAKE_CLOSE}, "connection lost");
}

/* ---- Torn and late ---- */

static void a_torn_handshake_is_a_handshake(void **state)
{
    for (size_t piece = 1; piece <= 64; piece *= 2) {
        fake_tear(*state, piece);
        assert_opens(fake_conninfo(*state));
    }
    assert_opens(fake_conninfo_tcp(*state));
}

static void a_silent_server_is_given_up_in_time(void **state)
{
    static const char *const events[] = {"Connect", "Startup", "Execute start", "Sync"};
    for (size_t i = 0; i < 4; i++)
        assert_no_opening(*state, (struct fake_rule){.on = events[i], .deed = FAKE_HANG},
                          "the database did not answer in time");
}

static void a_late_handshake_is_one_while_its_time_lasts(void **state)
{
    fake_on(*state, (struct fake_rule){.on = "Startup", .delay_ms = 60});
    fake_on(*state, (struct fake_rule){.on = "Execute start", .delay_ms = 60});
    assert_opens(fake_conninfo(*state));
    assert_int_equal(fake_count(*state, "Connect"), 2);
    fake_behave(*state);
    assert_no_opening(*state, (struct fake_rule){.on = "Startup", .delay_ms = 5000},
                      "the database did not answer in time");
}

/* ---- Refused ---- */

static void a_refusal_is_told_as_the_server_says_it(void **state)
{
    static const struct fake_rule refusals[] = {
        {.sqlstate = "57P03", .text = "the database system is starting up"},
        {.sqlstate = "53300", .text = "sorry, too many clients already"},
        {.sqlstate = "28P01", .text = "password authentication failed"},
        {.sqlstate = "3D000", .text = "database \"fake\" does not exist"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct fake_rule rule = refusals[i];
        rule.on = "Startup";
        rule.deed = FAKE_ERROR;
        assert_no_opening_after(*state, rule, i >= 2, rule.sqlstate, rule.text);
    }
}

static void a_refusal_that_passes_is_waited_for(void **state)
{
    fake_on(*state, (struct fake_rule){
                        .on = "Startup", .deed = FAKE_ERROR, .sqlstate = "57P03", .text = "starting up", .times = 3});
    assert_opens(fake_conninfo(*state));
    assert_int_equal(fake_count(*state, "Connect"), 5);
}

static void a_session_that_cannot_be_set_up_says_why(void **state)
{
    assert_no_opening_for(
        *state,
        (struct fake_rule){.on = "Execute start", .deed = FAKE_ERROR, .sqlstate = "42501", .text = "no such right"},
        "42501", "the session cannot be set up: no such right");
}

/* Some servers and poolers refuse without a word. */
static void a_refusal_without_a_reason_says_so(void **state)
{
    assert_no_opening_for(
        *state, (struct fake_rule){.on = "Execute start", .deed = FAKE_ERROR, .sqlstate = "42501", .text = ""}, "42501",
        "the session cannot be set up: no reason was given");
}

static void a_standby_is_no_server_for_messages(void **state)
{
    dlg_client *client;
    dlg_error *error = NULL;
    fake_demote(*state, true);
    assert_refused(try_open(*state, "", &client, &error), DLG_E_UNAVAILABLE, DLG_FATE_NOT_WRITTEN, "",
                   "the server is a standby", error);
}

/* ---- Another kind of server ---- */

static void what_is_no_postgresql_is_told(void **state)
{
    static const char *const greetings[] = {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
                                            "220 mail ESMTP\r\n", "-ERR wrong number of arguments\r\n"};
    for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++)
        assert_no_opening(
            *state,
            (struct fake_rule){
                .on = "Connect", .deed = FAKE_BYTES, .bytes = greetings[i], .length = strlen(greetings[i])},
            "@dialogs-fake");
}

static void an_unknown_authentication_is_told(void **state)
{
    struct wire wire = {0};
    wire_authentication(&wire, 99);
    assert_no_opening(
        *state, (struct fake_rule){.on = "Startup", .deed = FAKE_BYTES, .bytes = wire.bytes, .length = wire.length},
        "authentication method 99 not supported");
    wire_free(&wire);
}

static void a_password_that_nobody_has_is_told(void **state)
{
    struct wire wire = {0};
    wire_authentication(&wire, 3);
    assert_no_opening_after(
        *state, (struct fake_rule){.on = "Startup", .deed = FAKE_BYTES, .bytes = wire.bytes, .length = wire.length},
        true, "", "no password supplied");
    wire_free(&wire);
}

static void tls_that_the_server_does_not_have_is_told(void **state)
{
    char conninfo[256];
    dlg_client *client;
    dlg_error *error = NULL;
    snprintf(conninfo, sizeof conninfo, "%s sslmode=require", fake_conninfo_tcp(*state));
    assert_refused(client_try(&client, conninfo, FAKE_SETTINGS " open_timeout_ms=500", &error), DLG_E_UNAVAILABLE,
                   DLG_FATE_NOT_WRITTEN, "", "server does not support SSL", error);
}

/* ---- Answers to the first question ---- */

static void a_first_answer_of_another_shape_is_told(void **state)
{
    struct fake_rows none = {.types = "TbbiTtttt"}, one = {0}, text = {0}, null = {0}, wrong = {0};
    fake_row(&one, "T", INT64_C(1700000000000000));
    fake_row(&text, "tttt", "now", "f", "f", "0");
    fake_row(&null, "nnnn");
    fake_row(&wrong, "Tbbt", INT64_C(1700000000000000), 0, 0, "");
    const struct fake_rows *const answers[] = {&none, &one, &text, &null, &wrong};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_no_opening(*state, (struct fake_rule){.on = "Execute start", .rows = answers[i]},
                          "the session cannot be set up");
    fake_rows_free(&one);
    fake_rows_free(&text);
    fake_rows_free(&null);
    fake_rows_free(&wrong);
}

/* ---- Several addresses ---- */

static void the_next_address_is_tried_when_one_fails(void **state)
{
    static const struct fake_rule failures[] = {
        {.on = "Connect", .deed = FAKE_CLOSE},
        {.on = "Connect", .deed = FAKE_HANG},
        {.on = "Startup", .deed = FAKE_ERROR, .sqlstate = "57P03", .text = "starting up"},
        {.on = "Execute start", .deed = FAKE_HANG},
    };
    struct fake *bad = fake_start(NULL, 0);
    char conninfo[256];
    snprintf(conninfo, sizeof conninfo, "host=%s,%s port=%d,%d user=fake", fake_host(bad), fake_host(*state),
             fake_port(bad), fake_port(*state));
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        fake_on(bad, failures[i]);
        dlg_client *client = client_open(conninfo, FAKE_SETTINGS " connect_timeout_ms=100");
        assert_true(fake_count(bad, "Connect") > 0);
        client_close(client);
        fake_behave(bad);
        fake_forget(bad);
    }
    fake_demote(bad, true);
    client_close(client_open(conninfo, FAKE_SETTINGS " connect_timeout_ms=100"));
    fake_stop(bad);
}

/* ---- Idle ---- */

static void news_on_an_idle_connection_do_no_harm(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct wire wire = {0};
    wire_report(&wire, 'N', "NOTICE", "00000", "by the way");
    wire_parameter(&wire, "TimeZone", "UTC");
    size_t begin = wire_begin(&wire, 'A');
    wire_int32(&wire, 1);
    wire_text(&wire, "channel");
    wire_text(&wire, "payload");
    wire_end(&wire, begin);
    for (int i = 0; i < 100; i++)
        fake_say(*state, wire.bytes, wire.length);
    struct pair pair = pair_new();
    for (int i = 0; i < 3; i++)
        send_text(client, &pair.ann, &pair.ben, "hello");
    dlg_page_free(list_newest(client, &pair, 10));
    assert_int_equal(client_stats(client).reconnects, 0);
    client_close(client);
    wire_free(&wire);
}

static void an_idle_connection_that_ends_is_made_again(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct wire wire = {0};
    wire_report(&wire, 'E', "FATAL", "57P01", "terminating connection due to administrator command");
    fake_say(*state, wire.bytes, wire.length);
    fake_disconnect(*state);
    fake_await(*state, "Execute start", 2);
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "hello");
    assert_int_equal(client_stats(client).reconnects, 2);
    client_close(client);
    wire_free(&wire);
}

/* ---- What the server's kernel does not acknowledge ---- */

enum { DESCRIPTORS = 1024 };

/* The limit of a connection of this process to the server, ms; -1: there is none. */
static int limit_of_connection(struct fake *fake)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        struct sockaddr_in peer = {0};
        socklen_t length = sizeof peer;
        unsigned limit = 0;
        if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != fake_port(fake))
            continue;
        length = sizeof limit;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, &length), 0);
        return (int)limit;
    }
    return -1;
}

static void assert_limit(struct fake *fake, const char *conninfo, int expected)
{
    dlg_client *client = client_open(conninfo, FAKE_SETTINGS " timeout_ms=7000");
    assert_int_equal(limit_of_connection(fake), expected);
    client_close(client);
}

static void a_connection_gives_up_with_its_requests(void **state)
{
    char conninfo[512];
    assert_limit(*state, fake_conninfo_tcp(*state), 7000);
    snprintf(conninfo, sizeof conninfo, "%s tcp_user_timeout=4321", fake_conninfo_tcp(*state));
    assert_limit(*state, conninfo, 4321);
    snprintf(conninfo, sizeof conninfo, "%s tcp_user_timeout=0", fake_conninfo_tcp(*state));
    assert_limit(*state, conninfo, 0);
}

static void a_service_s_limit_stays(void **state)
{
    char path[] = "/tmp/dialogs.service.XXXXXX", conninfo[512];
    int fd = mkstemp(path);
    assert_true(fd >= 0 && dprintf(fd, "[limited]\ntcp_user_timeout=1234\n") > 0);
    close(fd);
    setenv("PGSERVICEFILE", path, 1);
    snprintf(conninfo, sizeof conninfo, "%s service=limited", fake_conninfo_tcp(*state));
    assert_limit(*state, conninfo, 1234);
    unsetenv("PGSERVICEFILE");
    unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_loss_in_any_state_leads_to_another_attempt),
        TEST(a_loss_after_any_byte_of_the_greeting_leads_to_another_attempt),
        TEST(a_loss_after_any_byte_of_the_first_answer_leads_to_another_attempt),
        TEST(losses_without_end_are_told),
        TEST(a_torn_handshake_is_a_handshake),
        TEST(a_silent_server_is_given_up_in_time),
        TEST(a_late_handshake_is_one_while_its_time_lasts),
        TEST(a_refusal_is_told_as_the_server_says_it),
        TEST(a_refusal_that_passes_is_waited_for),
        TEST(a_session_that_cannot_be_set_up_says_why),
        TEST(a_refusal_without_a_reason_says_so),
        TEST(a_standby_is_no_server_for_messages),
        TEST(what_is_no_postgresql_is_told),
        TEST(an_unknown_authentication_is_told),
        TEST(a_password_that_nobody_has_is_told),
        TEST(tls_that_the_server_does_not_have_is_told),
        TEST(a_first_answer_of_another_shape_is_told),
        TEST(the_next_address_is_tried_when_one_fails),
        TEST(news_on_an_idle_connection_do_no_harm),
        TEST(an_idle_connection_that_ends_is_made_again),
        TEST(a_connection_gives_up_with_its_requests),
        TEST(a_service_s_limit_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
