/* service_clock.h - what time it is, for dialogsd and dlgctl. */
#ifndef SERVICE_CLOCK_H
#define SERVICE_CLOCK_H

#include <stdint.h>

/* Microseconds of the monotonic clock. */
int64_t monotonic_us(void);

/* Microseconds of UTC, since 1970. */
int64_t wall_us(void);

/* What every form of a time can show: outside the years 1 to 9999, such as 'infinity', their first or last moment. */
static inline int64_t calendar_us(int64_t us)
{
    const int64_t first_us = INT64_C(-62135596800000000), last_us = INT64_C(253402300799999999);
    return us < first_us ? first_us : us > last_us ? last_us : us;
}

#endif
