/* A real pgbouncer between the library and the server: session mode works; the others are named, and nothing leaks. */
#include "fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROLE "dialogs"

struct pooler {
    pid_t process;
    int port;
    char directory[64];
    char conninfo[128];
};

static struct fixture *servers;

/* ---- The pooler ----------------------------------------------------------------------------- */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void write_file(const struct pooler *pooler, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", pooler->directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0644);
}

static void configure(const struct pooler *pooler, const char *mode)
{
    char text[1024];
    snprintf(text, sizeof text,
             "[databases]\npostgres = host=127.0.0.1 port=%d user=" ROLE "\n"
             "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = trust\n"
             "auth_file = %s/users\nadmin_users = " ROLE "\npool_mode = %s\ndefault_pool_size = 20\n"
             "server_reset_query = DISCARD ALL\nserver_login_retry = 1\n",
             test_server_port(servers->server), pooler->port, pooler->directory, mode);
    write_file(pooler, "ini", text);
    write_file(pooler, "users", "\"" ROLE "\" \"\"\n");
}

/* It ends with this program, and does not run as root. */
static _Noreturn void run_pgbouncer(const struct pooler *pooler)
{
    char ini[80], log[80];
    snprintf(ini, sizeof ini, "%s/ini", pooler->directory);
    snprintf(log, sizeof log, "%s/log", pooler->directory);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("pgbouncer", "pgbouncer", ini, (char *)NULL);
    execl("/usr/sbin/pgbouncer", "pgbouncer", ini, (char *)NULL);
    _exit(127);
}

static void pooler_launch(struct pooler *pooler)
{
    pooler->process = fork();
    assert_true(pooler->process >= 0);
    if (pooler->process == 0)
        run_pgbouncer(pooler);
    for (int i = 0; i < 2000 && PQping(pooler->conninfo) != PQPING_OK; i++)
        pause_ms(5);
    assert_int_equal(PQping(pooler->conninfo), PQPING_OK);
}

static struct pooler pooler_start(const char *mode)
{
    struct pooler pooler = {.port = free_port(), .directory = "/tmp/dialogs-pgbouncer-XXXXXX"};
    assert_non_null(mkdtemp(pooler.directory));
    chmod(pooler.directory, 0755);
    snprintf(pooler.conninfo, sizeof pooler.conninfo, "host=127.0.0.1 port=%d dbname=postgres user=" ROLE, pooler.port);
    configure(&pooler, mode);
    pooler_launch(&pooler);
    return pooler;
}

/* A command of pgbouncer's console; PAUSE ends when the pool is idle, so nobody waits for it. */
static PGconn *console(const struct pooler *pooler, const char *command)
{
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d dbname=pgbouncer user=" ROLE, pooler->port);
    PGconn *conn = sql_connect(conninfo);
    assert_int_equal(PQsendQuery(conn, command), 1);
    PQflush(conn);
    return conn;
}

static void console_run(const struct pooler *pooler, const char *command)
{
    PGconn *conn = console(pooler, command);
    PGresult *result;
    while ((result = PQgetResult(conn))) {
        assert_string_equal(PQresultErrorMessage(result), "");
        PQclear(result);
    }
    PQfinish(conn);
}

/* At once, whoever is connected: SIGTERM does that until pgbouncer 1.22 only. */
static void pooler_end(struct pooler *pooler)
{
    PGconn *conn = console(pooler, "SHUTDOWN");
    assert_int_equal(waitpid(pooler->process, NULL, 0), pooler->process);
    PQfinish(conn);
}

static void pooler_stop(struct pooler *pooler)
{
    static const char *const names[] = {"ini", "users", "log"};
    char path[128];
    pooler_end(pooler);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", pooler->directory, names[i]);
        unlink(path);
    }
    rmdir(pooler->directory);
}

/* ---- What the library does through it -------------------------------------------------------- */

static void users_work(dlg_client *client, dlg_loader *loader)
{
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    dlg_users *users = NULL;
    dlg_uuid id;
    user.first_name = "Ann";
    user.second_name = "Pool";
    assert_ok(dlg_user_create(&id, client, &user, "password", DLG_NTS, &error), error);
    assert_ok(dlg_user_get(&users, client, &id, &error), error);
    assert_string_equal(dlg_users_at(users, 0)->second_name, "Pool");
    dlg_users_free(users);
    dlg_loader_free(loader);
}

