#include "pg/patience.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

enum { SLICE_US = 100000, TICK_US = 300000, LONGEST_US = 60000000 };

void patience_begin(struct patience_wait *wait, const struct patience *patience)
{
    int64_t now_us = clock_monotonic_us();
    *wait = (struct patience_wait){.patience = patience, .tick_at_us = now_us + TICK_US, .moved_us = now_us};
}

bool patience_is_stopped(const struct patience *patience)
{
    return patience->stop && atomic_load(patience->stop);
}

int patience_end(struct patience_wait *wait, dlg_error **error)
{
    const struct patience *patience = wait->patience;
    int64_t now_us = clock_monotonic_us();
    if (patience_is_stopped(patience))
        return error_set(error, DLG_E_CLOSED, "the client was closed before the work was done");
    if (now_us >= patience->deadline_us)
        return error_set(error, DLG_E_TIMEOUT, "the deadline passed before the database was done");
    if (patience->silence_us && now_us - wait->moved_us >= patience->silence_us)
        return error_set(error, DLG_E_TIMEOUT,
                         "the database was silent for %lld ms: look for locks (pg_stat_activity), or give it more time "
                         "(dlg_thread_timeout(), the setting bulk_timeout_ms)",
                         (long long)(patience->silence_us / 1000));
    if (!patience->tick || now_us < wait->tick_at_us)
        return DLG_OK;
    int code = patience->tick(patience->payload, error);
    wait->tick_at_us = clock_monotonic_us() + TICK_US;
    return code;
}

static int64_t earlier_us(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When to look around again. */
static int64_t next_look_us(const struct patience_wait *wait, int64_t now_us, int64_t until_us)
{
    const struct patience *patience = wait->patience;
    if (patience->stop || patience->tick)
        until_us = earlier_us(until_us, now_us + SLICE_US);
    if (patience->silence_us)
        until_us = earlier_us(until_us, wait->moved_us + patience->silence_us);
    return earlier_us(until_us, now_us + LONGEST_US);
}

bool patience_poll(struct patience_wait *wait, int fd, short events, int64_t until_us)
{
    int64_t now_us = clock_monotonic_us();
    int64_t left_us = next_look_us(wait, now_us, until_us) - now_us;
    struct pollfd descriptor = {.fd = fd, .events = events};
    int count = poll(&descriptor, 1, left_us > 0 ? (int)(left_us / 1000) + 1 : 1);
    bool ready = count > 0 || (count < 0 && errno != EINTR);
    if (ready)
        wait->moved_us = clock_monotonic_us();
    return ready;
}

int patience_await(const struct patience *patience, int fd, short events, dlg_error **error)
{
    struct patience_wait wait;
    int code;
    patience_begin(&wait, patience);
    while ((code = patience_end(&wait, error)) == DLG_OK)
        if (patience_poll(&wait, fd, events, patience->deadline_us))
            return DLG_OK;
    return code;
}

void patience_pause(const struct patience *patience, int64_t us)
{
    int64_t now_us = clock_monotonic_us();
    int64_t until_us = earlier_us(clock_deadline(us), patience->deadline_us);
    for (; now_us < until_us && !patience_is_stopped(patience); now_us = clock_monotonic_us())
        poll(NULL, 0, (int)(earlier_us(until_us - now_us, SLICE_US) / 1000) + 1);
}
