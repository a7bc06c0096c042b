/* redis_target.h - where Redis is: what its URL says. */
#ifndef DIALOGSD_REDIS_TARGET_H
#define DIALOGSD_REDIS_TARGET_H

#include <stdbool.h>

struct target {
    char *host; /* or a socket's path */
    char *password;
    int port; /* 0: a socket */
    int database;
};

/* redis://[:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH. False, having said so, when it is not; free it anyhow. */
bool target_read(struct target *target, const char *url);
void target_free(struct target *target);

#endif
