#include "pg/sqlstate.h"

#include <string.h>

/* Whole classes by their first two characters. */
static const char *const transient[] = {
    "08",    /* connection exception, also of a node behind the one that we talk to */
    "40001", /* serialization failure */
    "40P01", /* deadlock */
    "53",    /* out of a resource */
    "55P03", /* lock not available */
    "57014", /* cancelled, e.g. by a statement timeout */
    "57P01", /* shutdown by the administrator */
    "57P02", /* crash of another backend */
    "57P03", /* starting up */
    "57P05", /* idle session timeout */
    "25006", /* a standby now */
};

static bool has_prefix(const dlg_error *error, const char *prefix)
{
    return strncmp(dlg_error_sqlstate(error), prefix, strlen(prefix)) == 0;
}

bool sqlstate_is_transient(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof transient / sizeof *transient; i++)
        if (strncmp(sqlstate, transient[i], strlen(transient[i])) == 0)
            return true;
    return false;
}

bool error_is_transient(const dlg_error *error)
{
    return error->code == DLG_E_UNAVAILABLE || sqlstate_is_transient(dlg_error_sqlstate(error));
}

bool error_is_ambiguous(const dlg_error *error)
{
    return has_prefix(error, "08") || has_prefix(error, "57P") || has_prefix(error, "40003");
}

bool error_is_read_only(const dlg_error *error)
{
    return has_prefix(error, "25006");
}

/* Syntax error or access rule violation: our statements do not fit the tables. */
static bool is_schema(const dlg_error *error)
{
    return has_prefix(error, "42") && !has_prefix(error, "42501");
}

static void explain_schema(dlg_error **error)
{
    dlg_error *why = NULL;
    const char *what = has_prefix(*error, "42P01") ? "the tables are missing: run dlgctl init"
                                                   : "a table is of another shape than this library's";
    error_set_sql(&why, DLG_E_SCHEMA, dlg_error_sqlstate(*error), what, dlg_error_message(*error));
    error_set_fate(why, dlg_error_fate(*error));
    dlg_error_free(*error);
    *error = why;
}

void error_classify(dlg_error **error)
{
    dlg_error *own = *error;
    if (own->code != DLG_E_DATABASE)
        return;
    if (is_schema(own)) {
        explain_schema(error);
        return;
    }
    if (has_prefix(own, "22021"))
        own->code = DLG_E_TEXT;
    else if (has_prefix(own, "2200") || has_prefix(own, "22P02"))
        own->code = DLG_E_ARGUMENT;
    else if (has_prefix(own, "55P03") || has_prefix(own, "57014"))
        own->code = DLG_E_TIMEOUT;
    else if (has_prefix(own, "08") || has_prefix(own, "57P"))
        own->code = DLG_E_UNAVAILABLE;
    own->retriable = error_is_transient(own);
}
