/* unpack.h - a msgpack body as the JSON value that it stands for. */
#ifndef DIALOGSD_UNPACK_H
#define DIALOGSD_UNPACK_H

#include <jansson.h>

/*
 * A binary of 16 bytes is read as a uuid. NULL when the body is no msgpack, has more behind it, has a name twice, or
 * something that JSON cannot have; `trouble` says so.
 */
json_t *unpack_body(const char *data, size_t length, const char **trouble);

#endif
