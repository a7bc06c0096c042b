#include "import/user_population.h"

#include <stdlib.h>
#include <string.h>

bool population_skew_parse(const char *text, enum population_skew *skew)
{
    static const char *const names[] = {"uniform", "sender", "recipient", "zipf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *skew = (enum population_skew)i;
            return true;
        }
    }
    return false;
}

bool population_add(struct user_population *population, const dlg_uuid *id)
{
    if (population->count == population->room) {
        size_t room = population->room ? population->room * 2 : 1024;
        dlg_uuid *ids = realloc(population->ids, room * sizeof *ids);
        if (!ids)
            return false;
        population->ids = ids;
        population->room = room;
    }
    population->ids[population->count++] = *id;
    free(population->shares);
    population->shares = NULL;
    return true;
}

void population_free(struct user_population *population)
{
    free(population->ids);
    free(population->shares);
    *population = (struct user_population){0};
}

static bool make_shares(struct user_population *population)
{
    population->shares = malloc(population->count * sizeof *population->shares);
    double sum = 0;
    for (size_t i = 0; population->shares && i < population->count; i++)
        population->shares[i] = sum += 1.0 / (double)(i + 1);
    return population->shares != NULL;
}

/* The first whose share reaches a random point. */
static size_t pick_by_share(const struct user_population *population, struct prng *prng)
{
    double point = prng_fraction(prng) * population->shares[population->count - 1];
    size_t low = 0, high = population->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (population->shares[middle] > point)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static size_t pick_one(const struct user_population *population, bool skewed, struct prng *prng)
{
    return skewed ? pick_by_share(population, prng) : (size_t)prng_below(prng, population->count);
}

bool population_pick(struct user_population *population, enum population_skew skew, struct prng *prng, dlg_uuid *author,
                     dlg_uuid *recipient)
{
    if (skew != SKEW_UNIFORM && !population->shares && !make_shares(population))
        return false;
    size_t from = pick_one(population, skew == SKEW_SENDER || skew == SKEW_ZIPF, prng);
    size_t to;
    do
        to = pick_one(population, skew == SKEW_RECIPIENT || skew == SKEW_ZIPF, prng);
    while (to == from && population->count > 1);
    *author = population->ids[from];
    *recipient = population->ids[to];
    return true;
}
