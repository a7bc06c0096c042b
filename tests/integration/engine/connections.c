/* All the ways to say where the database is, and what is said when it is not there. */
#include "fixture.h"
#include "standby.h"

#include <arpa/inet.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct test_server *secure; /* TLS and passwords */

static void assert_opens(const char *conninfo, const char *settings)
{
    struct pair pair = pair_new();
    dlg_client *client = client_open(conninfo, settings);
    assert_true(dlg_ready(client));
    send_text(client, &pair.ann, &pair.ben, "hi");
    dlg_page *page = list_newest(client, &pair, 5);
    assert_int_equal(dlg_page_count(page), 1);
    dlg_page_free(page);
    client_close(client);
}

/* How long it took, milliseconds. */
static int assert_opens_not(const char *conninfo, const char *settings, int expected, const char *part)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    int64_t before = now_us();
    int code = client_try(&client, conninfo, settings, &error);
    int took = (int)((now_us() - before) / 1000);
    assert_null(client);
    if (!strstr(dlg_error_message(error), part))
        fail_msg("no \"%s\" in: %s", part, dlg_error_message(error));
    assert_fails(code, expected, error);
    return took;
}

/* ---- Ways to name it ---- */

static void sockets_and_tcp(void **state)
{
    struct fixture *fixture = *state;
    assert_opens(test_server_conninfo(fixture->server), "");
    assert_opens(test_server_conninfo_tcp(fixture->server), "");
}

static void uris(void **state)
{
    struct fixture *fixture = *state;
    char uri[512];
    snprintf(uri, sizeof uri, "postgresql://dialogs@127.0.0.1:%d/postgres?sslmode=disable&application_name=uri",
             test_server_port(fixture->server));
    assert_opens(uri, "");
}

static void the_environment(void **state)
{
    struct fixture *fixture = *state;
    char port[16];
    snprintf(port, sizeof port, "%d", test_server_port(fixture->server));
    setenv("PGHOST", test_server_directory(fixture->server), 1);
    setenv("PGPORT", port, 1);
    setenv("PGUSER", "dialogs", 1);
    setenv("PGDATABASE", "postgres", 1);
    assert_opens("", "");
    assert_opens(NULL, "");
    unsetenv("PGHOST");
    unsetenv("PGPORT");
    unsetenv("PGUSER");
    unsetenv("PGDATABASE");
}

static void service_files(void **state)
{
    struct fixture *fixture = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/services", test_server_directory(fixture->server));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "[ours]\nhost=%s\nport=%d\nuser=dialogs\ndbname=postgres\n", test_server_directory(fixture->server),
            test_server_port(fixture->server));
    fclose(file);
    setenv("PGSERVICEFILE", path, 1);
    assert_opens("service=ours", "");
    assert_true(assert_opens_not("service=theirs", "", DLG_E_ARGUMENT, "theirs") < 10000);
    unsetenv("PGSERVICEFILE");
}

static void bad_conninfos_are_refused(void **state)
{
    static const char *const bad[] = {"nonsense",
                                      "color=red host=x",
                                      "postgresql://[::1",
                                      "host='x",
                                      "port=1,2 host=x",
                                      "sslmode=bogus host=127.0.0.1",
                                      "postgresql://h/d?color=red"};
    (void)state;
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int took = assert_opens_not(bad[i], "", DLG_E_ARGUMENT, "conninfo");
        assert_true(took < 10000);
    }
    assert_fails(dlg_open(NULL, "", NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_open(&client, "nonsense", NULL, &error), DLG_E_ARGUMENT, error);
}

/* ---- Who is there ---- */

static const char *secure_tcp(const char *more)
{
    static char conninfo[1024];
    snprintf(conninfo, sizeof conninfo, "%s %s", test_server_conninfo_tcp(secure), more);
    return conninfo;
}

static void passwords_and_certificates(void **state)
{
    (void)state;
    assert_opens(test_server_conninfo(secure), "");
    assert_opens(secure_tcp(""), ""); /* verify-full */
    assert_opens(secure_tcp("sslmode=require"), "");
    assert_opens(secure_tcp("host=localhost hostaddr=127.0.0.1"), "");
}

