#include "http/access_log.h"

#include "common/service_clock.h"
#include "http/request_ctx.h"

#include <string.h>

static void add_ascii(struct text_buffer *line, const char *name, const char *value)
{
    buffer_add_format(line, ",\"%s\":", name);
    buffer_add_json_ascii(line, value, strlen(value));
}

void access_log(struct request_ctx *ctx)
{
    struct text_buffer line = {0};
    buffer_add_string(&line, "{\"time\":\"");
    buffer_add_time(&line, wall_us());
    buffer_add_format(&line, "\",\"request_id\":\"%s\"", ctx->request_id);
    if (ctx->trace_id[0])
        buffer_add_format(&line, ",\"trace_id\":\"%s\",\"parent_id\":\"%s\"", ctx->trace_id, ctx->span_id);
    add_ascii(&line, "client", ctx->address);
    add_ascii(&line, "method", ctx->method);
    add_ascii(&line, "path", ctx->path);
    buffer_add_format(&line, ",\"status\":%u,\"bytes\":%llu,\"duration_us\":%lld", ctx->status,
                      (unsigned long long)ctx->answer_length, (long long)(monotonic_us() - ctx->started_us));
    if (ctx->has_caller) {
        buffer_add_string(&line, ",\"user\":\"");
        buffer_add_uuid(&line, &ctx->caller);
        buffer_add_string(&line, "\"");
    }
    if (ctx->attempted) {
        buffer_add_string(&line, ",\"attempted\":\"");
        buffer_add_uuid(&line, &ctx->named);
        buffer_add_string(&line, "\"");
    }
    if (ctx->failure < 0)
        buffer_add_format(&line, ",\"error\":\"%s\"", dlg_code_name(ctx->failure));
    if (ctx->sqlstate[0])
        add_ascii(&line, "sqlstate", ctx->sqlstate);
    if (ctx->aborted)
        buffer_add_string(&line, ",\"aborted\":true");
    buffer_add_string(&line, "}\n");
    if (!line.failed)
        service_log_add(&ctx->service->log, line.data, line.length);
    buffer_free(&line);
}
