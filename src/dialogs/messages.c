#include "dialogs/messages.h"

#include "base/text.h"
#include "base/uuid.h"
#include "base/versioned.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/submit.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct send {
    struct request request;
    dlg_uuid author;
    dlg_uuid recipient;
    int64_t id;
    int64_t first_us; /* the server's time at the first attempt, as far as it was known */
    bool repeated;    /* the answer to an attempt was lost */
    int64_t timeout_us;
    bool check_recipient;
    uint32_t probe; /* ids tried before for the same key */
    dlg_receipt receipt;
    size_t text_length;
    char *text;             /* gone when the request is completed: a reply may wait long */
    struct message_key key; /* behind the text */
};

enum { INSERT, LOOKUP }; /* the queries */

/* By so much the node that stamps may be behind the one whose clock we know. */
enum { CLOCKS_DIFFER_US = 1000000 };

static struct send *send_of(struct request *request)
{
    return (struct send *)request;
}

static int message_key_check(struct message_key *key, dlg_error **error)
{
    if (!key->text)
        key->length = 0;
    else if (key->length == DLG_NTS)
        key->length = strlen(key->text);
    if (key->text && (key->length < 1 || key->length > DLG_KEY_LIMIT))
        return error_set(error, DLG_E_ARGUMENT, "an idempotency key has 1 to %d bytes", DLG_KEY_LIMIT);
    return DLG_OK;
}

int message_from_caller(dlg_message *message, struct message_key *key, const dlg_message_input *given,
                        dlg_error **error)
{
    dlg_message_input read;
    int code = versioned_check(&versioned_message_input, given, error);
    if (code == DLG_OK)
        code = versioned_read(&versioned_message_input, &read, given, error);
    if (code == DLG_OK)
        *message = (dlg_message){.id = read.id,
                                 .author = read.author,
                                 .recipient = read.recipient,
                                 .created_us = read.created_us,
                                 .updated_us = read.updated_us,
                                 .text = read.text,
                                 .length = read.length};
    if (code != DLG_OK || !key)
        return code;
    *key = (struct message_key){read.key, read.key_length};
    return message_key_check(key, error);
}

int message_check(const dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                  size_t *length, dlg_error **error)
{
    if (!author || !recipient || uuid_is_nil(author) || uuid_is_nil(recipient))
        return error_set(error, DLG_E_ARGUMENT, "author and recipient must be given, and neither may be the nil UUID");
    if (!text)
        return error_set(error, DLG_E_ARGUMENT, "no text given");
    if (*length == DLG_NTS)
        *length = strlen(text);
    int64_t limit = client_settings(client)->text_limit;
    if (*length == 0)
        return error_set(error, DLG_E_TEXT, "the text is empty");
    if (*length > (size_t)limit)
        return error_set(error, DLG_E_TOO_LARGE,
                         "the text has %zu bytes and the limit is %lld: shorten it, or raise text_limit", *length,
                         (long long)limit);
    if (!text_is_valid(text, *length))
        return error_set(error, DLG_E_TEXT, "the text is not UTF-8 or contains NUL");
    return DLG_OK;
}

/* ---- Identity ---- */

/* The same for every send under the key, whoever makes it: 63 bits of BLAKE2b. */
int64_t message_keyed_id(const dlg_uuid *author, const dlg_uuid *recipient, const struct message_key *key,
                         uint32_t probe)
{
    crypto_generichash_state state;
    uint64_t hash;
    uint8_t digest[crypto_generichash_BYTES_MIN];
    uint32_t number = htole32(probe);
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    crypto_generichash_update(&state, (const uint8_t *)"dialogs message key", 19);
    crypto_generichash_update(&state, author->bytes, sizeof author->bytes);
    crypto_generichash_update(&state, recipient->bytes, sizeof recipient->bytes);
    crypto_generichash_update(&state, (const uint8_t *)&number, sizeof number);
    crypto_generichash_update(&state, (const uint8_t *)key->text, key->length);
    crypto_generichash_final(&state, digest, sizeof digest);
    memcpy(&hash, digest, sizeof hash);
    int64_t id = (int64_t)(le64toh(hash) & INT64_MAX);
    return id ? id : 1;
}

