#include "standby.h"

#include "base/clock.h"
#include "embedded/postgres.h"
#include "template.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_SIZE = PATH_MAX + 64 };

struct test_standby {
    struct postgres postgres;
    struct account account;
    char data[256];
    char log[256];
    int port;
    bool running;
};

static bool find_programs(struct test_standby *standby)
{
    int64_t deadline = clock_deadline(60 * 1000000);
    return postgres_account(&standby->account, 0, NULL) == DLG_OK &&
           postgres_find(&standby->postgres, 0, deadline, NULL) == DLG_OK;
}

/* A connection for replication needs a line of its own. */
static bool admit_replication(const struct test_server *primary)
{
    char path[256];
    snprintf(path, sizeof path, "%s/data/pg_hba.conf", test_server_directory(primary));
    FILE *file = fopen(path, "ae");
    bool written = file && fputs("local replication all trust\n", file) >= 0;
    if (file && fclose(file) != 0)
        written = false;
    return written && test_server_execute(primary, "SELECT pg_reload_conf()");
}

static bool copy_data(const struct test_standby *standby, const struct test_server *primary)
{
    char program[PATH_SIZE], port[16];
    snprintf(program, sizeof program, "%s/pg_basebackup", standby->postgres.binaries);
    snprintf(port, sizeof port, "%d", test_server_port(primary));
    const char *arguments[] = {program,
                               "-h",
                               test_server_directory(primary),
                               "-p",
                               port,
                               "-U",
                               POSTGRES_SUPERUSER,
                               "-D",
                               standby->data,
                               "-R",
                               "-X",
                               "stream",
                               "-c",
                               "fast",
                               "--no-sync",
                               NULL};
    return template_run(arguments, &standby->account);
}

static bool control(const struct test_standby *standby, const char *verb, const char *option, const char *value)
{
    char program[PATH_SIZE];
    snprintf(program, sizeof program, "%s/pg_ctl", standby->postgres.binaries);
    const char *arguments[] = {program, "-w", "-s", "-D", standby->data, "-l", standby->log, verb, option, value, NULL};
    return template_run(arguments, &standby->account);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound =
        bind(fd, (struct sockaddr *)&address, size) == 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    close(fd);
    return bound ? ntohs(address.sin_port) : 0;
}

static bool launch(struct test_standby *standby)
{
    char option[32];
    standby->port = free_port();
    snprintf(option, sizeof option, "-p %d", standby->port);
    standby->running = control(standby, "start", "-o", option);
    return standby->running;
}

struct test_standby *test_standby_start(const struct test_server *primary)
{
    struct test_standby *standby = calloc(1, sizeof *standby);
    if (!standby)
        return NULL;
    snprintf(standby->data, sizeof standby->data, "%s/standby", test_server_directory(primary));
    snprintf(standby->log, sizeof standby->log, "%s/standby.log", test_server_directory(primary));
    if (find_programs(standby) && admit_replication(primary) && copy_data(standby, primary) && launch(standby))
        return standby;
    test_standby_free(standby);
    return NULL;
}

int test_standby_port(const struct test_standby *standby)
{
    return standby->port;
}

bool test_standby_synchronize(const struct test_server *primary)
{
    return test_server_execute(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'") &&
           test_server_execute(primary, "SELECT pg_reload_conf()");
}

bool test_standby_promote(struct test_standby *standby)
{
    return control(standby, "promote", NULL, NULL);
}

void test_standby_free(struct test_standby *standby)
{
    if (standby && standby->running)
        control(standby, "stop", "-m", "immediate");
    free(standby);
}
