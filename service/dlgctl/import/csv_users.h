/*
 * roster.h - users from CSV (RFC 4180, by libcsv): with a header row that names the columns, or in the
 * customary form without one, "Last First,birthdate,city".
 */
#ifndef SERVICE_ROSTER_H
#define SERVICE_ROSTER_H

#include "import/lines.h"

#include <csv.h>
#include <dialogs.h>

enum { ROSTER_FIELDS = 64, ROSTER_ROW_LIMIT = 256 * 1024 };

enum roster_column {
    ROSTER_IGNORED,
    ROSTER_ID,
    ROSTER_NAME, /* "Last First" */
    ROSTER_FIRST_NAME,
    ROSTER_SECOND_NAME,
    ROSTER_BIRTHDATE,
    ROSTER_BIOGRAPHY,
    ROSTER_CITY
};

struct roster {
    struct lines lines;
    struct csv_parser parser;
    uint64_t rows; /* those that name users, also the bad ones */
    uint64_t line; /* where the row at hand begins */
    const char *problem;
    char message[160]; /* for problems that name something */

    char *bytes; /* the fields of the row, each with a NUL behind it */
    size_t size, room;
    size_t starts[ROSTER_FIELDS];
    int fields;
    bool complete; /* the row's end was seen */
    bool no_memory;
    bool has_nul;

    bool begun; /* the columns are known */
    int columns;
    enum roster_column column[ROSTER_FIELDS];
};

enum roster_result { ROSTER_USER, ROSTER_BAD, ROSTER_END, ROSTER_FAILED };

/* False: out of memory. */
bool roster_init(struct roster *roster, FILE *file);
void roster_free(struct roster *roster);

/*
 * The next row: a user, whose texts are valid until the next call, or a BAD one, with `problem` and
 * `line`. A user without an id gets one that follows from the row's place and content, so that the
 * same file names the same users every time. FAILED: the file cannot be read (errno).
 */
enum roster_result roster_next(struct roster *roster, dlg_user *user);

#endif
