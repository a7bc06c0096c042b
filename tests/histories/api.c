#include "api.h"

#include <dialogs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api {
    dlg_client *client;
    uint16_t round;
};

struct waiting {
    api_done done;
    void *payload;
};

/* ---- Conversions ---------------------------------------------------------------------------- */

static dlg_uuid user_id(const struct api *api, int user)
{
    dlg_uuid id = {{'h', 'i', 's', 't', (uint8_t)(api->round >> 8), (uint8_t)api->round, 0x40, 0, 0x80}};
    id.bytes[15] = (uint8_t)user;
    return id;
}

static uint32_t crc32_of(const char *text, size_t length)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint8_t)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (UINT32_C(0xedb88320) & -(crc & 1));
    }
    return ~crc;
}

static struct entry entry_of(const dlg_message *message)
{
    return (struct entry){.id = message->id,
                          .created_us = message->created_us,
                          .crc = crc32_of(message->text, message->length),
                          .author = message->author.bytes[15]};
}

static void set_failure(struct outcome *outcome, int code, const dlg_error *error)
{
    *outcome = (struct outcome){.code = code, .fate = dlg_error_fate(error)};
    snprintf(outcome->reason, sizeof outcome->reason, "%s %s", dlg_error_sqlstate(error), dlg_error_message(error));
    for (char *c = outcome->reason; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '\'';
}

static void set_receipt(struct outcome *outcome, const dlg_receipt *receipt)
{
    *outcome = (struct outcome){.fate = DLG_FATE_WRITTEN,
                                .duplicate = receipt->duplicate,
                                .id = receipt->id,
                                .created_us = receipt->created_us};
}

/* ---- Opening -------------------------------------------------------------------------------- */

static int add_setting(dlg_settings *settings, const char *word, dlg_error **error)
{
    char name[64];
    const char *value = strchr(word, '=');
    snprintf(name, sizeof name, "%.*s", value ? (int)(value - word) : 0, word);
    return dlg_settings_set(settings, name, value ? value + 1 : "", error);
}

struct api *api_open(const char *conninfo, const char *const *settings, int count, uint16_t round,
                     struct outcome *outcome)
{
    struct api *api = calloc(1, sizeof *api);
    dlg_settings *all = dlg_settings_new();
    dlg_error *error = NULL;
    int code = api && all ? DLG_OK : DLG_E_MEMORY;
    for (int i = 0; i < count && code == DLG_OK; i++)
        code = add_setting(all, settings[i], &error);
    if (code == DLG_OK)
        code = dlg_open(&api->client, conninfo, all, &error);
    dlg_settings_free(all);
    if (code == DLG_OK) {
        api->round = round;
        *outcome = (struct outcome){0};
        return api;
    }
    set_failure(outcome, code, error);
    dlg_error_free(error);
    free(api);
    return NULL;
}

void api_close(struct api *api)
{
    dlg_close(NULL, api->client, 0);
    free(api);
}

/* ---- Sending -------------------------------------------------------------------------------- */

static dlg_send_options send_options(const struct message *message)
{
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = message->key;
    return options;
}

void api_send(struct api *api, const struct message *message, struct outcome *outcome)
{
    dlg_uuid author = user_id(api, message->author), recipient = user_id(api, message->recipient);
    dlg_send_options options = send_options(message);
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    dlg_error *error = NULL;
    int code = dlg_send(&receipt, api->client, &author, &recipient, message->text, DLG_NTS, &options, &error);
    if (code == DLG_OK)
        set_receipt(outcome, &receipt);
    else
        set_failure(outcome, code, error);
    dlg_error_free(error);
}

static void on_sent(dlg_reply *reply, void *payload)
{
    struct waiting *waiting = payload;
    struct outcome outcome;
    if (dlg_reply_code(reply) == DLG_OK)
        set_receipt(&outcome, dlg_reply_receipt(reply));
    else
        set_failure(&outcome, dlg_reply_code(reply), dlg_reply_error(reply));
    dlg_reply_free(reply);
    waiting->done(&outcome, waiting->payload);
    free(waiting);
}

void api_send_async(struct api *api, const struct message *message, api_done done, void *payload)
{
    dlg_uuid author = user_id(api, message->author), recipient = user_id(api, message->recipient);
    dlg_send_options options = send_options(message);
    struct waiting *waiting = malloc(sizeof *waiting);
    dlg_error *error = NULL;
    if (!waiting)
        abort();
    *waiting = (struct waiting){done, payload};
    int code =
        dlg_send_async(api->client, &author, &recipient, message->text, DLG_NTS, &options, on_sent, waiting, &error);
    if (code == DLG_OK)
        return;
    struct outcome outcome;
    set_failure(&outcome, code, error);
    dlg_error_free(error);
    free(waiting);
    done(&outcome, payload);
}

/* ---- Reading -------------------------------------------------------------------------------- */

static void copy_page(const dlg_page *page, struct view *view)
{
    view->count = dlg_page_count(page);
    view->more = dlg_page_has_more(page);
    for (size_t i = 0; i < view->count && i < API_PAGE; i++)
        view->entries[i] = entry_of(dlg_page_at(page, i));
    snprintf(view->before, sizeof view->before, "%s", dlg_page_before(page));
    snprintf(view->after, sizeof view->after, "%s", dlg_page_after(page));
}

void api_list(struct api *api, const struct range *range, struct view *view)
{
    dlg_uuid user = user_id(api, range->user), peer = user_id(api, range->peer);
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = range->limit;
    options.before = range->before;
    options.after = range->after;
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    int code = range->peer < 0 ? dlg_feed(&page, api->client, &user, &options, &error)
                               : dlg_list(&page, api->client, &user, &peer, &options, &error);
    view->outcome = (struct outcome){0};
    if (code == DLG_OK)
        copy_page(page, view);
    else
        set_failure(&view->outcome, code, error);
    dlg_page_free(page);
    dlg_error_free(error);
}

void api_walk(struct api *api, const struct range *range, api_each each, void *payload, struct outcome *outcome)
{
    dlg_uuid user = user_id(api, range->user), peer = user_id(api, range->peer);
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = range->limit;
    dlg_iterator *walk = NULL;
    const dlg_message *message = NULL;
    dlg_error *error = NULL;
    int code = dlg_iterate(&walk, api->client, &user, &peer, &options, &error);
    while (code == DLG_OK && (code = dlg_iterator_next(&message, walk, &error)) == DLG_OK && message) {
        struct entry entry = entry_of(message);
        each(&entry, payload);
    }
    *outcome = (struct outcome){0};
    if (code != DLG_OK)
        set_failure(outcome, code, error);
    dlg_error_free(error);
    dlg_iterator_free(walk);
}
