/* The tables: made, adopted, checked, refused. */
#include "fixture.h"

#include "base/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHILDREN = 8 };

static int open_server(void **state)
{
    return fixture_open_with(state, NULL);
}

static void assert_works(dlg_client *client)
{
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "works");
    dlg_page *page = list_newest(client, &pair, 5);
    assert_int_equal(dlg_page_count(page), 1);
    dlg_page_free(page);
    dlg_user user = DLG_USER_INIT;
    dlg_error *error = NULL;
    assert_ok(dlg_user_create(NULL, client, &user, "x", 1, &error), error);
}

static void assert_opens_and_works(const char *conninfo)
{
    dlg_client *client = client_open(conninfo, "");
    assert_works(client);
    client_close(client);
}

/* ---- Installing ---- */

static void an_empty_database_gets_its_tables(void **state)
{
    const char *conninfo = fixture_empty(*state);
    dlg_error *error = NULL;
    int version = 0;
    dlg_client *client = client_open(conninfo, "");
    assert_works(client);
    assert_ok(dlg_schema_install(&version, client, &error), error);
    assert_int_equal(version, sql_migration_count);
    PGconn *sql = sql_connect(conninfo);
    assert_int_equal(sql_number(sql, "SELECT count(*) FROM dlg_schema"), sql_migration_count);
    assert_string_equal(
        sql_text(sql, "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_dialogs_user_id_to_user_id'"),
        "CREATE INDEX ix_dialogs_user_id_to_user_id ON public.dialogs USING btree (user_id, to_user_id, create_date, "
        "id)");
    char before[8192];
    snprintf(before, sizeof before, "%s", sql_shape(sql));
    assert_ok(dlg_schema_install(NULL, client, &error), error);
    assert_opens_and_works(conninfo);
    sql_run(sql, "DELETE FROM dlg_schema"); /* the migrations run once more */
    assert_ok(dlg_schema_install(NULL, client, &error), error);
    assert_string_equal(sql_shape(sql), before);
    PQfinish(sql);
    client_close(client);
}

/* Only where they are wanted. */
static void indexes_of_feeds_come_when_wanted(void **state)
{
    const char *conninfo = fixture_empty(*state);
    dlg_error *error = NULL;
    dlg_client *client = client_open(conninfo, "");
    dlg_page *page = NULL;
    struct pair pair = pair_new();
    assert_fails(dlg_feed(&page, client, &pair.ann, NULL, &error), DLG_E_STATE, error);
    client_close(client);
    PGconn *sql = sql_connect(conninfo);
    const char *count = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_dialogs_feed_%%'";
    assert_int_equal(sql_number(sql, count), 0);
    error = NULL;
    assert_fails(client_try(&client, conninfo, "feed=on schema=check", &error), DLG_E_SCHEMA, error);
    for (int i = 0; i < 2; i++) {
        client = client_open(conninfo, i ? "feed=on schema=check" : "feed=on");
        assert_ok(dlg_feed(&page, client, &pair.ann, NULL, NULL), NULL);
        dlg_page_free(page);
        client_close(client);
        assert_int_equal(sql_number(sql, count), 2);
    }
    PQfinish(sql);
}

static int open_and_send(const char *conninfo)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    struct pair pair = pair_new();
    if (client_try(&client, conninfo, "", &error) != DLG_OK ||
        dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error) != DLG_OK)
        printf("%s\n", dlg_error_message(error));
    dlg_close(NULL, client, 0);
    dlg_error_free(error);
    return 0;
}

