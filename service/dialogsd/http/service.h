/* service.h - what the requests of one dialogsd share. */
#ifndef DIALOGSD_SERVICE_H
#define DIALOGSD_SERVICE_H

#include "guard/admission_control.h"
#include "guard/connections.h"
#include "guard/fair_queue.h"
#include "guard/memory_budget.h"
#include "guard/rate_limit.h"
#include "guard/revoked_tokens.h"
#include "http/router.h"
#include "live/replicas.h"
#include "live/subscriptions.h"
#include "ops/backend.h"
#include "ops/config.h"
#include "ops/metrics.h"
#include "ops/service_log.h"
#include "ops/static_files.h"

#include <stdatomic.h>

struct service {
    const struct route_table *routes;
    struct config config;
    struct backend backend;
    struct service_log log;
    struct static_files static_files;
    struct connections connections;
    struct subscriptions subscriptions;
    struct memory_budget memory;
    bool has_operators; /* they have a listener of their own */
    struct metrics metrics;
    struct replicas replicas;
    struct revoked_tokens revoked_tokens;
    struct rate_limit rate_limit;
    struct admission_control admission; /* of requests with a token: checks of passwords have a queue of their own */
    struct fair_queue passwords;        /* checks and hashes of them */
    struct fair_queue searches;
    char request_prefix[17]; /* of the request ids made here; differs from start to start */
    atomic_uint_fast64_t request_count;
    atomic_uint active;                 /* requests that have begun and are not answered */
    atomic_uint busy;                   /* ... of those, that wait for the database */
    atomic_uint busy_of[MEMORY_SHARES]; /* ... of a user, as the shares of the memory have them */
};

#endif
