/* fork(): the child has no client, and does the parent's no harm. */
#include "fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leaves a child whose copy of the parent's memory is not its to free: valgrind, which would count that, does not
 * follow. */
static _Noreturn void leave(int code)
{
    char command[32];
    snprintf(command, sizeof command, "exit %d", code);
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(255);
}

/* Runs `act` in a child; its result is 0, or the line that failed. */
static void in_child(int (*act)(void *), void *payload)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60); /* a child that hangs is a failure */
        leave(act(payload));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status))
        fail_msg("the child was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        fail_msg("the child failed in line %d", WEXITSTATUS(status));
}

#define CHECK(condition)               \
    do {                               \
        if (!(condition))              \
            return __LINE__ % 254 + 1; \
    } while (0)

struct inherited {
    dlg_client *client;
    dlg_iterator *iterator;
    const char *conninfo;
    struct pair pair;
};

static int is_forked(int code, dlg_error **error)
{
    int right = code == DLG_E_FORKED && dlg_error_code(*error) == code && *dlg_error_message(*error);
    dlg_error_free(*error);
    *error = NULL;
    return right;
}

static int call_everything(void *payload)
{
    struct inherited *inherited = payload;
    dlg_client *client = inherited->client;
    const dlg_uuid *ann = &inherited->pair.ann, *ben = &inherited->pair.ben;
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_users *users = NULL;
    dlg_iterator *iterator = NULL;
    const dlg_message *message;
    dlg_user user = DLG_USER_INIT;
    dlg_uuid who;
    dlg_stats stats = DLG_STATS_INIT;
    char *text = NULL;
    CHECK(is_forked(dlg_send(NULL, client, ann, ben, "x", 1, NULL, &error), &error));
    CHECK(is_forked(dlg_send_async(client, ann, ben, "x", 1, NULL, NULL, NULL, &error), &error));
    CHECK(is_forked(dlg_list(&page, client, ann, ben, NULL, &error), &error));
    CHECK(is_forked(dlg_list_async(client, ann, ben, NULL, NULL, NULL, &error), &error));
    CHECK(is_forked(dlg_iterate(&iterator, client, ann, ben, NULL, &error), &error));
    CHECK(!inherited->iterator || is_forked(dlg_iterator_next(&message, inherited->iterator, &error), &error));
    CHECK(is_forked(dlg_user_create(NULL, client, &user, "x", 1, &error), &error));
    CHECK(is_forked(dlg_user_get(&users, client, ann, &error), &error));
    CHECK(is_forked(dlg_user_search(&users, client, "", "", 1, &error), &error));
    CHECK(is_forked(dlg_user_set_password(client, ann, "x", 1, &error), &error));
    CHECK(is_forked(dlg_auth(&text, client, ann, "x", 1, &error), &error));
    CHECK(is_forked(dlg_token_issue(&text, client, ann, &error), &error));
    CHECK(is_forked(dlg_token_verify(&who, NULL, client, "x", 1, &error), &error));
    CHECK(is_forked(dlg_token_check(&who, NULL, client, "x", 1, &error), &error));
    CHECK(is_forked(dlg_token_revoke(client, "x", 1, &error), &error));
    CHECK(dlg_token_fresh(client, "x", 1) == 0);
    CHECK(is_forked(dlg_token_keys(NULL, NULL, client, &error), &error));
    CHECK(is_forked(dlg_ticket_issue(&text, client, ann, "x", 1, &error), &error));
    CHECK(is_forked(dlg_ticket_verify(&who, NULL, client, "x", 1, "x", &error), &error));
    CHECK(is_forked(dlg_token_rotate(client, &error), &error));
    CHECK(is_forked(dlg_password_hash(&text, client, "x", 1, &error), &error));
    CHECK(is_forked(dlg_schema_install(NULL, client, &error), &error));
    CHECK(dlg_stats_get(&stats, client) == DLG_E_FORKED);
    CHECK(!dlg_ready(client));
    CHECK(dlg_reply_fd(client) == -1);
    CHECK(!dlg_reply_next(client, -1));
    dlg_iterator_free(inherited->iterator);
    size_t undelivered = 7;
    CHECK(dlg_close(&undelivered, client, 0) == DLG_OK);
    CHECK(undelivered == 0);
    return 0;
}

