/* byte_order_mark.h - the mark that some editors put at the beginning of UTF-8. */
#ifndef SERVICE_BYTE_ORDER_MARK_H
#define SERVICE_BYTE_ORDER_MARK_H

#include <stddef.h>
#include <string.h>

/* How many bytes of it a text begins with: 3, or 0 without one. */
static inline size_t byte_order_mark(const char *text, size_t length)
{
    return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

#endif
