#include "tool.h"

#include "check.h"
#include "database.h"
#include "scratch.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *scratch; /* the directory */
static struct test_server *server;

int tool_group_setup(void **state)
{
    (void)state;
    server = test_server_start(NULL);
    if (scratch_setup(&scratch) != 0)
        return -1;
    chmod(scratch, 0711); /* as root a private server runs as somebody else */
    setenv("DLG_TOKEN_KEY_FILE", tool_path("token.keys"), 1);
    setenv("TZ", "UTC", 1);
    unsetenv("NO_COLOR");
    return server ? 0 : -1;
}

int tool_group_teardown(void **state)
{
    (void)state;
    test_server_free(server);
    return scratch_teardown(&scratch);
}

int tool_setup(void **state)
{
    (void)state;
    tool_check(0, TOOL("init"), NULL, NULL);
    database_execute(tool_database(), "TRUNCATE dialogs, users");
    return 0;
}

const char *tool_database(void)
{
    return test_server_conninfo(server);
}

int64_t tool_count(const char *from)
{
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", from);
    return database_number(tool_database(), sql);
}

void tool_run(struct child *child, const char *conninfo, const char *const *arguments)
{
    const char *all[TOOL_ARGUMENTS] = {DLGCTL, "--set", "hash_memory_kib=8", "--set", "hash_operations=1"};
    size_t count = 5;
    if (conninfo) {
        all[count++] = "--db";
        all[count++] = conninfo;
    }
    for (; *arguments && count < TOOL_ARGUMENTS - 1; arguments++)
        all[count++] = *arguments;
    assert_null(*arguments);
    all[count] = NULL;
    child_run(child, all);
}

void tool_expect(struct child *child, int status, const char *conninfo, const char *const *arguments)
{
    *child = (struct child){0};
    tool_run(child, conninfo, arguments);
    if (child->status != status)
        fail_msg("dlgctl %s ended with %d: %s%s", arguments[0], child->status, child->out, child->err);
}

void tool_said(const struct child *child, const char *text)
{
    if (!child->err || !strstr(child->err, text))
        fail_msg("dlgctl did not say \"%s\" but: %s", text, child->err ? child->err : "");
}

void tool_wrote(const struct child *child, const char *text)
{
    if (!child->out || !strstr(child->out, text))
        fail_msg("dlgctl did not write \"%s\" but: %s", text, child->out ? child->out : "");
}

void tool_check(int status, const char *const *arguments, const char *wrote, const char *said)
{
    struct child child;
    tool_expect(&child, status, tool_database(), arguments);
    if (wrote)
        tool_wrote(&child, wrote);
    if (said)
        tool_said(&child, said);
    child_free(&child);
}

void tool_check_input(int status, const char *input, const char *const *arguments)
{
    struct child child = {.input = input, .length = strlen(input)};
    tool_run(&child, tool_database(), arguments);
    if (child.status != status)
        fail_msg("dlgctl %s ended with %d: %s", arguments[0], child.status, child.err);
    child_free(&child);
}

int tool_lines(const char *text)
{
    int lines = 0;
    for (; text && *text; text++)
        lines += *text == '\n';
    return lines;
}

const char *tool_path(const char *name)
{
    static char paths[8][128];
    static int turn;
    char *path = paths[turn = (turn + 1) % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)scratch, name);
    return path;
}

const char *tool_file(const char *name, const char *content)
{
    const char *path = tool_path(name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}