static const char *sessions(struct fixture *fixture)
{
    return sql_text(fixture->sql, "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity "
                                  "WHERE application_name = 'libdialogs'");
}

static void the_child_is_told_and_the_parent_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct inherited inherited = {.client = fixture->client, .pair = pair_new()};
    char before[256];
    assert_int_equal(
        dlg_iterate(&inherited.iterator, fixture->client, &inherited.pair.ann, &inherited.pair.ben, NULL, NULL),
        DLG_OK);
    send_text(fixture->client, &inherited.pair.ann, &inherited.pair.ben, "before");
    snprintf(before, sizeof before, "%s", sessions(fixture));
    in_child(call_everything, &inherited);
    in_child(call_everything, &inherited);
    send_text(fixture->client, &inherited.pair.ann, &inherited.pair.ben, "after");
    dlg_page *page = list_newest(fixture->client, &inherited.pair, 5);
    assert_int_equal(dlg_page_count(page), 2);
    dlg_page_free(page);
    assert_string_equal(sessions(fixture), before);
    dlg_iterator_free(inherited.iterator);
}

static int close_client(void *payload)
{
    struct inherited *inherited = payload;
    CHECK(dlg_close(NULL, inherited->client, 0) == DLG_OK);
    return 0;
}

/* Wherever the I/O thread is just then. */
static void forking_in_the_middle_of_work_harms_nobody(void **state)
{
    enum { FORKS = 20, EACH = 200 };
    struct fixture *fixture = *state;
    struct inherited inherited = {.client = fixture->client, .pair = pair_new()};
    struct tally outcome = {0};
    for (int i = 0; i < FORKS; i++) {
        for (int j = 0; j < EACH; j++)
            assert_int_equal(dlg_send_async(inherited.client, &inherited.pair.ann, &inherited.pair.ben, "x", 1, NULL,
                                            tally_note, &outcome, NULL),
                             DLG_OK);
        in_child(i % 2 ? close_client : call_everything, &inherited);
    }
    while (outcome.replies < FORKS * EACH)
        pause_ms(1);
    assert_int_equal(outcome.stored, FORKS * EACH);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'",
                                uuid_text(&inherited.pair.ben)),
                     FORKS * EACH);
}

static int open_another(void *payload)
{
    struct inherited *inherited = payload;
    dlg_client *client = NULL;
    CHECK(client_try(&client, inherited->conninfo, "", NULL) == DLG_OK);
    CHECK(dlg_send(NULL, client, &inherited->pair.ann, &inherited->pair.ben, "from the child", DLG_NTS, NULL, NULL) ==
          DLG_OK);
    CHECK(dlg_close(NULL, inherited->client, 0) == DLG_OK);
    CHECK(dlg_close(NULL, client, 0) == DLG_OK);
    return 0;
}

static void a_child_may_open_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct inherited inherited = {
        .client = fixture->client, .conninfo = test_server_conninfo(fixture->server), .pair = pair_new()};
    in_child(open_another, &inherited);
    dlg_page *page = list_newest(fixture->client, &inherited.pair, 5);
    assert_text(dlg_page_at(page, 0), "from the child");
    dlg_page_free(page);
}

/* How many descriptors of this process are sockets. */
static int sockets_open(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        struct stat status;
        count += fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    }
    return count;
}

static int close_and_count(void *payload)
{
    struct inherited *inherited = payload;
    int before = sockets_open();
    CHECK(before >= 4);
    CHECK(dlg_close(NULL, inherited->client, 0) == DLG_OK);
    CHECK(sockets_open() <= before - 2); /* at least one for reads and one for commits */
    return 0;
}

