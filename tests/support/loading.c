#include "loading.h"

#include "check.h"
#include "database.h"
#include "server.h"

#include <stdio.h>

struct test_server *loading_server;
dlg_client *loading_client;
const dlg_uuid loading_ann = {{1}};
const dlg_uuid loading_bob = {{2}};

const char *loading_conninfo(void)
{
    return test_server_conninfo(loading_server);
}

int64_t loading_count(const char *condition)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM dialogs WHERE %s", condition);
    return database_number(loading_conninfo(), sql);
}

int loading_group_setup(void **state)
{
    (void)state;
    loading_server = test_server_start(NULL);
    if (!loading_server)
        return -1;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    assert_ok(dlg_settings_set(settings, "open_timeout_ms", "5000", &error), error);
    assert_ok(dlg_settings_set(settings, "timeout_ms", "2000", &error), error);
    assert_ok(dlg_settings_set(settings, "hash_memory_kib", "8", &error), error);
    assert_ok(dlg_settings_set(settings, "hash_operations", "1", &error), error);
    assert_ok(dlg_open(&loading_client, loading_conninfo(), settings, &error), error);
    dlg_settings_free(settings);
    return 0;
}

int loading_group_teardown(void **state)
{
    (void)state;
    dlg_close(NULL, loading_client, 0);
    test_server_free(loading_server);
    return 0;
}

int loading_setup(void **state)
{
    database_execute(loading_conninfo(), "TRUNCATE dialogs, users");
    dlg_error *error = NULL;
    dlg_loader *loader;
    assert_ok(dlg_loader_open(&loader, loading_client, &error), error);
    *state = loader;
    return 0;
}

int loading_teardown(void **state)
{
    dlg_loader_free(*state);
    return 0;
}

dlg_message_input loading_message(int64_t number)
{
    static char text[64];
    int length = snprintf(text, sizeof text, "message %lld", (long long)number);
    return (dlg_message_input){.version = DLG_MESSAGE_INPUT_VERSION,
                               .id = (INT64_C(1) << 60) + number,
                               .author = number % 2 ? loading_ann : loading_bob,
                               .recipient = number % 2 ? loading_bob : loading_ann,
                               .created_us = INT64_C(1700000000000000) + number,
                               .text = text,
                               .length = (size_t)length};
}

void loading_load(dlg_loader *loader, int64_t from, int64_t to, int64_t step)
{
    dlg_error *error = NULL;
    for (int64_t i = from; i < to; i += step) {
        dlg_message_input message = loading_message(i);
        assert_ok(dlg_loader_message(loader, &message, &error), error);
    }
    assert_ok(dlg_loader_flush(loader, &error), error);
}

void loading_check(int64_t total)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM dialogs d JOIN generate_series(0, %lld) n ON d.id = (1::bigint << 60) + n "
             "AND text = 'message ' || n AND update_date IS NULL "
             "AND create_date = to_timestamp(1700000000) + n * interval '1 microsecond'",
             (long long)total - 1);
    assert_int_equal(loading_count("true"), total);
    assert_int_equal(database_number(loading_conninfo(), sql), total);
}

dlg_progress loading_progress(const dlg_loader *loader)
{
    dlg_progress progress = DLG_PROGRESS_INIT;
    assert_int_equal(dlg_loader_progress(&progress, loader), DLG_OK);
    return progress;
}
