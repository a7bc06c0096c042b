/* Bodies in JSON: numbers that nobody reads are made harmless, and nothing else changes. */
#include "fuzz.h"

#include "content/json_numbers.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* What is in both is the same, but for numbers. */
static void check_same(const json_t *before, const json_t *after)
{
    const char *name;
    json_t *value;
    size_t index;
    if (json_is_number(before)) {
        FUZZ_CHECK(json_is_number(after));
        return;
    }
    FUZZ_CHECK(json_typeof(before) == json_typeof(after));
    if (json_is_string(before))
        FUZZ_CHECK(json_equal(before, after));
    json_array_foreach(before, index, value) check_same(value, json_array_get(after, index));
    json_object_foreach((json_t *)(uintptr_t)before, name, value) check_same(value, json_object_get(after, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    bool has_nul = memchr(text, '\0', size); /* which jansson takes for an end in some places */
    json_t *before = has_nul ? NULL : json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    json_numbers_blank(text, size);
    json_t *after = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    FUZZ_CHECK(!before || after);
    if (before)
        check_same(before, after);
    json_decref(before);
    json_decref(after);
    free(text);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {"{\"text\":\"hello\"}", "{\"text\":\"\\\"1e999\\\\\",\"n\":1e999}",
                                  "{\"a\":[-0.5E-3,12,{}],\"b\":null,\"text\":\"-1\"}", "[1,2,3]", "{\"id\":01}"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
