/* user_population.h - users between whom messages are loaded, and who of them writes to whom. */
#ifndef DLGCTL_USER_POPULATION_H
#define DLGCTL_USER_POPULATION_H

#include "import/prng.h"

#include <dialogs.h>
#include <stdbool.h>

enum population_skew {
    SKEW_UNIFORM,   /* everybody as much as everybody else */
    SKEW_SENDER,    /* few write to very many */
    SKEW_RECIPIENT, /* very many write to few */
    SKEW_ZIPF       /* few write to few: the n-th in the population 1/n as often as the first, on both sides */
};

struct user_population {
    dlg_uuid *ids;
    size_t count, room;
    double *shares; /* of the first n users together, when some are chosen more often */
};

/* "uniform", "sender", "recipient" or "zipf". */
bool population_skew_parse(const char *text, enum population_skew *skew);

/* False: out of memory. */
bool population_add(struct user_population *population, const dlg_uuid *id);
void population_free(struct user_population *population);

/* An author and a recipient; two different ones unless the population is one user. False: out of memory. */
bool population_pick(struct user_population *population, enum population_skew skew, struct prng *prng, dlg_uuid *author,
                     dlg_uuid *recipient);

#endif
