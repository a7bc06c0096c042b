#include "import/traffic.h"

/* As the library makes ids: microseconds since 2020-01-01 above 12 random bits. */
#define ID_EPOCH_US INT64_C(1577836800000000)
enum { ID_RANDOM_BITS = 12 };

bool traffic_init(struct traffic *traffic, struct crowd *crowd, enum crowd_skew skew, uint64_t seed, uint64_t count,
                  int64_t from_us, int64_t until_us)
{
    *traffic = (struct traffic){.crowd = crowd, .skew = skew, .next_us = from_us};
    dice_init(&traffic->dice, seed, "traffic");
    traffic->slot_us = until_us > from_us && count > 0 ? (until_us - from_us) / (int64_t)count : 0;
    return count == 0 || traffic->slot_us > 0;
}

/* Times grow from message to message, so ids are unique already without the random bits. */
static int64_t make_id(struct dice *dice, int64_t us)
{
    uint64_t since = (uint64_t)(us - ID_EPOCH_US) & ((UINT64_C(1) << (63 - ID_RANDOM_BITS)) - 1);
    return (int64_t)(since << ID_RANDOM_BITS | (1 + dice_below(dice, (1u << ID_RANDOM_BITS) - 1)));
}

bool traffic_next(struct traffic *traffic, dlg_message *message)
{
    if (!crowd_pick(traffic->crowd, traffic->skew, &traffic->dice, &message->author, &message->recipient))
        return false;
    message->created_us = traffic->next_us + (int64_t)dice_below(&traffic->dice, (uint64_t)traffic->slot_us);
    message->updated_us = 0;
    message->id = make_id(&traffic->dice, message->created_us);
    traffic->next_us += traffic->slot_us;
    return true;
}
