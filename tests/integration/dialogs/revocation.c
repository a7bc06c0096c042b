/* Tokens that end before their time: revoked, older than a password, of a user who is gone. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static dlg_uuid user_new(dlg_client *client)
{
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid id;
    assert_ok(dlg_user_create(&id, client, &user, "long enough", DLG_NTS, &error), error);
    return id;
}

static char *login(dlg_client *client, const dlg_uuid *id, const char *password)
{
    char *token = NULL;
    dlg_error *error = NULL;
    assert_ok(dlg_auth(&token, client, id, password, DLG_NTS, &error), error);
    return token;
}

static void assert_good(dlg_client *client, const char *token)
{
    dlg_error *error = NULL;
    assert_ok(dlg_token_check(NULL, NULL, client, token, DLG_NTS, &error), error);
}

static void assert_refused(dlg_client *client, const char *token, const char *why)
{
    dlg_error *error = NULL;
    int code = dlg_token_check(NULL, NULL, client, token, DLG_NTS, &error);
    if (!strstr(dlg_error_message(error), why))
        fail_msg("no \"%s\" in: %s", why, dlg_error_message(error));
    assert_fails(code, DLG_E_TOKEN, error);
    assert_int_equal(dlg_token_fresh(client, token, DLG_NTS), 0);
}

/* Two clients with the same keys: another process that believes nothing for long. */
static dlg_client *other_client(struct fixture *fixture)
{
    return client_open(test_server_conninfo(fixture->server), "token_check_s=0");
}

static void one_is_revoked_and_the_others_are_good(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *other = other_client(fixture);
    dlg_error *error = NULL;
    dlg_uuid id = user_new(fixture->client), who;
    int64_t expires_us = 0;
    char *first = login(fixture->client, &id, "long enough"), *second = login(fixture->client, &id, "long enough");
    assert_ok(dlg_token_check(&who, &expires_us, fixture->client, first, strlen(first), &error), error);
    assert_int_equal(dlg_uuid_compare(&who, &id), 0);
    assert_true(expires_us > 0);
    assert_ok(dlg_token_revoke(fixture->client, first, DLG_NTS, &error), error);
    assert_ok(dlg_token_revoke(fixture->client, first, DLG_NTS, &error), error); /* twice is once */
    assert_refused(fixture->client, first, "revoked");
    assert_refused(other, first, "revoked");
    assert_good(fixture->client, second);
    assert_good(other, second);
    assert_ok(dlg_token_verify(&who, NULL, other, first, DLG_NTS, &error), error); /* that one asks nobody */
    const char *kept = sql_text(fixture->sql, "SELECT revoked_tokens FROM users WHERE id = '%s'", uuid_text(&id));
    assert_null(strstr(kept, first));
    dlg_free(first);
    dlg_free(second);
    client_close(other);
}

static void a_new_password_ends_them(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_uuid id = user_new(fixture->client);
    dlg_client *other = other_client(fixture);
    char *old = login(fixture->client, &id, "long enough");
    assert_good(other, old);
    assert_ok(dlg_user_set_password(fixture->client, &id, "another one", DLG_NTS, &error), error);
    assert_refused(other, old, "older than the user's password");
    char *fresh = login(fixture->client, &id, "another one");
    assert_good(other, fresh);
    dlg_free(old);
    dlg_free(fresh);
    client_close(other);
}

/* The database's clock is ahead of ours: who logs in after the change is in. */
static void clocks_may_differ(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_new(fixture->client);
    dlg_client *other = other_client(fixture);
    sql_run(fixture->sql, "UPDATE users SET tokens_since = now() + interval '4 s' WHERE id = '%s'", uuid_text(&id));
    char *token = login(fixture->client, &id, "long enough");
    assert_good(other, token);
    dlg_free(token);
    client_close(other);
}

/* Nor are they good again when somebody is entered anew under the id, as by a restored archive. */
static void a_user_who_is_gone_has_none(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_new(fixture->client);
    dlg_client *other = other_client(fixture);
    char *token = login(fixture->client, &id, "long enough");
    assert_good(other, token);
    sql_run(fixture->sql, "DELETE FROM users WHERE id = '%s'", uuid_text(&id));
    assert_refused(other, token, "does not exist");
    sql_run(fixture->sql, "INSERT INTO users (id, password_hash) VALUES ('%s', '')", uuid_text(&id));
    assert_refused(other, token, "older");
    dlg_error *error = NULL;
    assert_ok(dlg_token_revoke(other, token, DLG_NTS, &error), error);
    dlg_free(token);
    client_close(other);
}

