/*
 * Whatever an archive says, its reader ends with a record, the end, or an error, and hands out texts
 * that are whole. Each input is read twice: as it is, and with the checksum put right.
 */
#include "base/error.h"
#include "base/text.h"
#include "bulk/archive_reader.h"
#include "fuzz.h"

#include <msgpack.h>
#include <sodium.h>
#include <string.h>

enum { CHECKSUM_SIZE = 2 + ARCHIVE_HASH_SIZE };

struct input {
    const uint8_t *data;
    size_t size;
    size_t at;
    size_t piece; /* most that one read gives */
};

static ssize_t read_input(void *payload, char *bytes, size_t room)
{
    struct input *input = payload;
    size_t count = input->size - input->at;
    count = count < room ? count : room;
    count = count < input->piece ? count : input->piece;
    memcpy(bytes, input->data + input->at, count);
    input->at += count;
    return (ssize_t)count;
}

static void check_string(const char *text)
{
    FUZZ_CHECK(!text || text_is_valid(text, strlen(text)));
}

static void check_record(const struct archive_record *record, size_t size)
{
    if (record->tag == ARCHIVE_MESSAGE) {
        FUZZ_CHECK(record->message.length < size);
        FUZZ_CHECK(text_is_valid(record->message.text, record->message.length));
    }
    if (record->tag == ARCHIVE_USER) {
        check_string(record->password_hash);
        check_string(record->user.first_name);
        check_string(record->user.second_name);
        check_string(record->user.birthdate);
        check_string(record->user.biography);
        check_string(record->user.city);
    }
}

/* Returns how many records there were before the end or the error. */
static size_t read_all(const uint8_t *data, size_t size, size_t piece, int *code)
{
    struct input input = {data, size, 0, piece};
    struct archive_reader *reader = archive_reader_new(read_input, &input);
    FUZZ_CHECK(reader);
    struct archive_record record = {.tag = ARCHIVE_USER};
    dlg_error *error = NULL;
    size_t records = 0;
    while ((*code = archive_reader_next(reader, &record, &error)) == DLG_OK && record.tag != ARCHIVE_END) {
        check_record(&record, size);
        records++;
    }
    FUZZ_CHECK(*code == DLG_OK || *code == DLG_E_ARCHIVE);
    FUZZ_CHECK(dlg_error_code(error) == *code);
    FUZZ_CHECK(*code != DLG_OK || archive_reader_offset(reader) == size);
    dlg_error_free(error);
    archive_reader_free(reader);
    return records;
}

/* However the bytes come, they say the same. */
static void check(const uint8_t *data, size_t size)
{
    int whole, pieces;
    size_t records = read_all(data, size, SIZE_MAX, &whole);
    FUZZ_CHECK(records == read_all(data, size, 3, &pieces));
    FUZZ_CHECK(whole == pieces);
}

static void put_checksum(uint8_t *data, size_t size)
{
    uint8_t *end = data + size - CHECKSUM_SIZE;
    end[0] = 0xc4;
    end[1] = ARCHIVE_HASH_SIZE;
    crypto_generichash(end + 2, ARCHIVE_HASH_SIZE, data, size - CHECKSUM_SIZE, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    if (size <= CHECKSUM_SIZE)
        return 0;
    uint8_t *right = malloc(size);
    FUZZ_CHECK(right);
    memcpy(right, data, size);
    put_checksum(right, size);
    check(right, size);
    free(right);
    return 0;
}

/* ---- Seeds ---- */

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

static void pack_uuid(msgpack_packer *packer)
{
    msgpack_pack_bin(packer, 16);
    msgpack_pack_bin_body(packer, "0123456789abcdef", 16);
}

static void pack_user(msgpack_packer *packer, bool bare)
{
    const msgpack_timestamp created = {.tv_sec = 1700000000};
    msgpack_pack_array(packer, ARCHIVE_USER_SIZE);
    msgpack_pack_int(packer, ARCHIVE_USER);
    pack_uuid(packer);
    for (int i = 0; i < 6; i++)
        if (bare)
            msgpack_pack_nil(packer);
        else
            pack_text(packer, i == 2 ? "" : "Анна");
    msgpack_pack_timestamp(packer, &created);
}

static void pack_message(msgpack_packer *packer, bool edited)
{
    const msgpack_timestamp created = {.tv_sec = edited ? -1 : 1700000000, .tv_nsec = 123456000};
    msgpack_pack_array(packer, ARCHIVE_MESSAGE_SIZE);
    msgpack_pack_int(packer, ARCHIVE_MESSAGE);
    msgpack_pack_int64(packer, edited ? INT64_MIN : INT64_MAX);
    pack_uuid(packer);
    pack_uuid(packer);
    pack_text(packer, "a text that is longer than thirty-one bytes");
    msgpack_pack_timestamp(packer, &created);
    if (edited)
        msgpack_pack_timestamp(packer, &created);
    else
        msgpack_pack_nil(packer);
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    if (index > 3)
        return 0;
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 2);
    pack_text(&packer, "magic");
    pack_text(&packer, ARCHIVE_MAGIC);
    pack_text(&packer, "format");
    msgpack_pack_int(&packer, ARCHIVE_FORMAT);
    for (size_t i = 0; i < index; i++) {
        pack_user(&packer, i % 2 == 0);
        pack_message(&packer, i % 2 == 0);
    }
    msgpack_pack_array(&packer, ARCHIVE_END_SIZE);
    msgpack_pack_int(&packer, ARCHIVE_END);
    msgpack_pack_uint64(&packer, index);
    msgpack_pack_uint64(&packer, index);
    size_t size = buffer.size + CHECKSUM_SIZE;
    memcpy(seed, buffer.data, buffer.size);
    put_checksum(seed, size);
    msgpack_sbuffer_destroy(&buffer);
    return size;
}
