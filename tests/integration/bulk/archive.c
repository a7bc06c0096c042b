/* Dump and restore: real texts byte for byte, odd rows, another reader, one moment, bounded memory. */
#include "check.h"
#include "child.h"
#include "corpus.h"
#include "database.h"
#include "pair.h"

#include <dialogs.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void load_texts(const struct corpus *corpus)
{
    dlg_error *error = NULL;
    dlg_loader *loader = NULL;
    assert_ok(dlg_loader_open(&loader, pair.first, &error), error);
    for (size_t i = 0; i < corpus->count; i++) {
        dlg_message_input message = {.version = DLG_MESSAGE_INPUT_VERSION,
                                     .author = {{1, (uint8_t)i}},
                                     .recipient = {{2, (uint8_t)(i / 7)}},
                                     .updated_us = i % 3 ? 0 : INT64_C(1700000000000001),
                                     .text = corpus->texts[i],
                                     .length = strlen(corpus->texts[i])};
        int code = dlg_loader_message(loader, &message, &error);
        if (code != DLG_E_TOO_LARGE)
            assert_ok(code, error);
        dlg_error_free(error);
        error = NULL;
    }
    assert_ok(dlg_loader_flush(loader, &error), error);
    dlg_loader_free(loader);
}

static void create_users(void)
{
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid id;
    user.first_name = "Анна\n";
    user.second_name = "O'Neill \"\\";
    user.birthdate = "1999-12-31";
    user.biography = "";
    user.city = "Ulm";
    assert_ok(dlg_user_create(&id, pair.first, &user, "a password", DLG_NTS, &error), error);
    user = (dlg_user)DLG_USER_INIT;
    assert_ok(dlg_user_create(&id, pair.first, &user, "another", DLG_NTS, &error), error);
}

/* ---- What goes in comes out ---- */

