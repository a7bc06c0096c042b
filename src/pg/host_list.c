#include "pg/host_list.h"

#include <stdlib.h>
#include <string.h>

/* Element `index` of "a,b,c", or the last one; NULL when out of memory. */
static char *list_element(const char *list, size_t index)
{
    while (index > 0 && strchr(list, ',')) {
        list = strchr(list, ',') + 1;
        index--;
    }
    return strndup(list, strcspn(list, ","));
}

static size_t list_length(const char *list)
{
    size_t length = 1;
    for (; list && *list; list++)
        length += *list == ',';
    return length;
}

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val ? options->val : "";
    return "";
}

static void host_fill(struct host_list *hosts, const PQconninfoOption *options)
{
    const char *name = option_value(options, "host");
    const char *address = option_value(options, "hostaddr");
    const char *port = option_value(options, "port");
    size_t count = list_length(*address ? address : name);
    hosts->list = count > 1 ? calloc(count, sizeof *hosts->list) : NULL;
    if (!hosts->list)
        return; /* one host, or no memory: libpq goes through the list in its own way */
    hosts->count = count;
    for (size_t i = 0; i < count; i++)
        hosts->list[i] = (struct host){list_element(name, i), list_element(address, i), list_element(port, i)};
}

bool host_list_learn(struct host_list *hosts, PGconn *conn)
{
    PQconninfoOption *options = hosts->known ? NULL : PQconninfo(conn);
    if (!options)
        return false;
    hosts->known = true;
    host_fill(hosts, options);
    PQconninfoFree(options);
    return hosts->count > 1;
}

void host_list_next(struct host_list *hosts)
{
    hosts->current = (hosts->current + 1) % host_list_count(hosts);
}

void host_list_override(const struct host_list *hosts, const char **keywords, const char **values)
{
    static const char *const names[HOST_LIST_KEYWORDS] = {"host", "hostaddr", "port"};
    if (hosts->count < 2)
        return;
    size_t end = 0;
    while (keywords[end])
        end++;
    const struct host *host = &hosts->list[hosts->current];
    const char *const parts[HOST_LIST_KEYWORDS] = {host->name, host->address, host->port};
    for (size_t i = 0; i < HOST_LIST_KEYWORDS; i++) {
        keywords[end + i] = names[i];
        values[end + i] = parts[i];
    }
}

size_t host_list_count(const struct host_list *hosts)
{
    return hosts->count > 1 ? hosts->count : 1;
}

void host_list_free(struct host_list *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        free(hosts->list[i].name);
        free(hosts->list[i].address);
        free(hosts->list[i].port);
    }
    free(hosts->list);
}