/* Each attempt says anew what the server's stamp has to be later than; the id stays, so that it is stored once. */
static void send_prepare(struct query *query)
{
    struct send *send = send_of(query->request);
    const struct message_key *key = &send->key;
    struct clock *clock = &send->request.engine->clock;
    if (!send->first_us)
        send->first_us = clock_server_us(clock);
    if (!send->id)
        send->id = key->text ? message_keyed_id(&send->author, &send->recipient, key, send->probe)
                             : clock_id(clock_next(clock));
    query_set_int64(query, 0, send->id);
    query_set_time(query, 4, clock_floor(clock));
}

/* ---- Steps ---- */

static void send_inserted(struct request *request);
static void send_found(struct request *request);

static void send_insert(struct send *send)
{
    struct query *query = &send->request.queries[INSERT];
    query_init(query, &send->request, STATEMENT_MESSAGE_INSERT, &send->recipient);
    query->author = &send->author;
    query_set_uuid(query, 1, &send->author);
    query_set_uuid(query, 2, &send->recipient);
    query_set_text(query, 3, send->text, send->text_length);
    query->prepare = send_prepare;
    query_set_int64(query, 0, 0);
    query_set_int64(query, 4, 0);
    send->request.step = send_inserted;
    engine_query(send->request.engine, query);
}

/* A conflict can be our own earlier attempt, an earlier send under the same key, or somebody else's row. */
static void send_lookup(struct send *send)
{
    struct query *query = &send->request.queries[LOOKUP];
    send->repeated = send->request.queries[INSERT].possibly_written;
    send->request.queries[INSERT].possibly_written = true; /* until it is recipient_cache whose row that is */
    query_init(query, &send->request, STATEMENT_MESSAGE_FIND, &send->recipient);
    query_set_int64(query, 0, send->id);
    query_set_uuid(query, 1, &send->recipient);
    send->request.step = send_found;
    engine_query(send->request.engine, query);
}

static void send_done(struct send *send, int64_t created_us, bool duplicate)
{
    clock_observe(&send->request.engine->clock, created_us);
    send->receipt = (dlg_receipt){DLG_RECEIPT_VERSION, duplicate, send->id, created_us};
    atomic_fetch_add_explicit(&send->request.engine->sends, 1, memory_order_relaxed);
    request_complete(&send->request, NULL);
}

static void send_inserted(struct request *request)
{
    struct send *send = send_of(request);
    struct query *query = &request->queries[INSERT];
    if (query->error)
        request_fail(request, query);
    else if (query->affected == 1)
        send_done(send, query->stamp_us, false);
    else
        send_lookup(send);
}

enum found { FOUND_NOTHING, FOUND_OURS, FOUND_OTHER_TEXT, FOUND_OTHER };

static enum found send_compare(const struct send *send, const struct query *query)
{
    if (query_rows(query) == 0)
        return FOUND_NOTHING;
    dlg_uuid author;
    size_t length;
    const char *text = query_text(query, 0, 1, &length);
    if (!query_uuid(query, 0, 0, &author) || dlg_uuid_compare(&author, &send->author) != 0)
        return FOUND_OTHER;
    bool edited = query_time(query, 0, 3) != 0;
    bool same = text && length == send->text_length && memcmp(text, send->text, length) == 0;
    return same || edited ? FOUND_OURS : FOUND_OTHER_TEXT;
}

static void send_found(struct request *request)
{
    struct send *send = send_of(request);
    struct query *query = &request->queries[LOOKUP];
    if (query->error) {
        request_fail(request, query);
        return;
    }
    enum found found = send_compare(send, query);
    if (found == FOUND_OURS) {
        int64_t created_us = query_time(query, 0, 2);
        bool own = send->repeated && created_us >= send->first_us - CLOCKS_DIFFER_US;
        send_done(send, created_us, send->key.text && !own);
    } else if (found == FOUND_OTHER_TEXT && send->key.text) {
        dlg_error *error = NULL;
        request->queries[INSERT].possibly_written = false;
        error_set(&error, DLG_E_KEY_REUSED,
                  "this idempotency key was used before with another text: choose another key");
        request_complete(request, error);
    } else {
        if (found != FOUND_NOTHING) {
            send->id = 0;
            send->probe++;
        }
        send_insert(send);
    }
}