/* Nobody waits for the end of the time that opening may take. */
static void refusals_are_told_at_once(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[600];
    static const char long_time[] = "open_timeout_ms=60000";
    assert_true(assert_opens_not(secure_tcp("password=wrong"), long_time, DLG_E_UNAVAILABLE, "guarded") < 20000);
    assert_true(assert_opens_not(secure_tcp("password=''"), long_time, DLG_E_UNAVAILABLE, "password") < 20000);
    assert_true(assert_opens_not(secure_tcp("sslmode=disable"), long_time, DLG_E_UNAVAILABLE, "pg_hba") < 20000);
    snprintf(conninfo, sizeof conninfo, "%s dbname=nowhere", test_server_conninfo(fixture->server));
    assert_true(assert_opens_not(conninfo, long_time, DLG_E_UNAVAILABLE, "nowhere") < 20000);
    snprintf(conninfo, sizeof conninfo, "%s user=nobody_at_all", test_server_conninfo_tcp(fixture->server));
    assert_true(assert_opens_not(conninfo, long_time, DLG_E_UNAVAILABLE, "nobody_at_all") < 20000);
}

static void a_refusal_has_its_sqlstate(void **state)
{
    (void)state;
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    int code = client_try(&client, secure_tcp("password=wrong"), "", &error);
    assert_string_equal(dlg_error_sqlstate(error), "28P01");
    assert_null(strstr(dlg_error_message(error), "28P01"));
    assert_null(strstr(dlg_error_message(error), "secret"));
    assert_false(dlg_error_retriable(error));
    assert_fails(code, DLG_E_UNAVAILABLE, error);
}

static void a_foreign_certificate_is_refused(void **state)
{
    (void)state;
    struct test_server *other = test_server_start(&(struct test_server_options){.tls = true});
    assert_non_null(other);
    char more[256];
    snprintf(more, sizeof more, "sslrootcert=%s", test_server_certificate(other));
    assert_true(assert_opens_not(secure_tcp(more), "open_timeout_ms=60000", DLG_E_UNAVAILABLE, "certificate") < 20000);
    test_server_free(other);
}

/* A request fails with the server's reason long before its deadline, and is not worth repeating. */
static void assert_refused(const char *conninfo, const char *sqlstate, const char *part)
{
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_client *client = client_open(conninfo, "open=lazy timeout_ms=60000");
    int64_t before = now_us();
    int code = dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error);
    assert_true(now_us() - before < 20000000);
    assert_string_equal(dlg_error_sqlstate(error), sqlstate);
    assert_false(dlg_error_retriable(error));
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    if (!strstr(dlg_error_message(error), part))
        fail_msg("no \"%s\" in: %s", part, dlg_error_message(error));
    assert_fails(code, DLG_E_UNAVAILABLE, error);
    dlg_page *page = NULL;
    assert_fails(dlg_list(&page, client, &pair.ann, &pair.ben, NULL, &error), DLG_E_UNAVAILABLE, error);
    client_close(client);
}

static void requests_do_not_wait_for_what_refuses(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[600];
    assert_refused(secure_tcp("password=wrong"), "28P01", "guarded");
    assert_refused(secure_tcp("password=''"), "", "password");
    assert_refused(secure_tcp("sslmode=disable"), "28000", "pg_hba");
    assert_refused(secure_tcp("sslrootcert=/nonexistent/root.crt"), "", "/nonexistent/root.crt");
    snprintf(conninfo, sizeof conninfo, "%s dbname=nowhere", test_server_conninfo(fixture->server));
    assert_refused(conninfo, "3D000", "nowhere");
    snprintf(conninfo, sizeof conninfo, "%s sslmode=require", test_server_conninfo_tcp(fixture->server));
    assert_refused(conninfo, "", "SSL");
}

/* libpq speaks the program's language, but the name of a file is the same in all. */
static void a_missing_file_of_tls_is_told_in_any_language(void **state)
{
    (void)state;
    const char *before = setlocale(LC_ALL, NULL);
    char *locale = strdup(before);
    assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
    setenv("LANGUAGE", "ru", 1);
    static const char long_time[] = "open_timeout_ms=60000", lost[] = "/nonexistent/lost";
    assert_true(assert_opens_not(secure_tcp("sslrootcert=/nonexistent/lost"), long_time, DLG_E_UNAVAILABLE, lost) <
                20000);
    assert_refused(secure_tcp("sslrootcert=/nonexistent/lost"), "", lost);
    char key[300];
    snprintf(key, sizeof key, "sslcert=%s sslkey=/nonexistent/lost", test_server_certificate(secure));
    assert_refused(secure_tcp(key), "", lost);
    unsetenv("LANGUAGE");
    setlocale(LC_ALL, locale);
    free(locale);
}

