#include "import/user_population.h"

#include <stdlib.h>
#include <string.h>

bool crowd_skew_parse(const char *text, enum crowd_skew *skew)
{
    static const char *const names[] = {"uniform", "sender", "recipient", "zipf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *skew = (enum crowd_skew)i;
            return true;
        }
    }
    return false;
}

bool crowd_add(struct crowd *crowd, const dlg_uuid *id)
{
    if (crowd->count == crowd->room) {
        size_t room = crowd->room ? crowd->room * 2 : 1024;
        dlg_uuid *ids = realloc(crowd->ids, room * sizeof *ids);
        if (!ids)
            return false;
        crowd->ids = ids;
        crowd->room = room;
    }
    crowd->ids[crowd->count++] = *id;
    free(crowd->shares);
    crowd->shares = NULL;
    return true;
}

void crowd_free(struct crowd *crowd)
{
    free(crowd->ids);
    free(crowd->shares);
    *crowd = (struct crowd){0};
}

static bool make_shares(struct crowd *crowd)
{
    crowd->shares = malloc(crowd->count * sizeof *crowd->shares);
    double sum = 0;
    for (size_t i = 0; crowd->shares && i < crowd->count; i++)
        crowd->shares[i] = sum += 1.0 / (double)(i + 1);
    return crowd->shares != NULL;
}

/* The first whose share reaches a random point. */
static size_t pick_by_share(const struct crowd *crowd, struct dice *dice)
{
    double point = dice_fraction(dice) * crowd->shares[crowd->count - 1];
    size_t low = 0, high = crowd->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (crowd->shares[middle] > point)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static size_t pick_one(const struct crowd *crowd, bool skewed, struct dice *dice)
{
    return skewed ? pick_by_share(crowd, dice) : (size_t)dice_below(dice, crowd->count);
}

bool crowd_pick(struct crowd *crowd, enum crowd_skew skew, struct dice *dice, dlg_uuid *author, dlg_uuid *recipient)
{
    if (skew != CROWD_UNIFORM && !crowd->shares && !make_shares(crowd))
        return false;
    size_t from = pick_one(crowd, skew == CROWD_SENDER || skew == CROWD_ZIPF, dice);
    size_t to;
    do
        to = pick_one(crowd, skew == CROWD_RECIPIENT || skew == CROWD_ZIPF, dice);
    while (to == from && crowd->count > 1);
    *author = crowd->ids[from];
    *recipient = crowd->ids[to];
    return true;
}
