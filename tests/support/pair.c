#include "pair.h"

#include "check.h"
#include "database.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct pair pair;

int pair_group_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    pair.server = test_server_start(NULL);
    if (!pair.server)
        return -1;
    dlg_error *error = NULL;
    snprintf(pair.first_conninfo, sizeof pair.first_conninfo, "%s", test_server_conninfo(pair.server));
    snprintf(pair.second_conninfo, sizeof pair.second_conninfo, "%s dbname=second", test_server_conninfo(pair.server));
    database_execute(pair.first_conninfo, "CREATE DATABASE second");
    assert_ok(dlg_open(&pair.first, pair.first_conninfo, NULL, &error), error);
    assert_ok(dlg_open(&pair.second, pair.second_conninfo, NULL, &error), error);
    return 0;
}

int pair_group_teardown(void **state)
{
    (void)state;
    dlg_close(NULL, pair.first, 0);
    dlg_close(NULL, pair.second, 0);
    test_server_free(pair.server);
    return 0;
}

int pair_setup(void **state)
{
    static int fd;
    database_execute(pair.first_conninfo, "TRUNCATE dialogs, users");
    database_execute(pair.second_conninfo, "TRUNCATE dialogs, users");
    fd = memfd_create("archive", 0);
    *state = &fd;
    return fd < 0;
}

int pair_teardown(void **state)
{
    return close(*(int *)*state);
}

void pair_fill(int count)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT (1::bigint << 60) + n, "
             "md5((n %% 10)::text)::uuid, md5((n %% 7)::text)::uuid, 'text of message ' || n, now() "
             "FROM generate_series(1, %d) n",
             count);
    database_execute(pair.first_conninfo, sql);
}

void pair_dump(int fd)
{
    dlg_error *error = NULL;
    assert_ok(dlg_dump(pair.first, fd, NULL, NULL, &error), error);
    lseek(fd, 0, SEEK_SET);
}

void pair_restore(int fd)
{
    dlg_error *error = NULL;
    assert_ok(dlg_restore(pair.second, fd, NULL, NULL, &error), error);
    lseek(fd, 0, SEEK_SET);
}

void pair_check_same(void)
{
    char *first = database_content(pair.first_conninfo);
    char *second = database_content(pair.second_conninfo);
    assert_string_equal(first, second);
    free(first);
    free(second);
}
