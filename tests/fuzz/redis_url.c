/* The URL of Redis, from a command line or a file of settings. */
#include "fuzz.h"

#include "ops/redis_url.h"
#include "ops/service_log.h"

#include <string.h>

/* What is wrong with a URL is said to the operator: not here. */
bool say(const char *format, ...)
{
    (void)format;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_url url = {0};
    char *text = strndup((const char *)data, size);
    FUZZ_CHECK(text);
    bool good = redis_url_parse(&url, text);
    FUZZ_CHECK(!good || (url.host && *url.host && url.port >= 0 && url.port <= 65535 && url.database >= 0));
    redis_url_free(&url);
    FUZZ_CHECK(redis_url_check(text) == good);
    free(text);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {"redis://localhost",      "redis://:secret@127.0.0.1:6379/3",
                                  "unix:///run/redis.sock", "redis://[2001:db8::1]:1",
                                  "redis://[2001:db8::1",   "redis://:p%40ss@host/0"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
