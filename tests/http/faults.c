/* The database is down, dies, hangs, comes back; the service is told to stop. Nothing acknowledged is lost or doubled.
 */
#include "check.h"
#include "wire.h"
#include "world.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 4 };

static int setup(void **state)
{
    (void)state;
    world.server = test_server_start(NULL);
    return world.server ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    test_server_free(world.server);
    return 0;
}

static void start(const char *const *more)
{
    process_start(&world.process, test_server_conninfo(world.server), more);
}

static void make_people(void)
{
    process_wait_ready(&world.process);
    person_make(&world.anna, world.process.port);
    person_make(&world.boris, world.process.port);
}

static void stop(void)
{
    process_stop(&world.process);
    free(world.anna.token);
    free(world.boris.token);
}

static void wait_unready(void)
{
    struct answer answer;
    long status = 200;
    for (int i = 0; i < 200 && status == 200; i++) {
        assert_true(call_try(&answer, &(struct call){.port = world.process.port, .path = "/readyz"}));
        status = answer.status;
        answer_free(&answer);
        pause_ms(20);
    }
    assert_int_equal(status, 503);
}

static void the_database_is_down_at_start(void **state)
{
    (void)state;
    struct answer answer;
    assert_true(test_server_stop(world.server));
    start(NULL);
    assert_true(process_says(&world.process, "serving"));
    int port = world.process.port;
    char *reason = expect_error(&(struct call){.port = port, .path = "/readyz"}, 503, -DLG_E_UNAVAILABLE);
    assert_non_null(strstr(reason, "database"));
    free(reason);
    call_expect(&answer, &(struct call){.port = port, .path = "/healthz"}, 200);
    answer_free(&answer);
    struct call login = {
        .port = port, .path = "/login", .body = "{\"id\":\"387ac1c1-6581-4ace-a113-707c8585fe28\",\"password\":\"x\"}"};
    free(expect_error(&login, 503, -DLG_E_UNAVAILABLE));
    assert_true(test_server_restart(world.server));
    make_people();
    person_send(port, &world.anna, &world.boris, "first");
    stop();
}

/* ---- Writers that go on whatever happens ---- */

struct writer {
    pthread_t thread;
    int number;
    bool keyed; /* tries again under its key until that is acknowledged */
    int sent;   /* how many texts it has begun to send */
    int failed;
    long strange; /* a status that is neither 200 nor 503 with Retry-After; 0: none came */
    bool *acked;
};

enum { MOST_SENT = 100000 };

static atomic_bool writing;

/* On a thread of its own: nothing is asserted here. */
static bool send_once(struct writer *writer, int number)
{
    char body[64], key[64];
    struct answer answer;
    snprintf(body, sizeof body, "{\"text\":\"%d/%d\"}", writer->number, number);
    snprintf(key, sizeof key, "Idempotency-Key: %d-%d", writer->number, number);
    struct call call = {.port = world.process.port,
                        .path = dialog_path(&world.boris, "send"),
                        .token = world.anna.token,
                        .body = body,
                        .headers = {writer->keyed ? key : NULL}};
    bool whole = call_try(&answer, &call);
    char *retry = answer_header(&answer, "Retry-After");
    bool acked = whole && answer.status == 200;
    if (whole && !acked && (answer.status != 503 || !retry))
        writer->strange = answer.status;
    if (!acked)
        pause_ms(20);
    free(retry);
    answer_free(&answer);
    return acked;
}

static void *write_on(void *payload)
{
    struct writer *writer = payload;
    while (atomic_load(&writing) && writer->sent < MOST_SENT) {
        int number = writer->sent++;
        while (!(writer->acked[number] = send_once(writer, number))) {
            writer->failed++;
            if (!writer->keyed || !atomic_load(&writing))
                break;
        }
    }
    call_end();
    return NULL;
}

static void writers_start(struct writer *writers)
{
    atomic_store(&writing, true);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.number = i, .keyed = i % 2 == 0, .acked = calloc(MOST_SENT, sizeof(bool))};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]), 0);
    }
}

static void writers_join(struct writer *writers)
{
    atomic_store(&writing, false);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
}

