#include "pg/answer.h"

#include "base/error.h"

#include <ctype.h>
#include <string.h>

/*
 * The columns of answers by letter: i int4, l int8, b bool, z timestamptz, u uuid, t text of any kind. A capital letter
 * may be NULL. After a dash the rows are not looked at here: whoever reads them does, since a page has many.
 */
static const char *const columns_of[STATEMENT_COUNT] = {
    [STATEMENT_MESSAGE_INSERT] = "z",
    [STATEMENT_MESSAGE_FIND] = "utzZ",
    [STATEMENT_PAGE_AFTER] = "-ltzZ",
    [STATEMENT_PAGE_BEFORE] = "-ltzZ",
    [STATEMENT_DIALOG_AFTER] = "-ltzZb",
    [STATEMENT_DIALOG_BEFORE] = "-ltzZb",
    [STATEMENT_LONG_PAGE_AFTER] = "-ltzZ",
    [STATEMENT_LONG_PAGE_BEFORE] = "-ltzZ",
    [STATEMENT_LONG_DIALOG_AFTER] = "-ltzZb",
    [STATEMENT_LONG_DIALOG_BEFORE] = "-ltzZb",
    [STATEMENT_FEED_TO_AFTER] = "-ltzZuu",
    [STATEMENT_FEED_TO_BEFORE] = "-ltzZuu",
    [STATEMENT_FEED_FROM_AFTER] = "-ltzZuu",
    [STATEMENT_FEED_FROM_BEFORE] = "-ltzZuu",
    [STATEMENT_FEED_TO_POSITIONS] = "ltz",
    [STATEMENT_FEED_FROM_POSITIONS] = "ltz",
    [STATEMENT_USER_GET] = "uTTTTTz",
    [STATEMENT_USER_EXISTS] = "u",
    [STATEMENT_USER_HASH] = "tZ",
    [STATEMENT_USER_TOKEN] = "Zb",
    [STATEMENT_USER_SEARCH_FIRST] = "uTTTTTz",
    [STATEMENT_USER_SEARCH_SECOND] = "uTTTTTz",
    [STATEMENT_WRITERS] = "ztbit",
    [STATEMENT_WRITERS_CITUS] = "ztbit",
    [STATEMENT_WRITERS_ALL] = "ztbit",
    [STATEMENT_SHARD_MAP] = "liiiTItbl",
    [STATEMENT_IS_CITUS] = "b",
};

/* Of multi-row forms. */
static const char *const rows_columns_of[STATEMENT_COUNT] = {
    [STATEMENT_MESSAGE_INSERT] = "lz",
};

static const struct column {
    char letter;
    Oid type;
    int size;
} kinds[] = {
    {'i', OID_INT4, 4},        {'l', OID_INT8, 8},  {'b', OID_BOOL, 1},
    {'z', OID_TIMESTAMPTZ, 8}, {'u', OID_UUID, 16}, {'t', 0, -1}, /* any */
};

static const struct column *kind_of(char letter)
{
    size_t i = 0;
    while (kinds[i].letter != tolower((unsigned char)letter))
        i++;
    return &kinds[i];
}

static bool field_fits(const PGresult *result, int row, int column, int size, bool may_be_null)
{
    if (PQgetisnull(result, row, column))
        return may_be_null;
    return size < 0 || PQgetlength(result, row, column) == size;
}

static bool column_fits(const PGresult *result, int column, char letter)
{
    const struct column *kind = kind_of(letter);
    return (!kind->type || PQftype(result, column) == kind->type) && PQfformat(result, column);
}

static bool fields_fit(const PGresult *result, int column, char letter)
{
    int size = kind_of(letter)->size;
    bool may_be_null = isupper((unsigned char)letter) != 0;
    for (int row = 0; row < PQntuples(result); row++)
        if (!field_fits(result, row, column, size, may_be_null))
            return false;
    return true;
}

bool answer_fits(const struct statement *statement, bool rows, const PGresult *result)
{
    const char *columns = (rows ? rows_columns_of : columns_of)[statement_index(statement)];
    if (!columns)
        return true;
    bool by_reader = *columns == '-';
    columns += by_reader;
    if (PQnfields(result) != (int)strlen(columns))
        return false;
    for (int column = 0; columns[column]; column++)
        if (!column_fits(result, column, columns[column]) ||
            (!by_reader && !fields_fit(result, column, columns[column])))
            return false;
    return true;
}

dlg_error *answer_misfit_error(const struct statement *statement)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_SCHEMA,
              "the answer to %s has other columns or values than this library expects; is the table one of its own?",
              statement->name);
    return error;
}
