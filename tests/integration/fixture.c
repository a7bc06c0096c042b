#include "fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- Life ----------------------------------------------------------------------------------- */

int fixture_open_with(void **state, const struct test_server_options *options)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->server = test_server_start(options);
    *state = fixture;
    if (!fixture->server)
        return -1;
    fixture->sql = sql_connect(test_server_conninfo_admin(fixture->server));
    char keys[256]; /* not in the home of who runs the tests */
    snprintf(keys, sizeof keys, "%s/token.keys", test_server_directory(fixture->server));
    setenv("DLG_TOKEN_KEY_FILE", keys, 1);
    return 0;
}

int fixture_install(void **state)
{
    if (fixture_open_with(state, NULL) < 0)
        return -1;
    client_close(client_open(test_server_conninfo(((struct fixture *)*state)->server), ""));
    return 0;
}

int fixture_open(void **state)
{
    if (fixture_open_with(state, NULL) < 0)
        return -1;
    struct fixture *fixture = *state;
    fixture->client = client_open(test_server_conninfo(fixture->server), "");
    return 0;
}

int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->client)
        client_close(fixture->client);
    PQfinish(fixture->sql);
    for (int slot = 0; slot < LATE_MOST; slot++)
        PQfinish(fixture->late[slot]);
    test_server_free(fixture->server);
    free(fixture);
    return 0;
}

const char *fixture_empty(struct fixture *fixture)
{
    sql_run(fixture->sql, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public");
    return test_server_conninfo_admin(fixture->server);
}

/* ---- Clients -------------------------------------------------------------------------------- */

static void settings_add(dlg_settings *settings, const char *pairs)
{
    char *copy = strdup(pairs), *rest = copy, *pair;
    while ((pair = strsep(&rest, " "))) {
        dlg_error *error = NULL;
        char *name = strsep(&pair, "=");
        if (*name)
            assert_ok(dlg_settings_set(settings, name, pair, &error), error);
    }
    free(copy);
}

int client_try(dlg_client **client, const char *conninfo, const char *pairs, dlg_error **error)
{
    dlg_settings *settings = dlg_settings_new();
    settings_add(settings, "hash_memory_kib=8 hash_operations=1 timeout_ms=30000");
    settings_add(settings, pairs);
    int code = dlg_open(client, conninfo, settings, error);
    dlg_settings_free(settings);
    return code;
}

dlg_client *client_open(const char *conninfo, const char *settings)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    assert_ok(client_try(&client, conninfo, settings, &error), error);
    assert_non_null(client);
    return client;
}

void client_close(dlg_client *client)
{
    size_t undelivered = 1;
    assert_int_equal(dlg_close(&undelivered, client, 0), DLG_OK);
    assert_int_equal(undelivered, 0);
}

dlg_stats client_stats(dlg_client *client)
{
    dlg_stats stats = DLG_STATS_INIT;
    assert_int_equal(dlg_stats_get(&stats, client), DLG_OK);
    return stats;
}

/* ---- Users and messages --------------------------------------------------------------------- */

struct pair pair_new(void)
{
    struct pair pair;
    dlg_uuid_random(&pair.ann);
    dlg_uuid_random(&pair.ben);
    return pair;
}

dlg_receipt send_text(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text)
{
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    dlg_error *error = NULL;
    assert_ok(dlg_send(&receipt, client, author, recipient, text, DLG_NTS, NULL, &error), error);
    return receipt;
}

dlg_page *list_newest(dlg_client *client, const struct pair *pair, int32_t limit)
{
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = limit;
    assert_ok(dlg_list(&page, client, &pair->ann, &pair->ben, &options, &error), error);
    return page;
}

void assert_text(const dlg_message *message, const char *text)
{
    assert_non_null(message);
    assert_int_equal(message->length, strlen(text));
    assert_memory_equal(message->text, text, message->length + 1);
}

/* ---- SQL ------------------------------------------------------------------------------------ */

PGconn *sql_connect(const char *conninfo)
{
    PGconn *sql = PQconnectdb(conninfo);
    if (PQstatus(sql) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(sql));
    PQclear(PQexec(sql, "SET client_min_messages = warning"));
    return sql;
}

