#include "import/load.h"

#include "cli/password_prompt.h"
#include "cli/safe_text.h"
#include "cli/time_format.h"
#include "common/service_clock.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAD_SHOWN = 20 };

/* ---- Beginning ---- */

static int hash_password(struct load *load)
{
    if (!load->ask_password && !load->password_file)
        return DLGCTL_OK;
    bool input_busy = load->path && strcmp(load->path, "-") == 0;
    struct password password;
    const char *problem = input_busy && !load->password_file ? password_ask(&password, true)
                                                             : password_read(&password, load->password_file, true);
    dlg_error *error = NULL;
    int status = DLGCTL_OK;
    if (problem)
        status = dlgctl_complain(load->ctl, "no password: %s", problem);
    else if (dlg_password_hash(&load->password_hash, load->ctl->client, password.text, password.length, &error) !=
             DLG_OK)
        status = dlgctl_fail(load->ctl, error);
    password_wipe(&password);
    return status;
}

static int open_inputs(struct load *load)
{
    if (load->path) {
        load->file = strcmp(load->path, "-") == 0 ? stdin : fopen(load->path, "re");
        if (!load->file)
            return dlgctl_complain(load->ctl, "%s cannot be read: %s", load->path, strerror(errno));
    }
    if (load->ids_path) {
        load->ids = fopen(load->ids_path, "we");
        if (!load->ids)
            return dlgctl_complain(load->ctl, "%s cannot be written: %s", load->ids_path, strerror(errno));
    }
    return DLGCTL_OK;
}

int load_begin(struct load *load, const char *what)
{
    dlgctl_catch_stop();
    int status = open_inputs(load);
    if (status == DLGCTL_OK)
        status = dlgctl_open(load->ctl);
    if (status == DLGCTL_OK)
        status = hash_password(load);
    dlg_error *error = NULL;
    if (status == DLGCTL_OK && dlg_loader_open(&load->loader, load->ctl->client, &error) != DLG_OK)
        status = dlgctl_fail(load->ctl, error);
    progress_begin(&load->progress, what, load->ctl->quiet);
    return status;
}

void load_settle_times(struct load *load)
{
    enum { MONTH_DAYS = 30 };
    const int64_t second_us = 1000000;
    const int64_t day_us = 86400 * second_us;
    const int64_t fixed_us = INT64_C(1767225600000000); /* 2026-01-01 */
    if (!load->seeded)
        load->seed = (int64_t)randombytes_random();
    if (load->until_us == INT64_MIN)
        load->until_us = load->seeded ? fixed_us : wall_us() / second_us * second_us;
    if (load->from_us == INT64_MIN)
        load->from_us = load->until_us - MONTH_DAYS * day_us;
}

/* ---- Rows ---- */

/* A problem may name what stands in the file: anything. */
static void say_line(struct load *load, uint64_t line, const char *outcome, const char *problem)
{
    progress_clear(&load->progress);
    fprintf(stderr, "%s:%llu: %s: ", load->path, (unsigned long long)line, outcome);
    safe_text_print(stderr, problem, strlen(problem), NULL);
    fputc('\n', stderr);
}

int load_ignore(struct load *load, uint64_t line, const char *problem)
{
    say_line(load, line, load->strict ? "not loaded" : "ignored", problem);
    return load->strict ? DLGCTL_FAILED : DLGCTL_OK;
}

int load_refuse(struct load *load, uint64_t line, const char *problem)
{
    load->bad++;
    if (load->bad <= BAD_SHOWN || load->strict)
        say_line(load, line, "not loaded", problem);
    if (load->bad == BAD_SHOWN && !load->strict)
        fprintf(stderr, "%s: further ones are counted, not shown\n", load->path);
    return load->strict ? DLGCTL_FAILED : DLGCTL_OK;
}

/* Whether the row is to blame; what the database says is about a whole chunk. */
static bool is_about_row(int code, const dlg_error *error)
{
    return (code == DLG_E_ARGUMENT || code == DLG_E_TEXT || code == DLG_E_TOO_LARGE) && !*dlg_error_sqlstate(error);
}

static int check_outcome(struct load *load, int code, dlg_error *error, uint64_t line)
{
    if (code == DLG_OK)
        return DLGCTL_OK;
    if (line > 0 && is_about_row(code, error)) {
        int status = load_refuse(load, line, dlg_error_message(error));
        dlg_error_free(error);
        return status;
    }
    progress_clear(&load->progress);
    return dlgctl_fail(load->ctl, error);
}

