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
    size_t count = 0, removed = 0;
    bool good = backend_keys(&ctx->service->backend, &count, &removed);
    write_object(&answer, good ? 3 : 4);
    write_name(&answer, "status");
    write_string(&answer, "ready");
    write_name(&answer, "token_keys");
    write_number(&answer, (int64_t)count);
    write_name(&answer, "token_keys_removed");
    write_number(&answer, (int64_t)removed);
    if (!good) {
        write_name(&answer, "warning");
        write_string(&answer, "the file of the signing keys cannot be used; keys that it has lost are still good");
    }
    write_object_end(&answer);
    reply_written(ctx, 200, &answer);
}
