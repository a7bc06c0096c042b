/* known.h - recipients that are known to exist: a bounded, direct-mapped memory. Not thread-safe. */
#ifndef DIALOGS_KNOWN_H
#define DIALOGS_KNOWN_H

#include <dialogs.h>
#include <stdbool.h>

struct known;

struct known *known_new(size_t size); /* NULL when out of memory */
void known_free(struct known *known);
bool known_has(const struct known *known, const dlg_uuid *user);
void known_add(struct known *known, const dlg_uuid *user);

#endif