static int keep_id(struct load *load, const dlg_uuid *id)
{
    char text[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(text, id);
    if (load->ids && fprintf(load->ids, "%s\n", text) < 0)
        return dlgctl_complain(load->ctl, "%s cannot be written: %s", load->ids_path, strerror(errno));
    return DLGCTL_OK;
}

int load_user(struct load *load, const dlg_user *user, uint64_t line)
{
    dlg_error *error = NULL;
    int code = dlg_loader_user(load->loader, user, load->password_hash, &error);
    return code == DLG_OK ? keep_id(load, &user->id) : check_outcome(load, code, error, line);
}

/* Says of messages of an earlier chunk that others have their ids, and goes on. */
static int pass_conflicts(struct load *load, int code, dlg_error **error)
{
    if (code != DLG_E_EXISTS)
        return code;
    progress_clear(&load->progress);
    dlgctl_fail(load->ctl, *error);
    *error = NULL;
    load->conflicts = true;
    return DLG_OK;
}

int load_message(struct load *load, const dlg_message_input *message, uint64_t line)
{
    dlg_error *error = NULL;
    int code = dlg_loader_message(load->loader, message, &error);
    if (code == DLG_E_EXISTS && pass_conflicts(load, code, &error) == DLG_OK)
        code = dlg_loader_message(load->loader, message, &error);
    return check_outcome(load, code, error, line);
}

/* ---- The end ---- */

static uint64_t rows_done(const struct load *load)
{
    dlg_progress done = DLG_PROGRESS_INIT;
    dlg_loader_progress(&done, load->loader);
    return done.users + done.messages;
}

void load_show(struct load *load, uint64_t part)
{
    progress_show(&load->progress, rows_done(load), part, load->whole);
}

static void print_counts(const dlg_progress *done)
{
    if (!done->users && !done->messages)
        printf("nothing");
    if (done->users)
        printf("%s users", progress_number(done->users));
    if (done->messages)
        printf("%s%s messages", done->users ? ", " : "", progress_number(done->messages));
}

static void print_summary(const struct load *load, bool complete)
{
    double seconds = progress_seconds(&load->progress);
    uint64_t rows = rows_done(load);
    dlg_progress done = DLG_PROGRESS_INIT;
    dlg_loader_progress(&done, load->loader);
    printf(complete ? "Loaded: " : "Stopped; loaded so far: ");
    print_counts(&done);
    printf(" in %.1f s, %s/s; %s were there already", seconds,
           progress_number(seconds > 0 ? (uint64_t)((double)rows / seconds) : 0), progress_number(done.skipped));
    if (done.conflicts)
        printf(", %s have the id of another message and were not loaded", progress_number(done.conflicts));
    if (load->path)
        printf(", %s bad rows", progress_number(load->bad));
    putchar('\n');
}

/* What repeats a load that drew its own seed. */
static void print_repeat(const struct load *load)
{
    char from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    if (load->from_us == INT64_MIN)
        return;
    time_format_seconds(load->from_us, from);
    time_format_seconds(load->until_us, until);
    printf("To go on, repeat the command with: --seed %lld --from %s --until %s\n", (long long)load->seed, from, until);
}

static void release(struct load *load)
{
    dlg_loader_free(load->loader);
    dlg_free(load->password_hash);
    population_free(&load->population);
    if (load->file && load->file != stdin)
        fclose(load->file);
}

static int close_ids(struct load *load, int status)
{
    if (load->ids && fclose(load->ids) != 0 && status == DLGCTL_OK)
        return dlgctl_complain(load->ctl, "%s cannot be written: %s", load->ids_path, strerror(errno));
    return status;
}

int load_end(struct load *load, int status)
{
    bool stopped = dlgctl_stopped();
    dlg_error *error = NULL;
    if (load->loader && status == DLGCTL_OK && !stopped) {
        int code = pass_conflicts(load, dlg_loader_flush(load->loader, &error), &error);
        status = check_outcome(load, code, error, 0);
    }
    bool complete = status == DLGCTL_OK && !stopped;
    if (load->loader && complete && load->whole)
        load_show(load, load->whole);
    progress_clear(&load->progress);
    if (load->loader)
        print_summary(load, complete);
    bool in_vain = load->loader && load->bad > 0 && rows_done(load) == 0;
    if (load->loader && !complete)
        print_repeat(load);
    status = close_ids(load, status);
    release(load);
    return stopped || load->conflicts || in_vain ? DLGCTL_FAILED : status;
}
