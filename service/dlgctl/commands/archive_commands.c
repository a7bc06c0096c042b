/* archive_commands.c - the commands dump and restore. */
#include "commands/archive_commands.h"

#include "show/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The one argument that both take: "-" when it is missing; NULL after saying what is wrong. */
static const char *read_archive_path(struct dlgctl *ctl, int argc, char **argv)
{
    if (dlgctl_option(ctl, argc, argv, NULL) != -1)
        return NULL;
    if (argc - optind > 1) {
        dlgctl_misuse(ctl, "%s takes one file, -, or nothing", ctl->command->name);
        return NULL;
    }
    return optind < argc ? argv[optind] : "-";
}

static bool is_dash(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* What dlg_dump() and dlg_restore() have in common. */
typedef int (*transfer)(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error);

struct totals {
    struct progress progress;
    dlg_progress done;
};

static int note(const dlg_progress *done, void *payload)
{
    struct totals *totals = payload;
    totals->done = *done;
    uint64_t rows = done->users + done->messages;
    if (done->total_bytes > 0)
        progress_show(&totals->progress, rows, done->bytes, done->total_bytes);
    else
        progress_show(&totals->progress, rows, done->messages, done->total_messages);
    return dlgctl_stopped();
}

static int run_transfer(struct dlgctl *ctl, transfer act, int fd, const char *verb)
{
    struct totals totals = {0};
    dlg_error *error = NULL;
    progress_begin(&totals.progress, "rows", ctl->quiet);
    int code = act(ctl->client, fd, note, &totals, &error);
    progress_clear(&totals.progress);
    if (code != DLG_OK && code != DLG_E_CANCELLED)
        dlgctl_fail(ctl, error);
    else
        dlg_error_free(error);
    const dlg_progress *done = &totals.done;
    bool whole = code == DLG_OK || code == DLG_E_EXISTS; /* those that conflict do not stop it */
    if (ctl->quiet && code == DLG_OK)
        return DLGCTL_OK;
    fprintf(stderr, "%s%s: %s users, %s messages, %s bytes in %.1f s", verb, whole ? "" : " so far",
            progress_number(done->users), progress_number(done->messages), progress_number(done->bytes),
            progress_seconds(&totals.progress));
    if (act == dlg_restore)
        fprintf(stderr, "; %s rows were there already", progress_number(done->skipped));
    if (done->conflicts)
        fprintf(stderr, "; %s have the id of another message and were not restored", progress_number(done->conflicts));
    fputs(whole ? "\n" : "; then it stopped\n", stderr);
    return code == DLG_OK ? DLGCTL_OK : DLGCTL_FAILED;
}

/* ---- dump ---- */

static int cannot_write(const struct dlgctl *ctl, const char *path)
{
    return dlgctl_complain(ctl, "%s cannot be written: %s", path, strerror(errno));
}

/* Into a new file, which takes its name when it is whole: there is no half of an archive under the name. */
static int dump_file(struct dlgctl *ctl, const char *path)
{
    char *part;
    if (asprintf(&part, "%s.part", path) < 0)
        return dlgctl_complain(ctl, "out of memory");
    int status = DLGCTL_OK;
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0)
        status = cannot_write(ctl, part);
    if (status == DLGCTL_OK)
        status = run_transfer(ctl, dlg_dump, fd, "Dumped");
    if (status == DLGCTL_OK && (fsync(fd) != 0 || rename(part, path) != 0))
        status = cannot_write(ctl, path);
    if (status != DLGCTL_OK && fd >= 0)
        unlink(part);
    if (fd >= 0)
        close(fd);
    free(part);
    return status;
}

/* A device or a pipe has no use for a temporary name beside it. */
static int dump_into(struct dlgctl *ctl, const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_write(ctl, path);
    int status = run_transfer(ctl, dlg_dump, fd, "Dumped");
    if (close(fd) != 0 && status == DLGCTL_OK)
        status = cannot_write(ctl, path);
    return status;
}

static int run_dump(struct dlgctl *ctl, int argc, char **argv)
{
    const char *path = read_archive_path(ctl, argc, argv);
    if (!path)
        return DLGCTL_USAGE;
    if (is_dash(path) && isatty(STDOUT_FILENO))
        return dlgctl_misuse(ctl, "an archive is not for a terminal: name a file");
    dlgctl_catch_stop();
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    if (is_dash(path))
        return run_transfer(ctl, dlg_dump, STDOUT_FILENO, "Dumped");
    struct stat status;
    bool special = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
    return special ? dump_into(ctl, path) : dump_file(ctl, path);
}

/* ---- restore ---- */

static int run_restore(struct dlgctl *ctl, int argc, char **argv)
{
    const char *path = read_archive_path(ctl, argc, argv);
    if (!path)
        return DLGCTL_USAGE;
    if (is_dash(path) && isatty(STDIN_FILENO))
        return dlgctl_misuse(ctl, "an archive does not come from a terminal: name a file");
    int fd = is_dash(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dlgctl_complain(ctl, "%s cannot be read: %s", path, strerror(errno));
    dlgctl_catch_stop();
    int status = dlgctl_open(ctl);
    if (status == DLGCTL_OK)
        status = run_transfer(ctl, dlg_restore, fd, "Restored");
    if (!is_dash(path))
        close(fd);
    return status;
}

const struct command archive_commands[] = {
    {"dump", "[OPTION]... [FILE]", "Writes all users and messages into an archive.",
     "Without FILE, or with -, it writes to standard output. The archive has password hashes: protect it like the\n"
     "database.\n",
     run_dump},
    {"restore", "[OPTION]... [FILE]", "Reads an archive back.",
     "Without FILE, or with -, it reads standard input. Existing rows are skipped: you may run it again.\n",
     run_restore},
    {0},
};
