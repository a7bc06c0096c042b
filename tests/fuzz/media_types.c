/* Headers Accept and Content-Type, of anybody. */
#include "fuzz.h"

#include "content/media_types.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *header = strndup((const char *)data, size);
    FUZZ_CHECK(header);
    bool json = accept_json(header), packed = accept_msgpack(header);
    accept_events(header);
    FUZZ_CHECK(!(content_is_json(header) && content_is_msgpack(header)));
    /* The same header again is the same; so are blanks around it. */
    char *wide = malloc(size + 3);
    FUZZ_CHECK(wide);
    snprintf(wide, size + 3, " %s ", header);
    FUZZ_CHECK(accept_json(wide) == json && accept_msgpack(wide) == packed);
    free(wide);
    free(header);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {"*/*",
                                  "application/json",
                                  "application/json, application/vnd.msgpack",
                                  "text/html;q=0.9, application/json; charset=\"utf-8\"; q=0.5, */*;q=0.1",
                                  "application/vnd.msgpack;q=1.000",
                                  "application/x-msgpack",
                                  "text/event-stream",
                                  "application/problem+json; charset=UTF-8",
                                  "text/plain, application/json;q=0"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
