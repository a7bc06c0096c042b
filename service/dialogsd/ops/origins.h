/* origins.h - the sites whose pages may use the service, as --cors has them: "*" or "https://a.example,http://b:8080".
 */
#ifndef DIALOGSD_ORIGINS_H
#define DIALOGSD_ORIGINS_H

#include <stdbool.h>

/*
 * Whether each of the list is an origin as browsers write it in their header (RFC 6454, 6.2): lower case, no path, not
 * even "/", no port that is the scheme's own. Says what is wrong with it: such an origin would never match.
 */
bool origins_check(const char *list);

/* Whether the list, which is good, has this origin, or is "*". NULL and "" have none. */
bool origins_contain(const char *list, const char *origin);

#endif
