/*
 * hosts.h - the hosts that a conninfo names (`host=a,b`), tried one at a time: in a connection that does not block,
 * libpq would wait for the kernel's own timeout on a dead host before it tries the next one.
 */
#ifndef DIALOGS_HOSTS_H
#define DIALOGS_HOSTS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

struct host {
    char *name;
    char *address;
    char *port;
};

struct hosts {
    struct host *list; /* of a conninfo that names several; else NULL */
    size_t count;
    size_t current; /* the one in use */
    bool known;     /* libpq has been asked */
};

/*
 * Asks libpq, which knows service files and the environment, what the conninfo of `conn` comes to. True: several
 * hosts, so that `conn` is better made again, to the current one.
 */
bool hosts_learn(struct hosts *hosts, PGconn *conn);

/* The one to try after this. */
void hosts_next(struct hosts *hosts);

/* Adds the current host to the arrays for PQconnectStartParams, behind what they hold, when there are several. */
enum { HOSTS_KEYWORDS = 3 };
void hosts_override(const struct hosts *hosts, const char **keywords, const char **values);

/* How many there are: at least 1. */
size_t hosts_count(const struct hosts *hosts);

void hosts_free(struct hosts *hosts);

#endif
