#include "http/limits.h"

#include "http/reply.h"
#include "live/replicas.h"

void limits_open(struct service *service)
{
    const struct config *config = &service->config;
    const int64_t limits[THROTTLE_KINDS] = {
        [THROTTLE_LOGIN_USER] = config->login_attempts,
        [THROTTLE_LOGIN_ADDRESS] = config->login_attempts_per_address,
        [THROTTLE_REGISTER] = config->registrations,
        [THROTTLE_SEND] = config->send_rate,
    };
    throttle_open(&service->throttle, limits);
    overload_open(&service->overload, (unsigned)config->requests, config->wait_target_ms * 1000);
}

static bool allow(struct exchange *exchange, enum throttle_kind kind, const char *whose, const char *what)
{
    int wait_s = throttle_wait_s(&exchange->service->throttle, kind, whose, monotonic_us());
    if (!wait_s)
        return true;
    exchange->retry_after_s = wait_s;
    reply_error(exchange, 429, DLG_E_OVERLOAD, "%s; try again in %d seconds", what, wait_s);
    return false;
}

static void count(struct exchange *exchange, enum throttle_kind kind, const char *whose, int64_t more)
{
    throttle_count(&exchange->service->throttle, kind, whose, more, monotonic_us());
}

/* Counted before it is known to be wrong, so that many at once do not slip through. */
bool limits_allow_login(struct exchange *exchange, const dlg_uuid *user)
{
    char id[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(user, id);
    if (!allow(exchange, THROTTLE_LOGIN_USER, id, "too many wrong passwords for this user") ||
        !allow(exchange, THROTTLE_LOGIN_ADDRESS, exchange->address, "too many wrong passwords from this address"))
        return false;
    exchange->named = *user;
    count(exchange, THROTTLE_LOGIN_USER, id, 1);
    count(exchange, THROTTLE_LOGIN_ADDRESS, exchange->address, 1);
    return true;
}

void limits_login_ended(struct exchange *exchange, int code)
{
    char id[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(&exchange->named, id);
    if (code == DLG_E_PASSWORD || code == DLG_E_NOT_FOUND) {
        replicas_tell_count(exchange->service, THROTTLE_LOGIN_USER, id);
        replicas_tell_count(exchange->service, THROTTLE_LOGIN_ADDRESS, exchange->address);
    } else {
        count(exchange, THROTTLE_LOGIN_USER, id, -1);
        count(exchange, THROTTLE_LOGIN_ADDRESS, exchange->address, -1);
    }
}

bool limits_allow_registration(struct exchange *exchange)
{
    if (!allow(exchange, THROTTLE_REGISTER, exchange->address, "too many registrations from this address"))
        return false;
    count(exchange, THROTTLE_REGISTER, exchange->address, 1);
    replicas_tell_count(exchange->service, THROTTLE_REGISTER, exchange->address);
    return true;
}

/* The other replicas count the message when they hear of it: nothing is sent to them, or waited for, on its account. */
bool limits_allow_send(struct exchange *exchange)
{
    char id[DLG_UUID_TEXT_SIZE];
    if (!exchange->service->config.send_rate)
        return true;
    dlg_uuid_format(&exchange->caller, id);
    if (!allow(exchange, THROTTLE_SEND, id, "too many messages of this user"))
        return false;
    count(exchange, THROTTLE_SEND, id, 1);
    return true;
}

/*
 * Not the first read of a stream: after a restart all of them come at once, wait as long as it takes, and an
 * EventSource that is refused does not come again.
 */
bool limits_pace(const struct exchange *exchange)
{
    unsigned needs = exchange->match.route->needs;
    return (needs & NEEDS_TOKEN) && !(needs & GIVES_EVENTS);
}

/* Too much at once: said at once, so that those who are served are served quickly. */
bool limits_allow_load(struct exchange *exchange)
{
    struct service *service = exchange->service;
    bool admitted = !limits_pace(exchange) || overload_admits(&service->overload);
    if (admitted && atomic_load_explicit(&service->busy, memory_order_relaxed) < (unsigned)service->config.requests)
        return true;
    reply_error(exchange, 503, DLG_E_OVERLOAD, "too many requests at once; try again after the time in Retry-After");
    return false;
}
