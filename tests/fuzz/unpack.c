/* Bodies in msgpack: what is small is read, or refused with a reason, and is as JSON would have it. */
#include "fuzz.h"

#include "content/unpack.h"
#include "content/value_count.h"

#include <string.h>

static size_t count(const json_t *value)
{
    const char *name;
    json_t *part;
    size_t index, total = 1;
    json_array_foreach(value, index, part) total += count(part);
    json_object_foreach((json_t *)(uintptr_t)value, name, part) total += count(part);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *trouble = NULL;
    json_is_small((const char *)data, size);
    if (!msgpack_is_small((const char *)data, size))
        return 0;
    json_t *body = unpack_body((const char *)data, size, &trouble);
    FUZZ_CHECK(body || (trouble && *trouble));
    FUZZ_CHECK(!body || count(body) <= VALUES_MOST);
    json_decref(body);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const struct {
        const char *bytes;
        size_t length;
    } seeds[] = {
        {"\x81\xa4text\xa5hello", 12},
        {"\x82\xa2id\xc4\x10"
         "0123456789abcdef\xa8password\xc0",
         32},
        {"\x81\xa1x\x93\x01\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xc3", 15},
        {"\x81\xa1x\xdc\x00\x02\x90\x80", 8},
        {"\xdf\xff\xff\xff\xff", 5},
        {"\x81\xa1x\xd4\x01\x02", 6},
        {"\x82\xa0\xa0\xa4text\xa0", 9},
    };
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index].bytes, seeds[index].length);
    return seeds[index].length;
}