/* What another encoding cannot keep would be found out by the first message in another script. */
static void another_encoding_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const encodings[] = {"LATIN1", "SQL_ASCII", "EUC_JP"};
    static const char *const settings[] = {"", "schema=check", "schema=none"};
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        char conninfo[600];
        sql_run(fixture->sql, "CREATE DATABASE other_%zu ENCODING '%s' LOCALE 'C' TEMPLATE template0", i, encodings[i]);
        snprintf(conninfo, sizeof conninfo, "%s dbname=other_%zu", test_server_conninfo(fixture->server), i);
        for (size_t j = 0; j < sizeof settings / sizeof *settings; j++) {
            assert_true(assert_opens_not(conninfo, settings[j], DLG_E_SCHEMA, encodings[i]) < 20000);
            assert_opens_not(conninfo, settings[j], DLG_E_SCHEMA, "createdb -E UTF8 -T template0");
        }
        struct pair pair = pair_new();
        dlg_error *error = NULL;
        dlg_client *client = client_open(conninfo, "open=lazy timeout_ms=60000");
        assert_fails(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error), DLG_E_SCHEMA, error);
        assert_fails(dlg_schema_install(NULL, client, &error), DLG_E_SCHEMA, error);
        client_close(client);
        PGconn *sql = sql_connect(conninfo);
        assert_int_equal(sql_number(sql, "SELECT count(*) FROM pg_class WHERE relname ~ '^(dialogs|users|dlg_)'"), 0);
        PQfinish(sql);
    }
}

static void opening_without_a_schema_does_not_wait_either(void **state)
{
    (void)state;
    static const char settings[] = "open_timeout_ms=60000 schema=none";
    assert_true(assert_opens_not(secure_tcp("password=wrong"), settings, DLG_E_UNAVAILABLE, "guarded") < 20000);
}

/* When an operator has repaired it, the client goes on by itself. */
static void a_refusal_may_end(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    char conninfo[600];
    client_close(client_open(test_server_conninfo(fixture->server), ""));
    snprintf(conninfo, sizeof conninfo, "%s user=late_comer", test_server_conninfo(fixture->server));
    dlg_client *client = client_open(conninfo, "open=lazy schema=none backoff_max_ms=50");
    assert_int_equal(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, NULL), DLG_E_UNAVAILABLE);
    sql_run(fixture->sql, "CREATE ROLE late_comer SUPERUSER LOGIN");
    while (!dlg_ready(client))
        pause_ms(5);
    send_text(client, &pair.ann, &pair.ben, "hi");
    client_close(client);
}

/* Another host may be good. */
static void a_refusal_of_one_host_is_none(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[600];
    client_close(client_open(test_server_conninfo(fixture->server), ""));
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1 port=%d,%d user=dialogs dbname=postgres password=x",
             test_server_port(secure), test_server_port(fixture->server));
    assert_opens(conninfo, "");
    assert_opens(conninfo, "schema=none");
}

/* ---- Nobody is there ---- */

/* A port at which connections are accepted by the system and by nobody else. */
static int black_hole(int *fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(*fd, 10), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void opening_has_a_deadline(void **state)
{
    (void)state;
    int fd, port = black_hole(&fd);
    char conninfo[64];
    int took = assert_opens_not("host=127.0.0.1 port=1 user=x", "open_timeout_ms=300", DLG_E_UNAVAILABLE, "refused");
    assert_true(took < 10000);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d user=x", port);
    took = assert_opens_not(conninfo, "open_timeout_ms=300", DLG_E_UNAVAILABLE, "in time");
    assert_true(took >= 250 && took < 10000);
    took = assert_opens_not("host=/nonexistent user=x", "open_timeout_ms=100", DLG_E_UNAVAILABLE, "nonexistent");
    assert_true(took < 10000);
    close(fd);
}

static void lazy_opening_needs_nobody(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_client *client = client_open("host=127.0.0.1 port=1 user=x", "open=lazy timeout_ms=300");
    assert_false(dlg_ready(client));
    int code = dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    assert_true(dlg_error_retriable(error));
    assert_non_null(strstr(dlg_error_message(error), "refused"));
    assert_fails(code, DLG_E_UNAVAILABLE, error);
    assert_fails(dlg_list(&page, client, &pair.ann, &pair.ben, NULL, &error), DLG_E_UNAVAILABLE, error);
    client_close(client);
}

/* ---- Several hosts ---- */

static void a_dead_first_host_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[256];
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1 port=1,%d user=dialogs dbname=postgres",
             test_server_port(fixture->server));
    assert_opens(conninfo, "");
    snprintf(conninfo, sizeof conninfo, "postgresql://dialogs@127.0.0.1:1,127.0.0.1:%d/postgres",
             test_server_port(fixture->server));
    assert_opens(conninfo, "");
    snprintf(conninfo, sizeof conninfo, "host=/nonexistent,%s port=%d user=dialogs dbname=postgres",
             test_server_directory(fixture->server), test_server_port(fixture->server));
    assert_opens(conninfo, "");
}

