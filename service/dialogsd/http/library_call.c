#include "http/library_call.h"

#include "common/service_clock.h"
#include "http/limits.h"

#include <string.h>

/* Counts the request among those that wait; or no longer. */
static void count_busy(struct request_ctx *ctx, unsigned more)
{
    struct service *service = ctx->service;
    uint32_t slot = ctx->memory.slots[SHARE_USER];
    ctx->busy = more == 1;
    atomic_fetch_add_explicit(&service->busy, more, memory_order_relaxed);
    if (slot)
        atomic_fetch_add_explicit(&service->busy_of[slot - 1], more, memory_order_relaxed);
}

void call_begin(struct request_ctx *ctx)
{
    ctx->step = STEP_WAITING;
    ctx->asked_us = monotonic_us();
    count_busy(ctx, 1);
    if (limits_pace(ctx))
        admission_begin(&ctx->service->admission);
    MHD_suspend_connection(ctx->connection);
}

void call_submitted(struct request_ctx *ctx, int code)
{
    if (code != DLG_OK)
        MHD_resume_connection(ctx->connection);
}

/* ---- What an answer of the library holds ---- */

static size_t string_bytes(const char *text)
{
    return text ? strlen(text) : 0;
}

static size_t users_cost(const dlg_users *users)
{
    enum { USER_COST = 512 };
    size_t cost = 0;
    for (size_t i = 0; i < dlg_users_count(users); i++) {
        const dlg_user *user = dlg_users_at(users, i);
        cost += USER_COST + string_bytes(user->first_name) + string_bytes(user->second_name) +
                string_bytes(user->biography) + string_bytes(user->city);
    }
    return cost;
}

static size_t page_cost(const dlg_page *page)
{
    enum { MESSAGE_COST = 256 };
    size_t cost = 0;
    for (size_t i = 0; i < dlg_page_count(page); i++)
        cost += MESSAGE_COST + dlg_page_at(page, i)->length;
    return cost;
}

size_t reply_cost(const dlg_reply *reply)
{
    const dlg_page *page = dlg_reply_page(reply);
    const dlg_users *users = page ? NULL : dlg_reply_users(reply);
    return page ? page_cost(page) : users ? users_cost(users) : 0;
}

void call_arrived(dlg_reply *reply, void *payload)
{
    struct request_ctx *ctx = payload;
    size_t cost = reply_cost(reply);
    ctx->reply = reply;
    if (cost && !memory_take(&ctx->memory, cost)) {
        ctx->no_memory = true;
        ctx_forget_outcome(ctx);
    }
    MHD_resume_connection(ctx->connection);
}

void call_end(struct request_ctx *ctx)
{
    count_busy(ctx, -1u);
    if (limits_pace(ctx))
        admission_end(&ctx->service->admission, monotonic_us() - ctx->asked_us);
}

void call_abandon(struct request_ctx *ctx)
{
    if (!ctx->busy)
        return;
    count_busy(ctx, -1u);
    if (limits_pace(ctx))
        admission_abandon(&ctx->service->admission);
}
