#include "base/backoff.h"

#include <sodium.h>

int64_t backoff_us(unsigned failures, int64_t least_us, int64_t most_us)
{
    if (failures == 0)
        return 0;
    int64_t pause = least_us;
    for (unsigned i = 1; i < failures && pause < most_us; i++)
        pause *= 2;
    if (pause > most_us)
        pause = most_us;
    return pause / 2 + (int64_t)randombytes_uniform((uint32_t)(pause / 2) + 1);
}
