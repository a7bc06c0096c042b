#include "bulk/archive_reader.h"
#include "bulk/archive_scan.h"
#include "bulk/archive_writer.h"
#include "check.h"

#include <errno.h>
#include <msgpack.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Archives in memory ---- */

struct bytes {
    char data[4096];
    size_t size;
    size_t at;    /* read so far */
    size_t piece; /* most that one read gives; 0: all */
};

static ssize_t read_bytes(void *payload, char *to, size_t room)
{
    struct bytes *bytes = payload;
    size_t count = bytes->size - bytes->at;
    count = count > room ? room : count;
    if (bytes->piece && count > bytes->piece)
        count = bytes->piece;
    memcpy(to, bytes->data + bytes->at, count);
    bytes->at += count;
    return (ssize_t)count;
}

static const dlg_uuid ann = {{1, 2, 3}};
static const dlg_uuid bob = {{9, 8, 7}};
static const char text[] = "Привет, мир\nnaïve \xf0\x9f\x98\x80";

static const dlg_message messages[] = {
    {1, {{1, 2, 3}}, {{9, 8, 7}}, 1700000000123456, 0, text, sizeof text - 1},
    {INT64_MAX, {{9, 8, 7}}, {{1, 2, 3}}, -1, 1700000000000000, "x", 1},
    {-5, {{0}}, {{0}}, INT64_MIN, INT64_MAX, "", 0},
    {7000000000, {{1}}, {{1}}, INT64_C(9000000000000000), 1, "a", 1},
};
enum { MESSAGES = sizeof messages / sizeof *messages };

static void write_archive(struct bytes *bytes)
{
    int fd = memfd_create("archive", 0);
    assert_true(fd >= 0);
    dlg_error *error = NULL;
    struct archive_writer *writer = archive_writer_new(fd, 1700000000000001);
    assert_non_null(writer);
    const dlg_user whole = {DLG_USER_VERSION, ann, "Анна", "", "1990-02-28", "b\nc", "Тверь", 1600000000000000};
    const dlg_user bare = {DLG_USER_VERSION, bob, NULL, NULL, NULL, NULL, NULL, 0};
    assert_ok(archive_writer_user(writer, &whole, "$argon2id$v=19$", &error), error);
    assert_ok(archive_writer_user(writer, &bare, NULL, &error), error);
    for (size_t i = 0; i < MESSAGES; i++)
        assert_ok(archive_writer_message(writer, &messages[i], &error), error);
    assert_ok(archive_writer_end(writer, &error), error);
    dlg_progress done;
    archive_writer_progress(writer, &done);
    archive_writer_free(writer);
    *bytes = (struct bytes){0};
    ssize_t size = pread(fd, bytes->data, sizeof bytes->data, 0);
    close(fd);
    assert_true(size > 0 && (size_t)size < sizeof bytes->data);
    bytes->size = (size_t)size;
    assert_int_equal(done.users, 2);
    assert_int_equal(done.messages, MESSAGES);
    assert_int_equal(done.bytes, size);
}

/* Reads to the end or to the first error, which must be the archive's. */
static int read_archive(struct bytes *bytes, char *why, size_t room)
{
    bytes->at = 0;
    struct archive_reader *reader = archive_reader_new(read_bytes, bytes);
    assert_non_null(reader);
    struct archive_record record = {.tag = ARCHIVE_USER};
    dlg_error *error = NULL;
    int code = DLG_OK;
    while (code == DLG_OK && record.tag != ARCHIVE_END)
        code = archive_reader_next(reader, &record, &error);
    if (why)
        snprintf(why, room, "%s", dlg_error_message(error));
    dlg_error_free(error);
    archive_reader_free(reader);
    return code;
}

/* ---- Whole archives ---- */

static void check_message(const dlg_message *message, const dlg_message *expected)
{
    assert_int_equal(message->id, expected->id);
    assert_memory_equal(&message->author, &expected->author, sizeof(dlg_uuid));
    assert_memory_equal(&message->recipient, &expected->recipient, sizeof(dlg_uuid));
    assert_int_equal(message->created_us, expected->created_us);
    assert_int_equal(message->updated_us, expected->updated_us);
    assert_int_equal(message->length, expected->length);
    assert_memory_equal(message->text, expected->text, expected->length);
}

