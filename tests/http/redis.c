#include "redis.h"

#include "check.h"
#include "process.h"
#include "wire.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(int port)
{
    char text[8];
    int null = open("/dev/null", O_RDWR);
    snprintf(text, sizeof text, "%d", port);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--port", text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
           "--requirepass", "secret", "--dir", "/tmp", (char *)NULL);
    _exit(127);
}

void redis_restart(struct redis *redis)
{
    redis->pid = fork();
    assert_true(redis->pid >= 0);
    if (redis->pid == 0)
        become(redis->port);
    for (int i = 0; i < 500 && wire_refused(redis->port); i++)
        pause_ms(20);
    assert_false(wire_refused(redis->port));
}

void redis_start(struct redis *redis)
{
    *redis = (struct redis){.port = free_port()};
    snprintf(redis->url, sizeof redis->url, "redis://:secret@127.0.0.1:%d/0", redis->port);
    redis_restart(redis);
}

void redis_stop(struct redis *redis)
{
    if (redis->pid <= 0)
        return;
    kill(redis->pid, SIGKILL);
    waitpid(redis->pid, NULL, 0);
    redis->pid = 0;
}
