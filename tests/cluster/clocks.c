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
        cmocka_unit_test(the_log_tells_the_skew),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
