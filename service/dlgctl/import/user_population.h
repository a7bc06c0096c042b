/* crowd.h - users between whom messages are loaded, and who of them writes to whom. */
#ifndef SERVICE_CROWD_H
#define SERVICE_CROWD_H

#include "import/prng.h"

#include <dialogs.h>
#include <stdbool.h>

enum crowd_skew {
    CROWD_UNIFORM,   /* everybody as much as everybody else */
    CROWD_SENDER,    /* few write to very many */
    CROWD_RECIPIENT, /* very many write to few */
    CROWD_ZIPF       /* few write to few: the n-th in the crowd 1/n as often as the first, on both sides */
};

struct crowd {
    dlg_uuid *ids;
    size_t count, room;
    double *shares; /* of the first n users together, when some are chosen more often */
};

/* "uniform", "sender", "recipient" or "zipf". */
bool crowd_skew_parse(const char *text, enum crowd_skew *skew);

/* False: out of memory. */
bool crowd_add(struct crowd *crowd, const dlg_uuid *id);
void crowd_free(struct crowd *crowd);

/* An author and a recipient; two different ones unless the crowd is one user. False: out of memory. */
bool crowd_pick(struct crowd *crowd, enum crowd_skew skew, struct dice *dice, dlg_uuid *author, dlg_uuid *recipient);

#endif
