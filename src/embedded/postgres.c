#include "embedded/postgres.h"

#include "base/clock.h"
#include "base/error.h"
#include "embedded/directory.h"
#include "embedded/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBIAN_BINARIES "/usr/lib/postgresql/*/bin"

/* ---- Finding -------------------------------------------------------------------------------- */

/* A search: the first place with the right version wins; another version is remembered for the error. */
struct search {
    struct postgres *found;
    int wanted;
    int other;
    int64_t deadline_us;
};

static bool has_program(const char *directory, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    return length > 0 && (size_t)length < sizeof path && access(path, X_OK) == 0;
}

/* What `path --argument` prints, its first line; false when it fails. */
static bool ask(const char *path, const char *argument, int64_t deadline_us, char *line, size_t size)
{
    const char *arguments[] = {path, argument, NULL};
    struct subprocess_result result;
    if (!subprocess_run(&(struct subprocess){.arguments = arguments}, deadline_us, &result))
        return false;
    snprintf(line, size, "%.*s", (int)strcspn(result.output, "\r\n"), result.output);
    return true;
}

/* "postgres (PostgreSQL) 15.20 (Debian ...)" */
static int version_at(const char *directory, int64_t deadline_us)
{
    char path[PATH_MAX], line[256];
    if (!has_program(directory, "postgres") || !has_program(directory, "initdb"))
        return 0;
    snprintf(path, sizeof path, "%s/postgres", directory);
    if (!ask(path, "--version", deadline_us, line, sizeof line))
        return 0;
    const char *number = strstr(line, ") ");
    return number ? (int)strtol(number + 2, NULL, 10) : 0;
}

static bool try_place(struct search *search, const char *directory)
{
    int major = version_at(directory, search->deadline_us);
    if (major > 0 && search->wanted && major != search->wanted)
        search->other = major;
    if (major <= 0 || (search->wanted && major != search->wanted))
        return false;
    search->found->major = major;
    snprintf(search->found->binaries, sizeof search->found->binaries, "%s", directory);
    return true;
}

/* The directory of PATH that has a program. */
static bool find_in_path(const char *name, char *directory, size_t size)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t span = strcspn(path, ":");
        snprintf(directory, size, "%.*s", (int)span, path);
        if (span < size && *path == '/' && has_program(directory, name))
            return true;
        path += span + (path[span] == ':');
    }
    return false;
}

static bool try_pg_config(struct search *search)
{
    char directory[PATH_MAX], path[PATH_MAX + 16], line[PATH_MAX];
    if (!find_in_path("pg_config", directory, sizeof directory))
        return false;
    snprintf(path, sizeof path, "%s/pg_config", directory);
    return ask(path, "--bindir", search->deadline_us, line, sizeof line) && try_place(search, line);
}

/* The number in /usr/lib/postgresql/NUMBER/bin. */
static double version_in_path(const char *path)
{
    return strtod(path + strcspn(path, "0123456789"), NULL);
}

static int later_first(const void *a, const void *b)
{
    double left = version_in_path(*(char *const *)a);
    double right = version_in_path(*(char *const *)b);
    return (left < right) - (left > right);
}

static bool try_debian(struct search *search)
{
    glob_t places;
    bool found = false;
    if (glob(DEBIAN_BINARIES, GLOB_NOSORT, NULL, &places) == 0) {
        qsort(places.gl_pathv, places.gl_pathc, sizeof *places.gl_pathv, later_first);
        for (size_t i = 0; !found && i < places.gl_pathc; i++)
            found = try_place(search, places.gl_pathv[i]);
    }
    globfree(&places);
    return found;
}

static bool try_path(struct search *search)
{
    char directory[PATH_MAX];
    return find_in_path("postgres", directory, sizeof directory) && try_place(search, directory);
}

static int not_at(const struct search *search, const char *place, dlg_error **error)
{
    if (search->other)
        return error_set(error, DLG_E_EMBEDDED,
                         "DLG_POSTGRES_BIN is %s, which is PostgreSQL %d; this directory needs version %d", place,
                         search->other, search->wanted);
    return error_set(error, DLG_E_EMBEDDED,
                     "DLG_POSTGRES_BIN is %s, where there are no working programs postgres and initdb: "
                     "correct it, or unset it to have them searched for",
                     place);
}

static int not_found(const struct search *search, dlg_error **error)
{
    if (clock_monotonic_us() >= search->deadline_us)
        return error_set(error, DLG_E_EMBEDDED, "open_timeout_ms passed while looking for PostgreSQL: raise it");
    if (search->wanted)
        return error_set(
            error, DLG_E_EMBEDDED,
            "this directory was made by PostgreSQL %d, which is not installed: \"apt install postgresql-%d\""
            ", or name its directory in DLG_POSTGRES_BIN",
            search->wanted, search->wanted);
    return error_set(error, DLG_E_EMBEDDED,
                     "no PostgreSQL server is installed: \"apt install postgresql\", or name the directory of "
                     "postgres and initdb in DLG_POSTGRES_BIN");
}

int postgres_find(struct postgres *postgres, int major, int64_t deadline_us, dlg_error **error)
{
    struct search search = {.found = postgres, .wanted = major, .deadline_us = deadline_us};
    const char *place = getenv("DLG_POSTGRES_BIN");
    if (place && *place)
        return try_place(&search, place) ? DLG_OK : not_at(&search, place, error);
    if (try_pg_config(&search) || try_debian(&search) || try_path(&search))
        return DLG_OK;
    return not_found(&search, error);
}