static void loader_works(dlg_client *client, const struct pair *pair)
{
    dlg_error *error = NULL;
    dlg_loader *loader = NULL;
    dlg_progress progress = DLG_PROGRESS_INIT;
    dlg_message_input message = DLG_MESSAGE_INPUT_INIT;
    message.id = 12345;
    message.author = pair->ann;
    message.recipient = pair->ben;
    message.created_us = 1600000000000000;
    message.text = "loaded";
    message.length = strlen(message.text);
    assert_ok(dlg_loader_open(&loader, client, &error), error);
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    assert_ok(dlg_loader_progress(&progress, loader), error);
    assert_int_equal(progress.messages, 1);
    users_work(client, loader);
}

static void dump_works(dlg_client *client)
{
    dlg_error *error = NULL;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_ok(dlg_dump(client, fileno(file), NULL, NULL, &error), error);
    assert_true(lseek(fileno(file), 0, SEEK_END) > 100);
    lseek(fileno(file), 0, SEEK_SET);
    assert_ok(dlg_restore(client, fileno(file), NULL, NULL, &error), error);
    fclose(file);
}

static void assert_dialog(dlg_client *client, const struct pair *pair, size_t count)
{
    dlg_page *page = list_newest(client, pair, 50);
    assert_int_equal(dlg_page_count(page), count);
    dlg_page_free(page);
}

static void session_mode_works(void **state)
{
    struct pooler pooler = pooler_start("session");
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    (void)state;
    dlg_client *client = client_open(pooler.conninfo, "feed=on schema=install");
    for (int i = 0; i < 20; i++)
        send_text(client, &pair.ann, &pair.ben, "through the pool");
    assert_dialog(client, &pair, 20);
    assert_ok(dlg_feed(&page, client, &pair.ben, NULL, &error), error);
    assert_int_equal(dlg_page_count(page), 20);
    dlg_page_free(page);
    loader_works(client, &pair);
    assert_dialog(client, &pair, 21);
    dump_works(client);
    assert_dialog(client, &pair, 21);
    client_close(client);
    pooler_stop(&pooler);
}

/* Each session of the pool, one after the other, as another program finds it. */
static void assert_no_leak(const struct pooler *pooler, bool hold)
{
    PGconn *programs[8];
    for (int i = 0; i < 8; i++) {
        programs[i] = sql_connect(pooler->conninfo);
        if (hold) /* so that the next gets another session */
            sql_run(programs[i], "BEGIN");
        assert_int_equal(
            sql_number(programs[i],
                       "SELECT count(*) FROM pg_settings WHERE source = 'session' AND name IN "
                       "('plan_cache_mode', 'enable_seqscan', 'enable_bitmapscan', 'jit', 'lock_timeout')"),
            0);
    }
    for (int i = 0; i < 8; i++)
        PQfinish(programs[i]);
}

/* Also when the administrator has no reset query: the settings last as long as the transaction. */
static void settings_do_not_leak(void **state)
{
    struct pooler pooler = pooler_start("session");
    struct pair pair = pair_new();
    (void)state;
    dlg_client *client = client_open(pooler.conninfo, "");
    send_text(client, &pair.ann, &pair.ben, "hi");
    assert_dialog(client, &pair, 1);
    assert_int_equal(sql_number(servers->sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE "
                                              "'libdialogs%%'") >= 2,
                     1);
    client_close(client);
    assert_no_leak(&pooler, true);
    PGconn *other = sql_connect(pooler.conninfo);
    assert_int_equal(sql_number(other, "SELECT count(*) FROM pg_prepared_statements"), 0);
    PQfinish(other);
    pooler_stop(&pooler);
}

/* The settings do hold for what the library asks: a lock ends the wait at half of the deadline, by the server. */
static void settings_hold_behind_a_pooler(void **state)
{
    struct pooler pooler = pooler_start("session");
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    (void)state;
    dlg_client *client = client_open(pooler.conninfo, "timeout_ms=1000");
    lock_table(servers);
    assert_fails(dlg_send(NULL, client, &pair.ann, &pair.ben, "late", DLG_NTS, NULL, &error), DLG_E_TIMEOUT, error);
    pause_ms(200);
    assert_int_equal(sql_number(servers->sql, "SELECT count(*) FROM pg_locks WHERE NOT granted"), 0);
    unlock_table(servers);
    client_close(client);
    pooler_stop(&pooler);
}

