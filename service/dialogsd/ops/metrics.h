/* metrics.h - counters of the service, and GET /metrics, which shows them in the text format of Prometheus, 0.0.4. */
#ifndef DIALOGSD_METRICS_H
#define DIALOGSD_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

enum { METRICS_ROUTES = 24, METRICS_CODES = 24, METRICS_BUCKETS = 13 };

struct metrics {
    /* By route, those that match none last. */
    struct route_metrics {
        atomic_uint_fast64_t codes[METRICS_CODES];
        atomic_uint_fast64_t buckets[METRICS_BUCKETS + 1]; /* not cumulative; the last is without bound */
        atomic_uint_fast64_t sum_us;
    } routes[METRICS_ROUTES];
};

struct request_ctx;

/* Counts a request that is over. */
void metrics_record(struct request_ctx *ctx);

#endif
