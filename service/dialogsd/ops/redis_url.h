/* redis_url.h - where Redis is: what its URL says. */
#ifndef DIALOGSD_REDIS_URL_H
#define DIALOGSD_REDIS_URL_H

#include <stdbool.h>

struct redis_url {
    char *host; /* or a socket's path */
    char *password;
    int port; /* 0: a socket */
    int database;
};

/* redis://[:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH. False, having said so, when it is not; free it anyhow. */
bool redis_url_parse(struct redis_url *url, const char *text);
void redis_url_free(struct redis_url *url);

/* Whether the text is such a URL. Says what is wrong with it. */
bool redis_url_check(const char *text);

#endif
