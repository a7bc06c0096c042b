/* dialogsd is told to stop, over and over, while clients connect and ask: it always ends by itself, and well. */
#include "check.h"
#include "process.h"
#include "wire.h"
#include "world.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 25, CLIENTS = 8, ASKS = 4 };

struct load {
    int port;
    atomic_bool over;
    atomic_uint answered;
};

/* A few requests on each connection, then another connection: threads of the server wake for both. */
static void *ask_until_over(void *payload)
{
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct load *load = payload;
    while (!atomic_load(&load->over)) {
        int fd = wire_try(load->port);
        if (fd < 0) {
            pause_ms(1);
            continue;
        }
        for (int i = 0; i < ASKS && wire_write(fd, request, sizeof request - 1); i++) {
            char answer[1024];
            ssize_t got = recv(fd, answer, sizeof answer - 1, 0);
            if (got <= 0)
                break;
            answer[got] = '\0';
            atomic_fetch_add(&load->answered, strstr(answer, " 200 OK") != NULL);
        }
        close(fd);
    }
    return NULL;
}

static void stop_once(int round, const char *threads)
{
    struct process process;
    struct load load = {0};
    pthread_t clients[CLIENTS];
    process_start(&process, test_server_conninfo(world.server), (const char *const[]){"--threads", threads, NULL});
    assert_true(process_says(&process, "serving"));
    load.port = process.port;
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, ask_until_over, &load), 0);
    while (atomic_load(&load.answered) < 100)
        pause_ms(1);
    pause_ms(round % 5);
    kill(process.pid, SIGTERM);
    int code = process_wait_end(&process, 30);
    atomic_store(&load.over, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    char *said = process_said(&process);
    if (code != 0 || strstr(said, "Fatal"))
        fail_msg("round %d: it ended with %d and said: %s", round, code, said);
    free(said);
    process_stop(&process);
}

static void a_stop_under_load_is_a_good_end(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        stop_once(round, round % 3 ? "4" : "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_stop_under_load_is_a_good_end)};
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
