#include "http/library_call.h"

#include "common/service_clock.h"
#include "http/limits.h"

void call_begin(struct request_ctx *ctx)
{
    ctx->step = STEP_WAITING;
    ctx->busy = true;
    ctx->asked_us = monotonic_us();
    atomic_fetch_add_explicit(&ctx->service->busy, 1, memory_order_relaxed);
    if (limits_pace(ctx))
        admission_begin(&ctx->service->admission);
    MHD_suspend_connection(ctx->connection);
}

void call_submitted(struct request_ctx *ctx, int code)
{
    if (code != DLG_OK)
        MHD_resume_connection(ctx->connection);
}

void call_arrived(dlg_reply *reply, void *payload)
{
    struct request_ctx *ctx = payload;
    ctx->reply = reply;
    MHD_resume_connection(ctx->connection);
}

void call_end(struct request_ctx *ctx)
{
    ctx->busy = false;
    atomic_fetch_sub_explicit(&ctx->service->busy, 1, memory_order_relaxed);
    if (limits_pace(ctx))
        admission_end(&ctx->service->admission, monotonic_us() - ctx->asked_us);
}

void call_abandon(struct request_ctx *ctx)
{
    if (!ctx->busy)
        return;
    atomic_fetch_sub(&ctx->service->busy, 1);
    if (limits_pace(ctx))
        admission_abandon(&ctx->service->admission);
}