static void real_texts_come_back(void **state)
{
    int fd = *(int *)*state;
    struct corpus corpus = {0};
    corpus_add_fortunes(&corpus, 200);
    assert_true(corpus.count > 10000);
    corpus_add_naughty(&corpus);
    load_texts(&corpus);
    create_users();
    pair_dump(fd);
    pair_restore(fd);
    pair_check_same();
    assert_true(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs") > (int64_t)corpus.count - 20);
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM users WHERE city = 'Ulm'"), 1);
    print_message("%zu texts\n", corpus.count);
    corpus_free(&corpus);
}

/* What an existing table may hold that no dlg_send() would take. */
static void odd_rows_come_back(void **state)
{
    int fd = *(int *)*state;
    database_execute(
        pair.first_conninfo,
        "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date, update_date) VALUES "
        "(1, '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', '', now(), NULL),"
        "(-7, gen_random_uuid(), gen_random_uuid(), repeat('long', 100000), 'infinity', '-infinity'),"
        "(9223372036854775807, gen_random_uuid(), gen_random_uuid(), 'x', '4713-01-01 BC', '290000-12-31'),"
        "(3, gen_random_uuid(), gen_random_uuid(), 'before 1970', '1969-12-31 23:59:59.999999+00', "
        "'1970-01-01 00:00:00.000001+00')");
    database_execute(pair.first_conninfo,
                     "INSERT INTO users (id, password_hash) VALUES (gen_random_uuid(), 'md5 of long ago')");
    database_execute(pair.first_conninfo, "INSERT INTO users VALUES (gen_random_uuid(), '', '', NULL, '0001-01-01', "
                                          "repeat('b', 200000), 'c', 'infinity'), "
                                          "(gen_random_uuid(), '', '', NULL, '9999-12-31', NULL, NULL, now())");
    pair_dump(fd);
    pair_restore(fd);
    pair_check_same();
}

static void nothing_comes_back_as_nothing(void **state)
{
    int fd = *(int *)*state;
    pair_dump(fd);
    pair_restore(fd);
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM users"), 0);
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs"), 0);
}

struct seen {
    dlg_progress last;
    int calls;
    int stop_at; /* the call that stops; 0: none */
};

static int see(const dlg_progress *progress, void *payload)
{
    struct seen *seen = payload;
    assert_true(progress->messages >= seen->last.messages && progress->bytes >= seen->last.bytes);
    seen->last = *progress;
    return ++seen->calls == seen->stop_at;
}

static void a_second_restore_skips_everything(void **state)
{
    int fd = *(int *)*state;
    dlg_error *error = NULL;
    struct seen seen = {0};
    pair_fill(25000);
    create_users();
    pair_dump(fd);
    pair_restore(fd);
    assert_ok(dlg_restore(pair.second, fd, see, &seen, &error), error);
    assert_int_equal(seen.last.messages, 25000);
    assert_int_equal(seen.last.users, 2);
    assert_int_equal(seen.last.skipped, 25002);
    pair_check_same();
}

static void a_restore_tells_of_other_messages(void **state)
{
    int fd = *(int *)*state;
    dlg_error *error = NULL;
    struct seen seen = {0};
    pair_fill(25000);
    pair_dump(fd);
    pair_restore(fd);
    database_execute(pair.second_conninfo, "UPDATE dialogs SET text = 'other' WHERE id IN "
                                           "(SELECT id FROM dialogs ORDER BY id LIMIT 7)");
    database_execute(pair.second_conninfo, "DELETE FROM dialogs WHERE id IN "
                                           "(SELECT id FROM dialogs ORDER BY id DESC LIMIT 9)");
    assert_int_equal(dlg_restore(pair.second, fd, see, &seen, &error), DLG_E_EXISTS);
    assert_non_null(strstr(dlg_error_message(error), "7 messages were not loaded"));
    dlg_error_free(error);
    assert_int_equal(seen.last.conflicts, 7);
    assert_int_equal(seen.last.skipped, 25000 - 7 - 9);
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs"), 25000);
}

static void progress_is_told(void **state)
{
    int fd = *(int *)*state;
    dlg_error *error = NULL;
    struct seen dumped = {0}, restored = {0};
    pair_fill(25000);
    assert_ok(dlg_dump(pair.first, fd, see, &dumped, &error), error);
    off_t size = lseek(fd, 0, SEEK_CUR);
    assert_true(dumped.calls >= 25);
    assert_int_equal(dumped.last.messages, 25000);
    assert_int_equal(dumped.last.total_messages, 25000);
    assert_int_equal(dumped.last.bytes, size);
    lseek(fd, 0, SEEK_SET);
    assert_ok(dlg_restore(pair.second, fd, see, &restored, &error), error);
    assert_true(restored.calls >= 25);
    assert_int_equal(restored.last.messages, 25000);
    assert_int_equal(restored.last.bytes, size);
    assert_int_equal(restored.last.total_bytes, size);
    assert_int_equal(restored.last.skipped, 0);
}

static void progress_can_stop_it(void **state)
{
    int fd = *(int *)*state;
    dlg_error *error = NULL;
    pair_fill(25000);
    struct seen seen = {.stop_at = 3};
    assert_int_equal(dlg_dump(pair.first, fd, see, &seen, &error), DLG_E_CANCELLED);
    assert_int_equal(seen.calls, 3);
    dlg_error_free(error);
    error = NULL;
    assert_int_equal(ftruncate(fd, 0), 0);
    lseek(fd, 0, SEEK_SET);
    pair_dump(fd);
    seen = (struct seen){.stop_at = 3}; /* while the file is looked at */
    assert_int_equal(dlg_restore(pair.second, fd, see, &seen, &error), DLG_E_CANCELLED);
    dlg_error_free(error);
    error = NULL;
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs"), 0);
    lseek(fd, 0, SEEK_SET);
    seen = (struct seen){.stop_at = 25 + 15}; /* after a chunk and a half */
    assert_int_equal(dlg_restore(pair.second, fd, see, &seen, &error), DLG_E_CANCELLED);
    dlg_error_free(error);
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs"), seen.last.messages);
    assert_int_equal(seen.last.messages, 10000);
    lseek(fd, 0, SEEK_SET);
    pair_restore(fd);
    pair_check_same();
}

/* ---- Another reader ---- */

/* One line for each row, as decode_archive.py prints it. */
static const char lines_sql[] =
    "SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM ("
    "SELECT concat_ws(' ', 'user', id, coalesce(hex(nullif(password_hash, '')), '-'), coalesce(hex(first_name), '-'), "
    "coalesce(hex(second_name), '-'), coalesce(hex(birthdate::text), '-'), coalesce(hex(biography), '-'), "
    "coalesce(hex(city), '-'), us(create_date)) AS line FROM users UNION ALL "
    "SELECT concat_ws(' ', 'message', id, user_id, to_user_id, hex(text), us(create_date), "
    "coalesce(us(update_date), '-')) FROM dialogs) AS lines";

static void another_program_reads_it(void **state)
{
    int fd = *(int *)*state;
    struct corpus corpus = {0};
    corpus_add_fortunes(&corpus, 20);
    corpus_add_naughty(&corpus);
    load_texts(&corpus);
    corpus_free(&corpus);
    create_users();
    database_execute(pair.first_conninfo, "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) VALUES "
                                          "(-3, gen_random_uuid(), gen_random_uuid(), '', '1969-12-31 23:59:59.5+00'), "
                                          "(4, gen_random_uuid(), gen_random_uuid(), 'later', '2700-01-01')");
    database_execute(pair.first_conninfo, "CREATE OR REPLACE FUNCTION hex(t text) RETURNS text LANGUAGE sql AS "
                                          "$$SELECT encode(convert_to(t, 'UTF8'), 'hex')$$;"
                                          "CREATE OR REPLACE FUNCTION us(t timestamptz) RETURNS text LANGUAGE sql AS "
                                          "$$SELECT (extract(epoch FROM t) * 1000000)::bigint::text$$");
    pair_dump(fd);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    struct child child = {0};
    child_run(&child, (const char *const[]){PYTHON, DECODE_ARCHIVE, path, NULL});
    if (child.status != 0)
        fail_msg("the decoder failed: %s", child.err);
    char *expected = database_text(pair.first_conninfo, lines_sql);
    assert_true(child.out_length > 0 && child.out[child.out_length - 1] == '\n');
    child.out[child.out_length - 1] = '\0';
    assert_true(strlen(expected) > 100000);
    assert_true(strcmp(child.out, expected) == 0);
    free(expected);
    child_free(&child);
}

/* The example in docs/archive.md does what it says. */
static void the_documented_example_reads_it(void **state)
{
    int fd = *(int *)*state;
    pair_fill(100);
    create_users();
    pair_dump(fd);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    struct child child = {0};
    static const char run[] = "import re, sys; page = open(sys.argv.pop(1)).read(); "
                              "exec(re.search('```python\\n(.*?)```', page, re.S)[1])";
    child_run(&child, (const char *const[]){PYTHON, "-c", run, ARCHIVE_PAGE, path, NULL});
    if (child.status != 0)
        fail_msg("the example failed: %s", child.err);
    size_t lines = 0;
    for (const char *c = child.out; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 100);
    assert_non_null(strstr(child.out, "text of message 42\n"));
    child_free(&child);
}

/* ---- One moment ---- */

static atomic_bool writing;

static void *write_pairs(void *payload)
{
    (void)payload;
    /* Two messages in one transaction: a dump has both or none. */
    while (atomic_load(&writing))
        database_execute(pair.first_conninfo, "WITH pair AS (SELECT gen_random_uuid() AS a, gen_random_uuid() AS b) "
                                              "INSERT INTO dialogs (user_id, to_user_id, text) "
                                              "SELECT a, b, 'pair' FROM pair UNION ALL SELECT b, a, 'pair' FROM pair");
    return NULL;
}

static void a_dump_is_of_one_moment(void **state)
{
    int fd = *(int *)*state;
    pthread_t writer;
    pair_fill(20000);
    atomic_store(&writing, true);
    assert_int_equal(pthread_create(&writer, NULL, write_pairs, NULL), 0);
    pair_dump(fd);
    pair_dump(fd);
    atomic_store(&writing, false);
    pthread_join(writer, NULL);
    pair_restore(fd);
    int64_t pairs = database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs WHERE text = 'pair'");
    assert_true(pairs > 0);
    assert_int_equal(database_number(pair.second_conninfo,
                                     "SELECT count(*) FROM dialogs x JOIN dialogs y ON x.user_id = y.to_user_id AND "
                                     "x.to_user_id = y.user_id WHERE x.text = 'pair'"),
                     pairs);
}

/* ---- From one database into another, through a pipe ---- */

static void *restore_from(void *payload)
{
    pair_restore(*(int *)payload);
    return NULL;
}

static void goes_through_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    pthread_t reader;
    dlg_error *error = NULL;
    pair_fill(30000);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0); /* as an event loop's would be */
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&reader, NULL, restore_from, &ends[0]), 0);
    assert_ok(dlg_dump(pair.first, ends[1], NULL, NULL, &error), error);
    close(ends[1]);
    pthread_join(reader, NULL);
    close(ends[0]);
    pair_check_same();
}

