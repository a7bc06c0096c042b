/* Dump and restore: damage, files and servers that fail. */
#include "check.h"
#include "database.h"
#include "pair.h"

#include <dialogs.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void flip(int fd, off_t at)
{
    char byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte = (char)~byte;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void check_damaged(int fd, const char *where)
{
    dlg_error *error = NULL;
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(dlg_restore(pair.second, fd, NULL, NULL, &error), DLG_E_ARCHIVE);
    if (!strstr(dlg_error_message(error), where))
        fail_msg("\"%s\" does not say \"%s\"", dlg_error_message(error), where);
    assert_int_equal(dlg_error_retriable(error), 0);
    dlg_error_free(error);
}

static void damage_is_met_and_said(void **state)
{
    int fd = *(int *)*state;
    pair_fill(12000);
    pair_dump(fd);
    off_t size = lseek(fd, 0, SEEK_END);
    static const off_t places[] = {0, 5, 30, 100, 1000, 100000, 500000};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        flip(fd, places[i]);
        check_damaged(fd, "byte ");
        flip(fd, places[i]);
    }
    flip(fd, size - 1);
    check_damaged(fd, "checksum");
    flip(fd, size - 1);
    static const off_t cuts[] = {1, 33, 34, 40, 100000};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        char rest[100000];
        assert_int_equal(pread(fd, rest, (size_t)cuts[i], size - cuts[i]), cuts[i]);
        assert_int_equal(ftruncate(fd, size - cuts[i]), 0);
        check_damaged(fd, "too early");
        assert_int_equal(pwrite(fd, rest, (size_t)cuts[i], size - cuts[i]), cuts[i]);
    }
    assert_int_equal(pwrite(fd, "x", 1, size), 1);
    check_damaged(fd, "follows");
    assert_int_equal(ftruncate(fd, size), 0);
    /* Nothing of a damaged file was stored. */
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs"), 0);
    lseek(fd, 0, SEEK_SET);
    pair_restore(fd);
    pair_check_same();
}

struct flow {
    int fd;
    const char *bytes;
    size_t size;
};

static void *write_flow(void *payload)
{
    struct flow *flow = payload;
    ssize_t written = 1;
    while (flow->size > 0 && (written = write(flow->fd, flow->bytes, flow->size)) > 0) {
        flow->bytes += written;
        flow->size -= (size_t)written;
    }
    close(flow->fd);
    return NULL;
}

/* From a pipe the damage is met on the way: whole chunks before it stay. */
static void damage_in_a_pipe_is_met_on_the_way(void **state)
{
    int fd = *(int *)*state;
    pair_fill(25000);
    pair_dump(fd);
    off_t size = lseek(fd, 0, SEEK_END);
    char *bytes = malloc((size_t)size);
    assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
    bytes[size - 40000] = (char)0xc1;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct flow flow = {ends[1], bytes, (size_t)size};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_flow, &flow), 0);
    dlg_error *error = NULL;
    assert_int_equal(dlg_restore(pair.second, ends[0], NULL, NULL, &error), DLG_E_ARCHIVE);
    dlg_error_free(error);
    close(ends[0]);
    pthread_join(writer, NULL);
    free(bytes);
    assert_int_equal(database_number(pair.second_conninfo, "SELECT count(*) FROM dialogs"), 20000);
    lseek(fd, 0, SEEK_SET);
    pair_restore(fd);
    pair_check_same();
}