static void read_all(struct bytes *bytes)
{
    bytes->at = 0;
    struct archive_reader *reader = archive_reader_new(read_bytes, bytes);
    struct archive_record record;
    dlg_error *error = NULL;
    assert_ok(archive_reader_next(reader, &record, &error), error);
    assert_int_equal(record.tag, ARCHIVE_USER);
    assert_memory_equal(&record.user.id, &ann, sizeof ann);
    assert_string_equal(record.password_hash, "$argon2id$v=19$");
    assert_string_equal(record.user.first_name, "Анна");
    assert_string_equal(record.user.second_name, "");
    assert_string_equal(record.user.birthdate, "1990-02-28");
    assert_string_equal(record.user.biography, "b\nc");
    assert_string_equal(record.user.city, "Тверь");
    assert_int_equal(record.user.created_us, 1600000000000000);
    assert_ok(archive_reader_next(reader, &record, &error), error);
    assert_memory_equal(&record.user.id, &bob, sizeof bob);
    assert_null(record.password_hash);
    assert_null(record.user.first_name);
    assert_null(record.user.city);
    for (size_t i = 0; i < MESSAGES; i++) {
        assert_ok(archive_reader_next(reader, &record, &error), error);
        assert_int_equal(record.tag, ARCHIVE_MESSAGE);
        check_message(&record.message, &messages[i]);
    }
    assert_ok(archive_reader_next(reader, &record, &error), error);
    assert_int_equal(record.tag, ARCHIVE_END);
    assert_int_equal(archive_reader_offset(reader), bytes->size);
    archive_reader_free(reader);
}

static void comes_back_as_it_went(void **state)
{
    (void)state;
    struct bytes bytes;
    write_archive(&bytes);
    read_all(&bytes);
    bytes.piece = 1;
    read_all(&bytes);
    bytes.piece = 7;
    read_all(&bytes);
}

static void begins_with_its_name(void **state)
{
    (void)state;
    struct bytes bytes;
    write_archive(&bytes);
    assert_memory_equal(bytes.data, "\x84\xa5magic\xaf" ARCHIVE_MAGIC, 23);
}

/* ---- Damage ---- */

static void every_truncation_is_noticed(void **state)
{
    (void)state;
    struct bytes bytes;
    write_archive(&bytes);
    size_t whole = bytes.size;
    for (bytes.size = 0; bytes.size < whole; bytes.size++)
        assert_int_equal(read_archive(&bytes, NULL, 0), DLG_E_ARCHIVE);
    assert_int_equal(read_archive(&bytes, NULL, 0), DLG_OK);
}

static void every_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct bytes bytes;
    write_archive(&bytes);
    for (size_t i = 0; i < bytes.size * 8; i++) {
        bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
        assert_int_equal(read_archive(&bytes, NULL, 0), DLG_E_ARCHIVE);
        bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
    }
    assert_int_equal(read_archive(&bytes, NULL, 0), DLG_OK);
}

static void what_follows_the_end_is_noticed(void **state)
{
    (void)state;
    struct bytes bytes;
    char why[256];
    write_archive(&bytes);
    bytes.data[bytes.size++] = 0;
    assert_int_equal(read_archive(&bytes, why, sizeof why), DLG_E_ARCHIVE);
    assert_non_null(strstr(why, "something follows"));
}