/* AddressSanitizer keeps what was freed for a while, 256 MiB of it if nobody minds. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8";
}

/* The most memory that this process had since peak_reset(), KiB. */
static long peak_kib(void)
{
    char line[128];
    long peak = 0;
    FILE *file = fopen("/proc/self/status", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    fclose(file);
    assert_true(peak > 0);
    return peak;
}

static long peak_reset(void)
{
    malloc_trim(0);
    FILE *file = fopen("/proc/self/clear_refs", "we");
    assert_non_null(file);
    assert_true(fputs("5", file) >= 0 && fclose(file) == 0);
    return peak_kib();
}

/* 120 MB of rows; the chunks are 8 MiB, and a sanitizer adds to what it watches. */
static void memory_is_bounded(void **state)
{
    (void)state;
    database_execute(pair.first_conninfo,
                     "INSERT INTO dialogs (user_id, to_user_id, text) SELECT gen_random_uuid(), "
                     "gen_random_uuid(), repeat('0123456789', 2000) FROM generate_series(1, 4000)");
    FILE *file = tmpfile();
    assert_non_null(file);
    int fd = fileno(file);
    long before = peak_reset();
    pair_dump(fd);
    pair_restore(fd);
    long grown = peak_kib() - before;
    fclose(file);
    print_message("%ld KiB more for 80 MB\n", grown);
    assert_true(grown < 60 * 1024);
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs"), 4000);
}

#define ARCHIVE_TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARCHIVE_TEST(real_texts_come_back),
        ARCHIVE_TEST(odd_rows_come_back),
        ARCHIVE_TEST(nothing_comes_back_as_nothing),
        ARCHIVE_TEST(a_second_restore_skips_everything),
        ARCHIVE_TEST(a_restore_tells_of_other_messages),
        ARCHIVE_TEST(progress_is_told),
        ARCHIVE_TEST(progress_can_stop_it),
        ARCHIVE_TEST(another_program_reads_it),
        ARCHIVE_TEST(the_documented_example_reads_it),
        ARCHIVE_TEST(a_dump_is_of_one_moment),
        ARCHIVE_TEST(goes_through_a_pipe),
        ARCHIVE_TEST(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, pair_group_setup, pair_group_teardown);
}
