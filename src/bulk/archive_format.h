/*
 * archive_format.h - what writer and reader of an archive agree upon; docs/archive.md says it in words.
 * A stream of msgpack objects: a map (the header), arrays (records, then the end with its counts),
 * 32 bytes (BLAKE2b-256 of everything before this last object).
 */
#ifndef DIALOGS_ARCHIVE_FORMAT_H
#define DIALOGS_ARCHIVE_FORMAT_H

#include <dialogs.h>

#define ARCHIVE_MAGIC "dialogs-archive"

enum { ARCHIVE_FORMAT = 1, ARCHIVE_HASH_SIZE = 32 };

/* The first member of a record. */
enum archive_tag { ARCHIVE_END = 0, ARCHIVE_USER = 1, ARCHIVE_MESSAGE = 2 };

/* Members of each, the tag among them. */
enum { ARCHIVE_END_SIZE = 3, ARCHIVE_USER_SIZE = 9, ARCHIVE_MESSAGE_SIZE = 7 };

#endif