static PGresult *sql_execute(PGconn *sql, const char *format, va_list arguments)
{
    char *text;
    assert_true(vasprintf(&text, format, arguments) >= 0);
    PGresult *result = PQexec(sql, text);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(sql));
    free(text);
    return result;
}

void sql_run(PGconn *sql, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    PQclear(sql_execute(sql, format, arguments));
    va_end(arguments);
}

int64_t sql_number(PGconn *sql, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    PGresult *result = sql_execute(sql, format, arguments);
    va_end(arguments);
    assert_int_equal(PQntuples(result), 1);
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

const char *sql_text(PGconn *sql, const char *format, ...)
{
    static char text[8192];
    va_list arguments;
    va_start(arguments, format);
    PGresult *result = sql_execute(sql, format, arguments);
    va_end(arguments);
    text[0] = '\0';
    for (int row = 0; row < PQntuples(result); row++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s", row ? "\n" : "", PQgetvalue(result, row, 0));
    }
    PQclear(result);
    return text;
}

const char *sql_shape(PGconn *sql)
{
    return sql_text(sql, "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
                         "SELECT format('%%s.%%s %%s %%s %%s %%s', c.relname, a.attname, "
                         "format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, "
                         "pg_get_expr(d.adbin, d.adrelid)) AS line "
                         "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' "
                         "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
                         "WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped "
                         "UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' "
                         "UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
                         "WHERE connamespace = 'public'::regnamespace) lines");
}

void late_begin(struct fixture *fixture, int slot, const char *format, ...)
{
    char sql[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    assert_null(fixture->late[slot]);
    fixture->late[slot] = sql_connect(test_server_conninfo_admin(fixture->server));
    sql_run(fixture->late[slot], "BEGIN");
    sql_run(fixture->late[slot], "%s", sql);
}

void late_commit(struct fixture *fixture, int slot)
{
    if (!fixture->late[slot])
        return;
    sql_run(fixture->late[slot], "COMMIT");
    PQfinish(fixture->late[slot]);
    fixture->late[slot] = NULL;
}

void late_commit_all(struct fixture *fixture)
{
    for (int slot = 0; slot < LATE_MOST; slot++)
        late_commit(fixture, slot);
}

void lock_table(struct fixture *fixture)
{
    sql_run(fixture->sql, "BEGIN; LOCK TABLE dialogs IN EXCLUSIVE MODE");
}

void unlock_table(struct fixture *fixture)
{
    sql_run(fixture->sql, "COMMIT");
}

void wait_for_lock(struct fixture *fixture)
{
    while (!sql_number(fixture->sql, "SELECT count(*) FROM pg_locks WHERE NOT granted"))
        pause_ms(2);
}

void wait_until_idle(struct fixture *fixture)
{
    while (sql_number(fixture->sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'libdialogs' "
                                    "AND state <> 'idle'"))
        pause_ms(5);
}

const char *uuid_text(const dlg_uuid *uuid)
{
    static char texts[4][DLG_UUID_TEXT_SIZE];
    static unsigned next;
    char *text = texts[next++ % 4];
    dlg_uuid_format(text, uuid);
    return text;
}

/* ---- Time and processes --------------------------------------------------------------------- */

void tally_note(dlg_reply *reply, void *payload)
{
    struct tally *tally = payload;
    tally->stored += dlg_reply_code(reply) == DLG_OK;
    dlg_reply_free(reply);
    tally->replies++;
}

void pause_ms(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

int64_t now_us(void)
{
    return clock_monotonic_us();
}

static _Noreturn void self_run(const char *const *arguments, int output)
{
    enum { MOST = 16 };
    char program[4096] = ""; /* read here: valgrind knows its name, but does not run /proc/self/exe */
    const char *all[MOST + 2] = {program};
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        _exit(127);
    for (int i = 0; arguments[i] && i < MOST; i++)
        all[i + 1] = arguments[i];
    dup2(output, STDOUT_FILENO);
    execv(all[0], (char *const *)(uintptr_t)all);
    _exit(127);
}

pid_t self_start(const char *const *arguments, int *output)
{
    int ends[2];
    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        self_run(arguments, ends[1]);
    close(ends[1]);
    *output = ends[0];
    return pid;
}

int self_wait(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
