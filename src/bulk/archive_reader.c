#include "bulk/archive_reader.h"

#include "base/error.h"
#include "base/text.h"
#include "bulk/archive_scan.h"

#include <errno.h>
#include <msgpack.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 * 1024 };

struct archive_reader {
    archive_source source;
    void *payload;
    char *bytes; /* what was read and not handed out yet: from `start` to `end` */
    size_t room, start, end;
    uint64_t offset; /* in the archive, of the object at hand */
    size_t taken;    /* the size of the record that was handed out, consumed with the next call */
    bool opened;     /* the header was read */
    uint64_t users, messages;
    msgpack_unpacked object;
    crypto_generichash_state hash;
};

struct archive_reader *archive_reader_new(archive_source source, void *payload)
{
    struct archive_reader *reader = aligned_alloc(_Alignof(struct archive_reader), sizeof *reader);
    if (!reader)
        return NULL;
    memset(reader, 0, sizeof *reader);
    reader->source = source;
    reader->payload = payload;
    reader->bytes = malloc(FIRST_ROOM);
    if (!reader->bytes) {
        free(reader);
        return NULL;
    }
    reader->room = FIRST_ROOM;
    msgpack_unpacked_init(&reader->object);
    crypto_generichash_init(&reader->hash, NULL, 0, ARCHIVE_HASH_SIZE);
    return reader;
}

void archive_reader_free(struct archive_reader *reader)
{
    if (!reader)
        return;
    msgpack_unpacked_destroy(&reader->object);
    free(reader->bytes);
    free(reader);
}

uint64_t archive_reader_offset(const struct archive_reader *reader)
{
    return reader->offset + (reader->end - reader->start);
}

int archive_reader_refuse(const struct archive_reader *reader, const char *why, dlg_error **error)
{
    return error_set(error, DLG_E_ARCHIVE, "the archive is damaged at byte %llu: %s",
                     (unsigned long long)reader->offset, why);
}

/* ---- Bytes in ---- */

/* Room for at least one more byte. It doubles with what has come, whatever a length
 * in the archive claims. */
