#include "import/traffic.h"

/* As the library makes ids: microseconds since 2020-01-01 above 12 random bits. */
#define ID_EPOCH_US INT64_C(1577836800000000)
enum { ID_RANDOM_BITS = 12 };

bool traffic_init(struct traffic *traffic, struct user_population *population, enum population_skew skew, uint64_t seed,
                  uint64_t count, int64_t from_us, int64_t until_us)
{
    *traffic = (struct traffic){.population = population, .skew = skew, .next_us = from_us};
    prng_init(&traffic->prng, seed, "traffic");
    traffic->slot_us = until_us > from_us && count > 0 ? (until_us - from_us) / (int64_t)count : 0;
    return count == 0 || traffic->slot_us > 0;
}

/* Times grow from message to message, so ids are unique already without the random bits. */
static int64_t make_id(struct prng *prng, int64_t us)
{
    uint64_t since = (uint64_t)(us - ID_EPOCH_US) & ((UINT64_C(1) << (63 - ID_RANDOM_BITS)) - 1);
    return (int64_t)(since << ID_RANDOM_BITS | (1 + prng_below(prng, (1u << ID_RANDOM_BITS) - 1)));
}

bool traffic_next(struct traffic *traffic, dlg_message_input *message)
{
    if (!population_pick(traffic->population, traffic->skew, &traffic->prng, &message->author, &message->recipient))
        return false;
    message->created_us = traffic->next_us + (int64_t)prng_below(&traffic->prng, (uint64_t)traffic->slot_us);
    message->updated_us = 0;
    message->id = make_id(&traffic->prng, message->created_us);
    traffic->next_us += traffic->slot_us;
    return true;
}
