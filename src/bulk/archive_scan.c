#include "bulk/archive_scan.h"

#include <stdbool.h>
#include <stdint.h>

/* The head of one object: how long it is with the bytes that belong to it, how many objects follow. */
struct head {
    size_t size;
    size_t members;
    bool container;
};

static size_t big_endian(const unsigned char *bytes, size_t count)
{
    size_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* What follows the first byte from 0xc0 on (msgpack specification, "Formats"). */
enum follow { NOTHING, NEVER, BYTES, LENGTH, EXT_LENGTH, ARRAY, MAP };
static const struct {
    unsigned char follow;
    unsigned char bytes; /* of the value, or of the length */
} formats[32] = {
    [0x00] = {NOTHING, 0},    [0x01] = {NEVER, 0},      [0x02] = {NOTHING, 0}, [0x03] = {NOTHING, 0},
    [0x04] = {LENGTH, 1},     [0x05] = {LENGTH, 2},     [0x06] = {LENGTH, 4},  [0x07] = {EXT_LENGTH, 1},
    [0x08] = {EXT_LENGTH, 2}, [0x09] = {EXT_LENGTH, 4}, [0x0a] = {BYTES, 4},   [0x0b] = {BYTES, 8},
    [0x0c] = {BYTES, 1},      [0x0d] = {BYTES, 2},      [0x0e] = {BYTES, 4},   [0x0f] = {BYTES, 8},
    [0x10] = {BYTES, 1},      [0x11] = {BYTES, 2},      [0x12] = {BYTES, 4},   [0x13] = {BYTES, 8},
    [0x14] = {BYTES, 2},      [0x15] = {BYTES, 3},      [0x16] = {BYTES, 5},   [0x17] = {BYTES, 9},
    [0x18] = {BYTES, 17},     [0x19] = {LENGTH, 1},     [0x1a] = {LENGTH, 2},  [0x1b] = {LENGTH, 4},
    [0x1c] = {ARRAY, 2},      [0x1d] = {ARRAY, 4},      [0x1e] = {MAP, 2},     [0x1f] = {MAP, 4},
};

static enum archive_scan scan_format(const unsigned char *bytes, size_t available, struct head *head)
{
    enum follow follow = (enum follow)formats[*bytes & 0x1f].follow;
    size_t count = formats[*bytes & 0x1f].bytes;
    head->size = 1 + count;
    if (follow == NEVER)
        return ARCHIVE_SCAN_BAD;
    if (follow == NOTHING || follow == BYTES)
        return ARCHIVE_SCAN_WHOLE;
    if (available < head->size)
        return ARCHIVE_SCAN_SHORT;
    size_t value = big_endian(bytes + 1, count);
    if (follow == LENGTH || follow == EXT_LENGTH) {
        head->size += value + (follow == EXT_LENGTH);
        return ARCHIVE_SCAN_WHOLE;
    }
    head->container = true;
    head->members = value * (follow == MAP ? 2 : 1);
    return ARCHIVE_SCAN_WHOLE;
}

static enum archive_scan scan_head(const unsigned char *bytes, size_t available, struct head *head)
{
    *head = (struct head){.size = 1};
    if (available == 0)
        return ARCHIVE_SCAN_SHORT;
    unsigned first = *bytes;
    if (first <= 0x7f || first >= 0xe0) /* small integers */
        return ARCHIVE_SCAN_WHOLE;
    if (first >= 0xc0)
        return scan_format(bytes, available, head);
    if (first >= 0xa0) { /* a short text */
        head->size += first & 0x1f;
        return ARCHIVE_SCAN_WHOLE;
    }
    head->container = true;
    head->members = (first & 0x0f) * (first >= 0x90 ? 1u : 2u);
    return ARCHIVE_SCAN_WHOLE;
}

enum archive_scan archive_scan(const char *bytes, size_t available, size_t *size)
{
    size_t at = 0;
    size_t left = 1;
    for (bool outermost = true; left > 0; outermost = false, left--) {
        struct head head;
        size_t rest = at < available ? available - at : 0;
        enum archive_scan found = scan_head((const unsigned char *)bytes + (rest ? at : 0), rest, &head);
        if (found == ARCHIVE_SCAN_BAD || (head.container && !outermost) || head.members > ARCHIVE_MEMBER_LIMIT ||
            head.size > ARCHIVE_OBJECT_LIMIT - at)
            return ARCHIVE_SCAN_BAD;
        at += head.size;
        if (found == ARCHIVE_SCAN_SHORT || at > available) {
            *size = at;
            return ARCHIVE_SCAN_SHORT;
        }
        left += head.members;
    }
    *size = at;
    return ARCHIVE_SCAN_WHOLE;
}
