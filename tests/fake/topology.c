/* topology.c - maps of shards that are old, wrong or not there, and workers that are not what the map says. */
#include "fake_fixture.h"

#include <string.h>

/* The columns of the map. */
#define MAP_TYPES "liiititbl"

struct setting {
    struct fake_cluster cluster;
    struct fake *first, *one, *two;
    dlg_client *client;
};

/* A coordinator and two workers; shards 0 and 2 are on the first worker, 1 and 3 on the second. */
static int setup(void **state)
{
    static struct setting setting;
    fake_cluster_start(&setting.cluster, 2);
    setting.first = setting.cluster.nodes[0];
    setting.one = setting.cluster.nodes[1];
    setting.two = setting.cluster.nodes[2];
    setting.client = fake_cluster_client(&setting.cluster, "");
    *state = &setting;
    return 0;
}

static int teardown(void **state)
{
    struct setting *setting = *state;
    client_close(setting->client);
    fake_cluster_stop(&setting->cluster);
    return 0;
}

/* To a recipient whose shard is this one. */
static int send_to(struct setting *setting, int shard, const char *text, int64_t timeout_us, dlg_error **error)
{
    dlg_uuid ann, ben = fake_user_in(shard);
    dlg_uuid_random(&ann);
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = timeout_us;
    return dlg_send(NULL, setting->client, &ann, &ben, text, DLG_NTS, &options, error);
}

static int inserts(struct fake *fake)
{
    return fake_count(fake, "Execute dlg_message_insert*");
}

static void assert_sends(struct setting *setting, int shard)
{
    dlg_error *error = NULL;
    assert_ok(send_to(setting, shard, "text", 0, &error), error);
}

/* ---- Shards that move ---- */

static void messages_go_to_the_owner_of_their_shard(void **state)
{
    struct setting *setting = *state;
    for (int shard = 0; shard < FAKE_SHARDS; shard++)
        assert_sends(setting, shard);
    assert_int_equal(inserts(setting->first), 0);
    assert_int_equal(inserts(setting->one), 2);
    assert_int_equal(inserts(setting->two), 2);
    assert_int_equal(client_stats(setting->client).routed, 4);
}

/* The worker that lost the shard has no such table any more, as Citus says it. */
static void refuse_as_moved(struct fake *fake, const char *sqlstate, const char *text)
{
    fake_on(fake, (struct fake_rule){
                      .on = "Execute dlg_message_insert", .deed = FAKE_ERROR, .sqlstate = sqlstate, .text = text});
}

static void a_moved_shard_is_found_again(void **state)
{
    static const char *const texts[][2] = {
        {"42P01", "relation \"public.dialogs_102008\" does not exist"},
        {"40001", "the shard for the given value is in a different node group"},
        {"42P01", "relation \"public.dialogs\" does not exist"},
    };
    struct setting *setting = *state;
    for (int i = 0; i < 3; i++) {
        struct fake *from = i % 2 ? setting->two : setting->one, *to = i % 2 ? setting->one : setting->two;
        fake_shard_move(setting->cluster.world, 0, i % 2 ? 1 : 2);
        refuse_as_moved(from, texts[i][0], texts[i][1]);
        fake_forget(setting->first);
        fake_forget(to);
        assert_sends(setting, 0);
        assert_int_equal(inserts(to), 1);
        assert_true(fake_count(setting->first, "Execute dlg_shard_map") >= 1);
        assert_int_equal(client_stats(setting->client).stale, i + 1);
        fake_behave(from);
    }
    assert_int_equal(fake_stored(setting->cluster.world, NULL), 3);
}

