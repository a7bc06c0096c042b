#include "http/turns.h"

#include "common/service_clock.h"
#include "http/library_call.h"

static struct request_ctx *ctx_of(struct fair_ticket *ticket)
{
    return ticket ? (struct request_ctx *)(void *)((char *)ticket - offsetof(struct request_ctx, ticket)) : NULL;
}

/* It goes on with an answer that says so. */
static void refuse(struct request_ctx *ctx)
{
    if (ctx->turn->refused)
        ctx->turn->refused(ctx, DLG_E_OVERLOAD);
    ctx->refused = true;
    MHD_resume_connection(ctx->connection);
}

/* Runs it, or, when the library does not take it, the next: a request that was resumed may be gone. */
static void take_turn(struct fair_queue *queue, struct request_ctx *ctx)
{
    while (ctx) {
        int code = ctx->turn->submit(ctx);
        if (code == DLG_OK)
            return;
        if (ctx->turn->refused)
            ctx->turn->refused(ctx, code);
        call_submitted(ctx, code);
        ctx = ctx_of(fair_queue_leave(queue));
    }
}

/* A turn may take as long as an answer of the database. */
static int64_t deadline_us(const struct request_ctx *ctx)
{
    return ctx->asked_us + ctx->service->config.timeout_ms * 1000;
}

void turn_begin(struct request_ctx *ctx, struct fair_queue *queue, const struct turn *turn)
{
    struct fair_ticket *pushed_out;
    ctx->turn = turn;
    ctx->queue = queue;
    call_begin(ctx);
    enum fair_answer answer = fair_queue_enter(queue, &ctx->ticket, ctx->network, deadline_us(ctx), &pushed_out);
    if (pushed_out)
        refuse(ctx_of(pushed_out));
    if (answer == FAIR_RUN)
        take_turn(queue, ctx);
    else if (answer == FAIR_REFUSED)
        refuse(ctx);
}

void turn_end(struct request_ctx *ctx)
{
    take_turn(ctx->queue, ctx_of(fair_queue_leave(ctx->queue)));
}

static void expire(struct fair_queue *queue)
{
    struct fair_ticket *ticket;
    while ((ticket = fair_queue_expire(queue, monotonic_us())))
        refuse(ctx_of(ticket));
}

void turns_expire(struct service *service)
{
    expire(&service->passwords);
    expire(&service->searches);
}

void turn_forget(struct request_ctx *ctx)
{
    if (ctx->queue)
        fair_queue_remove(ctx->queue, &ctx->ticket);
}
