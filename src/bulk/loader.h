/*
 * loader.h - bulk loading. Rows gather in memory and go out as a batch, one transaction: COPY, or,
 * where some are there already, INSERT ... ON CONFLICT DO NOTHING. A batch whose connection was lost
 * is sent again: ids are made before, so nothing is stored twice; its rows then count as skipped if
 * the first attempt had been committed after all.
 */
#ifndef DIALOGS_LOADER_H
#define DIALOGS_LOADER_H

#include <dialogs.h>

/* The same as the public calls for rows that a database held before, whatever a caller may send today. */
int loader_restore_message(dlg_loader *loader, const dlg_message *message, dlg_error **error);
int loader_restore_user(dlg_loader *loader, const dlg_user *user, const char *password_hash, dlg_error **error);

/* Conflicts are not told by each flush any more, but by the second one, once: DLG_E_EXISTS, or DLG_OK. */
void loader_collect_conflicts(dlg_loader *loader);
int loader_conflicts(dlg_loader *loader, dlg_error **error);

/* Is called a few times a second while the loader waits; any code but DLG_OK, with its error, ends the waiting. */
typedef int (*loader_tick)(void *payload, dlg_error **error);
void loader_listen(dlg_loader *loader, loader_tick tick, void *payload);

#endif