/* Nobody has the table: that is no question of the map, and the coordinator's word counts. */
static void a_table_that_no_node_has_is_told(void **state)
{
    struct setting *setting = *state;
    dlg_error *error = NULL;
    struct fake_rows none = {.types = MAP_TYPES};
    fake_on(setting->first, (struct fake_rule){.on = "Execute dlg_shard_map", .rows = &none});
    for (int i = 0; i < setting->cluster.count; i++)
        refuse_as_moved(setting->cluster.nodes[i], "42P01", "relation \"public.dialogs\" does not exist");
    assert_refused(send_to(setting, 0, "text", 3000000, &error), DLG_E_SCHEMA, DLG_FATE_NOT_WRITTEN, "42P01",
                   "run dlgctl init", error);
    assert_int_equal(inserts(setting->first), 1);
    for (int i = 0; i < setting->cluster.count; i++)
        fake_behave(setting->cluster.nodes[i]);
}

/* The placement was dropped between the plan and the read: the answer is not good, and the coordinator gives it. */
static void a_shard_that_moved_while_it_was_read_is_read_again(void **state)
{
    struct setting *setting = *state;
    struct pair pair = {fake_user_in(2), fake_user_in(0)};
    struct fake_rows stale = {0}, good = {0};
    fake_row(&stale, "ltTN", INT64_C(1), "stale", INT64_C(1700000000000000));
    fake_row(&good, "ltTN", INT64_C(2), "good", INT64_C(1700000000000001));
    fake_shard_move(setting->cluster.world, 0, 2);
    fake_on(setting->one, (struct fake_rule){.on = "Execute dlg_page_before_102008", .rows = &stale});
    fake_on(setting->first, (struct fake_rule){.on = "Execute dlg_page_before", .rows = &good});
    dlg_page *page = list_newest(setting->client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 1);
    assert_text(dlg_page_at(page, 0), "good");
    dlg_page_free(page);
    fake_behave(setting->one);
    fake_behave(setting->first);
    fake_rows_free(&stale);
    fake_rows_free(&good);
}

/* The old node knows that it has lost the shard, and the coordinator's session has not heard of it yet. */
static void a_shard_that_is_not_settled_is_read_where_the_map_has_it(void **state)
{
    struct setting *setting = *state;
    struct pair pair = {fake_user_in(2), fake_user_in(0)};
    struct fake_rows stale = {0}, good = {0}, young = {0};
    fake_row(&stale, "ltTN", INT64_C(1), "stale", INT64_C(1700000000000000));
    fake_row(&good, "ltTN", INT64_C(2), "good", INT64_C(1700000000000001));
    fake_row(&young, "lbl", (int64_t)FAKE_FIRST_SHARD, 0, INT64_C(7));
    fake_shard_move(setting->cluster.world, 0, 2);
    fake_on(setting->first, (struct fake_rule){.on = "Execute dlg_page_before", .rows = &stale});
    fake_on(setting->first, (struct fake_rule){.on = "Execute dlg_settled", .rows = &young});
    fake_on(setting->two, (struct fake_rule){.on = "Execute dlg_page_before_102008", .rows = &good});
    dlg_page *page = list_newest(setting->client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 1);
    assert_text(dlg_page_at(page, 0), "good");
    assert_true(fake_count(setting->first, "Execute dlg_settled") >= 1);
    dlg_page_free(page);
    fake_behave(setting->first);
    fake_behave(setting->two);
    fake_rows_free(&stale);
    fake_rows_free(&good);
    fake_rows_free(&young);
}

/* ---- Workers ---- */

static void a_worker_that_is_away_is_gone_round(void **state)
{
    struct setting *setting = *state;
    fake_on(setting->one, (struct fake_rule){.on = "Connect", .deed = FAKE_CLOSE});
    fake_disconnect(setting->one);
    fake_await(setting->one, "Connect", 2);
    assert_sends(setting, 0);
    assert_int_equal(inserts(setting->one), 0);
    assert_int_equal(inserts(setting->first), 1);
    assert_true(client_stats(setting->client).fallback >= 1);
    fake_behave(setting->one);
}