static int make_room(struct archive_reader *reader, dlg_error **error)
{
    if (reader->end < reader->room)
        return DLG_OK;
    if (reader->start > 0) {
        memmove(reader->bytes, reader->bytes + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
        return DLG_OK;
    }
    size_t room = reader->room < FIRST_ROOM ? FIRST_ROOM : reader->room * 2;
    char *bytes = realloc(reader->bytes, room);
    if (!bytes)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    reader->bytes = bytes;
    reader->room = room;
    return DLG_OK;
}

/* Reads more; `*ended` says that there is no more. */
static int read_more(struct archive_reader *reader, bool *ended, dlg_error **error)
{
    int code = make_room(reader, error);
    if (code != DLG_OK)
        return code;
    ssize_t count = reader->source(reader->payload, reader->bytes + reader->end, reader->room - reader->end);
    if (count < 0)
        return error_set(error, DLG_E_FILE, "cannot read the archive: %s", strerror(errno));
    reader->end += (size_t)count;
    *ended = count == 0;
    return DLG_OK;
}

/* Brings one whole object to `start`; `*size` is its length. */
static int record_read(struct archive_reader *reader, size_t *size, dlg_error **error)
{
    for (;;) {
        enum archive_scan found = archive_scan(reader->bytes + reader->start, reader->end - reader->start, size);
        if (found == ARCHIVE_SCAN_WHOLE)
            return DLG_OK;
        if (found == ARCHIVE_SCAN_BAD)
            return archive_reader_refuse(reader, "not a record of an archive", error);
        bool ended = false;
        int code = read_more(reader, &ended, error);
        if (code != DLG_OK)
            return code;
        if (ended)
            return archive_reader_refuse(reader, "it ends too early; restore a whole copy", error);
    }
}

/* The object of `size` bytes at `start` as msgpack-c sees it; its texts stay where they are. */
static int unpack(struct archive_reader *reader, size_t size, dlg_error **error)
{
    size_t used = 0;
    msgpack_unpack_return result = msgpack_unpack_next(&reader->object, reader->bytes + reader->start, size, &used);
    if (result == MSGPACK_UNPACK_NOMEM_ERROR)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    if (result != MSGPACK_UNPACK_SUCCESS || used != size)
        return archive_reader_refuse(reader, "not a record of an archive", error);
    return DLG_OK;
}

static void consume(struct archive_reader *reader, size_t size)
{
    reader->start += size;
    reader->offset += size;
}

/* ---- Values ---- */

static bool take_uuid(const msgpack_object *object, dlg_uuid *uuid)
{
    if (object->type != MSGPACK_OBJECT_BIN || object->via.bin.size != sizeof uuid->bytes)
        return false;
    memcpy(uuid->bytes, object->via.bin.ptr, sizeof uuid->bytes);
    return true;
}

static bool take_time(const msgpack_object *object, int64_t *us)
{
    msgpack_timestamp time;
    if (!msgpack_object_to_timestamp(object, &time) || time.tv_nsec >= 1000000000)
        return false;
    if (time.tv_sec == INT64_MAX || time.tv_sec == INT64_MIN) { /* PostgreSQL's infinities */
        *us = time.tv_sec;
        return true;
    }
    if (time.tv_sec > INT64_MAX / 1000000 - 1 || time.tv_sec < INT64_MIN / 1000000 + 1)
        return false;
    *us = time.tv_sec * 1000000 + time.tv_nsec / 1000;
    return true;
}

static bool take_text(const msgpack_object *object, const char **text, size_t *length)
{
    if (object->type != MSGPACK_OBJECT_STR)
        return false;
    *length = object->via.str.size;
    *text = *length ? object->via.str.ptr : ""; /* msgpack-c has no place for an empty one */
    return text_is_valid(*text, *length);
}

/*
 * A text that ends with NUL, or nil as NULL. The NUL takes the place of the first byte of the next
 * member: there is one, and all members have been looked at by msgpack-c before.
 */
static bool take_string(const msgpack_object *object, const char **text)
{
    size_t length;
    if (object->type == MSGPACK_OBJECT_NIL) {
        *text = NULL;
        return true;
    }
    if (!take_text(object, text, &length))
        return false;
    if (length > 0)
        ((char *)(uintptr_t)*text)[length] = '\0';
    return true;
}

/* ---- Records ---- */

static bool take_user(const msgpack_object *members, uint32_t count, struct archive_record *record)
{
    dlg_user *user = &record->user;
    *user = (dlg_user)DLG_USER_INIT;
    return count == ARCHIVE_USER_SIZE && take_uuid(&members[1], &user->id) &&
           take_time(&members[8], &user->created_us) && take_string(&members[2], &record->password_hash) &&
           take_string(&members[3], &user->first_name) && take_string(&members[4], &user->second_name) &&
           take_string(&members[5], &user->birthdate) && take_string(&members[6], &user->biography) &&
           take_string(&members[7], &user->city);
}

static bool take_message(const msgpack_object *members, uint32_t count, struct archive_record *record)
{
    dlg_message *message = &record->message;
    *message = (dlg_message){0};
    if (count != ARCHIVE_MESSAGE_SIZE)
        return false;
    const msgpack_object *id = &members[1];
    if (id->type == MSGPACK_OBJECT_POSITIVE_INTEGER && id->via.u64 <= INT64_MAX)
        message->id = (int64_t)id->via.u64;
    else if (id->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        message->id = id->via.i64;
    else
        return false;
    return take_uuid(&members[2], &message->author) && take_uuid(&members[3], &message->recipient) &&
           take_time(&members[5], &message->created_us) &&
           (members[6].type == MSGPACK_OBJECT_NIL || take_time(&members[6], &message->updated_us)) &&
           take_text(&members[4], &message->text, &message->length);
}

static bool is_number(const msgpack_object *object, uint64_t number)
{
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 == number;
}

/* The last object, and that there is none after it. */
static int read_checksum(struct archive_reader *reader, dlg_error **error)
{
    unsigned char expected[ARCHIVE_HASH_SIZE];
    crypto_generichash_final(&reader->hash, expected, sizeof expected);
    size_t size = 0;
    int code = record_read(reader, &size, error);
    if (code == DLG_OK)
        code = unpack(reader, size, error);
    if (code != DLG_OK)
        return code;
    const msgpack_object *hash = &reader->object.data;
    if (hash->type != MSGPACK_OBJECT_BIN || hash->via.bin.size != sizeof expected ||
        sodium_memcmp(hash->via.bin.ptr, expected, sizeof expected) != 0)
        return archive_reader_refuse(reader, "its checksum is wrong; restore an undamaged copy", error);
    consume(reader, size);
    bool ended = reader->start < reader->end;
    code = ended ? DLG_OK : read_more(reader, &ended, error);
    if (code == DLG_OK && reader->start < reader->end)
        return archive_reader_refuse(reader, "something follows its end", error);
    return code;
}

static bool object_is_text(const msgpack_object *object, const char *text)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(text) &&
           memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

static int refuse_foreign(dlg_error **error)
{
    return error_set(error, DLG_E_ARCHIVE,
                     "not an archive of dialogs (from byte 0 on): give a file that dlgctl dump made");
}

static int check_header(const msgpack_object *header, dlg_error **error)
{
    bool magic = false;
    uint64_t format = 0;
    for (uint32_t i = 0; header->type == MSGPACK_OBJECT_MAP && i < header->via.map.size; i++) {
        const msgpack_object *key = &header->via.map.ptr[i].key;
        const msgpack_object *value = &header->via.map.ptr[i].val;
        if (object_is_text(key, "magic"))
            magic = object_is_text(value, ARCHIVE_MAGIC);
        else if (object_is_text(key, "format") && value->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
            format = value->via.u64;
    }
    if (!magic || format == 0)
        return refuse_foreign(error);
    if (format > ARCHIVE_FORMAT)
        return error_set(
            error, DLG_E_ARCHIVE,
            "the archive has format %llu and this library reads format %d: restore it with a later version",
            (unsigned long long)format, ARCHIVE_FORMAT);
    return DLG_OK;
}

/* The next object, counted into the checksum. */
static int read_record(struct archive_reader *reader, size_t *size, dlg_error **error)
{
    int code = record_read(reader, size, error);
    if (code == DLG_OK)
        code = unpack(reader, *size, error);
    if (code == DLG_OK)
        crypto_generichash_update(&reader->hash, (const unsigned char *)reader->bytes + reader->start, *size);
    return code;
}

static int read_header(struct archive_reader *reader, dlg_error **error)
{
    size_t size = 0;
    int code = read_record(reader, &size, error);
    if (code == DLG_E_ARCHIVE)
        return refuse_foreign(error);
    if (code == DLG_OK)
        code = check_header(&reader->object.data, error);
    if (code == DLG_OK)
        consume(reader, size);
    return code;
}

/* By its tag; false when the members are not those of the tag, or the tag is unknown. */
static bool take_record(struct archive_reader *reader, struct archive_record *record)
{
    const msgpack_object *object = &reader->object.data;
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size == 0)
        return false;
    const msgpack_object *members = object->via.array.ptr;
    uint32_t count = object->via.array.size;
    if (is_number(members, ARCHIVE_USER)) {
        record->tag = ARCHIVE_USER;
        reader->users++;
        return take_user(members, count, record);
    }
    if (is_number(members, ARCHIVE_MESSAGE)) {
        record->tag = ARCHIVE_MESSAGE;
        reader->messages++;
        return take_message(members, count, record);
    }
    record->tag = ARCHIVE_END;
    return is_number(members, ARCHIVE_END) && count == ARCHIVE_END_SIZE && is_number(&members[1], reader->users) &&
           is_number(&members[2], reader->messages);
}

int archive_reader_next(struct archive_reader *reader, struct archive_record *record, dlg_error **error)
{
    int code = DLG_OK;
    if (!reader->opened)
        code = read_header(reader, error);
    if (code != DLG_OK)
        return code;
    reader->opened = true;
    consume(reader, reader->taken);
    reader->taken = 0;
    size_t size = 0;
    code = read_record(reader, &size, error);
    if (code != DLG_OK)
        return code;
    if (!take_record(reader, record))
        return archive_reader_refuse(reader, "a record has a wrong form or a wrong count", error);
    reader->taken = size;
    if (record->tag != ARCHIVE_END)
        return DLG_OK;
    consume(reader, size);
    reader->taken = 0;
    return read_checksum(reader, error);
}