static void eight_processes_may_begin_at_once(void **state)
{
    const char *conninfo = fixture_empty(*state);
    const char *arguments[] = {conninfo, NULL};
    pid_t pids[CHILDREN];
    int outputs[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        pids[i] = self_start(arguments, &outputs[i]);
    for (int i = 0; i < CHILDREN; i++) {
        char text[512] = "";
        if (read(outputs[i], text, sizeof text - 1) != 0)
            fail_msg("%s", text);
        close(outputs[i]);
        assert_int_equal(self_wait(pids[i]), 0);
    }
    PGconn *sql = sql_connect(conninfo);
    assert_int_equal(sql_number(sql, "SELECT count(*) FROM dialogs"), CHILDREN);
    PQfinish(sql);
}

/* ---- Adopting ---- */

/* The classic table, with its short index and 100 messages, and `id` and `rest` as given. */
static PGconn *make_classic(const char *conninfo, const char *id, const char *rest)
{
    PGconn *sql = sql_connect(conninfo);
    sql_run(sql,
            "CREATE TABLE dialogs (id %s, user_id uuid NOT NULL, to_user_id uuid NOT NULL, text text NOT NULL, "
            "create_date timestamptz NOT NULL%s); "
            "CREATE INDEX ix_dialogs_user_id_to_user_id ON dialogs (user_id, to_user_id)",
            id, rest);
    bool has_default = strcmp(id, "bigint NOT NULL") != 0;
    sql_run(sql,
            "INSERT INTO dialogs (%s user_id, to_user_id, text, create_date) "
            "SELECT %s md5('a')::uuid, md5('b')::uuid, g, now() - interval '1 day' + g / 3 * interval '1 s' "
            "FROM generate_series(1, 100) g",
            has_default ? "" : "id,", has_default ? "" : "g,");
    return sql;
}

static void assert_all_are_there(dlg_client *client)
{
    dlg_uuid a, b;
    const dlg_message *message;
    dlg_iterator *iterator = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = 7;
    dlg_uuid_parse(&a, "0cc175b9-c0f1-b6a8-31c3-99e269772661", DLG_NTS); /* md5('a') */
    dlg_uuid_parse(&b, "92eb5ffe-e6ae-2fec-3ad7-1c777531578f", DLG_NTS);
    assert_ok(dlg_iterate(&iterator, client, &a, &b, &options, &error), error);
    for (int i = 1; i <= 100; i++) {
        assert_ok(dlg_iterator_next(&message, iterator, &error), error);
        assert_non_null(message);
        assert_int_equal(atoi(message->text), i);
        assert_int_equal(message->updated_us, 0);
    }
    assert_ok(dlg_iterator_next(&message, iterator, &error), error);
    assert_null(message);
    dlg_iterator_free(iterator);
}

static void adopt(struct fixture *fixture, const char *id, const char *rest)
{
    const char *conninfo = fixture_empty(fixture);
    PGconn *sql = make_classic(conninfo, id, rest);
    dlg_client *client = client_open(conninfo, "");
    assert_all_are_there(client);
    assert_works(client);
    assert_string_equal(sql_text(sql, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' "
                                      "AND conrelid = 'dialogs'::regclass"),
                        "PRIMARY KEY (id, to_user_id)");
    assert_int_equal(sql_number(sql, "SELECT count(*) FROM pg_index WHERE indrelid = 'dialogs'::regclass"), 2);
    /* Old programs still insert without an id, and get one of their own. */
    sql_run(sql, "INSERT INTO dialogs (user_id, to_user_id, text, create_date) "
                 "SELECT md5('c')::uuid, md5('d')::uuid, g, now() FROM generate_series(1, 5) g");
    assert_int_equal(sql_number(sql, "SELECT count(DISTINCT id) FROM dialogs"), 106);
    assert_int_equal(sql_number(sql, "SELECT max(id) FROM dialogs WHERE user_id = md5('c')::uuid"), 105);
    PQfinish(sql);
    client_close(client);
    assert_opens_and_works(conninfo);
}

static void classic_tables_are_adopted(void **state)
{
    adopt(*state, "bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY",
          ", CONSTRAINT pk_dialogs PRIMARY KEY (id, to_user_id)");
    adopt(*state, "bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY", ", PRIMARY KEY (id)");
    adopt(*state, "bigint NOT NULL GENERATED ALWAYS AS IDENTITY", "");
    adopt(*state, "bigserial PRIMARY KEY", "");
    adopt(*state, "bigserial", ", update_date timestamptz, PRIMARY KEY (to_user_id, id)");
    adopt(*state, "bigint NOT NULL", ", CONSTRAINT pk_dialogs PRIMARY KEY (id)");
    adopt(*state, "bigint NOT NULL", "");
}

static void more_columns_do_no_harm(void **state)
{
    const char *conninfo = fixture_empty(*state);
    PGconn *sql = make_classic(conninfo, "bigserial", ", read boolean NOT NULL DEFAULT false, note jsonb");
    dlg_client *client = client_open(conninfo, "");
    assert_all_are_there(client);
    assert_works(client);
    assert_int_equal(sql_number(sql, "SELECT count(*) FROM dialogs WHERE NOT read"), 101);
    client_close(client);
    PQfinish(sql);
}

/* ---- Refusing ---- */

static void assert_refused(const char *conninfo, const char *settings, const char *part)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    int code = client_try(&client, conninfo, settings, &error);
    assert_null(client);
    if (!strstr(dlg_error_message(error), part))
        fail_msg("no \"%s\" in: %s", part, dlg_error_message(error));
    assert_fails(code, DLG_E_SCHEMA, error);
    assert_int_equal(client_try(&client, conninfo, settings, NULL), DLG_E_SCHEMA);
}

