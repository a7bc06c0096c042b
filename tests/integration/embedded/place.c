#include "place.h"

#include "embedded/directory.h"
#include "processes.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct place *original;
static pid_t tester;

static struct place *make_place(void)
{
    struct place *place = calloc(1, sizeof *place);
    strcpy(place->base, "/tmp/dialogs-place-XXXXXX");
    if (!mkdtemp(place->base) || chmod(place->base, 0711) < 0) {
        free(place);
        return NULL;
    }
    snprintf(place->directory, sizeof place->directory, "%s/db", place->base);
    return place;
}

static int remove_place(struct place *place)
{
    bool removed = directory_remove(AT_FDCWD, place->base);
    free(place);
    return removed ? 0 : -1;
}

int place_setup(void **state)
{
    tester = getpid();
    *state = make_place();
    return *state ? 0 : -1;
}

static int make_original(void)
{
    struct embedded *embedded = NULL;
    char *conninfo = NULL;
    original = make_place();
    if (!original || embedded_open(&embedded, original->directory, OPEN_LIMIT_US, &conninfo, NULL) != DLG_OK)
        return -1;
    embedded_close(embedded);
    free(conninfo);
    return 0;
}

/* A copy takes a tenth of the time of a new one. */
int place_setup_used(void **state)
{
    if ((!original && make_original() < 0) || place_setup(state) < 0)
        return -1;
    struct place *place = *state;
    const char *arguments[] = {"/bin/cp", "-a", original->directory, place->directory, NULL};
    return template_run(arguments, NULL) ? 0 : -1;
}

int place_teardown(void **state)
{
    return remove_place(*state);
}

int place_forget_used(void **state)
{
    (void)state;
    int code = original ? remove_place(original) : 0;
    original = NULL;
    return code;
}

struct embedded *place_open(const char *directory, char **conninfo)
{
    struct embedded *embedded = NULL;
    dlg_error *error = NULL;
    int code = embedded_open(&embedded, directory, OPEN_LIMIT_US, conninfo, &error);
    if (code != DLG_OK && getpid() != tester) {
        fprintf(stderr, "%s\n", dlg_error_message(error));
        _exit(1);
    }
    assert_ok(code, error);
    return embedded;
}

int place_refuses(const char *directory, int64_t timeout_us, const char *part)
{
    struct embedded *embedded = NULL;
    char *conninfo = NULL;
    dlg_error *error = NULL;
    int code = embedded_open(&embedded, directory, timeout_us, &conninfo, &error);
    if (code == DLG_OK || !strstr(dlg_error_message(error), part))
        fail_msg("%s: \"%s\" does not say \"%s\"", dlg_code_name(code), dlg_error_message(error), part);
    assert_null(embedded);
    assert_null(conninfo);
    dlg_error_free(error);
    return code;
}

static void ignore_notice(void *unused, const PGresult *result)
{
    (void)unused;
    (void)result;
}

const char *place_ask(const char *conninfo, const char *sql)
{
    static char answer[512];
    PGconn *connection = PQconnectdb(conninfo);
    PQsetNoticeReceiver(connection, ignore_notice, NULL);
    PGresult *result = PQstatus(connection) == CONNECTION_OK ? PQexec(connection, sql) : NULL;
    ExecStatusType status = PQresultStatus(result);
    const char *text = "";
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        text = PQerrorMessage(connection);
    else if (PQntuples(result))
        text = PQgetvalue(result, 0, 0);
    snprintf(answer, sizeof answer, "%s", text);
    PQclear(result);
    PQfinish(connection);
    return answer;
}

pid_t place_server(const char *directory)
{
    char path[PATH_MAX], line[32] = "";
    snprintf(path, sizeof path, "%s/postgresql/postmaster.pid", directory);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char *read = fgets(line, sizeof line, file);
    fclose(file);
    return read ? (pid_t)strtol(line, NULL, 10) : 0;
}

bool place_alive(pid_t pid)
{
    char state = process_state(pid);
    return state && state != 'Z' && state != 'X';
}

bool place_ends(pid_t pid)
{
    for (int steps = 0; place_alive(pid); steps++) {
        if (steps == 5000)
            return false;
        usleep(1000);
    }
    return true;
}

const char *place_path(const struct place *place, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", place->base, name);
    return path;
}

void place_write(const char *path, const char *mode, const char *text)
{
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void place_become_nobody(void)
{
    enum { NOBODY = 65534 };
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
        _exit(99);
}

int place_wait(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