static void the_database_is_not_asked_again_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_new(fixture->client);
    dlg_stats before = DLG_STATS_INIT, after = DLG_STATS_INIT;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "token_check_s=3600");
    char *token = login(client, &id, "long enough");
    assert_int_equal(dlg_token_fresh(client, token, DLG_NTS), 0);
    assert_good(client, token);
    assert_int_equal(dlg_token_fresh(client, token, DLG_NTS), 1);
    assert_int_equal(dlg_stats_get(&before, client), DLG_OK);
    for (int i = 0; i < 1000; i++)
        assert_good(client, token);
    assert_int_equal(dlg_stats_get(&after, client), DLG_OK);
    assert_int_equal(after.requests, before.requests);
    dlg_error *error = NULL;
    assert_ok(dlg_token_revoke(client, token, DLG_NTS, &error), error);
    assert_refused(client, token, "revoked"); /* here at once */
    dlg_free(token);
    client_close(client);
}

static void it_is_asked_again_after_that(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_new(fixture->client);
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "token_check_s=1");
    dlg_client *other = other_client(fixture);
    dlg_error *error = NULL;
    char *token = login(client, &id, "long enough");
    assert_good(client, token);
    assert_ok(dlg_token_revoke(other, token, DLG_NTS, &error), error);
    int code = DLG_OK;
    for (int i = 0; i < 1000 && code == DLG_OK; i++) {
        code = dlg_token_check(NULL, NULL, client, token, DLG_NTS, NULL);
        usleep(20000);
    }
    assert_int_equal(code, DLG_E_TOKEN);
    dlg_free(token);
    client_close(client);
    client_close(other);
}

/* The row stays small: expired ones go, and more than its bound end all that there are. */
static void their_number_is_bounded(void **state)
{
    enum { MOST = 128 };
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_uuid id = user_new(fixture->client);
    dlg_client *other = other_client(fixture);
    static const char *const count =
        "SELECT coalesce(jsonb_array_length(revoked_tokens), 0) FROM users WHERE id = '%s'";
    sql_run(fixture->sql,
            "UPDATE users SET revoked_tokens = (SELECT jsonb_agg(jsonb_build_object('hash', g, 'until', 1000)) "
            "FROM generate_series(1, 500) g) WHERE id = '%s'",
            uuid_text(&id)); /* expired long ago */
    char *bystander = login(other, &id, "long enough");
    for (int i = 1; i <= MOST; i++) {
        char *token = login(other, &id, "long enough");
        assert_ok(dlg_token_revoke(other, token, DLG_NTS, &error), error);
        assert_int_equal(sql_number(fixture->sql, count, uuid_text(&id)), i);
        dlg_free(token);
    }
    assert_good(other, bystander);
    char *last = login(other, &id, "long enough");
    assert_ok(dlg_token_revoke(other, last, DLG_NTS, &error), error);
    assert_refused(other, last, "older");
    assert_refused(other, bystander, "older");
    assert_int_equal(sql_number(fixture->sql, count, uuid_text(&id)), 0);
    char *fresh = login(other, &id, "long enough");
    assert_good(other, fresh);
    dlg_free(bystander);
    dlg_free(last);
    dlg_free(fresh);
    client_close(other);
}

static void what_is_no_token_is_refused(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    assert_fails(dlg_token_check(NULL, NULL, fixture->client, "x", DLG_NTS, &error), DLG_E_TOKEN, error);
    assert_fails(dlg_token_check(NULL, NULL, fixture->client, NULL, 0, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_token_check_async(fixture->client, "x", 1, NULL, NULL, &error), DLG_E_TOKEN, error);
    assert_fails(dlg_token_revoke(fixture->client, "x", 1, &error), DLG_E_TOKEN, error);
    assert_fails(dlg_token_revoke_async(fixture->client, NULL, 1, NULL, NULL, &error), DLG_E_ARGUMENT, error);
    assert_int_equal(dlg_token_fresh(fixture->client, "x", 1), 0);
    assert_int_equal(dlg_token_fresh(NULL, "x", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_revoked_and_the_others_are_good),
        cmocka_unit_test(a_new_password_ends_them),
        cmocka_unit_test(clocks_may_differ),
        cmocka_unit_test(a_user_who_is_gone_has_none),
        cmocka_unit_test(the_database_is_not_asked_again_for_a_while),
        cmocka_unit_test(it_is_asked_again_after_that),
        cmocka_unit_test(their_number_is_bounded),
        cmocka_unit_test(what_is_no_token_is_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
