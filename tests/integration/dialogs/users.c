#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dlg_uuid create(dlg_client *client, const dlg_user *user)
{
    dlg_uuid id = {{0}};
    dlg_error *error = NULL;
    assert_ok(dlg_user_create(&id, client, user, "secret", DLG_NTS, &error), error);
    return id;
}

static dlg_users *get(dlg_client *client, const dlg_uuid *id)
{
    dlg_users *users = NULL;
    dlg_error *error = NULL;
    assert_ok(dlg_user_get(&users, client, id, &error), error);
    assert_int_equal(dlg_users_count(users), 1);
    return users;
}

/* ---- Creating and getting ---- */

static void what_was_given_comes_back(void **state)
{
    struct fixture *fixture = *state;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid_random(&user.id);
    user.first_name = "Анна-Мария";
    user.second_name = "O'Brien \"%_\\";
    user.birthdate = "1992-02-29";
    user.biography = "line one\nline two\t☃";
    user.city = "Москва";
    dlg_uuid id = create(fixture->client, &user);
    assert_int_equal(dlg_uuid_compare(&id, &user.id), 0);
    dlg_users *users = get(fixture->client, &id);
    const dlg_user *found = dlg_users_at(users, 0);
    assert_int_equal(dlg_uuid_compare(&found->id, &id), 0);
    assert_string_equal(found->first_name, user.first_name);
    assert_string_equal(found->second_name, user.second_name);
    assert_string_equal(found->birthdate, user.birthdate);
    assert_string_equal(found->biography, user.biography);
    assert_string_equal(found->city, user.city);
    int64_t age = sql_number(fixture->sql, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - %lld",
                             (long long)found->created_us);
    assert_true(age > -1000000 && age < 60 * 1000000);
    assert_null(dlg_users_at(users, 1));
    dlg_users_free(users);
}

static void what_is_absent_stays_absent(void **state)
{
    struct fixture *fixture = *state;
    dlg_user user = DLG_USER_INIT;
    user.city = "";
    dlg_uuid id = create(fixture->client, &user);
    assert_int_not_equal(dlg_uuid_compare(&id, &(dlg_uuid){{0}}), 0);
    dlg_users *users = get(fixture->client, &id);
    assert_string_equal(dlg_users_at(users, 0)->first_name, "");
    assert_string_equal(dlg_users_at(users, 0)->second_name, "");
    assert_null(dlg_users_at(users, 0)->birthdate);
    assert_null(dlg_users_at(users, 0)->biography);
    assert_null(dlg_users_at(users, 0)->city);
    dlg_users_free(users);
}

static void the_hash_is_all_that_is_kept_of_a_password(void **state)
{
    struct fixture *fixture = *state;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid id = create(fixture->client, &user);
    const char *hash = sql_text(fixture->sql, "SELECT password_hash FROM users WHERE id = '%s'", uuid_text(&id));
    assert_memory_equal(hash, "$argon2id$v=19$m=8,t=1,p=1$", 27);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM users u WHERE u::text LIKE '%%secret%%'"), 0);
}

