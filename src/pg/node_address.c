#include "pg/node_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void node_address_name(const char *host, int port, char *name, size_t size)
{
    snprintf(name, size, "%s:%d", host, port);
}

/* What node_addresses ("node=here,...") has for `name`, or `name`. Hosts may hold colons, ports may not. */
static void find_here(const dlg_settings *settings, const char *name, char *address, size_t size)
{
    size_t length = strlen(name);
    const char *at = settings->node_addresses;
    snprintf(address, size, "%s", name);
    while (at && *at) {
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            snprintf(address, size, "%.*s", (int)strcspn(at + length + 1, ","), at + length + 1);
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
}

/* Appends keyword='value', with the quoting of conninfo strings. */
static void conninfo_add(FILE *to, const char *keyword, const char *value)
{
    fprintf(to, "%s='", keyword);
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            fputc('\\', to);
        fputc(*value, to);
    }
    fputs("' ", to);
}

static bool is_place(const char *keyword)
{
    static const char *const places[] = {"host", "hostaddr", "port", "service", "target_session_attrs"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(keyword, places[i]) == 0)
            return true;
    return false;
}

static char *conninfo_at(PGconn *conn, const char *host, const char *hostaddr, const char *port)
{
    PQconninfoOption *options = PQconninfo(conn);
    char *text = NULL;
    size_t size;
    FILE *to = options ? open_memstream(&text, &size) : NULL;
    if (to) {
        for (PQconninfoOption *option = options; option->keyword; option++)
            if (option->val && *option->val && !is_place(option->keyword))
                conninfo_add(to, option->keyword, option->val);
        conninfo_add(to, "host", host);
        conninfo_add(to, "port", port);
        if (hostaddr && *hostaddr)
            conninfo_add(to, "hostaddr", hostaddr);
        fclose(to);
    }
    PQconninfoFree(options);
    return text;
}

char *node_address_conninfo(const dlg_settings *settings, PGconn *conn, const char *name)
{
    char address[NODE_ADDRESS_SIZE];
    find_here(settings, name, address, sizeof address);
    char *colon = strrchr(address, ':');
    if (!colon)
        return NULL;
    *colon = '\0';
    return conninfo_at(conn, address, NULL, colon + 1);
}

char *node_address_same(PGconn *conn)
{
    return conninfo_at(conn, PQhost(conn), PQhostaddr(conn), PQport(conn));
}