static void other_shapes_are_refused_by_name(void **state)
{
    static const struct {
        const char *columns, *part;
    } cases[] = {
        {"id integer, user_id uuid, to_user_id uuid, text text, create_date timestamptz", "id must be bigint"},
        {"id bigint, user_id bigint, to_user_id uuid, text text, create_date timestamptz", "user_id must be uuid"},
        {"id bigint, user_id uuid, to_user_id uuid, text bytea, create_date timestamptz", "text must be text"},
        {"id bigint, user_id uuid, to_user_id uuid, text text, create_date timestamp", "create_date must be"},
        {"id bigint, user_id uuid, to_user_id uuid, text text", "create_date must be"},
        {"a int", "user_id must be uuid"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *conninfo = fixture_empty(*state);
        PGconn *sql = sql_connect(conninfo);
        sql_run(sql, "CREATE TABLE dialogs (%s)", cases[i].columns);
        assert_refused(conninfo, "", cases[i].part);
        assert_int_equal(sql_number(sql, "SELECT count(*) FROM pg_class WHERE relname = 'users'"),
                         0); /* all or nothing */
        PQfinish(sql);
    }
}

static void rows_that_cannot_be_keyed_are_refused(void **state)
{
    const char *conninfo = fixture_empty(*state);
    PGconn *sql = make_classic(conninfo, "bigint NOT NULL", "");
    sql_run(sql, "INSERT INTO dialogs SELECT * FROM dialogs LIMIT 1");
    assert_refused(conninfo, "", "pk_dialogs");
    assert_int_equal(sql_number(sql, "SELECT count(*) FROM dialogs"), 101);
    PQfinish(sql);
}

static void later_versions_are_refused(void **state)
{
    const char *conninfo = fixture_empty(*state);
    assert_opens_and_works(conninfo);
    PGconn *sql = sql_connect(conninfo);
    sql_run(sql, "INSERT INTO dlg_schema (version) VALUES (7)");
    assert_refused(conninfo, "", "version 7");
    assert_refused(conninfo, "schema=check", "version 7");
    client_close(client_open(conninfo, "schema=none"));
    PQfinish(sql);
}

static void checking_changes_nothing(void **state)
{
    const char *conninfo = fixture_empty(*state);
    assert_refused(conninfo, "schema=check", "missing");
    PGconn *sql = sql_connect(conninfo);
    assert_string_equal(sql_shape(sql), "");
    assert_opens_and_works(conninfo);
    client_close(client_open(conninfo, "schema=check"));
    sql_run(sql, "DELETE FROM dlg_schema");
    assert_refused(conninfo, "schema=check", "missing");
    PQfinish(sql);
}

static void without_tables_the_calls_say_so(void **state)
{
    const char *conninfo = fixture_empty(*state);
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_client *client = client_open(conninfo, "schema=none");
    assert_fails(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error), DLG_E_SCHEMA, error);
    assert_fails(dlg_list(&page, client, &pair.ann, &pair.ben, NULL, &error), DLG_E_SCHEMA, error);
    assert_ok(dlg_schema_install(NULL, client, &error), error);
    assert_works(client);
    client_close(client);
}

