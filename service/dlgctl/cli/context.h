/* context.h - what the commands of dlgctl share: the options before them, the client, how they fail. */
#ifndef DLGCTL_CONTEXT_H
#define DLGCTL_CONTEXT_H

#include <dialogs.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

/* What a command returns, and the process after it. */
enum { DLGCTL_OK = 0, DLGCTL_FAILED = 1, DLGCTL_USAGE = 2 };

struct dlgctl {
    const char *program; /* "dlgctl" */
    const struct command *command;
    const struct command *const *tables; /* all of them, by group; NULL is the last */
    const char *database;                /* --db; NULL: the private one in the data directory */
    const char *data;                    /* --data; NULL: the customary place */
    bool quiet;
    dlg_settings *settings;
    dlg_client *client; /* NULL until dlgctl_open() */
};

struct command {
    const char *name;      /* "user add" */
    const char *arguments; /* "[OPTION]... USER" */
    const char *summary;   /* one line */
    const char *options;   /* lines for --help */
    int (*run)(struct dlgctl *ctl, int argc, char **argv);
};

/* Lists the commands whose names begin with a word, or all, with what they do. How many they are. */
int dlgctl_print_commands(const struct dlgctl *ctl, FILE *to, const char *word);

/*
 * The next option of a command: its `val`, or -1 after the last one, when `optind` is at the first
 * argument. The options for every command are handled on the way. DLGCTL_BAD: wrong, and said so.
 */
enum { DLGCTL_BAD = '?' };
int dlgctl_option(struct dlgctl *ctl, int argc, char **argv, const struct option *own);

/* DLGCTL_OK when the options were the last of it, else DLGCTL_USAGE after saying so. */
int dlgctl_no_arguments(const struct dlgctl *ctl, int argc);

/* The same for a command that has no options of its own either, from its beginning. */
int dlgctl_bare(struct dlgctl *ctl, int argc, char **argv);

/* Connects as the options say. DLGCTL_OK, or DLGCTL_FAILED after saying why. */
int dlgctl_open(struct dlgctl *ctl);

/* Each says what is wrong on standard error; DLGCTL_FAILED and DLGCTL_USAGE respectively. */
int dlgctl_fail(const struct dlgctl *ctl, dlg_error *error); /* frees the error */
int dlgctl_complain(const struct dlgctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
int dlgctl_misuse(const struct dlgctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads an argument; DLGCTL_USAGE after saying what is wrong with it. */
int dlgctl_uuid(const struct dlgctl *ctl, const char *text, dlg_uuid *uuid);
int dlgctl_number(const struct dlgctl *ctl, const char *name, const char *text, int64_t least, int64_t most,
                  int64_t *number);

/* From here on Ctrl-C (and SIGTERM) only makes dlgctl_stopped() true; a second one ends the process. */
void dlgctl_catch_stop(void);
bool dlgctl_stopped(void);

/* Whether to colour what goes to this descriptor: a terminal, and no NO_COLOR. */
bool dlgctl_coloured(int fd);

#endif
