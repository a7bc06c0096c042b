#include "guard/admission_control.h"

#include "guard/connections.h"

/* So many may always wait: with fewer the database is not kept busy, and answers less, not sooner. */
enum { LEAST = 64, MEASURE_US = 100000 };

void overload_open(struct overload *overload, unsigned most, int64_t target_us)
{
    *overload = (struct overload){.target_us = target_us, .most = most};
    overload->limit = most;
}

bool overload_admits(struct overload *overload)
{
    return atomic_load_explicit(&overload->waiting, memory_order_relaxed) <
           atomic_load_explicit(&overload->limit, memory_order_relaxed);
}

void overload_begin(struct overload *overload)
{
    atomic_fetch_add_explicit(&overload->waiting, 1, memory_order_relaxed);
}

void overload_abandon(struct overload *overload)
{
    atomic_fetch_sub_explicit(&overload->waiting, 1, memory_order_relaxed);
}

static unsigned bounded(const struct overload *overload, int64_t limit)
{
    unsigned least = overload->most < LEAST ? overload->most : LEAST;
    if (limit < least)
        return least;
    return limit < overload->most ? (unsigned)limit : overload->most;
}

/* As many as wait on average are answered in the time that one waits on average. */
static void judge(struct overload *overload, int64_t passed_us)
{
    int64_t answered = atomic_exchange(&overload->answered, 0);
    int64_t waited_us = atomic_exchange(&overload->waited_us, 0);
    int64_t limit = atomic_load(&overload->limit);
    int64_t enough = answered * overload->target_us / passed_us;
    if (waited_us > answered * overload->target_us)
        limit = enough > limit / 2 ? enough : limit / 2; /* a moment is no reason to refuse nearly all */
    else
        limit += limit / 8 + 1;
    atomic_store(&overload->limit, bounded(overload, limit));
}

void overload_end(struct overload *overload, int64_t waited_us)
{
    int64_t now_us = monotonic_us();
    int_fast64_t began_us = atomic_load(&overload->began_us);
    overload_abandon(overload);
    if (overload->target_us == 0 ||
        (began_us == 0 && atomic_compare_exchange_strong(&overload->began_us, &began_us, now_us)))
        return;
    atomic_fetch_add_explicit(&overload->answered, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&overload->waited_us, waited_us, memory_order_relaxed);
    if (now_us >= began_us + MEASURE_US && atomic_compare_exchange_strong(&overload->began_us, &began_us, 0))
        judge(overload, now_us - began_us);
}
