/* A host program has a table `users` of its own: it is left alone, messages work, and the calls about users say why
 * not. */
#include "fixture.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_server(void **state)
{
    return fixture_open_with(state, NULL);
}

/* Everything about the table `users`, as one text. */
static const char *users_table(PGconn *sql)
{
    return sql_text(sql, "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
                         "SELECT format('%%s %%s %%s', attname, format_type(atttypid, atttypmod), attnotnull) AS line "
                         "FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0 "
                         "UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename = 'users' "
                         "UNION ALL SELECT u::text FROM users u) lines");
}

static dlg_client *open_beside(struct fixture *fixture, const char *users)
{
    sql_run(fixture->sql, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; %s", users);
    return client_open(test_server_conninfo_admin(fixture->server), "");
}

static void assert_messages_work(dlg_client *client)
{
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "hi");
    dlg_page *page = list_newest(client, &pair, 5);
    assert_int_equal(dlg_page_count(page), 1);
    dlg_page_free(page);
}

static void assert_user_calls_say_why_not(dlg_client *client)
{
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid id;
    dlg_uuid_random(&id);
    int code = dlg_user_get(&users, client, &id, &error);
    assert_non_null(strstr(dlg_error_message(error), "another shape"));
    assert_false(dlg_error_retriable(error));
    assert_fails(code, DLG_E_SCHEMA, error);
    assert_fails(dlg_user_create(NULL, client, &user, "x", 1, &error), DLG_E_SCHEMA, error);
    assert_fails(dlg_user_search(&users, client, "a", "b", 5, &error), DLG_E_SCHEMA, error);
    assert_fails(dlg_user_set_password(client, &id, "x", 1, &error), DLG_E_SCHEMA, error);
    assert_fails(dlg_auth(NULL, client, &id, "x", 1, &error), DLG_E_SCHEMA, error);
}

/* Such a table says nothing of tokens: they are good until they expire, and there is no place for revoked ones. */
static void assert_tokens_are_good(dlg_client *client)
{
    char *token = NULL;
    dlg_error *error = NULL;
    dlg_uuid id;
    dlg_uuid_random(&id);
    assert_ok(dlg_token_issue(&token, client, &id, &error), error);
    assert_ok(dlg_token_check(NULL, NULL, client, token, DLG_NTS, &error), error);
    assert_fails(dlg_token_revoke(client, token, DLG_NTS, &error), DLG_E_SCHEMA, error);
    dlg_free(token);
}

static int send_checked(dlg_client *client, const dlg_uuid *recipient, dlg_error **error)
{
    dlg_uuid author;
    dlg_uuid_random(&author);
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.flags = DLG_SEND_CHECK_RECIPIENT;
    return dlg_send(NULL, client, &author, recipient, "x", 1, &options, error);
}

static void a_table_with_other_keys_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client = open_beside(fixture, "CREATE TABLE users (id bigserial PRIMARY KEY, login text UNIQUE, "
                                              "first_name text, second_name text, city int); "
                                              "INSERT INTO users (login) VALUES ('root'), ('ann')");
    char before[4096];
    snprintf(before, sizeof before, "%s", users_table(fixture->sql));
    assert_messages_work(client);
    assert_user_calls_say_why_not(client);
    assert_tokens_are_good(client);
    dlg_error *error = NULL;
    dlg_uuid recipient;
    dlg_uuid_random(&recipient);
    assert_fails(send_checked(client, &recipient, &error), DLG_E_SCHEMA, error);
    client_close(client);
    client_close(client_open(test_server_conninfo_admin(fixture->server), ""));
    assert_string_equal(users_table(fixture->sql), before);
}

/* Its ids are the recipients: then these can be checked. */
static void a_table_with_our_keys_tells_recipients(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client =
        open_beside(fixture, "CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, first_name text, "
                             "second_name text); INSERT INTO users VALUES (md5('a')::uuid, 'a@example.org')");
    char before[4096];
    snprintf(before, sizeof before, "%s", users_table(fixture->sql));
    dlg_error *error = NULL;
    dlg_uuid recipient;
    dlg_uuid_parse(&recipient, "0cc175b9-c0f1-b6a8-31c3-99e269772661", DLG_NTS); /* md5('a') */
    assert_ok(send_checked(client, &recipient, &error), error);
    recipient.bytes[0]++;
    assert_fails(send_checked(client, &recipient, &error), DLG_E_RECIPIENT, error);
    assert_user_calls_say_why_not(client);
    assert_tokens_are_good(client);
    client_close(client);
    assert_string_equal(users_table(fixture->sql), before);
}

static void a_view_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client = open_beside(fixture, "CREATE VIEW users AS SELECT 1 AS id, 'x'::text AS first_name, "
                                              "'y'::text AS second_name");
    assert_messages_work(client);
    assert_user_calls_say_why_not(client);
    assert_tokens_are_good(client);
    client_close(client);
}

/* A table of our shape that was there before is as good as ours. */
static void a_table_of_our_shape_is_used(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client =
        open_beside(fixture, "CREATE TABLE users (id uuid PRIMARY KEY, password_hash text NOT NULL, first_name text, "
                             "second_name text, birthdate date, biography text, city text, "
                             "create_date timestamptz NOT NULL DEFAULT now(), extra int)");
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    dlg_user user = DLG_USER_INIT;
    user.first_name = "Ann";
    assert_ok(dlg_user_create(&user.id, client, &user, "x", 1, &error), error);
    assert_ok(dlg_auth(NULL, client, &user.id, "x", 1, &error), error);
    assert_ok(dlg_user_search(&users, client, "A", "", 5, &error), error);
    assert_int_equal(dlg_users_count(users), 1);
    dlg_users_free(users);
    client_close(client);
    assert_int_equal(
        sql_number(fixture->sql, "SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_users_first_name_second_name'"),
        1);
}

/* Russian, where the system has it: nothing depends on the text of an error. */
static const char *foreign_conninfo(const struct fixture *fixture, char *conninfo, size_t size)
{
    locale_t russian = newlocale(LC_MESSAGES_MASK, "ru_RU.UTF-8", (locale_t)0);
    snprintf(conninfo, size, "%s%s", test_server_conninfo_admin(fixture->server),
             russian ? " options='-c lc_messages=ru_RU.UTF-8'" : "");
    if (russian)
        freelocale(russian);
    return conninfo;
}

/* The plans that sessions keep no longer fit then ("cached plan must not change result type"). */
static void a_column_may_change_its_type(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[512];
    struct pair pair = pair_new();
    client_close(open_beside(fixture, ""));
    dlg_client *client = client_open(foreign_conninfo(fixture, conninfo, sizeof conninfo), "timeout_ms=5000");
    for (int i = 0; i < 3; i++) {
        send_text(client, &pair.ann, &pair.ben, "hi");
        dlg_page *page = list_newest(client, &pair, 5);
        assert_int_equal(dlg_page_count(page), i + 1);
        dlg_page_free(page);
        sql_run(fixture->sql, "ALTER TABLE dialogs ALTER COLUMN text TYPE %s", i % 2 ? "text" : "varchar");
    }
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_with_other_keys_is_left_alone),
        cmocka_unit_test(a_table_with_our_keys_tells_recipients),
        cmocka_unit_test(a_view_is_left_alone),
        cmocka_unit_test(a_table_of_our_shape_is_used),
        cmocka_unit_test(a_column_may_change_its_type),
    };
    return cmocka_run_group_tests(tests, open_server, fixture_close);
}
