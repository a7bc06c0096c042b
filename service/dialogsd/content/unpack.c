#include "content/unpack.h"

#include <dialogs.h>
#include <msgpack.h>
#include <string.h>

static json_t *value_of(const msgpack_object *object);

static json_t *array_of(const msgpack_object_array *array)
{
    json_t *json = json_array();
    for (uint32_t i = 0; json && i < array->size; i++) {
        if (json_array_append_new(json, value_of(&array->ptr[i])) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

/* msgpack-c says nothing of where an empty one is. */
static const char *packed_text(const msgpack_object_str *text)
{
    return text->size ? text->ptr : "";
}

static bool unpack_field(json_t *json, const msgpack_object_kv *field)
{
    if (field->key.type != MSGPACK_OBJECT_STR)
        return false;
    size_t length = field->key.via.str.size;
    const char *name = packed_text(&field->key.via.str);
    char copy[64];
    if (length >= sizeof copy || memchr(name, '\0', length))
        return length >= sizeof copy; /* a name that no call knows is left aside */
    memcpy(copy, name, length);
    copy[length] = '\0';
    return !json_object_get(json, copy) && json_object_set_new(json, copy, value_of(&field->val)) == 0;
}

static json_t *object_of(const msgpack_object_map *map)
{
    json_t *json = json_object();
    for (uint32_t i = 0; json && i < map->size; i++) {
        if (!unpack_field(json, &map->ptr[i])) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static json_t *uuid_of(const msgpack_object_bin *binary)
{
    dlg_uuid uuid;
    char text[DLG_UUID_TEXT_SIZE];
    if (binary->size != sizeof uuid.bytes)
        return NULL;
    memcpy(uuid.bytes, binary->ptr, sizeof uuid.bytes);
    dlg_uuid_format(text, &uuid);
    return json_string(text);
}

static json_t *value_of(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return json_real(object->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(packed_text(&object->via.str), object->via.str.size);
    case MSGPACK_OBJECT_ARRAY:
        return array_of(&object->via.array);
    case MSGPACK_OBJECT_MAP:
        return object_of(&object->via.map);
    case MSGPACK_OBJECT_BIN:
        return uuid_of(&object->via.bin);
    case MSGPACK_OBJECT_EXT:
        break;
    }
    return NULL;
}

json_t *unpack_body(const char *data, size_t length, const char **trouble)
{
    size_t end = 0;
    json_t *json = NULL;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    msgpack_unpack_return code = msgpack_unpack_next(&unpacked, data, length, &end);
    if (code != MSGPACK_UNPACK_SUCCESS)
        *trouble = "the body is not msgpack";
    else if (end != length)
        *trouble = "the body is msgpack, with more behind it";
    else if (!(json = value_of(&unpacked.data)))
        *trouble = "the body has a name twice, a text that is not UTF-8, or a value that no call takes";
    msgpack_unpacked_destroy(&unpacked);
    return json;
}