static void damage_is_named_by_its_place(void **state)
{
    (void)state;
    struct bytes bytes;
    char why[256], expected[64];
    write_archive(&bytes);
    char *second = memmem(bytes.data, bytes.size, "\x99\x01\xc4\x10\x09", 5);
    assert_non_null(second);
    *second = (char)0xc1;
    snprintf(expected, sizeof expected, "at byte %zu:", (size_t)(second - bytes.data));
    assert_int_equal(read_archive(&bytes, why, sizeof why), DLG_E_ARCHIVE);
    assert_non_null(strstr(why, expected));
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    static const char *const foreign[] = {"",
                                          "hello\n",
                                          "\x1f\x8b\x08",
                                          "PK\x03\x04",
                                          "\x80",
                                          "\x81\xa5magic\xa3zip",
                                          "\x93\x01\x02\x03",
                                          "{\"magic\": \"dialogs-archive\"}"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        struct bytes bytes = {.size = strlen(foreign[i])};
        char why[256];
        memcpy(bytes.data, foreign[i], bytes.size);
        assert_int_equal(read_archive(&bytes, why, sizeof why), DLG_E_ARCHIVE);
        assert_non_null(strstr(why, "not an archive"));
    }
}

static void later_formats_are_refused(void **state)
{
    (void)state;
    struct bytes bytes;
    char why[256];
    write_archive(&bytes);
    char *format = memmem(bytes.data, bytes.size, "format\x01", 7);
    assert_non_null(format);
    format[6] = 2;
    assert_int_equal(read_archive(&bytes, why, sizeof why), DLG_E_ARCHIVE);
    assert_non_null(strstr(why, "later version"));
}

/* Puts a right checksum under whatever the bytes are. */
static void sign(struct bytes *bytes)
{
    bytes->size -= 34;
    unsigned char hash[32];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)bytes->data, bytes->size, NULL, 0);
    memcpy(bytes->data + bytes->size + 2, hash, sizeof hash);
    bytes->size += 34;
}

/* Values that no writer makes, under a checksum that is right. */
static void wrong_values_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        size_t length;
        const char *to;
    } changes[] = {
        {"\x93\x00\x02\x04", 4, "\x93\x00\x03\x04"},         /* the count of users */
        {"\x93\x00\x02\x04", 4, "\x93\x00\x02\x05"},         /* the count of messages */
        {"\x99\x01\xc4\x10\x09", 5, "\x99\x03\xc4\x10\x09"}, /* an unknown tag */
        {"\x99\x01\xc4\x10\x09", 5, "\x99\x02\xc4\x10\x09"}, /* a user as a message */
        {"na\xc3\xafve", 6, "na\xc3ive"},                    /* not UTF-8 */
        {"na\xc3\xafve", 6, "na\0ive"},                      /* NUL */
        {"1990", 4, "1\0!0"},                                /* NUL where a string ends with one */
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bytes bytes;
        write_archive(&bytes);
        char *place = memmem(bytes.data, bytes.size, changes[i].from, changes[i].length);
        assert_non_null(place);
        memcpy(place, changes[i].to, changes[i].length);
        sign(&bytes);
        assert_int_equal(read_archive(&bytes, NULL, 0), DLG_E_ARCHIVE);
    }
    struct bytes untouched;
    write_archive(&untouched);
    sign(&untouched);
    assert_int_equal(read_archive(&untouched, NULL, 0), DLG_OK);
}

/* ---- Lengths that lie ---- */

/* From here on no more than 64 MiB can be allocated. */
static void limit_memory(struct rlimit *before)
{
    char line[64];
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_int_equal(getrlimit(RLIMIT_AS, before), 0);
    struct rlimit tight = *before;
    tight.rlim_cur = strtoul(line, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + 64 * 1024 * 1024;
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
}

static void lying_lengths_allocate_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } lies[] = {
        {"\xdb\xff\xff\xff\xff", 5},
        {"\xc6\xff\xff\xff\xff", 5},
        {"\xc9\xff\xff\xff\xff\x01", 6},
        {"\xdd\xff\xff\xff\xff", 5},
        {"\xdf\xff\xff\xff\xff", 5},
        {"\xdc\xff\xff", 3},
        {"\xde\xff\xff", 3},
        {"\xdd\x0f\xff\xff\xff\xc0", 6},
        {"\xdb\x04\xff\xff\xff", 5},
        {"\x93\x02\xdb\x7f\xff\xff\xff", 7},
        {"\x97\x02\x01\xc6\x04\x00\x00\x00", 8},
    };
    struct rlimit before;
    limit_memory(&before);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bytes bytes;
        write_archive(&bytes);
        char *record = memmem(bytes.data, bytes.size, "\x99\x01\xc4\x10\x01", 5);
        assert_non_null(record);
        memcpy(record, lies[i].bytes, lies[i].length);
        bytes.size = (size_t)(record - bytes.data) + lies[i].length;
        assert_int_equal(read_archive(&bytes, NULL, 0), DLG_E_ARCHIVE);
    }
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

