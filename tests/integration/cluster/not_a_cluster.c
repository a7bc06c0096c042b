/* On plain PostgreSQL every call for clusters says what it would need, and nothing else changes. */
#include "fixture.h"

#include <string.h>

static void refused(int code, dlg_error **error)
{
    assert_int_equal(code, DLG_E_NOT_CLUSTER);
    assert_int_equal(dlg_error_code(*error), DLG_E_NOT_CLUSTER);
    assert_non_null(strstr(dlg_error_message(*error), "Citus"));
    assert_false(dlg_error_retriable(*error));
    dlg_error_free(*error);
    *error = NULL;
}

static void every_call_is_refused(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client = fixture->client;
    dlg_error *error = NULL;
    dlg_cluster *status = NULL;
    struct pair pair = pair_new();
    refused(dlg_cluster_status(&status, client, &error), &error);
    refused(dlg_cluster_distribute(client, NULL, NULL, NULL, &error), &error);
    refused(dlg_cluster_undistribute(client, 0, NULL, NULL, &error), &error);
    refused(dlg_cluster_add_node(client, "127.0.0.1", 5432, NULL, &error), &error);
    refused(dlg_cluster_remove_node(NULL, client, "127.0.0.1", 5432, NULL, NULL, NULL, &error), &error);
    refused(dlg_cluster_rebalance(NULL, client, NULL, NULL, NULL, &error), &error);
    refused(dlg_cluster_rebalance_wait(NULL, client, NULL, NULL, NULL, &error), &error);
    refused(dlg_cluster_rebalance_cancel(client, 0, &error), &error);
    refused(dlg_cluster_isolate(NULL, client, &pair.ann, NULL, NULL, NULL, &error), &error);
    assert_null(status);
}

static void nothing_else_changes(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    send_text(fixture->client, &pair.ann, &pair.ben, "hello");
    dlg_page *page = list_newest(fixture->client, &pair, 5);
    assert_int_equal(dlg_page_count(page), 1);
    dlg_page_free(page);
    dlg_stats stats = client_stats(fixture->client);
    assert_int_equal(stats.routed, 0);
    assert_int_equal(stats.fallback, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_is_refused),
        cmocka_unit_test(nothing_else_changes),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
