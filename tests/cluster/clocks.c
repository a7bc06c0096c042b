/* A worker's clock runs ahead: the status of the cluster and the log tell. */
#include "check.h"

#include "operator.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AHEAD_US = 30 * 1000000, MARGIN_US = 15 * 1000000, GENEROUS_S = 60 };

static struct test_cluster *cluster;
static dlg_error *error;
static atomic_int told;
static const dlg_uuid ann = {{1}}, ben = {{2}};

static int start(void **state)
{
    static const struct test_cluster_options options = {.clocks = true};
    (void)state;
    setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    setenv("FAKETIME", "+0s", 1);
    cluster = test_cluster_start(1, &options);
    setenv("FAKETIME", "+30s", 1);
    int node = cluster ? test_cluster_add(cluster) : -1;
    unsetenv("FAKETIME");
    return node == 2 && test_cluster_register(cluster, node) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    return 0;
}

static void the_status_tells_the_skew(void **state)
{
    (void)state;
    dlg_client *client = operator_open(cluster, 0, NULL, NULL);
    operator_distribute(client, 4);
    dlg_cluster *status = operator_status(client);
    const dlg_cluster_info *info = dlg_cluster_describe(status);
    const dlg_cluster_node *ahead = operator_node(status, cluster, 2), *right = operator_node(status, cluster, 1);
    assert_true(info->clock_margin_us >= 0 && info->clock_margin_us < MARGIN_US);
    assert_true(info->clock_skew_us > AHEAD_US - 2 * MARGIN_US && info->clock_skew_us <= AHEAD_US);
    assert_true(llabs(ahead->clock_offset_us - AHEAD_US) < MARGIN_US);
    assert_true(llabs(right->clock_offset_us) < MARGIN_US);
    dlg_cluster_free(status);
    dlg_close(NULL, client, 0);
}

/* ---- Order ---- */

static void sent(dlg_reply *reply, void *payload)
{
    atomic_int *stored = payload;
    *stored += dlg_reply_code(reply) == DLG_OK;
    dlg_reply_free(reply);
}

/* A user whose shard is on that node. */
static dlg_uuid user_on(int node)
{
    dlg_uuid user;
    char text[DLG_UUID_TEXT_SIZE];
    do {
        dlg_uuid_random(&user);
        dlg_uuid_format(text, &user);
    } while (
        test_cluster_number(cluster, 0,
                            "SELECT nodeport FROM pg_dist_node JOIN pg_dist_placement USING (groupid) WHERE shardid "
                            "= get_shard_id_for_distribution_column('dialogs', '%s'::uuid)",
                            text) != test_server_port(test_cluster_server(cluster, node)));
    return user;
}

/* Each text of a walk is the next number. */
static void assert_in_order(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, int count)
{
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = count;
    assert_ok(dlg_list(&page, client, author, recipient, &options, &error), error);
    assert_int_equal(dlg_page_count(page), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(atoi(dlg_page_at(page, (size_t)i)->text), i);
    dlg_page_free(page);
}

/* The author has sent where the clock is ahead, so what it sends elsewhere is stamped behind that, not by the clock. */
static void sends_keep_their_order_where_the_clock_is_behind(void **state)
{
    enum { COUNT = 200 };
    (void)state;
    dlg_client *client = operator_open(cluster, 0, NULL, NULL);
    dlg_uuid author = user_on(1), recipient = user_on(1), ahead = user_on(2);
    atomic_int stored = 0;
    assert_ok(dlg_send(NULL, client, &author, &ahead, "ahead", DLG_NTS, NULL, &error), error);
    for (int i = 0; i < COUNT; i++) {
        char text[16];
        dlg_send_options options = DLG_SEND_OPTIONS_INIT;
        snprintf(text, sizeof text, "%d", i);
        options.key = text; /* then ids, which order what has one stamp, are in no order */
        assert_ok(dlg_send_async(client, &author, &recipient, text, DLG_NTS, &options, sent, &stored, &error), error);
    }
    dlg_close(NULL, client, -1);
    assert_int_equal(stored, COUNT);
    client = operator_open(cluster, 0, NULL, NULL);
    assert_in_order(client, &author, &recipient, COUNT);
    dlg_close(NULL, client, 0);
}

/* ---- The log ---- */

static void note(dlg_log_level level, const char *subsystem, const char *line, void *payload)
{
    (void)payload;
    bool is_it = level == DLG_LOG_LEVEL_WARNING && strcmp(subsystem, "watermark") == 0;
    told += is_it && strstr(line, "the clock of group 2 is ") && strstr(line, " s ahead of that of group ");
}

static void follow_once(dlg_client *client)
{
    dlg_page *page = NULL, *newer = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    assert_ok(dlg_list(&page, client, &ann, &ben, &options, &error), error);
    options.after = dlg_page_after(page);
    assert_ok(dlg_list(&newer, client, &ann, &ben, &options, &error), error);
    dlg_page_free(page);
    dlg_page_free(newer);
    sleep(1);
}

/* Once, however long it lasts. */
static void the_log_tells_the_skew(void **state)
{
    (void)state;
    dlg_client *client = NULL;
    dlg_settings *settings = dlg_settings_new();
    assert_ok(dlg_settings_log(settings, DLG_LOG_LEVEL_WARNING, note, NULL, &error), error);
    assert_ok(dlg_open(&client, test_cluster_conninfo(cluster, 0), settings, &error), error);
    dlg_settings_free(settings);
    assert_ok(dlg_send(NULL, client, &ann, &ben, "begin", DLG_NTS, NULL, &error), error);
    for (int second = 0; second < GENEROUS_S && !told; second++)
        follow_once(client);
    for (int i = 0; i < 3; i++)
        follow_once(client);
    assert_int_equal(told, 1);
    dlg_close(NULL, client, 0);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_tells_the_skew),
        cmocka_unit_test(sends_keep_their_order_where_the_clock_is_behind),
        cmocka_unit_test(the_log_tells_the_skew),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
