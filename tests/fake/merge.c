/* merge.c - pages made of answers that no sane server gives: equal times, rows out of order, NULLs, other types. */
#include "fake_fixture.h"

#include <string.h>

#define AT(n) (INT64_C(1700000000000000) + (n))

static dlg_page *list_or(dlg_client *client, const struct pair *pair, const char *after, int *code, dlg_error **error)
{
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = 10;
    options.after = after;
    *code = dlg_list(&page, client, &pair->ann, &pair->ben, &options, error);
    return page;
}

/* The texts of the page, in order, joined. */
static void assert_texts(const dlg_page *page, const char *expected)
{
    char texts[256] = "";
    for (size_t i = 0; i < dlg_page_count(page); i++)
        strncat(texts, dlg_page_at(page, i)->text, sizeof texts - strlen(texts) - 1);
    assert_string_equal(texts, expected);
}

/* A pair of which the first is the lesser one: the messages of the lesser come first at equal places. */
static struct pair pair_ordered(void)
{
    struct pair pair = pair_new();
    if (dlg_uuid_compare(&pair.ann, &pair.ben) > 0)
        pair = (struct pair){pair.ben, pair.ann};
    return pair;
}

/* ---- A plain server: both directions in one answer ---- */

static void equal_times_are_in_the_order_of_ids_and_authors(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_ordered();
    struct fake_rows rows = {0};
    fake_row(&rows, "ltTNb", INT64_C(9), "d", AT(1), 0);
    fake_row(&rows, "ltTNb", INT64_C(8), "c", AT(1), 0);
    fake_row(&rows, "ltTNb", INT64_C(8), "b", AT(1), 1);
    fake_row(&rows, "ltTNb", INT64_C(7), "a", AT(1), 1);
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before", .rows = &rows});
    dlg_page *page = list_newest(client, &pair, 10);
    assert_texts(page, "abcd");
    dlg_page_free(page);
    client_close(client);
    fake_stop(*state);
    fake_rows_free(&rows);
    *state = fake_start(NULL, 0);
}

/* From the other user's side the page is the same. */
static void both_sides_see_the_same_order(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_ordered(), turned = {pair.ben, pair.ann};
    struct fake_rows mine = {0}, theirs = {0};
    for (int64_t i = 3; i > 0; i--) {
        fake_row(&mine, "ltTNb", INT64_C(5), i == 3 ? "e" : i == 2 ? "c" : "a", AT(i), 1);
        fake_row(&mine, "ltTNb", INT64_C(5), i == 3 ? "f" : i == 2 ? "d" : "b", AT(i), 0);
        fake_row(&theirs, "ltTNb", INT64_C(5), i == 3 ? "e" : i == 2 ? "c" : "a", AT(i), 0);
        fake_row(&theirs, "ltTNb", INT64_C(5), i == 3 ? "f" : i == 2 ? "d" : "b", AT(i), 1);
    }
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before", .rows = &mine, .times = 1});
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before", .rows = &theirs, .times = 1});
    dlg_page *page = list_newest(client, &pair, 10);
    assert_texts(page, "abcdef");
    dlg_page_free(page);
    page = list_newest(client, &turned, 10);
    assert_texts(page, "abcdef");
    dlg_page_free(page);
    client_close(client);
    fake_stop(*state);
    fake_rows_free(&mine);
    fake_rows_free(&theirs);
    *state = fake_start(NULL, 0);
}

static void more_rows_than_asked_for_are_no_more_messages(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    struct fake_rows rows = {0};
    for (int64_t i = 100; i > 0; i--)
        fake_row(&rows, "ltTNb", i, "x", AT(i), (int)(i % 2));
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before", .rows = &rows});
    dlg_page *page = list_newest(client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 10);
    assert_int_equal(dlg_page_at(page, 9)->id, 100);
    assert_true(dlg_page_has_more(page));
    dlg_page_free(page);
    client_close(client);
    fake_stop(*state);
    fake_rows_free(&rows);
    *state = fake_start(NULL, 0);
}

/* ---- A cluster: each direction has its own answer ---- */

static void two_halves_become_one_page(void **state)
{
    (void)state;
    struct fake_cluster cluster;
    fake_cluster_start(&cluster, 2);
    dlg_client *client = fake_cluster_client(&cluster, "");
    struct pair pair = {fake_user_in(0), fake_user_in(1)};
    struct fake_rows sent = {0}, received = {0};
    bool lesser = dlg_uuid_compare(&pair.ann, &pair.ben) < 0;
    fake_row(&sent, "ltTN", INT64_C(4), "e", AT(4));
    fake_row(&sent, "ltTN", INT64_C(2), lesser ? "b" : "c", AT(2));
    fake_row(&received, "ltTN", INT64_C(3), "d", AT(3));
    fake_row(&received, "ltTN", INT64_C(2), lesser ? "c" : "b", AT(2));
    fake_row(&received, "ltTN", INT64_C(1), "a", AT(1));
    fake_on(cluster.nodes[2], (struct fake_rule){.on = "Execute dlg_page_before_102009", .rows = &sent});
    fake_on(cluster.nodes[1], (struct fake_rule){.on = "Execute dlg_page_before_102008", .rows = &received});
    dlg_page *page = list_newest(client, &pair, 10);
    assert_texts(page, "abcde");
    assert_memory_equal(&dlg_page_at(page, 4)->author, &pair.ann, sizeof pair.ann);
    assert_memory_equal(&dlg_page_at(page, 0)->author, &pair.ben, sizeof pair.ben);
    dlg_page_free(page);
    client_close(client);
    fake_cluster_stop(&cluster);
    fake_rows_free(&sent);
    fake_rows_free(&received);
}

