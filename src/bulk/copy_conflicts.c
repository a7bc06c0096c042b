#include "bulk/copy_conflicts.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAMED = 4 };

void copy_conflicts_note(struct copy_conflicts *conflicts, int64_t id, const dlg_uuid *recipient)
{
    if (conflicts->count++ >= NAMED)
        return;
    char text[DLG_UUID_TEXT_SIZE];
    size_t length = strlen(conflicts->names);
    dlg_uuid_format(text, recipient);
    snprintf(conflicts->names + length, sizeof conflicts->names - length, "%s%" PRId64 " to %s", length ? ", " : "", id,
             text);
}

int copy_conflicts_error(const struct copy_conflicts *conflicts, dlg_error **error)
{
    if (!conflicts->count)
        return DLG_OK;
    dlg_error *made = NULL;
    error_set(&made, DLG_E_EXISTS,
              "%" PRIu64 " messages were not loaded, because others have their ids: %s%s; load them with other ids",
              conflicts->count, conflicts->names, conflicts->count > NAMED ? " and others" : "");
    error_set_fate(made, DLG_FATE_WRITTEN); /* all other rows of the batch */
    return error_give(error, made);
}
