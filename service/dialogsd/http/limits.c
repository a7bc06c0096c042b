#include "http/limits.h"

#include "common/service_clock.h"
#include "http/reply.h"
#include "live/replicas.h"

#include <stdio.h>

/* Enough to keep their connection busy. Of all requests that may wait at a time, half may be searches. */
enum { SEARCHES_RUNNING = 4 };

void limits_open(struct service *service)
{
    const struct config *config = &service->config;
    const int64_t limits[RATE_KINDS] = {
        [RATE_LOGIN_PLACE] = config->login_attempts,
        [RATE_LOGIN_PLACE_HOUR] = config->login_attempts_per_hour,
        [RATE_LOGIN_USER] = config->login_attempts_per_user,
        [RATE_LOGIN_ADDRESS] = config->login_attempts_per_address,
        [RATE_LOGIN_KNOWN] = 1,
        [RATE_REGISTER] = config->registrations,
        [RATE_SEND] = config->send_rate,
    };
    rate_limit_open(&service->rate_limit, limits);
    fair_queue_open(&service->passwords, (unsigned)(2 * config_setting(config, "hash_threads")),
                    (unsigned)config_setting(config, "hash_queue"), (unsigned)config->logins_per_address);
    fair_queue_open(&service->searches, SEARCHES_RUNNING, (unsigned)config->requests / 2,
                    (unsigned)config->searches_per_address);
    admission_open(&service->admission, (unsigned)config->requests, config->wait_target_ms * 1000);
}

void limits_close(struct service *service)
{
    fair_queue_close(&service->passwords);
    fair_queue_close(&service->searches);
    rate_limit_close(&service->rate_limit);
}

static bool allow(struct request_ctx *ctx, enum rate_limit_kind kind, const char *whose, const char *what)
{
    int wait_s = rate_limit_wait_s(&ctx->service->rate_limit, kind, whose, monotonic_us());
    if (!wait_s)
        return true;
    ctx->retry_after_s = wait_s;
    reply_error(ctx, 429, DLG_E_OVERLOAD, "%s; try again in %d seconds", what, wait_s);
    return false;
}

static void count(struct request_ctx *ctx, enum rate_limit_kind kind, const char *whose, int64_t more)
{
    rate_limit_count(&ctx->service->rate_limit, kind, whose, more, monotonic_us());
}

/* What a login is counted by: the user, the address, both. */
struct login_names {
    char user[DLG_UUID_TEXT_SIZE];
    char place[RATE_NAME_SIZE];
};

static struct login_names login_names(const struct request_ctx *ctx)
{
    struct login_names names;
    dlg_uuid_format(names.user, &ctx->named);
    snprintf(names.place, sizeof names.place, "%s %s", names.user, ctx->network);
    return names;
}

/* Without the address: what is counted of one user. A place that the user is known at does not count for others. */
static void count_user(struct request_ctx *ctx, const struct login_names *names, int64_t more)
{
    count(ctx, RATE_LOGIN_PLACE, names->place, more);
    count(ctx, RATE_LOGIN_PLACE_HOUR, names->place, more);
    if (!ctx->known_place)
        count(ctx, RATE_LOGIN_USER, names->user, more);
}

static void tell_wrong_password(struct request_ctx *ctx, const struct login_names *names)
{
    struct replicas *replicas = &ctx->service->replicas;
    replicas_tell_count(replicas, RATE_LOGIN_PLACE, names->place);
    replicas_tell_count(replicas, RATE_LOGIN_PLACE_HOUR, names->place);
    if (!ctx->known_place)
        replicas_tell_count(replicas, RATE_LOGIN_USER, names->user);
    replicas_tell_count(replicas, RATE_LOGIN_ADDRESS, ctx->network);
}

/*
 * Counted before it is known to be wrong, so that many at once do not slip through. Whoever guesses elsewhere does not
 * keep a user out of the places where the user has been before.
 */
