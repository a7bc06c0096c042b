/* What timestamp_parse() takes and timestamp_format() writes is the same moment again. */
#include "base/timestamp.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t moment_us, again_us;
    char text[TIMESTAMP_SIZE];
    if (!timestamp_parse((const char *)data, size, &moment_us))
        return 0;
    if (!timestamp_format(moment_us, text)) /* an offset leads out of the years 0 to 9999 */
        return 0;
    FUZZ_CHECK(timestamp_parse(text, strlen(text), &again_us));
    FUZZ_CHECK(again_us == moment_us);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {"2024-02-29T12:34:56Z", "2024-02-29T12:34:56.123456+02:00",
                                  "0000-01-01T00:00:00+2359", "9999-12-31T23:59:60.999999999-00:00",
                                  "1969-12-31 23:59:59,5z"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
