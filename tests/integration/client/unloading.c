/* The shared library in a program that loads it at run time, as other languages do, and unloads it without a close. */
#include "check.h"
#include "server.h"

#include <dialogs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the test calls of it. */
struct library {
    void *handle;
    __typeof__(dlg_open) *open;
    __typeof__(dlg_send) *send;
    __typeof__(dlg_stats_get) *stats_get;
};

static struct library library;
static dlg_client *client;

static void load(const struct test_server *server)
{
    library.handle = dlopen(DIALOGS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library.handle)
        fail_msg("%s", dlerror());
    *(void **)&library.open = dlsym(library.handle, "dlg_open");
    *(void **)&library.send = dlsym(library.handle, "dlg_send");
    *(void **)&library.stats_get = dlsym(library.handle, "dlg_stats_get");
    assert_true(library.open && library.send && library.stats_get);
    assert_int_equal(library.open(&client, test_server_conninfo(server), NULL, NULL), DLG_OK);
}

static void send_one(void)
{
    static const dlg_uuid ann = {{1}}, ben = {{2}};
    assert_int_equal(library.send(NULL, client, &ann, &ben, "x", 1, NULL, NULL), DLG_OK);
}

static bool is_mapped(void)
{
    char line[4096];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        found = found || strstr(line, "/libdialogs.so");
    fclose(maps);
    return found;
}

/* The I/O thread of a client runs the library's code until the client is closed. */
static void code_of_an_open_client_stays(void **state)
{
    load(*state);
    send_one();
    assert_int_equal(dlclose(library.handle), 0);
    assert_true(is_mapped());
    send_one();
}

static void unload(void)
{
    dlclose(library.handle);
    usleep(20000); /* the I/O thread goes on meanwhile */
}

/* As Node does: it unloads what it has loaded while the process exits. */
static void exit_without_close(const struct test_server *server)
{
    load(server);
    send_one();
    atexit(unload);
    exit(0);
}

static void a_program_may_exit_without_a_close(void **state)
{
    enum { EXITS = 10 };
    for (int i = 0; i < EXITS; i++) {
        int status = -1;
        fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            exit_without_close(*state);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

static int start(void **state)
{
    *state = test_server_start(NULL);
    return *state ? 0 : -1;
}

static int stop(void **state)
{
    test_server_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_may_exit_without_a_close), /* first: it forks while there is one thread */
        cmocka_unit_test(code_of_an_open_client_stays),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
