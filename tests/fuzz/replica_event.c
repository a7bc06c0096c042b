/* What comes over Redis: whoever may write there may say anything. */
#include "fuzz.h"

#include "live/replica_event.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct replica_event event;
    if (!replica_event_read(&event, bytes, size))
        return 0;
    FUZZ_CHECK(event.kind >= REPLICA_MESSAGE && event.kind <= REPLICA_COUNTED);
    if (event.kind == REPLICA_MESSAGE) {
        FUZZ_CHECK(!event.json_length || (event.json >= bytes && event.json + event.json_length <= bytes + size));
        char *copy = malloc(event.json_length + 1);
        FUZZ_CHECK(copy);
        memcpy(copy, event.json, event.json_length);
        free(copy);
    }
    if (event.kind == REPLICA_COUNTED)
        FUZZ_CHECK(event.counted < RATE_KINDS && strlen(event.whose) < sizeof event.whose);
    return 0;
}

#define ID     \
    "\xc4\x10" \
    "0123456789abcdef"

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const struct {
        const char *bytes;
        size_t length;
    } seeds[] = {
        {"\x97\x01\x00" ID ID "\x07\xcf\x00\x06\x1e\x00\x00\x00\x00\x00\xa2{}", 52},
        {"\x92\x01\x01", 3},
        {"\x94\x01\x02" ID "\xcf\x00\x06\x1e\x00\x00\x00\x00\x00", 30},
        {"\x94\x01\x03\x05\xa9"
         "127.0.0.1",
         14},
        {"\x93\x01\x01\xdd\xff\xff\xff\xff", 8},
        {"\x92\x02\x01", 3},
        {"\x94\x01\x03\x05\xa0", 5},
    };
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index].bytes, seeds[index].length);
    return seeds[index].length;
}
