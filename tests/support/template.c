#include "template.h"

#include "base/clock.h"
#include "base/lock.h"
#include "embedded/directory.h"
#include "embedded/subprocess.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { TIME_LIMIT_US = 120 * 1000000 };

static int64_t deadline(void)
{
    return clock_monotonic_us() + TIME_LIMIT_US;
}

bool template_run(const char *const *arguments, const struct account *account)
{
    struct subprocess program = {.arguments = arguments, .account = account};
    struct subprocess_result result;
    char line[512];
    if (subprocess_run(&program, deadline(), &result))
        return true;
    subprocess_explain(&program, &result, line, sizeof line);
    fprintf(stderr, "%s: %s\n", line, result.output);
    return false;
}

static bool say(dlg_error *error)
{
    fprintf(stderr, "%s\n", dlg_error_message(error));
    dlg_error_free(error);
    return false;
}

static bool copy(const char *from, const char *to)
{
    const char *arguments[] = {"/bin/cp", "-a", "--reflink=auto", from, to, NULL};
    return template_run(arguments, NULL);
}

/* Where the originals are kept. */
static bool open_templates(char **path, int *fd)
{
    char other[64];
    dlg_error *error = NULL;
    if (access(TEST_BINARY_DIR, W_OK) == 0 && directory_open(TEST_BINARY_DIR "/data-templates", path, fd, NULL) == 0)
        return true;
    snprintf(other, sizeof other, "/tmp/dialogs-test-templates-%u", (unsigned)geteuid());
    return directory_open(other, path, fd, &error) == DLG_OK || say(error);
}

/* Runs initdb where its user gets in, and takes the outcome into the templates in one step. */
static bool make_template(const struct postgres *postgres, const struct account *account, int templates,
                          const char *path, const char *name)
{
    char place[] = "/tmp/dialogs-test-template-XXXXXX", fresh[PATH_MAX];
    dlg_error *error = NULL;
    if (!mkdtemp(place)) {
        perror(place);
        return false;
    }
    if (geteuid() == 0 && chown(place, account->uid, account->gid) < 0)
        perror(place); /* initdb fails then, and says so too */
    snprintf(fresh, sizeof fresh, "%s/new", path);
    bool made = postgres_initialize(postgres, account, place, NULL, deadline(), &error) == DLG_OK || say(error);
    made = made && directory_remove(templates, "new") && copy(place, fresh) &&
           renameat(templates, "new", templates, name) == 0;
    directory_remove(AT_FDCWD, place);
    return made;
}

static bool copy_locked(const struct postgres *postgres, const struct account *account, int templates, const char *path,
                        const char *data)
{
    char name[64], original[PATH_MAX];
    snprintf(name, sizeof name, "%d-%u", postgres->major, (unsigned)account->uid);
    snprintf(original, sizeof original, "%s/%s", path, name);
    if (access(original, F_OK) < 0 && !make_template(postgres, account, templates, path, name))
        return false;
    return copy(original, data);
}

bool template_copy(const struct postgres *postgres, const struct account *account, const char *data)
{
    char *path;
    int templates;
    if (!open_templates(&path, &templates))
        return false;
    int lock = lock_open(templates, "lock");
    bool copied =
        lock >= 0 && lock_take(lock, LOCK_EX, deadline()) && copy_locked(postgres, account, templates, path, data);
    lock_release(lock);
    if (lock >= 0)
        close(lock);
    close(templates);
    free(path);
    return copied;
}
