#include "fake_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

int fake_setup(void **state)
{
    *state = fake_start(NULL, 0);
    return 0;
}

int fake_teardown(void **state)
{
    fake_stop(*state);
    return 0;
}

dlg_client *fake_client(struct fake *fake, const char *settings)
{
    char all[512];
    snprintf(all, sizeof all, "%s %s", FAKE_SETTINGS, settings);
    dlg_client *client = client_open(fake_conninfo(fake), all);
    fake_forget(fake);
    return client;
}

dlg_client *fake_cluster_client(struct fake_cluster *cluster, const char *settings)
{
    char all[512];
    snprintf(all, sizeof all, "%s %s", FAKE_SETTINGS, settings);
    dlg_client *client = client_open(fake_conninfo(cluster->nodes[0]), all);
    for (int i = 0; i < 20000 && client_stats(client).connections < 2 * (uint32_t)cluster->count; i++)
        pause_ms(1);
    assert_int_equal(client_stats(client).connections, 2 * cluster->count);
    for (int i = 0; i < cluster->count; i++)
        fake_forget(cluster->nodes[i]);
    return client;
}

int try_send(dlg_client *client, const char *text, int64_t timeout_us, dlg_error **error)
{
    struct pair pair = pair_new();
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = timeout_us;
    return dlg_send(NULL, client, &pair.ann, &pair.ben, text, DLG_NTS, &options, error);
}

int try_send_until_pause(struct fake *fake, dlg_client *client, const char *text, int64_t timeout_us, dlg_error **error)
{
    enum { TRIES = 30 };
    int code = DLG_OK;
    for (int i = 0; i < TRIES; i++) {
        dlg_error_free(*error);
        *error = NULL;
        fake_forget(fake);
        code = try_send(client, text, timeout_us, error);
        if (code != DLG_E_TIMEOUT || !strstr(dlg_error_message(*error), "before the database answered"))
            break;
    }
    return code;
}

/* ---- Many at once ---- */

static void outcome_note(dlg_reply *reply, void *payload)
{
    struct outcome *outcome = payload;
    const dlg_error *error = dlg_reply_error(reply);
    const dlg_receipt *receipt = dlg_reply_receipt(reply);
    outcome->code = dlg_reply_code(reply);
    outcome->fate = dlg_error_fate(error);
    outcome->id = receipt ? receipt->id : 0;
    snprintf(outcome->sqlstate, sizeof outcome->sqlstate, "%s", dlg_error_sqlstate(error));
    snprintf(outcome->text, sizeof outcome->text, "%s", dlg_error_message(error));
    dlg_reply_free(reply);
    atomic_fetch_add(outcome->done, 1);
}

void outcomes_send(dlg_client *client, struct outcomes *outcomes, const dlg_uuid *recipient, const char *text,
                   int64_t timeout_us)
{
    dlg_uuid author;
    dlg_uuid_random(&author);
    outcomes_send_from(client, outcomes, &author, recipient, text, timeout_us);
}

void outcomes_send_from(dlg_client *client, struct outcomes *outcomes, const dlg_uuid *author,
                        const dlg_uuid *recipient, const char *text, int64_t timeout_us)
{
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = timeout_us;
    assert_true(outcomes->count < OUTCOMES);
    struct outcome *outcome = &outcomes->outcome[outcomes->count++];
    outcome->done = &outcomes->done;
    assert_ok(dlg_send_async(client, author, recipient, text, DLG_NTS, &options, outcome_note, outcome, &error), error);
}

void outcomes_await(struct outcomes *outcomes)
{
    for (int i = 0; i < 20000 && atomic_load(&outcomes->done) < outcomes->count; i++)
        pause_ms(1);
    assert_int_equal(atomic_load(&outcomes->done), outcomes->count);
}
