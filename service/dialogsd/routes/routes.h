/* routes.h - all calls that dialogsd serves. */
#ifndef DIALOGSD_ROUTES_H
#define DIALOGSD_ROUTES_H

#include "http/router.h"

extern const struct route_table all_routes;

#endif
