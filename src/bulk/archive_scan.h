/* archive_scan.h - how long the next msgpack object is, before anything is allocated for it. */
#ifndef DIALOGS_ARCHIVE_SCAN_H
#define DIALOGS_ARCHIVE_SCAN_H

#include <stddef.h>

enum { ARCHIVE_OBJECT_LIMIT = 80 * 1024 * 1024, ARCHIVE_MEMBER_LIMIT = 32 };

enum archive_scan {
    ARCHIVE_SCAN_WHOLE, /* the object is all there */
    ARCHIVE_SCAN_SHORT, /* it goes on after the bytes at hand */
    ARCHIVE_SCAN_BAD    /* no msgpack, too long, too many members, or arrays in arrays */
};

/*
 * Looks at one object: a scalar, or an array or map of scalars. `size` receives its length when it is
 * WHOLE, and how many bytes are needed at least when it is SHORT: never more than ARCHIVE_OBJECT_LIMIT.
 */
enum archive_scan archive_scan(const char *bytes, size_t available, size_t *size);

#endif
