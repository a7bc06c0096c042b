/* metrics_routes.h - GET /metrics: the counters in the text format of Prometheus, 0.0.4. */
#ifndef DIALOGSD_METRICS_ROUTES_H
#define DIALOGSD_METRICS_ROUTES_H

struct request_ctx;

void metrics_show(struct request_ctx *ctx);

#endif
