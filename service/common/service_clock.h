/* service_clock.h - what time it is, for dialogsd and dlgctl. */
#ifndef SERVICE_CLOCK_H
#define SERVICE_CLOCK_H

#include <stdint.h>

/* Microseconds of the monotonic clock. */
int64_t monotonic_us(void);

/* Microseconds of UTC, since 1970. */
int64_t wall_us(void);

#endif
