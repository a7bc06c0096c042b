#include "http/request_lifecycle.h"

#include "common/service_clock.h"
#include "http/access_log.h"
#include "http/head_checks.h"
#include "http/library_call.h"
#include "http/reply.h"
#include "http/request_checks.h"
#include "http/turns.h"

static enum MHD_Result take_head(struct request_ctx *ctx, const char *path, const char *method)
{
    ctx->step = STEP_BODY;
    ctx->counted = true;
    atomic_fetch_add(&ctx->service->active, 1);
    ctx_read_head(ctx, method);
    if (!ctx->bad_path)
        router_match(ctx->service->routes, method, path, &ctx->match);
    if (!check_listener(ctx))
        ctx->match = (struct match){0};
    ctx->secret = ctx->match.route && !(ctx->match.route->needs & NEEDS_TOKEN);
    if (!check_head(ctx, method) || !check_length(ctx))
        return ctx->aborted ? MHD_NO : MHD_YES;
    unsigned needs = ctx->match.route ? ctx->match.route->needs : 0;
    if (needs & NEEDS_TOKEN)
        head_token_read(ctx);
    ctx->body_wanted = (needs & NEEDS_BODY) && (!(needs & NEEDS_TOKEN) || ctx->has_caller);
    return MHD_YES;
}

/* What is not kept is read all the same: the client gets to see the answer. */
static void keep_body(struct request_ctx *ctx, const char *data, size_t size)
{
    size_t room = ctx->body.room;
    buffer_add(&ctx->body, data, size);
    ctx->no_memory = !memory_take(&ctx->memory, ctx->body.room - room);
    if (!ctx->no_memory && ctx->body_length <= body_limit(ctx))
        return;
    ctx->body_wanted = false;
    buffer_wipe(&ctx->body);
    memory_give(&ctx->memory);
}

static enum MHD_Result take_body(struct request_ctx *ctx, const char *data, size_t *size)
{
    note_chunk(ctx, data);
    ctx->body_length += *size;
    if (ctx->body_length > body_limit(ctx) + DISCARD_LIMIT)
        return MHD_NO; /* libmicrohttpd takes no answer in the midst of a body */
    if (ctx->body_wanted)
        keep_body(ctx, data, *size);
    *size = 0;
    return MHD_YES;
}

static void start_request(struct request_ctx *ctx, const char *path)
{
    client_busy(ctx->client);
    if (!check_route(ctx, path))
        return;
    if (!backend_enter(&ctx->service->backend)) {
        reply_error(ctx, 503, DLG_E_CLOSED, "the service is stopping; try again after the time in Retry-After");
        return;
    }
    if (check_needs(ctx))
        ctx->match.route->start(ctx);
    backend_leave(&ctx->service->backend);
}

/* The database was asked about the token: what is left of the checks, and the route. */
static void continue_request(struct request_ctx *ctx, const char *path)
{
    call_end(ctx);
    const dlg_error *error = ctx->reply ? dlg_reply_error(ctx->reply) : ctx->error;
    ctx->token_checked = !error;
    if (error)
        reply_failure(ctx, error);
    ctx_forget_outcome(ctx);
    if (ctx->token_checked)
        start_request(ctx, path);
}

static void finish_request(struct request_ctx *ctx)
{
    call_end(ctx);
    const dlg_error *error = ctx->reply ? dlg_reply_error(ctx->reply) : ctx->error;
    if (ctx->no_memory)
        reply_no_memory(ctx);
    else if (ctx->refused)
        reply_error(ctx, ctx->match.route->overload, DLG_E_OVERLOAD,
                    "too many requests of this kind at once; try again after the time in Retry-After");
    else if (error)
        reply_failure(ctx, error);
    else
        ctx->match.route->finish(ctx);
    ctx_forget_outcome(ctx);
}

enum MHD_Result lifecycle_run(struct request_ctx *ctx, const char *target, const char *method, const char *data,
                              size_t *size)
{
    const char *path = target_path(target);
    switch (ctx->step) {
    case STEP_HEAD:
        return take_head(ctx, path, method);
    case STEP_BODY:
        if (data) /* libmicrohttpd asks with an empty part after "100 Continue" when there is no body, and takes no
                     answer */
            return take_body(ctx, data, size);
        if (check_chunks(ctx))
            start_request(ctx, path);
        break;
    case STEP_CHECKING:
        continue_request(ctx, path);
        break;
    case STEP_WAITING:
        finish_request(ctx);
        break;
    case STEP_ANSWERED:
        *size = 0; /* of a body that was refused from its head */
        break;
    }
    return ctx->aborted ? MHD_NO : MHD_YES;
}

static void count(struct request_ctx *ctx)
{
    const struct route_table *table = ctx->service->routes;
    const struct route *route = ctx->match.route;
    size_t index = route ? (size_t)(route - table->routes) : table->count;
    struct route_metrics *metrics = &ctx->service->metrics.routes[index];
    metrics_record(metrics, ctx->status);
    if (!route || !(route->needs & GIVES_EVENTS)) /* how long a stream lasts says nothing of how quick the service is */
        metrics_record_duration(metrics, monotonic_us() - ctx->started_us);
}

void lifecycle_end(struct request_ctx *ctx, bool completed)
{
    ctx->aborted = ctx->aborted || !completed;
    count(ctx);
    if (service_log_wanted(&ctx->service->log))
        access_log(ctx);
    turn_forget(ctx);
    call_abandon(ctx);
    if (ctx->counted)
        atomic_fetch_sub(&ctx->service->active, 1);
    client_idle(&ctx->service->connections, ctx->client);
    ctx_free(ctx);
}