/* What is stored: each text at most once, and each that was acknowledged exactly once. */
static void writers_check(struct writer *writers, bool with_failures)
{
    int acked = 0, failed = 0, begun = 0;
    unsigned char *stored[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        stored[i] = calloc(MOST_SENT, 1);
    json_t *list = person_list(world.process.port, &world.anna, &world.boris);
    for (size_t i = 0; i < json_array_size(list); i++) {
        int writer, number;
        if (sscanf(json_string_value(json_object_get(json_array_get(list, i), "text")), "%d/%d", &writer, &number) == 2)
            stored[writer][number]++;
    }
    for (int i = 0; i < WRITERS; i++) {
        begun += writers[i].sent;
        failed += writers[i].failed;
        assert_int_equal(writers[i].strange, 0);
        for (int j = 0; j < writers[i].sent; j++) {
            acked += writers[i].acked[j];
            assert_in_range(stored[i][j], writers[i].acked[j] ? 1 : 0, 1);
        }
        free(writers[i].acked);
        free(stored[i]);
    }
    print_message("%d sent, %d acknowledged, %d failed, %zu stored\n", begun, acked, failed, json_array_size(list));
    assert_true(acked > 100);
    assert_int_equal(failed > 0, with_failures);
    json_decref(list);
}

static void the_database_is_killed_under_load(void **state)
{
    (void)state;
    struct writer writers[WRITERS];
    start((const char *const[]){"--set", "timeout_ms=1000", NULL});
    make_people();
    writers_start(writers);
    for (int i = 0; i < 3; i++) {
        pause_ms(700);
        assert_true(test_server_kill(world.server));
        wait_unready();
        pause_ms(1500);
        assert_true(test_server_restart(world.server));
        process_wait_ready(&world.process);
    }
    pause_ms(500);
    writers_join(writers);
    writers_check(writers, true);
    assert_true(process_says(&world.process, "the database is back"));
    stop();
}

static void the_database_hangs(void **state)
{
    (void)state;
    start((const char *const[]){"--set", "timeout_ms=500", NULL});
    make_people();
    int port = world.process.port;
    struct call calls[] = {
        {.port = port,
         .path = dialog_path(&world.boris, "send"),
         .token = world.anna.token,
         .body = "{\"text\":\"x\"}"},
        {.port = port, .path = dialog_path(&world.boris, "list"), .token = world.anna.token},
        {.port = port, .path = "/user/search?first_name=A&last_name=B"},
    };
    char paths[2][128];
    snprintf(paths[0], sizeof paths[0], "%s", dialog_path(&world.boris, "send"));
    snprintf(paths[1], sizeof paths[1], "%s", dialog_path(&world.boris, "list"));
    calls[0].path = paths[0];
    calls[1].path = paths[1];
    assert_true(test_server_freeze(world.server));
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct answer answer;
        call_expect(&answer, &calls[i], 503);
        char *retry = answer_header(&answer, "Retry-After");
        assert_non_null(retry);
        if (calls[i].body)
            assert_non_null(strstr(answer.body, "\"fate\":"));
        free(retry);
        answer_free(&answer);
    }
    assert_true(test_server_thaw(world.server));
    process_wait_ready(&world.process);
    person_send(port, &world.anna, &world.boris, "after");
    stop();
}

/* What the database refuses is nobody's business but the operator's: the client gets a number to ask about. */
static void the_database_refuses(void **state)
{
    (void)state;
    start(NULL);
    make_people();
    assert_true(test_server_execute(
        world.server, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                      " RAISE EXCEPTION 'internal affairs'; END $$;"
                      "CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION refuse()"));
    struct call call = {.port = world.process.port, .path = "/user/register", .body = "{\"password\":\"x\"}"};
    char *message = expect_error(&call, 500, -DLG_E_DATABASE);
    assert_null(strstr(message, "affairs"));
    assert_non_null(strstr(message, "request_id"));
    free(message);
    assert_true(process_logs(&world.process, "\"error\":\"DLG_E_DATABASE\",\"sqlstate\":\"P0001\""));
    assert_true(test_server_execute(world.server, "DROP FUNCTION refuse() CASCADE"));
    stop();
}

/* ---- Too much at once ---- */

static void too_many_log_ins(void **state)
{
    (void)state;
    enum { LOGINS = 12 };
    int fds[LOGINS];
    size_t done = 0, refused = 0, retry = 0;
    char body[128], request[512];
    start((const char *const[]){"--set", "hash_threads=1", "--set", "hash_queue=2", "--set", "hash_memory_kib=65536",
                                "--set", "hash_operations=3", NULL});
    make_people();
    int length = snprintf(body, sizeof body, "{\"id\":\"%s\",\"password\":\"secret\"}", world.anna.id);
    snprintf(request, sizeof request,
             "POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", length, body);
    for (size_t i = 0; i < LOGINS; i++) {
        fds[i] = wire_open(world.process.port);
        assert_true(wire_say(fds[i], request));
    }
    for (size_t i = 0; i < LOGINS; i++) {
        bool closed;
        char *back = wire_read(fds[i], 20000, &closed);
        done += count_of(back, "HTTP/1.1 200");
        refused += count_of(back, "HTTP/1.1 429");
        retry += count_of(back, "Retry-After: ");
        free(back);
        close(fds[i]);
    }
    assert_int_equal(done + refused, LOGINS);
    assert_true(done >= 1);
    assert_true(refused >= 1);
    assert_int_equal(retry, refused);
    stop();
}

