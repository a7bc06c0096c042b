/* load.h - one run of `dlgctl load`: its options, the loader, bad rows, progress and the end of it. */
#ifndef DLGCTL_LOAD_H
#define DLGCTL_LOAD_H

#include "cli/context.h"
#include "import/text_split.h"
#include "import/user_population.h"
#include "show/progress.h"

#include <stdio.h>

struct load {
    struct dlgctl *ctl;
    /* options */
    const char *path; /* "-": standard input */
    bool ask_password;
    const char *password_file;
    bool strict;
    const char *ids_path;
    const char *among_path;
    enum text_form form;
    const char *separator;
    enum population_skew skew;
    bool seeded;
    int64_t seed;
    int64_t from_us, until_us; /* INT64_MIN: not given */
    int64_t messages;          /* to be generated */
    int64_t users;
    /* state */
    FILE *file;
    FILE *ids;
    dlg_loader *loader;
    char *password_hash;
    struct user_population population;
    struct progress progress;
    uint64_t whole; /* rows or bytes, for the progress; 0: nobody knows */
    uint64_t bad;
    bool conflicts; /* messages were not loaded, because others have their ids */
};

/* Opens the input (when there is one), the client and the loader. */
int load_begin(struct load *load, const char *what);

/* A part of the rows that is left out: said. DLGCTL_FAILED with --strict. */
int load_ignore(struct load *load, uint64_t line, const char *problem);

/* A row that cannot be taken: said and counted. DLGCTL_FAILED with --strict. */
int load_refuse(struct load *load, uint64_t line, const char *problem);

/* Hands a row to the loader. `line` 0: it is ours, and a refusal is a failure. */
int load_user(struct load *load, const dlg_user *user, uint64_t line);
int load_message(struct load *load, const dlg_message_input *message, uint64_t line);

/* Shows how far it is, `part` of the whole. */
void load_show(struct load *load, uint64_t part);

/* Fills in the times that were not given, and the seed. */
void load_settle_times(struct load *load);

/* Commits what is left if all went well, says what was loaded, frees everything. Returns the command's status. */
int load_end(struct load *load, int status);

#endif
