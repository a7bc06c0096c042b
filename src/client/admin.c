#include "client/admin.h"

#include "base/clock.h"

#include <errno.h>

enum { JOBS_WAITING = 64 };

/* The innermost work that this thread is inside of. */
static _Thread_local struct admin_place *here;

bool admin_open(struct admin *admin)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&admin->lock, NULL);
    pthread_cond_init(&admin->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    atomic_init(&admin->stop, false);
    admin->calls = 0;
    admin->workers = workers_new(1, JOBS_WAITING);
    return admin->workers != NULL;
}

/* With the lock held. False: the time is over. */
static bool wait_until(struct admin *admin, int64_t deadline_us)
{
    struct timespec at = {deadline_us / 1000000, deadline_us % 1000000 * 1000};
    return pthread_cond_timedwait(&admin->changed, &admin->lock, &at) != ETIMEDOUT;
}

void admin_stop(struct admin *admin, int64_t deadline_us)
{
    pthread_mutex_lock(&admin->lock);
    while (admin->calls && wait_until(admin, deadline_us))
        ;
    atomic_store(&admin->stop, true);
    pthread_cond_broadcast(&admin->changed);
    while (admin->calls)
        pthread_cond_wait(&admin->changed, &admin->lock);
    pthread_mutex_unlock(&admin->lock);
    workers_stop(admin->workers, true);
}

void admin_free(struct admin *admin)
{
    workers_free(admin->workers);
    pthread_cond_destroy(&admin->changed);
    pthread_mutex_destroy(&admin->lock);
}

void admin_forget(struct admin *admin)
{
    workers_forget(admin->workers);
}

int admin_enter(struct admin *admin, struct admin_place *place, dlg_error **error)
{
    pthread_mutex_lock(&admin->lock);
    bool stop = atomic_load(&admin->stop);
    admin->calls += !stop;
    pthread_mutex_unlock(&admin->lock);
    if (stop)
        return error_set(error, DLG_E_CLOSED, "the client is being closed");
    *place = (struct admin_place){.admin = admin, .outer = here};
    here = place;
    return DLG_OK;
}

void admin_leave(struct admin_place *place)
{
    struct admin *admin = place->admin;
    if (!admin)
        return;
    here = place->outer;
    pthread_mutex_lock(&admin->lock);
    admin->calls--;
    pthread_cond_broadcast(&admin->changed);
    pthread_mutex_unlock(&admin->lock);
}

bool admin_is_here(const struct admin *admin)
{
    const struct admin_place *place = here;
    while (place && place->admin != admin)
        place = place->outer;
    return place != NULL;
}

void admin_pause(struct admin *admin, int64_t us)
{
    int64_t until_us = clock_monotonic_us() + us;
    pthread_mutex_lock(&admin->lock);
    while (!atomic_load(&admin->stop) && wait_until(admin, until_us))
        ;
    pthread_mutex_unlock(&admin->lock);
}
