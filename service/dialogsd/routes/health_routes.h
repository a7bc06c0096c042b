/* health_routes.h - GET /healthz and GET /readyz. */
#ifndef DIALOGSD_HEALTH_ROUTES_H
#define DIALOGSD_HEALTH_ROUTES_H

struct request_ctx;

void health_show(struct request_ctx *ctx);
void readiness_show(struct request_ctx *ctx);

#endif