/* It hangs with the message: that is stored by way of the coordinator, once. */
static void a_worker_that_dies_with_a_message_stores_it_once(void **state)
{
    struct setting *setting = *state;
    fake_on(setting->one, (struct fake_rule){.on = "Connect", .deed = FAKE_CLOSE});
    fake_on(setting->one, (struct fake_rule){.on = "Sync", .deed = FAKE_CUT});
    assert_sends(setting, 0);
    assert_int_equal(fake_stored(setting->cluster.world, NULL), 1);
    assert_int_equal(inserts(setting->one), 1);
    assert_int_equal(inserts(setting->first), 1);
    fake_behave(setting->one);
}

/* Another server has the address now: it says another group. */
static void a_worker_of_another_group_gets_nothing(void **state)
{
    struct setting *setting = *state;
    struct fake_rows other = {0};
    fake_row(&other, "TbbittTtt", now_us(), 0, 1, 7, "", "", now_us(), "", "");
    fake_on(setting->one, (struct fake_rule){.on = "Execute start", .rows = &other});
    fake_disconnect(setting->one);
    fake_await(setting->one, "Terminate", 1);
    assert_sends(setting, 0);
    assert_int_equal(inserts(setting->one), 0);
    assert_int_equal(inserts(setting->first), 1);
    fake_behave(setting->one);
    fake_rows_free(&other);
}

/* ---- Maps ---- */

/* A client that is opened while the map is like this: it sends by way of the coordinator. */
static void assert_unrouted(struct setting *setting, const struct fake_rule *rule)
{
    struct fake *first = setting->first;
    fake_on(first, *rule);
    dlg_client *other = client_open(fake_conninfo(first), FAKE_SETTINGS);
    dlg_client *old = setting->client;
    setting->client = other;
    for (int i = 0; i < setting->cluster.count; i++)
        fake_forget(setting->cluster.nodes[i]);
    for (int shard = 0; shard < FAKE_SHARDS; shard++)
        assert_sends(setting, shard);
    assert_int_equal(inserts(first), FAKE_SHARDS);
    setting->client = old;
    client_close(other);
    fake_behave(first);
}

static void a_map_without_rows_is_no_map(void **state)
{
    struct fake_rows none = {.types = MAP_TYPES};
    assert_unrouted(*state, &(struct fake_rule){.on = "Execute dlg_shard_map", .rows = &none});
}

static void a_map_that_cannot_be_read_is_no_map(void **state)
{
    static const char *const states[] = {"42501", "42703", "XX000", "0A000"};
    for (int i = 0; i < 4; i++)
        assert_unrouted(
            *state, &(struct fake_rule){
                        .on = "Execute dlg_shard_map", .deed = FAKE_ERROR, .sqlstate = states[i], .text = "no map"});
}

static void map_row(struct fake_rows *rows, int64_t id, int least, int most, int group, const struct fake *fake)
{
    fake_row(rows, MAP_TYPES, id, least, most, group, fake_host(fake), fake_port(fake), "Citus 13.2.0", 1, INT64_C(1));
}

static void ranges_that_overlap_are_no_map(void **state)
{
    struct setting *setting = *state;
    struct fake_rows overlap = {0}, reversed = {0}, twice = {0};
    map_row(&overlap, 1, INT32_MIN, 10, 1, setting->one);
    map_row(&overlap, 2, 10, INT32_MAX, 2, setting->two);
    map_row(&reversed, 1, INT32_MAX, INT32_MIN, 1, setting->one);
    map_row(&twice, 1, INT32_MIN, INT32_MAX, 1, setting->one);
    map_row(&twice, 1, INT32_MIN, INT32_MAX, 2, setting->two);
    assert_unrouted(*state, &(struct fake_rule){.on = "Execute dlg_shard_map", .rows = &overlap});
    assert_unrouted(*state, &(struct fake_rule){.on = "Execute dlg_shard_map", .rows = &reversed});
    assert_unrouted(*state, &(struct fake_rule){.on = "Execute dlg_shard_map", .rows = &twice});
    fake_rows_free(&overlap);
    fake_rows_free(&reversed);
    fake_rows_free(&twice);
}

