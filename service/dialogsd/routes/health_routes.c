#include "routes/health_routes.h"

#include "http/reply.h"

void health_show(struct request_ctx *ctx)
{
    struct body_writer answer = reply_writer(ctx);
    write_object(&answer, 2);
    write_name(&answer, "status");
    write_string(&answer, "ok");
    write_name(&answer, "version");
    write_string(&answer, dlg_version());
    write_object_end(&answer);
    reply_written(ctx, 200, &answer);
}

void readiness_show(struct request_ctx *ctx)
{
    const char *trouble = backend_trouble(&ctx->service->backend);
    struct body_writer answer = reply_writer(ctx);
    if (trouble) {
        reply_error(ctx, 503, DLG_E_UNAVAILABLE, "%s", trouble);
        return;
    }
    write_object(&answer, 1);
    write_name(&answer, "status");
    write_string(&answer, "ready");
    write_object_end(&answer);
    reply_written(ctx, 200, &answer);
}