/* ---- Rights ---- */

static void a_role_that_may_not_create_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[700];
    snprintf(conninfo, sizeof conninfo, "%s user=guest", fixture_empty(fixture));
    sql_run(fixture->sql, "CREATE ROLE guest LOGIN");
    assert_refused(conninfo, "", "run dlgctl init as their owner");
    assert_refused(conninfo, "schema=check", "missing");
}

static void a_role_that_may_not_look_is_told_what_it_lacks(void **state)
{
    struct fixture *fixture = *state;
    static const char *const lacking[][2] = {{"REVOKE ALL ON dlg_schema FROM PUBLIC", "table dlg_schema"},
                                             {"REVOKE ALL ON SCHEMA public FROM PUBLIC", "schema public"}};
    char conninfo[700];
    const char *owner = fixture_empty(fixture);
    assert_opens_and_works(owner);
    PGconn *sql = sql_connect(owner);
    sql_run(sql, "CREATE ROLE blind LOGIN");
    snprintf(conninfo, sizeof conninfo, "%s user=blind", owner);
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++) {
        sql_run(sql, "%s", lacking[i][0]);
        dlg_client *client;
        dlg_error *error = NULL;
        int code = client_try(&client, conninfo, i ? "" : "schema=check", &error);
        assert_string_equal(dlg_error_sqlstate(error), "42501");
        assert_non_null(strstr(dlg_error_message(error), "GRANT"));
        assert_non_null(strstr(dlg_error_message(error), lacking[i][1]));
        assert_fails(code, DLG_E_DATABASE, error);
    }
    PQfinish(sql);
}

/* The tables are somebody else's; a role that may read and write works with them. */
static void a_role_that_may_only_use_the_tables_works(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[700];
    const char *owner = fixture_empty(fixture);
    assert_opens_and_works(owner);
    PGconn *sql = sql_connect(owner);
    sql_run(sql, "CREATE ROLE worker LOGIN; GRANT SELECT, INSERT, UPDATE ON dialogs, users TO worker; "
                 "GRANT SELECT ON dlg_schema TO worker");
    snprintf(conninfo, sizeof conninfo, "%s user=worker", owner);
    assert_opens_and_works(conninfo);
    sql_run(sql, "REVOKE INSERT ON dialogs FROM worker");
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_client *client = client_open(conninfo, "");
    int code = dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error);
    assert_string_equal(dlg_error_sqlstate(error), "42501");
    assert_fails(code, DLG_E_DATABASE, error);
    client_close(client);
    PQfinish(sql);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return open_and_send(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_database_gets_its_tables),
        cmocka_unit_test(indexes_of_feeds_come_when_wanted),
        cmocka_unit_test(eight_processes_may_begin_at_once),
        cmocka_unit_test(classic_tables_are_adopted),
        cmocka_unit_test(more_columns_do_no_harm),
        cmocka_unit_test(other_shapes_are_refused_by_name),
        cmocka_unit_test(rows_that_cannot_be_keyed_are_refused),
        cmocka_unit_test(later_versions_are_refused),
        cmocka_unit_test(checking_changes_nothing),
        cmocka_unit_test(without_tables_the_calls_say_so),
        cmocka_unit_test(a_role_that_may_not_create_is_told_so),
        cmocka_unit_test(a_role_that_may_not_look_is_told_what_it_lacks),
        cmocka_unit_test(a_role_that_may_only_use_the_tables_works),
    };
    return cmocka_run_group_tests(tests, open_server, fixture_close);
}