static void a_map_of_other_columns_is_no_map(void **state)
{
    struct setting *setting = *state;
    struct fake_rows few = {0}, texts = {0}, nulls = {0};
    fake_row(&few, "l", INT64_C(102008));
    fake_row(&texts, "ttttttttt", "102008", "0", "1", "1", "host", "5432", "Citus", "t", "1");
    fake_row(&nulls, "nnnnnnnnn");
    assert_unrouted(*state, &(struct fake_rule){.on = "Execute dlg_shard_map", .rows = &few});
    assert_unrouted(*state, &(struct fake_rule){.on = "Execute dlg_shard_map", .rows = &texts});
    assert_unrouted(*state, &(struct fake_rule){.on = "Execute dlg_shard_map", .rows = &nulls});
    fake_rows_free(&few);
    fake_rows_free(&texts);
    fake_rows_free(&nulls);
    (void)setting;
}

/* What no shard covers goes to the coordinator, and so does what belongs to a node that cannot be asked. */
static void holes_in_the_map_are_the_coordinators(void **state)
{
    struct setting *setting = *state;
    struct fake_rows hole = {0};
    map_row(&hole, FAKE_FIRST_SHARD + 1, fake_shard_least(1), fake_shard_most(1), 2, setting->two);
    fake_row(&hole, "liiiniibl", (int64_t)FAKE_FIRST_SHARD + 2, fake_shard_least(2), fake_shard_most(2), 9, 0, 0, 1,
             INT64_C(1));
    fake_on(setting->first, (struct fake_rule){.on = "Execute dlg_shard_map", .rows = &hole});
    dlg_client *old = setting->client;
    setting->client = client_open(fake_conninfo(setting->first), FAKE_SETTINGS);
    for (int i = 0; i < 20000 && client_stats(setting->client).connections < 4; i++)
        pause_ms(1);
    for (int i = 0; i < setting->cluster.count; i++)
        fake_forget(setting->cluster.nodes[i]);
    for (int shard = 0; shard < FAKE_SHARDS; shard++)
        assert_sends(setting, shard);
    assert_int_equal(inserts(setting->first), 3);
    assert_int_equal(inserts(setting->two), 1);
    client_close(setting->client);
    setting->client = old;
    fake_behave(setting->first);
    fake_rows_free(&hole);
}

/* The map is asked for again when a worker is lost; while that fails, the old one is used. */
static void a_map_that_fails_later_leaves_the_old_one(void **state)
{
    struct setting *setting = *state;
    fake_on(setting->first,
            (struct fake_rule){.on = "Execute dlg_shard_map", .deed = FAKE_ERROR, .sqlstate = "42501", .text = "no"});
    fake_disconnect(setting->two);
    fake_await(setting->first, "Execute dlg_shard_map", 1);
    assert_sends(setting, 0);
    assert_int_equal(inserts(setting->one), 1);
    fake_behave(setting->first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_go_to_the_owner_of_their_shard),
        TEST(a_moved_shard_is_found_again),
        TEST(a_table_that_no_node_has_is_told),
        TEST(a_shard_that_moved_while_it_was_read_is_read_again),
        TEST(a_shard_that_is_not_settled_is_read_where_the_map_has_it),
        TEST(a_worker_that_is_away_is_gone_round),
        TEST(a_worker_that_dies_with_a_message_stores_it_once),
        TEST(a_worker_of_another_group_gets_nothing),
        TEST(a_map_without_rows_is_no_map),
        TEST(a_map_that_cannot_be_read_is_no_map),
        TEST(ranges_that_overlap_are_no_map),
        TEST(a_map_of_other_columns_is_no_map),
        TEST(holes_in_the_map_are_the_coordinators),
        TEST(a_map_that_fails_later_leaves_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
