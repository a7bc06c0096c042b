/* recipient_cache.h - recipients that are recipient_cache to exist: a bounded, direct-mapped memory. Not thread-safe.
 */
#ifndef DIALOGS_RECIPIENT_CACHE_H
#define DIALOGS_RECIPIENT_CACHE_H

#include <dialogs.h>
#include <stdbool.h>

struct recipient_cache;

struct recipient_cache *recipient_cache_new(size_t size); /* NULL when out of memory */
void recipient_cache_free(struct recipient_cache *recipient_cache);
bool recipient_cache_has(const struct recipient_cache *recipient_cache, const dlg_uuid *user);
void recipient_cache_add(struct recipient_cache *recipient_cache, const dlg_uuid *user);

#endif