bool limits_allow_login(struct request_ctx *ctx)
{
    struct login_names names = login_names(ctx);
    ctx->known_place = rate_limit_wait_s(&ctx->service->rate_limit, RATE_LOGIN_KNOWN, names.place, monotonic_us()) > 0;
    if (!allow(ctx, RATE_LOGIN_PLACE, names.place, "too many wrong passwords for this user") ||
        !allow(ctx, RATE_LOGIN_PLACE_HOUR, names.place, "too many wrong passwords for this user in an hour") ||
        (!ctx->known_place &&
         !allow(ctx, RATE_LOGIN_USER, names.user, "too many wrong passwords for this user from several addresses")) ||
        !allow(ctx, RATE_LOGIN_ADDRESS, ctx->network, "too many wrong passwords from this address"))
        return false;
    count_user(ctx, &names, 1);
    count(ctx, RATE_LOGIN_ADDRESS, ctx->network, 1);
    return true;
}

/* Of users that do not exist nothing is kept, or made-up ones would drive out others. */
void limits_login_ended(struct request_ctx *ctx, int code)
{
    struct login_names names = login_names(ctx);
    if (code == DLG_E_PASSWORD) {
        tell_wrong_password(ctx, &names);
        return;
    }
    count_user(ctx, &names, -1);
    if (code == DLG_E_NOT_FOUND) {
        replicas_tell_count(&ctx->service->replicas, RATE_LOGIN_ADDRESS, ctx->network);
        return;
    }
    count(ctx, RATE_LOGIN_ADDRESS, ctx->network, -1);
    if (code == DLG_OK) {
        count(ctx, RATE_LOGIN_KNOWN, names.place, 1);
        replicas_tell_count(&ctx->service->replicas, RATE_LOGIN_KNOWN, names.place);
    }
}

bool limits_allow_registration(struct request_ctx *ctx)
{
    if (!allow(ctx, RATE_REGISTER, ctx->network, "too many registrations from this address"))
        return false;
    count(ctx, RATE_REGISTER, ctx->network, 1);
    return true;
}

void limits_registration_begun(struct request_ctx *ctx, int code)
{
    if (code == DLG_OK)
        replicas_tell_count(&ctx->service->replicas, RATE_REGISTER, ctx->network);
    else
        count(ctx, RATE_REGISTER, ctx->network, -1);
}

/* The other replicas count the message when they hear of it: nothing is sent to them, or waited for, on its account. */
bool limits_allow_send(struct request_ctx *ctx)
{
    char id[DLG_UUID_TEXT_SIZE];
    if (!ctx->service->config.send_rate)
        return true;
    dlg_uuid_format(id, &ctx->caller);
    if (!allow(ctx, RATE_SEND, id, "too many messages of this user"))
        return false;
    count(ctx, RATE_SEND, id, 1);
    return true;
}

/*
 * Not the first read of a stream: after a restart all of them come at once, wait as long as it takes, and an
 * EventSource that is refused does not come again.
 */
bool limits_pace(const struct request_ctx *ctx)
{
    unsigned needs = ctx->match.route->needs;
    return (needs & NEEDS_TOKEN) && !(needs & GIVES_EVENTS);
}

/* How many requests of the caller wait; -1: nobody knows who it is. */
static int64_t waiting_of_caller(const struct request_ctx *ctx)
{
    uint32_t slot = ctx->memory.slots[SHARE_USER];
    return slot ? (int64_t)atomic_load_explicit(&ctx->service->busy_of[slot - 1], memory_order_relaxed) : -1;
}

/*
 * Too much at once: said at once, so that those who are served are served quickly. Nobody fills all places: a user has
 * a part of them, and one who has none gets one, also beyond the limit.
 */
bool limits_allow_load(struct request_ctx *ctx)
{
    enum { PARTS = 16, LEAST = 64 };
    struct service *service = ctx->service;
    unsigned most = (unsigned)service->config.requests, part = most / PARTS > LEAST ? most / PARTS : LEAST;
    unsigned busy = atomic_load_explicit(&service->busy, memory_order_relaxed);
    int64_t mine = waiting_of_caller(ctx);
    bool paced = limits_pace(ctx), fair = mine < (paced ? part : 2 * part) || !service->config.wait_target_ms;
    bool admitted = busy < most && fair && (!paced || admission_allows(&service->admission));
    if (admitted || (mine == 0 && busy < 2 * most))
        return true;
    reply_error(ctx, 503, DLG_E_OVERLOAD, "too many requests at once; try again after the time in Retry-After");
    return false;
}
