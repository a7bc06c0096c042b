/* Passwords, and the tokens that they are exchanged for. */
#include "crypto_counter.h"
#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static dlg_uuid user_with(dlg_client *client, const char *password)
{
    dlg_uuid id;
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    assert_ok(dlg_user_create(&id, client, &user, password, DLG_NTS, &error), error);
    return id;
}

static void assert_logs_in(dlg_client *client, const dlg_uuid *id, const char *password)
{
    char *token = NULL;
    dlg_error *error = NULL;
    dlg_uuid who;
    int64_t expires_us;
    assert_ok(dlg_auth(&token, client, id, password, DLG_NTS, &error), error);
    assert_ok(dlg_token_verify(&who, &expires_us, client, token, DLG_NTS, &error), error);
    assert_int_equal(dlg_uuid_compare(&who, id), 0);
    dlg_free(token);
}

static const char *hash_of(struct fixture *fixture, const dlg_uuid *id)
{
    return sql_text(fixture->sql, "SELECT password_hash FROM users WHERE id = '%s'", uuid_text(id));
}

static void assert_hash_like(struct fixture *fixture, const dlg_uuid *id, const char *part)
{
    const char *hash = hash_of(fixture, id);
    if (!strstr(hash, part))
        fail_msg("no %s in %s", part, hash);
}

/* ---- Passwords ---- */

static void the_right_password_gets_a_token(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_with(fixture->client, "пароль 🔑");
    assert_logs_in(fixture->client, &id, "пароль 🔑");
    dlg_error *error = NULL;
    assert_ok(dlg_auth(NULL, fixture->client, &id, "пароль 🔑", DLG_NTS, &error), error);
}

static void passwords_are_bytes(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id;
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    assert_ok(dlg_user_create(&id, fixture->client, &user, "a\0b\xff", 4, &error), error);
    assert_ok(dlg_auth(NULL, fixture->client, &id, "a\0b\xff", 4, &error), error);
    assert_fails(dlg_auth(NULL, fixture->client, &id, "a\0c\xff", 4, &error), DLG_E_PASSWORD, error);
    assert_fails(dlg_auth(NULL, fixture->client, &id, "a", 1, &error), DLG_E_PASSWORD, error);
}

static void a_wrong_password_gets_none(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_with(fixture->client, "right"), nobody;
    dlg_uuid_random(&nobody);
    char *token = NULL;
    dlg_error *error = NULL;
    assert_fails(dlg_auth(&token, fixture->client, &id, "wrong", DLG_NTS, &error), DLG_E_PASSWORD, error);
    assert_fails(dlg_auth(&token, fixture->client, &id, "righ", DLG_NTS, &error), DLG_E_PASSWORD, error);
    assert_fails(dlg_auth(&token, fixture->client, &id, "right ", DLG_NTS, &error), DLG_E_PASSWORD, error);
    assert_fails(dlg_auth(&token, fixture->client, &nobody, "right", DLG_NTS, &error), DLG_E_NOT_FOUND, error);
    assert_null(token);
}

static void damaged_hashes_fit_no_password(void **state)
{
    static const char *const hashes[] = {"", "x", "plain", "$argon2id$v=19$m=8,t=1,p=1$AAAA$BBBB", "$2b$12$abcdef"};
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_uuid id = user_with(fixture->client, "x");
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        sql_run(fixture->sql, "UPDATE users SET password_hash = '%s' WHERE id = '%s'", hashes[i], uuid_text(&id));
        assert_fails(dlg_auth(NULL, fixture->client, &id, "x", 1, &error), DLG_E_PASSWORD, error);
        assert_string_equal(hash_of(fixture, &id), hashes[i]);
    }
    sql_run(fixture->sql, "UPDATE users SET password_hash = repeat('a', 10000) WHERE id = '%s'", uuid_text(&id));
    assert_fails(dlg_auth(NULL, fixture->client, &id, "x", 1, &error), DLG_E_PASSWORD, error);
}