static void send_checked(struct request *request)
{
    struct send *send = send_of(request);
    struct query *query = &request->queries[LOOKUP];
    if (query->error) {
        request_fail(request, query);
    } else if (query_rows(query) == 0) {
        dlg_error *error = NULL;
        error_set(&error, DLG_E_RECIPIENT, "there is no such recipient");
        request_complete(request, error);
    } else {
        recipient_cache_add(client_of(request)->recipient_cache, &send->recipient);
        send_insert(send);
    }
}

static void send_start(struct request *request)
{
    struct send *send = send_of(request);
    if (!send->check_recipient || recipient_cache_has(client_of(request)->recipient_cache, &send->recipient)) {
        send_insert(send);
        return;
    }
    struct query *query = &request->queries[LOOKUP];
    query_init(query, request, STATEMENT_USER_EXISTS, &send->recipient);
    query_set_uuid(query, 0, &send->recipient);
    request->step = send_checked;
    engine_query(request->engine, query);
}

/* ---- Calls ---- */

static int options_read(dlg_send_options *options, struct message_key *key, const dlg_send_options *given,
                        dlg_error **error)
{
    int code = versioned_read(&versioned_send_options, options, given, error);
    if (code != DLG_OK)
        return code;
    if (options->flags & ~DLG_SEND_CHECK_RECIPIENT)
        return error_set(error, DLG_E_ARGUMENT, "unknown flag in dlg_send_options: give DLG_SEND_CHECK_RECIPIENT or 0");
    *key = (struct message_key){options->key, options->key_length};
    return message_key_check(key, error);
}

static size_t send_settle(struct request *request)
{
    struct send *send = send_of(request);
    free(send->text);
    send->text = NULL;
    return sizeof *send;
}

static void send_destroy(struct request *request)
{
    free(send_of(request)->text);
}

static int send_new(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                    size_t length, const dlg_send_options *given, struct send **out, dlg_error **error)
{
    dlg_send_options options;
    struct message_key key;
    int code = client_check(client, error);
    if (code == DLG_OK)
        code = message_check(client, author, recipient, text, &length, error);
    if (code == DLG_OK)
        code = options_read(&options, &key, given, error);
    if (code != DLG_OK)
        return code;
    struct send *send = request_new(sizeof *send, REQUEST_SEND);
    char *copy = malloc(length + key.length);
    if (!send || !copy) {
        free(copy);
        free(send);
        return error_set(error, DLG_E_MEMORY, "out of memory");
    }
    send->request.bytes = sizeof *send + length + key.length;
    send->request.step = send_start;
    send->request.settle = send_settle;
    send->request.destroy = send_destroy;
    send->author = *author;
    send->recipient = *recipient;
    send->check_recipient = options.flags & DLG_SEND_CHECK_RECIPIENT;
    send->timeout_us = options.timeout_us;
    send->text_length = length;
    send->text = memcpy(copy, text, length);
    if (key.text)
        send->key = (struct message_key){memcpy(send->text + length, key.text, key.length), key.length};
    *out = send;
    return DLG_OK;
}

int dlg_send(dlg_receipt *receipt, dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient,
             const char *text, size_t length, const dlg_send_options *options, dlg_error **error)
{
    struct send *send;
    int code = receipt ? versioned_check(&versioned_receipt, receipt, error) : DLG_OK;
    if (code == DLG_OK)
        code = send_new(client, author, recipient, text, length, options, &send, error);
    if (code != DLG_OK)
        return code;
    code = engine_call(&client->engine, &send->request, send->timeout_us, error);
    if (code == DLG_OK && receipt)
        versioned_write(&versioned_receipt, receipt, &send->receipt);
    request_release(&send->request);
    return code;
}

int dlg_send_async(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                   size_t length, const dlg_send_options *options, dlg_callback callback, void *payload,
                   dlg_error **error)
{
    struct send *send;
    int code = send_new(client, author, recipient, text, length, options, &send, error);
    if (code != DLG_OK)
        return code;
    return engine_post(&client->engine, &send->request, send->timeout_us, callback, payload, error);
}

const dlg_receipt *dlg_reply_receipt(const dlg_reply *reply)
{
    const struct request *request = reply_as(reply, REQUEST_SEND);
    return request ? &((const struct send *)request)->receipt : NULL;
}
