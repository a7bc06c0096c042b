/*
 * csv_users.h - users from CSV (RFC 4180, by libcsv): with a header row that names the columns, or in the
 * customary form without one, "Last First,birthdate,city".
 */
#ifndef DLGCTL_CSV_USERS_H
#define DLGCTL_CSV_USERS_H

#include "import/lines.h"

#include <csv.h>
#include <dialogs.h>

enum { CSV_FIELDS = 64, CSV_ROW_LIMIT = 256 * 1024 };

enum csv_column {
    CSV_IGNORED,
    CSV_ID,
    CSV_NAME, /* "Last First" */
    CSV_FIRST_NAME,
    CSV_SECOND_NAME,
    CSV_BIRTHDATE,
    CSV_BIOGRAPHY,
    CSV_CITY
};

struct csv_users {
    struct lines lines;
    struct csv_parser parser;
    uint64_t rows; /* those that name users, also the bad ones */
    uint64_t line; /* where the row at hand begins */
    const char *problem;
    char message[256]; /* for problems that name something */

    char *bytes; /* the fields of the row, each with a NUL behind it */
    size_t size, room;
    size_t starts[CSV_FIELDS];
    int fields;
    bool complete; /* the row's end was seen */
    bool no_memory;
    bool has_nul;

    bool begun; /* the columns are known */
    int columns;
    enum csv_column column[CSV_FIELDS];
};

enum csv_result { CSV_USER, CSV_COLUMNS, CSV_BAD, CSV_END, CSV_FAILED };

/* False: out of memory. */
bool csv_users_init(struct csv_users *users, FILE *file);
void csv_users_free(struct csv_users *users);

/*
 * The next row: a user, whose texts are valid until the next call, or a BAD one, with `problem` and
 * `line`. COLUMNS, with the same: this is the header, and no user has some of its columns. A user without an id gets
 * one that follows from the row's place and content, so that the same file names the same users every time. FAILED: the
 * file cannot be read (errno).
 */
enum csv_result csv_users_next(struct csv_users *users, dlg_user *user);

#endif