int postgres_data_version(int data)
{
    char text[16] = "";
    int fd = openat(data, "PG_VERSION", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    long major = got > 0 ? strtol(text, NULL, 10) : 0;
    return major > 0 && major < INT_MAX ? (int)major : 0;
}

int postgres_account(struct account *account, uid_t owner, dlg_error **error)
{
    uid_t own = geteuid();
    uid_t uid = own == 0 ? owner : own;
    if (uid != 0 && !account_of(account, uid))
        return error_set(error, DLG_E_EMBEDDED,
                         "user id %u has no name on this machine, and PostgreSQL needs one: add it with useradd",
                         (unsigned)uid);
    if (uid != 0 || account_named(account, "postgres") || account_named(account, "nobody"))
        return DLG_OK;
    return error_set(error, DLG_E_EMBEDDED,
                     "PostgreSQL does not run as root: add a user \"postgres\" for it, or do not run as root");
}

/* ---- Running -------------------------------------------------------------------------------- */

/* Where a line says what went wrong; what a server logs for each client that comes too early does not. */
static const char *find_mark(const char *line, size_t length)
{
    static const char *const marks[] = {"PANIC:", "FATAL:", "ERROR:", "error:"};
    static const char early[] = "the database system is ";
    if (memmem(line, length, early, sizeof early - 1))
        return NULL;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *mark = memmem(line, length, marks[i], strlen(marks[i]));
        if (mark)
            return mark;
    }
    return NULL;
}

static bool line_is_start(const char *line, size_t length)
{
    static const char start[] = "LOG:  starting PostgreSQL";
    return memmem(line, length, start, sizeof start - 1);
}

/*
 * The first line with a mark since the server's last start, from the mark on: what follows is its consequence, as
 * "PANIC: cannot abort transaction 1" is of a full disk. When none has a mark, the last line.
 */
void postgres_reason(const char *text, char *line, size_t size)
{
    bool marked = false;
    snprintf(line, size, "it said nothing");
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *mark = find_mark(text, length);
        const char *from = mark ? mark : text;
        marked = marked && !line_is_start(text, length);
        if (length > 0 && !marked)
            snprintf(line, size, "%.*s", (int)(length - (size_t)(from - text)), from);
        marked = marked || mark;
        text += length + (text[length] == '\n');
    }
}

/* The error of a program that failed: its own words when it had any. */
static int program_error(const struct subprocess *program, const struct subprocess_result *result, dlg_error **error)
{
    char line[512], reason[512], part[PATH_MAX];
    subprocess_explain(program, result, line, sizeof line);
    if (result->end == SUBPROCESS_NO_DIRECTORY && program->account &&
        directory_barrier(program->directory, program->account, part, sizeof part))
        return error_set(error, DLG_E_EMBEDDED,
                         "the server runs as %s, who cannot pass through %s: choose a directory such as "
                         "/var/lib/dialogsd, or run \"chmod o+x\" on that one",
                         program->account->name, part);
    if (result->end != SUBPROCESS_DONE || !*result->output)
        return error_set(error, DLG_E_EMBEDDED, "cannot make the private server: %s", line);
    postgres_reason(result->output, reason, sizeof reason);
    return error_set(error, DLG_E_EMBEDDED, "cannot make the private server: %s: %s", line, reason);
}

/* Sorted by code point ("C"), but with upper and lower case for all letters where the system knows them. */
static const char *character_type(void)
{
    locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!unicode)
        return "--lc-ctype=C";
    freelocale(unicode);
    return "--lc-ctype=C.UTF-8";
}

int postgres_initialize(const struct postgres *postgres, const struct account *account, const char *data,
                        const char *lock, int64_t deadline_us, dlg_error **error)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/initdb", postgres->binaries);
    const char *arguments[] = {path,
                               "-D",
                               data,
                               "-U",
                               POSTGRES_SUPERUSER,
                               "--auth-local=trust",
                               "--auth-host=reject",
                               "--data-checksums",
                               "--encoding=UTF8",
                               "--locale=C",
                               character_type(),
                               NULL};
    struct subprocess program = {.arguments = arguments, .account = account, .directory = data, .lock = lock};
    struct subprocess_result result;
    if (subprocess_run(&program, deadline_us, &result))
        return DLG_OK;
    return program_error(&program, &result, error);
}

int postgres_start(const struct postgres *postgres, const struct account *account, const char *data, const char *lock,
                   const char *const *settings, int log, dlg_error **error)
{
    enum { FIXED = 3, MOST = 32 };
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/postgres", postgres->binaries);
    const char *arguments[FIXED + 2 * MOST + 1] = {path, "-D", data};
    size_t count = FIXED;
    for (size_t i = 0; settings[i] && i < MOST; i++) {
        arguments[count++] = "-c";
        arguments[count++] = settings[i];
    }
    struct subprocess program = {.arguments = arguments, .account = account, .directory = data, .lock = lock};
    struct subprocess_result result;
    if (subprocess_start(&program, log, &result))
        return DLG_OK;
    return program_error(&program, &result, error);
}