static void a_password_is_changed(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_uuid id = user_with(fixture->client, "old"), nobody;
    dlg_uuid_random(&nobody);
    assert_ok(dlg_user_set_password(fixture->client, &id, "new", DLG_NTS, &error), error);
    assert_logs_in(fixture->client, &id, "new");
    assert_fails(dlg_auth(NULL, fixture->client, &id, "old", DLG_NTS, &error), DLG_E_PASSWORD, error);
    assert_fails(dlg_user_set_password(fixture->client, &nobody, "new", DLG_NTS, &error), DLG_E_NOT_FOUND, error);
    assert_fails(dlg_user_set_password(fixture->client, &id, "", 0, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_set_password(fixture->client, &id, NULL, 3, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_set_password(fixture->client, NULL, "new", 3, &error), DLG_E_ARGUMENT, error);
    assert_logs_in(fixture->client, &id, "new");
}

static void bad_calls_are_refused(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    char *text = NULL;
    dlg_uuid id = user_with(fixture->client, "x");
    char password[DLG_PASSWORD_LIMIT + 1] = {0};
    dlg_client *client = fixture->client;
    assert_fails(dlg_auth(&text, client, NULL, "x", 1, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_auth(&text, client, &id, NULL, 1, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_auth(&text, client, &id, "", DLG_NTS, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_auth(&text, client, &id, password, sizeof password, &error), DLG_E_TOO_LARGE, error);
    assert_fails(dlg_auth(&text, NULL, &id, "x", 1, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_password_hash(&text, client, "", 0, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_password_hash(NULL, client, "x", 1, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_token_issue(&text, client, &(dlg_uuid){{0}}, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_token_verify(&id, NULL, client, "", 0, &error), DLG_E_TOKEN, error);
    assert_null(text);
}

/* ---- Renewal ---- */

static void a_weak_hash_is_renewed(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_with(fixture->client, "x");
    dlg_error *error = NULL;
    assert_hash_like(fixture, &id, "$m=8,t=1,");
    dlg_client *strong = client_open(test_server_conninfo(fixture->server), "hash_memory_kib=64 hash_operations=3");
    assert_fails(dlg_auth(NULL, strong, &id, "wrong", DLG_NTS, &error), DLG_E_PASSWORD, error);
    assert_hash_like(fixture, &id, "$m=8,t=1,");
    assert_logs_in(strong, &id, "x");
    assert_hash_like(fixture, &id, "$m=64,t=3,");
    assert_logs_in(strong, &id, "x");
    assert_logs_in(fixture->client, &id, "x"); /* which asks for less, and leaves it as it is */
    assert_hash_like(fixture, &id, "$m=64,t=3,");
    client_close(strong);
}

static void note(dlg_reply *reply, void *payload)
{
    _Atomic int *outcome = payload;
    *outcome = 1 - dlg_reply_code(reply);
    dlg_reply_free(reply);
}

/* Somebody logs in with the old password just while it is changed: the old one must not come back. */
static void a_renewal_does_not_undo_a_change(void **state)
{
    struct fixture *fixture = *state;
    dlg_uuid id = user_with(fixture->client, "old");
    dlg_error *error = NULL;
    char *hash = NULL;
    _Atomic int outcome = 0;
    assert_ok(dlg_password_hash(&hash, fixture->client, "new", DLG_NTS, &error), error);
    dlg_client *strong = client_open(test_server_conninfo(fixture->server), "hash_memory_kib=64");
    sql_run(fixture->sql, "BEGIN; UPDATE users SET password_hash = '%s' WHERE id = '%s'", hash, uuid_text(&id));
    assert_ok(dlg_auth_async(strong, &id, "old", DLG_NTS, note, &outcome, &error), error);
    wait_for_lock(fixture);
    sql_run(fixture->sql, "COMMIT");
    while (!outcome)
        pause_ms(1);
    assert_int_equal(outcome, 1); /* it was right when it was asked */
    assert_string_equal(hash_of(fixture, &id), hash);
    assert_fails(dlg_auth(NULL, fixture->client, &id, "old", DLG_NTS, &error), DLG_E_PASSWORD, error);
    assert_logs_in(fixture->client, &id, "new");
    client_close(strong);
    dlg_free(hash);
}

/* ---- Time and bounds ---- */

/* What is hashed for it: the time of a wrong password tells nobody who is there. */
static struct crypto_count cost_of(dlg_client *client, const dlg_uuid *id, int expected)
{
    crypto_counter_take();
    assert_int_equal(dlg_auth(NULL, client, id, "wrong", DLG_NTS, NULL), expected);
    return crypto_counter_take();
}

static void nobody_costs_as_much_as_somebody(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "hash_memory_kib=1024 hash_operations=2");
    dlg_uuid id = user_with(client, "right"), nobody;
    dlg_uuid_random(&nobody);
    struct crypto_count somebody = cost_of(client, &id, DLG_E_PASSWORD),
                        stranger = cost_of(client, &nobody, DLG_E_NOT_FOUND);
    assert_int_equal(somebody.hashes, 1);
    assert_int_equal(somebody.passes, 2);
    assert_int_equal(somebody.memory, 1024 * 1024);
    assert_int_equal(stranger.hashes, somebody.hashes);
    assert_int_equal(stranger.passes, somebody.passes);
    assert_int_equal(stranger.memory, somebody.memory);
    client_close(client);
}

struct counts {
    _Atomic int done, right, overload;
};

static void count(dlg_reply *reply, void *payload)
{
    struct counts *counts = payload;
    const dlg_error *error = dlg_reply_error(reply);
    counts->right += !error && dlg_reply_token(reply);
    counts->overload += error && dlg_error_code(error) == DLG_E_OVERLOAD && dlg_error_retriable(error);
    dlg_reply_free(reply);
    counts->done++;
}

static void too_many_checks_at_once_are_refused(void **state)
{
    enum { LOGINS = 60 };
    struct fixture *fixture = *state;
    struct counts counts = {0};
    dlg_error *error = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server),
                                     "hash_threads=1 hash_queue=3 hash_memory_kib=32768 hash_operations=2");
    dlg_uuid id = user_with(client, "x");
    for (int i = 0; i < LOGINS; i++)
        assert_ok(dlg_auth_async(client, &id, "x", 1, count, &counts, &error), error);
    while (counts.done < LOGINS) {
        assert_true(client_stats(client).hash_queued <= 4);
        pause_ms(2);
    }
    assert_true(counts.right >= 4);
    assert_true(counts.overload > 0);
    assert_int_equal(counts.right + counts.overload, LOGINS);
    assert_logs_in(client, &id, "x");
    client_close(client);
}

/* ---- Tokens ---- */

static void tokens_are_good_for_all_who_have_the_key(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    char *token = NULL;
    dlg_uuid id, who;
    dlg_uuid_random(&id);
    dlg_client *other = client_open(test_server_conninfo(fixture->server), "");
    dlg_client *foreign = client_open(test_server_conninfo(fixture->server), "token_issuer=somebody");
    assert_ok(dlg_token_issue(&token, fixture->client, &id, &error), error);
    assert_ok(dlg_token_verify(&who, NULL, other, token, DLG_NTS, &error), error);
    assert_int_equal(dlg_uuid_compare(&who, &id), 0);
    assert_fails(dlg_token_verify(&who, NULL, foreign, token, DLG_NTS, &error), DLG_E_TOKEN, error);
    assert_ok(dlg_token_rotate(other, &error), error);
    assert_ok(dlg_token_verify(&who, NULL, fixture->client, token, DLG_NTS, &error), error);
    token[30] = token[30] == 'a' ? 'b' : 'a';
    assert_fails(dlg_token_verify(&who, NULL, fixture->client, token, DLG_NTS, &error), DLG_E_TOKEN, error);
    dlg_free(token);
    client_close(foreign);
    client_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_password_gets_a_token),
        cmocka_unit_test(passwords_are_bytes),
        cmocka_unit_test(a_wrong_password_gets_none),
        cmocka_unit_test(damaged_hashes_fit_no_password),
        cmocka_unit_test(a_password_is_changed),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(a_weak_hash_is_renewed),
        cmocka_unit_test(a_renewal_does_not_undo_a_change),
        cmocka_unit_test(nobody_costs_as_much_as_somebody),
        cmocka_unit_test(too_many_checks_at_once_are_refused),
        cmocka_unit_test(tokens_are_good_for_all_who_have_the_key),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
