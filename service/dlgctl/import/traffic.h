/* traffic.h - who writes to whom and when, for messages that are loaded: the same for the same seed. */
#ifndef DLGCTL_TRAFFIC_H
#define DLGCTL_TRAFFIC_H

#include "import/user_population.h"

struct traffic {
    struct user_population *population;
    enum population_skew skew;
    struct prng prng;
    int64_t next_us; /* where the next message's slot of time begins */
    int64_t slot_us; /* and how long it is */
};

/* Spreads `count` messages over the time from `from_us` to `until_us`. False: it is too short for them. */
bool traffic_init(struct traffic *traffic, struct user_population *population, enum population_skew skew, uint64_t seed,
                  uint64_t count, int64_t from_us, int64_t until_us);

/* Fills everything but the text; each is later than the one before. False: out of memory. */
bool traffic_next(struct traffic *traffic, dlg_message_input *message);

#endif
