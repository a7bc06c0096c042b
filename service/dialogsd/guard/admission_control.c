#include "guard/admission_control.h"

#include "common/service_clock.h"

/* So many may always wait: with fewer the database is not kept busy, and answers less, not sooner. */
enum { LEAST = 64, MEASURE_US = 100000 };

void admission_open(struct admission_control *admission, unsigned most, int64_t target_us)
{
    *admission = (struct admission_control){.target_us = target_us, .most = most};
    admission->limit = most;
}

bool admission_allows(struct admission_control *admission)
{
    return atomic_load_explicit(&admission->waiting, memory_order_relaxed) <
           atomic_load_explicit(&admission->limit, memory_order_relaxed);
}

void admission_begin(struct admission_control *admission)
{
    atomic_fetch_add_explicit(&admission->waiting, 1, memory_order_relaxed);
}

void admission_abandon(struct admission_control *admission)
{
    atomic_fetch_sub_explicit(&admission->waiting, 1, memory_order_relaxed);
}

static unsigned bounded(const struct admission_control *admission, int64_t limit)
{
    unsigned least = admission->most < LEAST ? admission->most : LEAST;
    if (limit < least)
        return least;
    return limit < admission->most ? (unsigned)limit : admission->most;
}

/* As many as wait on average are answered in the time that one waits on average. */
static void adjust_limit(struct admission_control *admission, int64_t passed_us)
{
    int64_t answered = atomic_exchange(&admission->answered, 0);
    int64_t waited_us = atomic_exchange(&admission->waited_us, 0);
    int64_t limit = atomic_load(&admission->limit);
    int64_t enough = answered * admission->target_us / passed_us;
    if (waited_us > answered * admission->target_us)
        limit = enough > limit / 2 ? enough : limit / 2; /* a moment is no reason to refuse nearly all */
    else
        limit += limit / 8 + 1;
    atomic_store(&admission->limit, bounded(admission, limit));
}

void admission_end(struct admission_control *admission, int64_t waited_us)
{
    int64_t now_us = monotonic_us();
    int_fast64_t began_us = atomic_load(&admission->began_us);
    admission_abandon(admission);
    if (admission->target_us == 0 ||
        (began_us == 0 && atomic_compare_exchange_strong(&admission->began_us, &began_us, now_us)))
        return;
    atomic_fetch_add_explicit(&admission->answered, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&admission->waited_us, waited_us, memory_order_relaxed);
    if (now_us >= began_us + MEASURE_US && atomic_compare_exchange_strong(&admission->began_us, &began_us, 0))
        adjust_limit(admission, now_us - began_us);
}
