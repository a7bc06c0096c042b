/*
 * embed.c - embed CONNINFO: a program with its own PostgreSQL, table `users` and passwords that only sends and lists.
 * The library makes its table `dialogs` beside them and does not touch `users`. In the public domain.
 *
 *     cc -std=gnu11 embed.c $(pkg-config --cflags --libs libdialogs libpq) -o embed
 *
 * It calls libpq itself. It therefore needs that library's flags as well (Debian: libpq-dev).
 */
#include <dialogs.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static dlg_error *error;

static void must(int code)
{
    if (code == DLG_OK)
        return;
    fprintf(stderr, "embed: %s\n", dlg_error_message(error));
    exit(1);
}

/* The program as it was before: its own users, whose ids are numbers. */
static void query(PGconn *database, const char *statement, int expected)
{
    PGresult *result = PQexec(database, statement);
    if ((int)PQresultStatus(result) != expected) {
        fprintf(stderr, "embed: %s", PQerrorMessage(database));
        exit(1);
    }
    PQclear(result);
}

static long user_named(PGconn *database, const char *name)
{
    const char *values[] = {name};
    PGresult *result = PQexecParams(database, "SELECT id FROM users WHERE name = $1", 1, NULL, values, NULL, NULL, 0);
    if (PQntuples(result) != 1) {
        fprintf(stderr, "embed: there is no user %s\n", name);
        exit(1);
    }
    long id = atol(PQgetvalue(result, 0, 0));
    PQclear(result);
    return id;
}

/*
 * The new part: a number always becomes the same UUID of version 8 (RFC 9562: laid out by its maker). This program
 * has chosen the first bytes.
 */
static dlg_uuid dialog_id(long user)
{
    dlg_uuid id = {{0x5b, 0x1e, 0x52, 0x0c, 0x90, 0x11, 0x80, 0, 0x80}};
    for (int i = 0; i < 7; i++)
        id.bytes[15 - i] = (uint8_t)((unsigned long)user >> (8 * i));
    return id;
}

int main(int argc, char **argv)
{
    const char *conninfo = argc > 1 ? argv[1] : "";
    PGconn *database = PQconnectdb(conninfo);
    if (PQstatus(database) != CONNECTION_OK) {
        fprintf(stderr, "embed: %s", PQerrorMessage(database));
        return 1;
    }
    query(database, "SET client_min_messages = warning", PGRES_COMMAND_OK);
    query(database, "CREATE TABLE IF NOT EXISTS users (id serial PRIMARY KEY, name text UNIQUE)", PGRES_COMMAND_OK);
    query(database, "INSERT INTO users (name) VALUES ('anna'), ('boris') ON CONFLICT DO NOTHING", PGRES_COMMAND_OK);
    dlg_uuid anna = dialog_id(user_named(database, "anna")), boris = dialog_id(user_named(database, "boris"));

    dlg_client *client;
    dlg_page *page;
    must(dlg_open(&client, conninfo, NULL, &error));
    must(dlg_send(NULL, client, &anna, &boris, "Hello, Boris", DLG_NTS, NULL, &error));
    must(dlg_list(&page, client, &anna, &boris, NULL, &error));
    for (size_t i = 0; i < dlg_page_count(page); i++)
        printf("%s\n", dlg_page_at(page, i)->text);

    dlg_page_free(page);
    PQfinish(database);
    return dlg_close(NULL, client, 0);
}
