/*
 * host_list.h - the hosts that a conninfo names (`host=a,b`), tried one at a time: in a connection that does not block,
 * libpq would wait for the kernel's own timeout on a dead host before it tries the next one.
 */
#ifndef DIALOGS_HOST_LIST_H
#define DIALOGS_HOST_LIST_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

struct host {
    char *name;
    char *address;
    char *port;
};

struct host_list {
    struct host *list; /* of a conninfo that names several; else NULL */
    size_t count;
    size_t current; /* the one in use */
    bool known;     /* libpq has been asked */
};

/*
 * Asks libpq, which knows service files and the environment, what the conninfo of `conn` comes to. True: several
 * hosts, so that `conn` is better made again, to the current one.
 */
bool host_list_learn(struct host_list *hosts, PGconn *conn);

/* The one to try after this. */
void host_list_next(struct host_list *hosts);

/* Adds the current host to the arrays for PQconnectStartParams, behind what they hold, when there are several. */
enum { HOST_LIST_KEYWORDS = 3 };
void host_list_override(const struct host_list *hosts, const char **keywords, const char **values);

/* How many there are: at least 1. */
size_t host_list_count(const struct host_list *hosts);

void host_list_free(struct host_list *hosts);

#endif
