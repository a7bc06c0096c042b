#include "live/replicas.h"

#include "common/service_clock.h"
#include "live/redis_bus.h"
#include "live/replica_event.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

/* ---- Telling the others ---- */

static void begin_event(msgpack_packer *packer, msgpack_sbuffer *buffer, enum replica_event_kind kind, size_t fields)
{
    msgpack_sbuffer_init(buffer);
    msgpack_packer_init(packer, buffer, msgpack_sbuffer_write);
    msgpack_pack_array(packer, fields + 2);
    msgpack_pack_int(packer, REPLICA_EVENT_VERSION);
    msgpack_pack_int(packer, (int)kind);
}

static void say_it(struct replicas *replicas, msgpack_sbuffer *buffer)
{
    redis_bus_publish(replicas->bus, buffer->data, buffer->size);
    msgpack_sbuffer_destroy(buffer);
}

static void say_message(struct replicas *replicas, const struct event *event)
{
    msgpack_packer packer;
    msgpack_sbuffer buffer;
    const dlg_message *message = &event->message;
    begin_event(&packer, &buffer, REPLICA_MESSAGE, 5);
    msgpack_pack_bin_with_body(&packer, message->author.bytes, sizeof message->author.bytes);
    msgpack_pack_bin_with_body(&packer, message->recipient.bytes, sizeof message->recipient.bytes);
    msgpack_pack_int64(&packer, message->id);
    msgpack_pack_int64(&packer, message->created_us);
    msgpack_pack_str_with_body(&packer, event->json, event->length);
    say_it(replicas, &buffer);
}

static void say_lost(struct replicas *replicas)
{
    msgpack_packer packer;
    msgpack_sbuffer buffer;
    begin_event(&packer, &buffer, REPLICA_LOST, 0);
    say_it(replicas, &buffer);
}

void replicas_publish(struct replicas *replicas, const dlg_message *message)
{
    struct subscriptions *subscriptions = replicas->subscriptions;
    bool wanted = subscriptions_want(subscriptions, &message->author, &message->recipient);
    if (!wanted && !replicas->bus)
        return;
    struct event *event = event_new(subscriptions, message);
    if (!event) {
        subscriptions_miss(subscriptions, message);
        if (replicas->bus)
            say_lost(replicas);
        return;
    }
    if (wanted)
        subscriptions_publish(subscriptions, event);
    if (replicas->bus)
        say_message(replicas, event);
    event_release(event);
}

bool replicas_revoke(struct replicas *replicas, const struct token_hash *token, int64_t until_us)
{
    bool fresh = revoked_tokens_add(replicas->revoked_tokens, token, until_us);
    subscriptions_end_token(replicas->subscriptions, token);
    if (!replicas->bus)
        return fresh;
    msgpack_packer packer;
    msgpack_sbuffer buffer;
    redis_bus_keep(replicas->bus, (const char *)token->bytes, sizeof token->bytes, until_us / 1000000 + 1);
    begin_event(&packer, &buffer, REPLICA_REVOKED, 2);
    msgpack_pack_bin_with_body(&packer, token->bytes, sizeof token->bytes);
    msgpack_pack_int64(&packer, until_us);
    say_it(replicas, &buffer);
    return fresh;
}

void replicas_tell_count(struct replicas *replicas, enum rate_limit_kind kind, const char *whose)
{
    if (!replicas->bus)
        return;
    msgpack_packer packer;
    msgpack_sbuffer buffer;
    begin_event(&packer, &buffer, REPLICA_COUNTED, 2);
    msgpack_pack_int(&packer, (int)kind);
    msgpack_pack_str_with_body(&packer, whose, strlen(whose));
    say_it(replicas, &buffer);
}

/* ---- Hearing from them ---- */

/* Sends that are refused elsewhere, or store nothing anew, count there only. */
static void count_author(struct replicas *replicas, const dlg_uuid *author)
{
    char id[DLG_UUID_TEXT_SIZE];
    if (!replicas->rate_limit->limits[RATE_SEND])
        return;
    dlg_uuid_format(id, author);
    rate_limit_count(replicas->rate_limit, RATE_SEND, id, 1, monotonic_us());
}

static void hear_message(struct replicas *replicas, const struct replica_event *heard)
{
    const dlg_message *message = &heard->message;
    count_author(replicas, &message->author);
    if (!subscriptions_want(replicas->subscriptions, &message->author, &message->recipient))
        return;
    struct event *event = event_of_json(replicas->subscriptions, message, heard->json, heard->json_length);
    if (event)
        subscriptions_publish(replicas->subscriptions, event);
    else
        subscriptions_miss(replicas->subscriptions, message);
    event_release(event);
}

static void on_heard(void *payload, const char *data, size_t length)
{
    struct replicas *replicas = payload;
    struct replica_event heard;
    if (!replica_event_read(&heard, data, length))
        return;
    switch (heard.kind) {
    case REPLICA_MESSAGE:
        hear_message(replicas, &heard);
        break;
    case REPLICA_LOST:
        subscriptions_poll_database(replicas->subscriptions);
        break;
    case REPLICA_REVOKED:
        revoked_tokens_add(replicas->revoked_tokens, &heard.token, heard.until_us);
        subscriptions_end_token(replicas->subscriptions, &heard.token);
        break;
    case REPLICA_COUNTED:
        rate_limit_count(replicas->rate_limit, heard.counted, heard.whose, 1, monotonic_us());
        break;
    }
}

static void on_missed(void *payload)
{
    subscriptions_poll_database(((struct replicas *)payload)->subscriptions);
}

static void on_event_lost(void *payload)
{
    say_lost(payload);
}

static void on_revoked(void *payload, const char *member, size_t length, int64_t until_s)
{
    struct replicas *replicas = payload;
    struct token_hash token;
    if (length != sizeof token.bytes || until_s > INT64_MAX / 1000000)
        return;
    memcpy(token.bytes, member, length);
    revoked_tokens_add(replicas->revoked_tokens, &token, until_s * 1000000);
    subscriptions_end_token(replicas->subscriptions, &token);
}

/* ---- Life ---- */

bool replicas_open(struct replicas *replicas, const char *url)
{
    const struct redis_bus_handler handler = {on_heard, on_missed, on_revoked, on_event_lost, replicas};
    if (!url || !*url)
        return true;
    replicas->bus = redis_bus_open(url, &handler);
    return replicas->bus != NULL;
}

void replicas_close(struct replicas *replicas)
{
    redis_bus_close(replicas->bus);
    replicas->bus = NULL;
}

int replicas_up(const struct replicas *replicas)
{
    return replicas->bus ? redis_bus_up(replicas->bus) : -1;
}
