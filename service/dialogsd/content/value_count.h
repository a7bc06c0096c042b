/*
 * value_count.h - how many values a body has, before it is read: the tree of 400 KB of empty arrays is many times as
 * large as they are, and takes an HTTP thread a tenth of a second. The calls take a handful.
 */
#ifndef DIALOGSD_VALUE_COUNT_H
#define DIALOGSD_VALUE_COUNT_H

#include <stdbool.h>
#include <stddef.h>

enum { VALUES_MOST = 1000 };

/* Whether there are at most VALUES_MOST, of all depths. What is no JSON, or no msgpack, may be either. */
bool json_is_small(const char *data, size_t length);
bool msgpack_is_small(const char *data, size_t length);

#endif
