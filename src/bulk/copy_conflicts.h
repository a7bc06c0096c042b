/* copy_conflicts.h - messages that were not loaded, because the database has others under their ids. */
#ifndef DIALOGS_COPY_CONFLICTS_H
#define DIALOGS_COPY_CONFLICTS_H

#include <dialogs.h>

struct copy_conflicts {
    uint64_t count;
    char names[320]; /* of the first few: "17 to 01234567-89ab-cdef-0123-456789abcdef, ..." */
};

/* One more. */
void copy_conflicts_note(struct copy_conflicts *conflicts, int64_t id, const dlg_uuid *recipient);

/* DLG_E_EXISTS that names them, unless there are none. */
int copy_conflicts_error(const struct copy_conflicts *conflicts, dlg_error **error);

#endif