/* A socket that the child still had would keep a session alive that the parent has lost. */
static void closing_in_the_child_closes_its_sockets(void **state)
{
    struct fixture *fixture = *state;
    struct inherited inherited = {.client = client_open(test_server_conninfo(fixture->server), "")};
    in_child(close_and_count, &inherited);
    client_close(inherited.client);
}

static int free_loader(void *loader)
{
    dlg_loader_free(loader);
    return 0;
}

/* Nor does the end of a child's copy of a loader end the parent's session. */
static void a_loader_is_freed_in_the_child_in_silence(void **state)
{
    struct fixture *fixture = *state;
    dlg_loader *loader = NULL;
    dlg_error *error = NULL;
    char conninfo[600], pids[256];
    snprintf(conninfo, sizeof conninfo, "%s application_name=before_fork", test_server_conninfo(fixture->server));
    dlg_client *client = client_open(conninfo, "");
    assert_ok(dlg_loader_open(&loader, client, &error), error);
    static const char all[] = "SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = 'before_fork'";
    snprintf(pids, sizeof pids, "%s", sql_text(fixture->sql, all));
    in_child(free_loader, loader);
    struct pair pair = pair_new();
    dlg_message_input message = DLG_MESSAGE_INPUT_INIT;
    message.author = pair.ann;
    message.recipient = pair.ben;
    message.text = "x";
    message.length = 1;
    message.created_us = now_us();
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    assert_int_equal(sql_number(fixture->sql,
                                "SELECT count(*) FROM unnest('%s'::integer[]) before(pid) WHERE NOT "
                                "EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = before.pid)",
                                pids),
                     0);
    dlg_loader_free(loader);
    client_close(client);
}

/* New descriptors that exec() would keep. */
static int inheritable(const bool *before)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        count += !before[fd] && flags >= 0 && !(flags & FD_CLOEXEC);
    }
    return count;
}

/* Whatever another program is given by exec(), it is none of a client's descriptors: connected, connecting, or others.
 */
static void no_descriptor_survives_exec(void **state)
{
    struct fixture *fixture = *state;
    bool before[256];
    for (int fd = 0; fd < 256; fd++)
        before[fd] = fcntl(fd, F_GETFD) >= 0;
    int hole = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* takes connections and says nothing */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(hole, (struct sockaddr *)&address, size) | listen(hole, 10), 0);
    assert_int_equal(getsockname(hole, (struct sockaddr *)&address, &size), 0);
    char nowhere[64];
    snprintf(nowhere, sizeof nowhere, "host=127.0.0.1 port=%d user=x", ntohs(address.sin_port));
    dlg_client *ready = client_open(test_server_conninfo(fixture->server), "");
    int sockets = sockets_open();
    dlg_client *connecting = client_open(nowhere, "open=lazy");
    dlg_loader *loader = NULL;
    assert_ok(dlg_loader_open(&loader, ready, NULL), NULL);
    for (int i = 0; sockets_open() < sockets + 2; i++) {
        assert_true(i < 6000);
        usleep(10000);
    }
    for (int i = 0; inheritable(before) > 0; i++) { /* libpq sets the flag just after it has made a socket */
        assert_true(i < 6000);
        usleep(10000);
    }
    dlg_loader_free(loader);
    dlg_close_now(NULL, connecting);
    client_close(ready);
    close(hole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_is_told_and_the_parent_goes_on),
        cmocka_unit_test(forking_in_the_middle_of_work_harms_nobody),
        cmocka_unit_test(a_child_may_open_its_own),
        cmocka_unit_test(closing_in_the_child_closes_its_sockets),
        cmocka_unit_test(a_loader_is_freed_in_the_child_in_silence),
        cmocka_unit_test(no_descriptor_survives_exec),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
