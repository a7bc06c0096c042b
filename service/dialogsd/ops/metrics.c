#include "ops/metrics.h"

#include <stddef.h>

const unsigned metrics_statuses[METRICS_STATUSES] = {0,   200, 204, 302, 304, 400, 401, 404, 405,
                                                     406, 409, 413, 415, 422, 429, 500, 501, 503};

const int64_t metrics_bounds_us[METRICS_BUCKETS] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                                    100000, 250000, 500000, 1000000, 2500000, 10000000};

void metrics_record(struct route_metrics *metrics, unsigned status)
{
    size_t index = 0;
    while (index < METRICS_STATUSES && metrics_statuses[index] != status)
        index++;
    atomic_fetch_add_explicit(&metrics->statuses[index], 1, memory_order_relaxed);
}

void metrics_record_duration(struct route_metrics *metrics, int64_t took_us)
{
    size_t bucket = 0;
    while (bucket < METRICS_BUCKETS && took_us > metrics_bounds_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&metrics->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->sum_us, (uint64_t)took_us, memory_order_relaxed);
}
