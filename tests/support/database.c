#include "database.h"

#include "check.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

char *database_text(const char *conninfo, const char *sql)
{
    PGconn *connection = PQconnectdb(conninfo);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    char *text = strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(connection);
    return text;
}

void database_execute(const char *conninfo, const char *sql)
{
    free(database_text(conninfo, sql));
}

int64_t database_number(const char *conninfo, const char *sql)
{
    char *text = database_text(conninfo, sql);
    int64_t number = strtoll(text, NULL, 10);
    free(text);
    return number;
}

char *database_content(const char *conninfo)
{
    return database_text(
        conninfo, "SELECT concat((SELECT count(*) FROM users), ' ', (SELECT count(*) FROM dialogs), ' ',"
                  " (SELECT md5(string_agg((to_jsonb(u) - 'tokens_since')::text, ' ' ORDER BY id)) FROM users u), ' ',"
                  " (SELECT md5(string_agg(md5(d::text), ' ' ORDER BY id, to_user_id)) FROM dialogs d))");
}