static void an_id_is_taken_once(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid_random(&user.id);
    user.first_name = "first";
    create(fixture->client, &user);
    user.first_name = "second";
    int code = dlg_user_create(NULL, fixture->client, &user, "other", DLG_NTS, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    assert_fails(code, DLG_E_EXISTS, error);
    dlg_users *users = get(fixture->client, &user.id);
    assert_string_equal(dlg_users_at(users, 0)->first_name, "first");
    dlg_users_free(users);
}

struct race {
    _Atomic int created, existed, done;
};

static void note_race(dlg_reply *reply, void *payload)
{
    struct race *race = payload;
    int code = dlg_reply_code(reply);
    race->created += code == DLG_OK && dlg_reply_user_id(reply);
    race->existed += code == DLG_E_EXISTS && !dlg_reply_user_id(reply);
    dlg_reply_free(reply);
    race->done++;
}

static void one_of_many_at_once_gets_the_id(void **state)
{
    struct fixture *fixture = *state;
    struct race race = {0};
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid_random(&user.id);
    dlg_client *other = client_open(test_server_conninfo(fixture->server), "");
    for (int i = 0; i < 20; i++)
        assert_ok(dlg_user_create_async(i % 2 ? other : fixture->client, &user, "x", 1, note_race, &race, &error),
                  error);
    while (race.done < 20)
        pause_ms(1);
    assert_int_equal(race.created, 1);
    assert_int_equal(race.existed, 19);
    client_close(other);
}

static void nobody_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    dlg_users *users = NULL;
    dlg_error *error = NULL;
    dlg_uuid id;
    dlg_uuid_random(&id);
    assert_fails(dlg_user_get(&users, fixture->client, &id, &error), DLG_E_NOT_FOUND, error);
    assert_fails(dlg_user_get(&users, fixture->client, &(dlg_uuid){{0}}, &error), DLG_E_NOT_FOUND, error);
    assert_fails(dlg_user_get(&users, fixture->client, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_get(NULL, fixture->client, &id, &error), DLG_E_ARGUMENT, error);
    assert_null(users);
}

/* ---- Bad fields ---- */

static int try_user(struct fixture *fixture, const dlg_user *user, dlg_error **error)
{
    return dlg_user_create(NULL, fixture->client, user, "x", 1, error);
}

static void bad_dates_are_refused(void **state)
{
    static const char *const bad[] = {"1992-02-30",  "1900-02-29",  "1992-13-01", "1992-00-10", "1992-1-1",
                                      "92-01-01",    "1992/01/01",  "0000-01-01", "today",      "1992-01-01 ",
                                      " 1992-01-01", "1992-01-01x", "1992-01-00", "+992-01-01", "1992--1-01"};
    static const char *const good[] = {"2000-02-29", "0001-01-01", "9999-12-31", "1992-12-31"};
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        user.birthdate = bad[i];
        assert_fails(try_user(fixture, &user, &error), DLG_E_ARGUMENT, error);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        user.birthdate = good[i];
        dlg_uuid id = create(fixture->client, &user);
        dlg_users *users = get(fixture->client, &id);
        assert_string_equal(dlg_users_at(users, 0)->birthdate, good[i]);
        dlg_users_free(users);
    }
}

static void texts_are_utf8_and_have_limits(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    const char **const fields[] = {&user.first_name, &user.second_name, &user.city, &user.biography};
    static const size_t limits[] = {DLG_NAME_LIMIT, DLG_NAME_LIMIT, DLG_NAME_LIMIT, DLG_BIOGRAPHY_LIMIT};
    char *text = malloc(DLG_BIOGRAPHY_LIMIT + 2);
    for (int i = 0; i < 4; i++) {
        memset(text, 'a', limits[i] + 1);
        text[limits[i] + 1] = '\0';
        *fields[i] = text;
        assert_fails(try_user(fixture, &user, &error), DLG_E_TOO_LARGE, error);
        text[limits[i]] = '\0';
        assert_ok(try_user(fixture, &user, &error), error);
        *fields[i] = "caf\xe9";
        assert_fails(try_user(fixture, &user, &error), DLG_E_ARGUMENT, error);
        *fields[i] = NULL;
    }
    free(text);
}

