/* metrics.h - counters of the requests, by route. */
#ifndef DIALOGSD_METRICS_H
#define DIALOGSD_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

enum { METRICS_ROUTES = 24, METRICS_STATUSES = 18, METRICS_BUCKETS = 13 };

/* The statuses that are ever answered; 0: the client was gone, or the connection was closed. */
extern const unsigned metrics_statuses[METRICS_STATUSES];

/* The upper bounds of the durations that share a counter. */
extern const int64_t metrics_bounds_us[METRICS_BUCKETS];

struct metrics {
    /* By route, those that match none last. */
    struct route_metrics {
        atomic_uint_fast64_t statuses[METRICS_STATUSES + 1]; /* the last is of any other status */
        atomic_uint_fast64_t buckets[METRICS_BUCKETS + 1];   /* not cumulative; the last is without bound */
        atomic_uint_fast64_t sum_us;
    } routes[METRICS_ROUTES];
};

/* Counts a request that is over, and how long it took. */
void metrics_record(struct route_metrics *metrics, unsigned status);
void metrics_record_duration(struct route_metrics *metrics, int64_t took_us);

#endif
