/* config_file.h - a file of "name = value" lines. */
#ifndef DIALOGSD_CONFIG_FILE_H
#define DIALOGSD_CONFIG_FILE_H

#include <stdbool.h>

/* `place` is "FILE:LINE: name", for what is said of it. False: stop. */
typedef bool (*config_line)(void *payload, const char *name, const char *value, const char *place);

/*
 * Hands on each line; blank ones, and those that begin with '#', are left out, as are spaces around names and values,
 * and a pair of quotes around a value. False, having said why, when the file cannot be read or a line is none.
 */
bool config_file_read(const char *path, config_line take, void *payload);

#endif