static void a_silent_first_host_costs_one_timeout(void **state)
{
    struct fixture *fixture = *state;
    int fd, port = black_hole(&fd);
    char conninfo[256];
    snprintf(conninfo, sizeof conninfo,
             "host=localhost,localhost hostaddr=127.0.0.1,127.0.0.1 port=%d,%d "
             "user=dialogs dbname=postgres",
             port, test_server_port(fixture->server));
    int64_t before = now_us();
    assert_opens(conninfo, "connect_timeout_ms=300 open_timeout_ms=20000");
    assert_true(now_us() - before >= 600000); /* once for the schema, once for the I/O thread */
    assert_true(now_us() - before < 15000000);
    close(fd);
}

static void a_standby_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[256];
    client_close(client_open(test_server_conninfo(fixture->server), ""));
    struct test_standby *standby = test_standby_start(fixture->server);
    assert_non_null(standby);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1 port=%d,%d user=dialogs dbname=postgres",
             test_standby_port(standby), test_server_port(fixture->server));
    assert_opens(conninfo, "");
    snprintf(conninfo, sizeof conninfo,
             "host=127.0.0.1,127.0.0.1 port=%d,%d user=dialogs dbname=postgres "
             "target_session_attrs=read-write",
             test_standby_port(standby), test_server_port(fixture->server));
    assert_opens(conninfo, "schema=none");
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d user=dialogs dbname=postgres",
             test_standby_port(standby));
    assert_opens_not(conninfo, "open_timeout_ms=500", DLG_E_UNAVAILABLE, "standby");
    assert_opens_not(conninfo, "open_timeout_ms=500 schema=none", DLG_E_UNAVAILABLE, "standby");
    test_standby_free(standby);
}

static int open_servers(void **state)
{
    secure = test_server_start(&(struct test_server_options){.tls = true, .role = "guarded", .password = "secret"});
    return secure ? fixture_open_with(state, NULL) : -1;
}

static int close_servers(void **state)
{
    test_server_free(secure);
    return fixture_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_and_tcp),
        cmocka_unit_test(uris),
        cmocka_unit_test(the_environment),
        cmocka_unit_test(service_files),
        cmocka_unit_test(bad_conninfos_are_refused),
        cmocka_unit_test(passwords_and_certificates),
        cmocka_unit_test(refusals_are_told_at_once),
        cmocka_unit_test(a_refusal_has_its_sqlstate),
        cmocka_unit_test(a_foreign_certificate_is_refused),
        cmocka_unit_test(requests_do_not_wait_for_what_refuses),
        cmocka_unit_test(a_missing_file_of_tls_is_told_in_any_language),
        cmocka_unit_test(another_encoding_is_refused),
        cmocka_unit_test(opening_without_a_schema_does_not_wait_either),
        cmocka_unit_test(a_refusal_may_end),
        cmocka_unit_test(a_refusal_of_one_host_is_none),
        cmocka_unit_test(opening_has_a_deadline),
        cmocka_unit_test(lazy_opening_needs_nobody),
        cmocka_unit_test(a_dead_first_host_is_passed_over),
        cmocka_unit_test(a_silent_first_host_costs_one_timeout),
        cmocka_unit_test(a_standby_is_passed_over),
    };
    return cmocka_run_group_tests(tests, open_servers, close_servers);
}