static void reconnects(void **state)
{
    struct pooler pooler = pooler_start("session");
    struct pair pair = pair_new();
    (void)state;
    dlg_client *client = client_open(pooler.conninfo, "");
    send_text(client, &pair.ann, &pair.ben, "1");
    console_run(&pooler, "RECONNECT");
    send_text(client, &pair.ann, &pair.ben, "2");
    PGconn *paused = console(&pooler, "PAUSE"); /* waits for our sessions to end */
    send_text(client, &pair.ann, &pair.ben, "3");
    pause_ms(50);
    console_run(&pooler, "RESUME");
    PQfinish(paused);
    console_run(&pooler, "KILL postgres");
    console_run(&pooler, "RESUME postgres");
    send_text(client, &pair.ann, &pair.ben, "4");
    pooler_end(&pooler);
    pooler_launch(&pooler);
    send_text(client, &pair.ann, &pair.ben, "5");
    assert_true(test_server_restart(servers->server));
    send_text(client, &pair.ann, &pair.ben, "6");
    assert_dialog(client, &pair, 6);
    client_close(client);
    PQfinish(servers->sql);
    servers->sql = sql_connect(test_server_conninfo_admin(servers->server));
    pooler_stop(&pooler);
}

/* ---- The wrong modes ------------------------------------------------------------------------- */

static void assert_names_the_mode(dlg_error *error)
{
    if (dlg_error_code(error) != DLG_E_STATE || !strstr(dlg_error_message(error), "pool_mode=session"))
        fail_msg("%s: %s", dlg_code_name(dlg_error_code(error)), dlg_error_message(error));
    assert_false(dlg_error_retriable(error));
    dlg_error_free(error);
}

static void open_refuses(const char *mode)
{
    struct pooler pooler = pooler_start(mode);
    for (int i = 0; i < 5; i++) {
        dlg_error *error = NULL;
        dlg_client *client = NULL;
        int64_t before_us = now_us();
        assert_int_equal(client_try(&client, pooler.conninfo, "", &error), DLG_E_STATE);
        assert_true(now_us() - before_us < 5 * 1000000);
        assert_null(client);
        assert_names_the_mode(error);
    }
    assert_no_leak(&pooler, *mode == 't');
    pooler_stop(&pooler);
}

static void transaction_mode_is_named(void **state)
{
    (void)state;
    open_refuses("transaction");
}

static void statement_mode_is_named(void **state)
{
    (void)state;
    open_refuses("statement");
}

/*
 * A client that opens without waiting finds out by its own connections, as soon as one is given another session. Until
 * then all that it does is right. It pauses between attempts.
 */
static void a_lazy_client_names_it_too(void **state)
{
    struct pooler pooler = pooler_start("transaction");
    struct pair pair = pair_new();
    int named = 0, sent = 0, perhaps = 0;
    (void)state;
    dlg_client *client = client_open(pooler.conninfo, "open=lazy timeout_ms=2000");
    for (int i = 0; i < 40 && !named; i++) {
        dlg_error *error = NULL;
        dlg_page *page = NULL;
        int code = i % 2 ? dlg_send(NULL, client, &pair.ann, &pair.ben, "hi", DLG_NTS, NULL, &error)
                         : dlg_list(&page, client, &pair.ann, &pair.ben, NULL, &error);
        sent += i % 2 && code == DLG_OK;
        dlg_page_free(page);
        if (code == DLG_OK)
            continue;
        perhaps += i % 2 && dlg_error_fate(error) == DLG_FATE_POSSIBLY_WRITTEN;
        assert_names_the_mode(error);
        named++;
    }
    assert_int_equal(named, 1);
    int64_t stored =
        sql_number(servers->sql, "SELECT count(*) FROM dialogs WHERE user_id = '%s'", uuid_text(&pair.ann));
    assert_true(stored >= sent && stored <= sent + perhaps);
    assert_no_leak(&pooler, true);
    assert_true(client_stats(client).reconnects < 200);
    client_close(client);
    pooler_stop(&pooler);
}

static int open_all(void **state)
{
    if (fixture_open(state) != 0)
        return -1;
    servers = *state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_mode_works),
        cmocka_unit_test(settings_do_not_leak),
        cmocka_unit_test(settings_hold_behind_a_pooler),
        cmocka_unit_test(reconnects),
        cmocka_unit_test(transaction_mode_is_named),
        cmocka_unit_test(statement_mode_is_named),
        cmocka_unit_test(a_lazy_client_names_it_too),
    };
    return cmocka_run_group_tests(tests, open_all, fixture_close);
}