/* One half's worker answers late, the other at once: the page waits for both. */
static void a_late_half_is_waited_for(void **state)
{
    (void)state;
    struct fake_cluster cluster;
    fake_cluster_start(&cluster, 2);
    dlg_client *client = fake_cluster_client(&cluster, "");
    struct pair pair = {fake_user_in(0), fake_user_in(1)};
    struct fake_rows sent = {0};
    fake_row(&sent, "ltTN", INT64_C(4), "late", AT(4));
    fake_on(cluster.nodes[2],
            (struct fake_rule){.on = "Execute dlg_page_before_102009", .rows = &sent, .delay_ms = 100});
    dlg_page *page = list_newest(client, &pair, 10);
    assert_texts(page, "late");
    dlg_page_free(page);
    client_close(client);
    fake_cluster_stop(&cluster);
    fake_rows_free(&sent);
}

/* ---- Answers that cannot be ---- */

/* The list fails, says what is wrong with the answer, and the next one is served. */
static void assert_refused_answer(struct fake *fake, const char *after, const struct fake_rows *rows,
                                  const char *reason)
{
    static const struct fake_rows none = {.types = "ltTTb"};
    dlg_error *error = NULL;
    int code;
    struct pair pair = pair_new();
    dlg_client *client = fake_client(fake, "");
    fake_on(fake, (struct fake_rule){.on = "Execute dlg_dialog_*", .rows = rows, .times = 1});
    dlg_page *page = list_or(client, &pair, after, &code, &error);
    assert_null(page);
    assert_refused(code, DLG_E_SCHEMA, DLG_FATE_NOT_WRITTEN, "", reason, error);
    fake_on(fake, (struct fake_rule){.on = "Execute dlg_dialog_*", .rows = &none, .times = 1});
    page = list_or(client, &pair, after, &code, &error);
    assert_ok(code, error);
    dlg_page_free(page);
    fake_behave(fake);
    client_close(client);
}

static void another_number_of_columns_is_refused(void **state)
{
    struct fake_rows few = {0}, many = {0};
    fake_row(&few, "l", INT64_C(1));
    fake_row(&many, "ltTNbl", INT64_C(1), "text", AT(1), 1, INT64_C(2));
    assert_refused_answer(*state, NULL, &few, "dlg_dialog_before");
    assert_refused_answer(*state, NULL, &many, "dlg_dialog_before");
    fake_rows_free(&few);
    fake_rows_free(&many);
}

static void other_types_are_refused(void **state)
{
    struct fake_rows ids = {0}, times = {0}, texts = {0};
    fake_row(&ids, "itTNb", 1, "text", AT(1), 1);
    fake_row(&times, "ltlNb", INT64_C(1), "text", INT64_C(1), 1);
    fake_row(&texts, "ttttt", "1", "text", "2023-11-14", "", "t");
    assert_refused_answer(*state, NULL, &ids, "dlg_dialog_before");
    assert_refused_answer(*state, NULL, &times, "dlg_dialog_before");
    assert_refused_answer(*state, NULL, &texts, "dlg_dialog_before");
    fake_rows_free(&ids);
    fake_rows_free(&times);
    fake_rows_free(&texts);
}

static void nulls_where_none_may_be_are_refused(void **state)
{
    struct fake_rows id = {.types = "ltTTb"}, text = {.types = "ltTTb"}, time = {.types = "ltTTb"};
    fake_row(&id, "ntTNb", "text", AT(1), 1);
    fake_row(&text, "lnTNb", INT64_C(1), AT(1), 1);
    fake_row(&time, "ltnNb", INT64_C(1), "text", 1);
    assert_refused_answer(*state, NULL, &id, "dlg_dialog_before");
    assert_refused_answer(*state, NULL, &text, "dlg_dialog_before");
    assert_refused_answer(*state, NULL, &time, "dlg_dialog_before");
    fake_rows_free(&id);
    fake_rows_free(&text);
    fake_rows_free(&time);
}

/* A field is shorter than its type. */
static void short_fields_are_refused(void **state)
{
    struct fake_rows id = {.types = "ltTTb"}, time = {.types = "ltTTb"};
    fake_row(&id, "xtTNb", "1234", 4, "text", AT(1), 1);
    fake_row(&time, "ltxNb", INT64_C(1), "text", "12", 2, 1);
    assert_refused_answer(*state, NULL, &id, "dlg_dialog_before");
    assert_refused_answer(*state, NULL, &time, "dlg_dialog_before");
    fake_rows_free(&id);
    fake_rows_free(&time);
}

/* A message of the year 2100 does not push the client's clock there. */
static void a_far_time_moves_no_clock(void **state)
{
    dlg_client *client = fake_client(*state, "");
    struct pair pair = pair_new();
    struct fake_rows rows = {0};
    fake_row(&rows, "ltTNb", INT64_C(1), "far", INT64_C(4102444800000000), 1);
    fake_on(*state, (struct fake_rule){.on = "Execute dlg_dialog_before", .rows = &rows});
    dlg_page *page = list_newest(client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 1);
    dlg_page_free(page);
    dlg_receipt receipt = send_text(client, &pair.ann, &pair.ben, "now");
    assert_true(receipt.created_us < INT64_C(4102444800000000));
    client_close(client);
    fake_stop(*state);
    fake_rows_free(&rows);
    *state = fake_start(NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_times_are_in_the_order_of_ids_and_authors),
        TEST(both_sides_see_the_same_order),
        TEST(more_rows_than_asked_for_are_no_more_messages),
        cmocka_unit_test(two_halves_become_one_page),
        cmocka_unit_test(a_late_half_is_waited_for),
        TEST(another_number_of_columns_is_refused),
        TEST(other_types_are_refused),
        TEST(nulls_where_none_may_be_are_refused),
        TEST(short_fields_are_refused),
        TEST(a_far_time_moves_no_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
