#include "process.h"

#include "check.h"
#include "client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void pause_ms(int milliseconds)
{
    struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void file_of(const struct process *process, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", process->directory, name);
}

static void redirect(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(126);
    close(file);
}

/* AddressSanitizer keeps what was freed for a while, 256 MiB of it; here its memory is measured. */
static void keep_little(void)
{
    char options[1024];
    const char *given = getenv("ASAN_OPTIONS");
    snprintf(options, sizeof options, "%s:quarantine_size_mb=1", given ? given : "");
    setenv("ASAN_OPTIONS", options, 1);
}

static void become(const struct process *process, const char *db, const char *const *more)
{
    char port[8], said[96], logged[96], keys[128], data[96];
    const char *arguments[ARGUMENTS_MOST + 32] = {
        DIALOGSD,
        "--port",
        port,
        "--log",
        logged,
        db ? "--db" : "--data",
        db ? db : data,
        "--set",
        "hash_memory_kib=8",
        "--set",
        "hash_operations=1",
        "--threads",
        "2",
        "--login-attempts",
        "0",
        "--login-attempts-per-hour",
        "0",
        "--login-attempts-per-user",
        "0",
        "--login-attempts-per-address",
        "0",
        "--registrations",
        "0",
        "--set",
        "password_minimum=1",
        "--set",
        keys,
        NULL,
    };
    size_t count = 0;
    while (arguments[count])
        count++;
    for (size_t i = 0; more && more[i] && i < ARGUMENTS_MOST; i++)
        arguments[count++] = more[i];
    snprintf(port, sizeof port, "%d", process->port);
    file_of(process, "stderr", said, sizeof said);
    file_of(process, "log", logged, sizeof logged);
    file_of(process, "data", data, sizeof data);
    snprintf(keys, sizeof keys, "token_key_file=%s/keys", process->directory);
    redirect(said, STDERR_FILENO);
    redirect("/dev/null", STDOUT_FILENO);
    keep_little();
    execv(DIALOGSD, (char *const *)arguments);
    _exit(127);
}

void process_start_on(struct process *process, int port, const char *db, const char *const *more)
{
    *process = (struct process){.port = port};
    snprintf(process->directory, sizeof process->directory, "/tmp/dialogsd-test-XXXXXX");
    assert_non_null(mkdtemp(process->directory));
    assert_int_equal(chmod(process->directory, 0755), 0);
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0)
        become(process, db, more);
}

void process_start(struct process *process, const char *db, const char *const *more)
{
    process_start_on(process, free_port(), db, more);
}

void process_wait_ready(const struct process *process)
{
    for (int i = 0; i < 600; i++) {
        struct answer answer;
        bool ready =
            call_try(&answer, &(struct call){.port = process->port, .path = "/readyz"}) && answer.status == 200;
        answer_free(&answer);
        if (ready)
            return;
        pause_ms(50);
    }
    fail_msg("dialogsd did not become ready: %s", process_said(process));
}

int process_wait_end(struct process *process, int seconds)
{
    for (int i = 0; i < seconds * 100; i++) {
        int status;
        if (waitpid(process->pid, &status, WNOHANG) == process->pid) {
            process->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
        pause_ms(10);
    }
    return -1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void process_stop(struct process *process)
{
    int code = 0;
    if (process->pid > 0) {
        kill(process->pid, SIGTERM);
        code = process_wait_end(process, 30);
    }
    if (code != 0) {
        char *said = process_said(process);
        if (process->pid > 0)
            kill(process->pid, SIGKILL);
        print_error("dialogsd said: %s", said);
        free(said);
        fail_msg("dialogsd ended with %d", code);
    }
    nftw(process->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static char *contents(const struct process *process, const char *name)
{
    char path[96];
    file_of(process, name, path, sizeof path);
    FILE *file = fopen(path, "re");
    if (!file)
        return strdup("");
    char *text = NULL;
    size_t size = 0;
    if (getdelim(&text, &size, EOF, file) < 0 && text)
        *text = '\0';
    fclose(file);
    return text ? text : strdup("");
}

char *process_said(const struct process *process)
{
    return contents(process, "stderr");
}

char *process_logged(const struct process *process)
{
    return contents(process, "log");
}

static bool comes(const struct process *process, const char *name, const char *text)
{
    for (int i = 0; i < 3000; i++) { /* a private server starts slowly on a busy machine */
        char *now = contents(process, name);
        bool found = strstr(now, text) != NULL;
        free(now);
        if (found)
            return true;
        pause_ms(20);
    }
    return false;
}

bool process_says(const struct process *process, const char *text)
{
    return comes(process, "stderr", text);
}

bool process_logs(const struct process *process, const char *text)
{
    return comes(process, "log", text);
}

long process_memory(const struct process *process)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    fclose(file);
    return kib;
}