static void bad_calls_are_refused(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    char password[DLG_PASSWORD_LIMIT + 2];
    memset(password, 'p', sizeof password - 1);
    password[sizeof password - 1] = '\0';
    dlg_client *client = fixture->client;
    assert_fails(dlg_user_create(NULL, client, NULL, "x", 1, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_create(NULL, NULL, &user, "x", 1, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_create(NULL, client, &user, NULL, 1, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_create(NULL, client, &user, "", 0, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_create(NULL, client, &user, password, DLG_NTS, &error), DLG_E_TOO_LARGE, error);
    assert_ok(dlg_user_create(NULL, client, &user, password, DLG_PASSWORD_LIMIT, &error), error);
    user.version = 9;
    assert_fails(dlg_user_create(NULL, client, &user, "x", 1, &error), DLG_E_ARGUMENT, error);
}

/* ---- Searching ---- */

/* The first names found, joined by commas; static. */
/* A biography may be as long as a message, and a search finds a thousand users. */
static void a_search_leaves_biographies_out(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    dlg_user user = DLG_USER_INIT;
    user.first_name = "Biographical";
    user.biography = "long";
    assert_ok(dlg_user_create(NULL, fixture->client, &user, "secret-secret", DLG_NTS, &error), error);
    assert_ok(dlg_user_search(&users, fixture->client, "Biographical", "", 10, &error), error);
    assert_int_equal(dlg_users_count(users), 1);
    assert_null(dlg_users_at(users, 0)->biography);
    dlg_users_free(users);
}

static const char *search(struct fixture *fixture, const char *first, const char *second, int limit)
{
    static char names[512];
    dlg_users *users = NULL;
    dlg_error *error = NULL;
    names[0] = '\0';
    assert_ok(dlg_user_search(&users, fixture->client, first, second, limit, &error), error);
    for (size_t i = 0; i < dlg_users_count(users); i++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", i ? "," : "", dlg_users_at(users, i)->first_name);
    }
    dlg_users_free(users);
    return names;
}

/* Ids grow with the place in the list. */
static void make_people(struct fixture *fixture)
{
    static const char *const people[][2] = {
        {"Анна", "Иванова"}, {"Анатолий", "Петров"}, {"Антон", "Иванов"}, {"анна", "иванова"},  {"100%", "sure"},
        {"100", "sure"},     {"a_b", "x"},           {"axb", "x"},        {"O'Neil", "\\back"}, {"\"q\"", "x"},
        {"Ann", "Ä"},        {"Ann", "A"},           {"Anne", "A"}};
    sql_run(fixture->sql, "TRUNCATE users");
    for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
        dlg_user user = DLG_USER_INIT;
        user.id.bytes[15] = (uint8_t)(i + 1);
        user.first_name = people[i][0];
        user.second_name = people[i][1];
        create(fixture->client, &user);
    }
}

static void names_are_found_by_their_beginnings(void **state)
{
    struct fixture *fixture = *state;
    make_people(fixture);
    assert_string_equal(search(fixture, "Ан", "Ив", 10), "Анна,Антон");
    assert_string_equal(search(fixture, "Анна", "Иванова", 10), "Анна");
    assert_string_equal(search(fixture, "Анна", "Ивановаа", 10), "");
    assert_string_equal(search(fixture, "", "Петр", 10), "Анатолий");
    assert_string_equal(search(fixture, "Ann", "", 10), "Ann,Ann,Anne");
    assert_string_equal(search(fixture, "Ann", "A", 10), "Ann,Anne");
    assert_string_equal(search(fixture, "nna", "", 10), "");
    assert_string_equal(search(fixture, "", "", 3), "100%,100,\"q\""); /* whose names come first, by their ids */
    assert_string_equal(search(fixture, "", "", 1000),
                        "Анна,Анатолий,Антон,анна,100%,100,a_b,axb,O'Neil,\"q\",Ann,Ann,Anne");
}

static void no_character_is_special(void **state)
{
    struct fixture *fixture = *state;
    make_people(fixture);
    assert_string_equal(search(fixture, "100%", "", 10), "100%");
    assert_string_equal(search(fixture, "%", "", 10), "");
    assert_string_equal(search(fixture, "_", "", 10), "");
    assert_string_equal(search(fixture, "a_", "", 10), "a_b");
    assert_string_equal(search(fixture, "O'", "\\", 10), "O'Neil");
    assert_string_equal(search(fixture, "\"", "", 10), "\"q\"");
    assert_string_equal(search(fixture, "'; DROP TABLE users; --", "", 10), "");
    assert_string_equal(search(fixture, "*", "", 10), "");
}

static void bad_searches_are_refused(void **state)
{
    static const int limits[] = {0, -1, 1001, 1000000000};
    struct fixture *fixture = *state;
    dlg_client *client = fixture->client;
    dlg_users *users = NULL;
    dlg_error *error = NULL;
    char name[DLG_NAME_LIMIT + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        assert_fails(dlg_user_search(&users, client, "a", "b", limits[i], &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_search(&users, client, NULL, "b", 10, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_search(&users, client, "a", NULL, 10, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_search(NULL, client, "a", "b", 10, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_search(&users, client, "\xff", "b", 10, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_user_search(&users, client, "a", name, 10, &error), DLG_E_TOO_LARGE, error);
    assert_null(users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_given_comes_back),
        cmocka_unit_test(what_is_absent_stays_absent),
        cmocka_unit_test(the_hash_is_all_that_is_kept_of_a_password),
        cmocka_unit_test(an_id_is_taken_once),
        cmocka_unit_test(one_of_many_at_once_gets_the_id),
        cmocka_unit_test(nobody_is_not_found),
        cmocka_unit_test(bad_dates_are_refused),
        cmocka_unit_test(texts_are_utf8_and_have_limits),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(names_are_found_by_their_beginnings),
        cmocka_unit_test(no_character_is_special),
        cmocka_unit_test(a_search_leaves_biographies_out),
        cmocka_unit_test(bad_searches_are_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