static void scan_tells_lengths(void **state)
{
    (void)state;
    size_t size;
    assert_int_equal(archive_scan("", 0, &size), ARCHIVE_SCAN_SHORT);
    assert_int_equal(archive_scan("\xc1", 1, &size), ARCHIVE_SCAN_BAD);
    assert_int_equal(archive_scan("\x92\x01\xa2hi\xc0", 6, &size), ARCHIVE_SCAN_WHOLE);
    assert_int_equal(size, 5);
    assert_int_equal(archive_scan("\x92\x01\xa2h", 4, &size), ARCHIVE_SCAN_SHORT);
    assert_int_equal(size, 5);
    assert_int_equal(archive_scan("\x91\x91\x01", 3, &size), ARCHIVE_SCAN_BAD);
    assert_int_equal(archive_scan("\x81\xa1k\x80", 4, &size), ARCHIVE_SCAN_BAD);
}

/* Every first byte, against msgpack-c itself. */
static void scan_agrees_with_msgpack(void **state)
{
    (void)state;
    char bytes[256] = {0};
    for (int first = 0; first < 256; first++) {
        bytes[0] = (char)first;
        size_t size = 0, used = 0;
        enum archive_scan found = archive_scan(bytes, sizeof bytes, &size);
        msgpack_unpacked object;
        msgpack_unpacked_init(&object);
        msgpack_unpack_return result = msgpack_unpack_next(&object, bytes, sizeof bytes, &used);
        assert_int_equal(found == ARCHIVE_SCAN_WHOLE, result == MSGPACK_UNPACK_SUCCESS);
        if (found == ARCHIVE_SCAN_WHOLE)
            assert_int_equal(size, used);
        msgpack_unpacked_destroy(&object);
    }
}

/* ---- Files that fail ---- */

static ssize_t read_error(void *payload, char *to, size_t room)
{
    (void)payload;
    (void)to;
    (void)room;
    errno = EIO;
    return -1;
}

static void failing_files_are_said(void **state)
{
    (void)state;
    struct archive_reader *reader = archive_reader_new(read_error, NULL);
    struct archive_record record;
    dlg_error *error = NULL;
    assert_int_equal(archive_reader_next(reader, &record, &error), DLG_E_FILE);
    assert_non_null(strstr(dlg_error_message(error), strerror(EIO)));
    dlg_error_free(error);
    archive_reader_free(reader);

    error = NULL;
    struct archive_writer *writer = archive_writer_new(-1, 0);
    assert_int_equal(archive_writer_end(writer, &error), DLG_E_FILE);
    dlg_error_free(error);
    archive_writer_free(writer);
}

static void too_large_a_row_is_refused(void **state)
{
    (void)state;
    dlg_message message = messages[0];
    message.length = ARCHIVE_OBJECT_LIMIT;
    char *large = calloc(1, message.length);
    assert_non_null(large);
    message.text = large;
    struct archive_writer *writer = archive_writer_new(-1, 0);
    assert_int_equal(archive_writer_message(writer, &message, NULL), DLG_E_TOO_LARGE);
    archive_writer_free(writer);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(begins_with_its_name),
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(what_follows_the_end_is_noticed),
        cmocka_unit_test(damage_is_named_by_its_place),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(later_formats_are_refused),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(lying_lengths_allocate_nothing),
        cmocka_unit_test(scan_tells_lengths),
        cmocka_unit_test(scan_agrees_with_msgpack),
        cmocka_unit_test(failing_files_are_said),
        cmocka_unit_test(too_large_a_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