static int ask_for_list(void)
{
    char request[2048];
    int fd = wire_open(world.process.port);
    snprintf(request, sizeof request, "GET /dialog/%s/list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             world.boris.id, world.anna.token);
    assert_true(wire_say(fd, request));
    return fd;
}

static void too_many_requests(void **state)
{
    (void)state;
    enum { PLACES = 4 };
    int fds[PLACES];
    bool closed;
    start((const char *const[]){"--set", "queue_requests=4", "--set", "timeout_ms=60000", NULL});
    make_people();
    assert_true(test_server_freeze(world.server));
    for (size_t i = 0; i < PLACES; i++)
        fds[i] = ask_for_list();
    pause_ms(300);
    free(expect_error(
        &(struct call){.port = world.process.port, .path = "/user/get/387ac1c1-6581-4ace-a113-707c8585fe28"}, 503,
        -DLG_E_OVERLOAD));
    assert_true(test_server_thaw(world.server));
    for (size_t i = 0; i < PLACES; i++) {
        char *back = wire_read(fds[i], 1000, &closed);
        assert_int_equal(count_of(back, " 200 OK"), 1);
        free(back);
        close(fds[i]);
    }
    stop();
}

/* ---- Stopping ---- */

static void sigterm_under_load(void **state)
{
    (void)state;
    struct writer writers[WRITERS];
    start(NULL);
    make_people();
    writers_start(writers);
    pause_ms(1000);
    kill(world.process.pid, SIGTERM);
    assert_int_equal(process_wait_end(&world.process, 10), 0);
    writers_join(writers);
    /* The tokens go on being good where the keys are the same. */
    char keys[128];
    struct process old = world.process;
    snprintf(keys, sizeof keys, "token_key_file=%s/keys", old.directory);
    start((const char *const[]){"--set", keys, NULL});
    process_wait_ready(&world.process);
    writers_check(writers, true);
    process_stop(&old);
    stop();
}

/* A connection on which a request waits for a database that does not answer. */
static int hanging_request(void)
{
    assert_true(test_server_freeze(world.server));
    int fd = ask_for_list();
    pause_ms(200);
    return fd;
}

/* While the service stops it says so, lets nobody in, and answers what is under way as long as it may. */
static void stopping_with_a_request_under_way(void **state)
{
    (void)state;
    bool closed;
    start((const char *const[]){"--drain-timeout", "2", "--set", "timeout_ms=60000", NULL});
    make_people();
    int old = wire_open(world.process.port);
    assert_true(wire_say(old, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"));
    char *back = wire_read(old, 200, &closed);
    assert_int_equal(count_of(back, " 200 "), 1);
    free(back);
    int fd = hanging_request();
    kill(world.process.pid, SIGTERM);
    pause_ms(300);
    assert_true(wire_refused(world.process.port));
    assert_true(wire_say(old, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"));
    back = wire_read(old, 300, &closed);
    assert_int_equal(count_of(back, " 503 "), 1);
    assert_int_equal(count_of(back, "the service is stopping"), 1);
    assert_true(closed);
    free(back);
    close(old);
    back = wire_read(fd, 5000, &closed);
    assert_int_equal(count_of(back, " 503 "), 1);
    assert_int_equal(count_of(back, "Retry-After: "), 1);
    assert_true(closed);
    free(back);
    close(fd);
    assert_int_equal(process_wait_end(&world.process, 5), 0);
    assert_true(test_server_thaw(world.server));
    stop();
}

static void a_request_under_way_is_finished(void **state)
{
    (void)state;
    bool closed;
    start((const char *const[]){"--drain-timeout", "20", "--set", "timeout_ms=60000", NULL});
    make_people();
    int fd = hanging_request();
    kill(world.process.pid, SIGTERM);
    pause_ms(500);
    assert_true(test_server_thaw(world.server));
    char *back = wire_read(fd, 5000, &closed);
    assert_int_equal(count_of(back, " 200 OK"), 1);
    assert_int_equal(count_of(back, "Connection: close"), 1);
    free(back);
    close(fd);
    assert_int_equal(process_wait_end(&world.process, 5), 0);
    stop();
}

static void a_second_signal_stops_at_once(void **state)
{
    (void)state;
    start((const char *const[]){"--drain-timeout", "600", "--set", "timeout_ms=60000", NULL});
    make_people();
    int fd = hanging_request();
    kill(world.process.pid, SIGTERM);
    pause_ms(500);
    kill(world.process.pid, SIGINT);
    assert_int_equal(process_wait_end(&world.process, 5), 0);
    close(fd);
    assert_true(test_server_thaw(world.server));
    stop();
}

static void stopping_while_the_database_is_down(void **state)
{
    (void)state;
    assert_true(test_server_stop(world.server));
    start(NULL);
    assert_true(process_says(&world.process, "serving"));
    process_stop(&world.process);
    assert_true(test_server_restart(world.server));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_database_is_down_at_start),
        cmocka_unit_test(the_database_is_killed_under_load),
        cmocka_unit_test(the_database_hangs),
        cmocka_unit_test(the_database_refuses),
        cmocka_unit_test(too_many_log_ins),
        cmocka_unit_test(too_many_requests),
        cmocka_unit_test(sigterm_under_load),
        cmocka_unit_test(stopping_with_a_request_under_way),
        cmocka_unit_test(a_request_under_way_is_finished),
        cmocka_unit_test(a_second_signal_stops_at_once),
        cmocka_unit_test(stopping_while_the_database_is_down),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
