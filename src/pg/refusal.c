#include "pg/refusal.h"

#include "pg/sqlstate.h"

#include <stdio.h>
#include <string.h>

void refusal_expect(PGconn *conn)
{
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
}

/*
 * A refusal has no SQLSTATE of its own, but its verbose text does, in any language:
 * "connection to ... failed: FATAL:  28P01: password authentication failed\nLOCATION: ...".
 */
static void take_sqlstate(char *text, char *sqlstate)
{
    for (char *at = strstr(text, ":  "); at && !*sqlstate; at = strstr(at + 1, ":  ")) {
        char *state = at + 3;
        if (strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5 || strncmp(state + 5, ": ", 2) != 0)
            continue;
        memcpy(sqlstate, state, 5);
        memmove(state, state + 7, strlen(state + 7) + 1);
        state[strcspn(state, "\n")] = '\0';
    }
}

/*
 * TLS has no SQLSTATE: these are words of OpenSSL, which has no translations, and of libpq in English. Where libpq
 * speaks another language, the fault counts as one that may pass. A peer that goes away is said in other words.
 */
static bool is_tls_fault(const char *text)
{
    static const char *const words[] = {"certificate",
                                        "private key",
                                        "does not support SSL",
                                        "wrong version number",
                                        "unsupported protocol",
                                        "no protocols available",
                                        "alert",
                                        "no shared cipher"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

/* A file that the conninfo names, or one of those in the home directory, is in the text in every language. */
static bool names_tls_file(PGconn *conn, const char *text)
{
    PQconninfoOption *options = PQconninfo(conn);
    bool named = strstr(text, "/.postgresql/");
    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        bool is_file = strcmp(option->keyword, "sslrootcert") == 0 || strcmp(option->keyword, "sslcert") == 0 ||
                       strcmp(option->keyword, "sslkey") == 0;
        named |= is_file && option->val && strchr(option->val, '/') && strstr(text, option->val);
    }
    PQconninfoFree(options);
    return named;
}

static bool is_permanent(PGconn *conn, const char *sqlstate, const char *text)
{
    if (*sqlstate)
        return !sqlstate_is_transient(sqlstate);
    return PQconnectionNeedsPassword(conn) || is_tls_fault(text) || names_tls_file(conn, text);
}

/* libpq passes some of its environment on to the server. */
static void add_advice(const char *sqlstate, char *text, size_t size)
{
    size_t length = strlen(text);
    if (strcmp(sqlstate, "22023") == 0 || strcmp(sqlstate, "42704") == 0)
        snprintf(text + length, size - length,
                 " (look at `options` of the conninfo, and at PGOPTIONS, PGTZ, PGDATESTYLE and PGGEQO)");
}

dlg_error *refusal_error(PGconn *conn)
{
    char text[1024], sqlstate[6] = "";
    dlg_error *error = NULL;
    snprintf(text, sizeof text, "%s", PQerrorMessage(conn));
    take_sqlstate(text, sqlstate);
    add_advice(sqlstate, text, sizeof text);
    error_set_sql(&error, DLG_E_UNAVAILABLE, sqlstate, "", text);
    if (is_permanent(conn, sqlstate, text))
        error_set_final(error);
    return error;
}

dlg_error *refusal_of_encoding(PGconn *conn)
{
    dlg_error *error = NULL;
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    if (encoding && strcmp(encoding, "UTF8") != 0)
        error_set(&error, DLG_E_SCHEMA,
                  "the database %s has the encoding %s and cannot keep every text: make another with createdb -E UTF8 "
                  "-T template0",
                  PQdb(conn), encoding);
    return error;
}