static void what_is_no_archive_is_refused(void **state)
{
    int fd = *(int *)*state;
    check_damaged(fd, "not an archive");
    assert_int_equal(pwrite(fd, "PGDMP\x01\x0e", 7, 0), 7);
    check_damaged(fd, "not an archive");
    assert_int_equal(dlg_restore(pair.second, -1, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_dump(pair.first, -1, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_dump(NULL, fd, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_restore(NULL, fd, NULL, NULL, NULL), DLG_E_ARGUMENT);
}

/* ---- Files and servers that fail ---- */

static void files_that_fail_are_said(void **state)
{
    (void)state;
    dlg_error *error = NULL;
    int full = open("/dev/full", O_RDWR);
    assert_true(full >= 0);
    assert_int_equal(dlg_dump(pair.first, full, NULL, NULL, &error), DLG_E_FILE);
    assert_non_null(strstr(dlg_error_message(error), "No space left"));
    dlg_error_free(error);
    close(full);
    error = NULL;
    int directory = open("/", O_RDONLY | O_DIRECTORY);
    assert_int_equal(dlg_restore(pair.second, directory, NULL, NULL, &error), DLG_E_FILE);
    dlg_error_free(error);
    close(directory);
}

static void another_users_table_is_said(void **state)
{
    int fd = *(int *)*state;
    dlg_error *error = NULL;
    database_execute(pair.first_conninfo, "ALTER TABLE users RENAME COLUMN city TO town");
    assert_int_equal(dlg_dump(pair.first, fd, NULL, NULL, &error), DLG_E_SCHEMA);
    database_execute(pair.first_conninfo, "ALTER TABLE users RENAME COLUMN town TO city");
    assert_non_null(strstr(dlg_error_message(error), "city"));
    dlg_error_free(error);
}

/* A role from which row-level security hides rows gets no dump; one that may see all does. */
static void rows_that_are_hidden_are_said(void **state)
{
    int fd = *(int *)*state;
    char conninfo[600];
    dlg_client *reader = NULL;
    dlg_error *error = NULL;
    pair_fill(100);
    database_execute(pair.first_conninfo,
                     "CREATE ROLE reader LOGIN; GRANT SELECT ON dialogs, users, dlg_schema TO reader; "
                     "ALTER TABLE dialogs ENABLE ROW LEVEL SECURITY; "
                     "CREATE POLICY even_ids ON dialogs TO reader USING (id % 2 = 0)");
    snprintf(conninfo, sizeof conninfo, "%s user=reader", pair.first_conninfo);
    assert_ok(dlg_open(&reader, conninfo, NULL, &error), error);
    assert_int_equal(dlg_dump(reader, fd, NULL, NULL, &error), DLG_E_DATABASE);
    assert_string_equal(dlg_error_sqlstate(error), "42501");
    assert_non_null(strstr(dlg_error_message(error), "row-level security"));
    dlg_error_free(error);
    error = NULL;
    assert_int_equal(ftruncate(fd, 0), 0);
    lseek(fd, 0, SEEK_SET);
    database_execute(pair.first_conninfo, "ALTER ROLE reader BYPASSRLS");
    assert_ok(dlg_dump(reader, fd, NULL, NULL, &error), error);
    assert_int_equal(dlg_close(NULL, reader, 0), DLG_OK);
    lseek(fd, 0, SEEK_SET);
    pair_restore(fd);
    pair_check_same();
    database_execute(pair.first_conninfo,
                     "DROP POLICY even_ids ON dialogs; ALTER TABLE dialogs DISABLE ROW LEVEL SECURITY; "
                     "DROP OWNED BY reader; DROP ROLE reader");
}

static int kill_servers_processes(const dlg_progress *progress, void *payload)
{
    (void)payload;
    if (progress->messages > 0)
        database_execute(pair.second_conninfo,
                         "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                         "query LIKE 'SELECT id, user_id, to_user_id%' AND pid <> pg_backend_pid()");
    return 0;
}

static void a_lost_connection_ends_a_dump(void **state)
{
    int fd = *(int *)*state;
    dlg_error *error = NULL;
    pair_fill(200000);
    assert_int_equal(dlg_dump(pair.first, fd, kill_servers_processes, NULL, &error), DLG_E_UNAVAILABLE);
    dlg_error_free(error);
    check_damaged(fd, "too early");
}

#define ARCHIVE_TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARCHIVE_TEST(damage_is_met_and_said),        ARCHIVE_TEST(damage_in_a_pipe_is_met_on_the_way),
        ARCHIVE_TEST(what_is_no_archive_is_refused), ARCHIVE_TEST(files_that_fail_are_said),
        ARCHIVE_TEST(rows_that_are_hidden_are_said), ARCHIVE_TEST(another_users_table_is_said),
        ARCHIVE_TEST(a_lost_connection_ends_a_dump),
    };
    return cmocka_run_group_tests(tests, pair_group_setup, pair_group_teardown);
}
