#include "content/value_count.h"

#include <stdint.h>

/* Each value but the first comes behind one of four characters. */
bool json_is_small(const char *data, size_t length)
{
    size_t count = 0;
    bool quoted = false;
    for (size_t i = 0; i < length && count <= VALUES_MOST; i++) {
        char c = data[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted)
            count += c == ',' || c == ':' || c == '[' || c == '{';
    }
    return count <= VALUES_MOST;
}

/* ---- msgpack: a byte says what follows it ---- */

/* By the type byte, from 0xc0 on: bytes behind it, of which so many say how many more there are. */
static const struct layout {
    uint8_t fixed;
    uint8_t length;
} layouts[32] = {
    [0xc4 - 0xc0] = {0, 1},  [0xc5 - 0xc0] = {0, 2}, [0xc6 - 0xc0] = {0, 4}, /* bin */
    [0xc7 - 0xc0] = {1, 1},  [0xc8 - 0xc0] = {1, 2}, [0xc9 - 0xc0] = {1, 4}, /* ext */
    [0xca - 0xc0] = {4, 0},  [0xcb - 0xc0] = {8, 0},                         /* float */
    [0xcc - 0xc0] = {1, 0},  [0xcd - 0xc0] = {2, 0}, [0xce - 0xc0] = {4, 0}, [0xcf - 0xc0] = {8, 0},
    [0xd0 - 0xc0] = {1, 0},  [0xd1 - 0xc0] = {2, 0}, [0xd2 - 0xc0] = {4, 0}, [0xd3 - 0xc0] = {8, 0},
    [0xd4 - 0xc0] = {2, 0},  [0xd5 - 0xc0] = {3, 0}, [0xd6 - 0xc0] = {5, 0}, [0xd7 - 0xc0] = {9, 0},
    [0xd8 - 0xc0] = {17, 0},                                                                         /* fixext */
    [0xd9 - 0xc0] = {0, 1},  [0xda - 0xc0] = {0, 2}, [0xdb - 0xc0] = {0, 4},                         /* str */
    [0xdc - 0xc0] = {2, 0},  [0xdd - 0xc0] = {4, 0}, [0xde - 0xc0] = {2, 0}, [0xdf - 0xc0] = {4, 0}, /* containers */
};

/* How many bytes follow the head at `data`, which is of `left`. */
static size_t bytes_behind(const uint8_t *data, size_t left)
{
    if ((*data & 0xe0) == 0xa0) /* fixstr */
        return *data & 0x1f;
    if (*data < 0xc0 || *data > 0xdf) /* small numbers; fixarray, fixmap, whose values are counted as they come */
        return 0;
    struct layout layout = layouts[*data - 0xc0];
    size_t more = 0;
    for (size_t i = 1; i <= layout.length && i < left; i++)
        more = more << 8 | data[i];
    return (size_t)layout.fixed + layout.length + more;
}

/* How many values a long array or map says it has: msgpack-c makes room for all of them before it reads the first. */
static size_t values_announced(const uint8_t *data, size_t left)
{
    if (*data < 0xdc || *data > 0xdf)
        return 0;
    size_t width = layouts[*data - 0xc0].fixed, announced = 0;
    for (size_t i = 1; i <= width && i < left; i++)
        announced = announced << 8 | data[i];
    return announced;
}

bool msgpack_is_small(const char *data, size_t length)
{
    const uint8_t *at = (const uint8_t *)data;
    size_t count = 0;
    while (length && count <= VALUES_MOST) {
        if (values_announced(at, length) > VALUES_MOST)
            return false;
        size_t step = 1 + bytes_behind(at, length);
        if (step > length)
            break;
        at += step;
        length -= step;
        count++;
    }
    return count <= VALUES_MOST;
}
