#include "live/replica_event.h"

#include "content/value_count.h"

#include <msgpack.h>
#include <string.h>

static bool take_bytes(const msgpack_object *field, void *to, size_t size)
{
    if (field->type != MSGPACK_OBJECT_BIN || field->via.bin.size != size)
        return false;
    memcpy(to, field->via.bin.ptr, size);
    return true;
}

/* msgpack-c says nothing of where an empty one is. */
static bool told_text(const msgpack_object *field, const char **text, size_t *length)
{
    if (field->type != MSGPACK_OBJECT_STR)
        return false;
    *length = field->via.str.size;
    *text = *length ? field->via.str.ptr : "";
    return true;
}

static bool take_number(const msgpack_object *field, int64_t *number)
{
    if (field->type != MSGPACK_OBJECT_POSITIVE_INTEGER && field->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return false;
    *number = field->via.i64;
    return true;
}

static bool told_message(struct replica_event *event, const msgpack_object *fields)
{
    dlg_message *message = &event->message;
    if (!take_bytes(&fields[0], message->author.bytes, sizeof message->author.bytes) ||
        !take_bytes(&fields[1], message->recipient.bytes, sizeof message->recipient.bytes) ||
        !take_number(&fields[2], &message->id) || !take_number(&fields[3], &message->created_us))
        return false;
    return told_text(&fields[4], &event->json, &event->json_length);
}

static bool told_revoked(struct replica_event *event, const msgpack_object *fields)
{
    return take_bytes(&fields[0], event->token.bytes, sizeof event->token.bytes) &&
           take_number(&fields[1], &event->until_us);
}

static bool told_counted(struct replica_event *event, const msgpack_object *fields)
{
    int64_t kind;
    const char *whose;
    size_t length;
    if (!take_number(&fields[0], &kind) || kind < 0 || kind >= RATE_KINDS || !told_text(&fields[1], &whose, &length) ||
        length >= sizeof event->whose)
        return false;
    event->counted = (enum rate_limit_kind)kind;
    memcpy(event->whose, whose, length);
    event->whose[length] = '\0';
    return true;
}

static bool told_event(struct replica_event *event, const msgpack_object *said)
{
    static const uint32_t sizes[] = {
        [REPLICA_MESSAGE] = 7, [REPLICA_LOST] = 2, [REPLICA_REVOKED] = 4, [REPLICA_COUNTED] = 4};
    int64_t version, kind;
    if (said->type != MSGPACK_OBJECT_ARRAY || said->via.array.size < 2)
        return false;
    const msgpack_object *fields = said->via.array.ptr;
    if (!take_number(&fields[0], &version) || version != REPLICA_EVENT_VERSION || !take_number(&fields[1], &kind) ||
        kind < REPLICA_MESSAGE || kind > REPLICA_COUNTED || said->via.array.size < sizes[kind])
        return false;
    event->kind = (enum replica_event_kind)kind;
    if (event->kind == REPLICA_MESSAGE)
        return told_message(event, fields + 2);
    if (event->kind == REPLICA_REVOKED)
        return told_revoked(event, fields + 2);
    return event->kind == REPLICA_LOST || told_counted(event, fields + 2);
}

/* msgpack-c makes room for as many values as an array announces, before it has seen one of them. */
bool replica_event_read(struct replica_event *event, const char *data, size_t length)
{
    msgpack_unpacked said;
    *event = (struct replica_event){0};
    if (!msgpack_is_small(data, length))
        return false;
    msgpack_unpacked_init(&said);
    bool good =
        msgpack_unpack_next(&said, data, length, NULL) == MSGPACK_UNPACK_SUCCESS && told_event(event, &said.data);
    msgpack_unpacked_destroy(&said);
    return good;
}
