/* uuid.h - what the library asks of a uuid beyond the public calls. */
#ifndef DIALOGS_UUID_H
#define DIALOGS_UUID_H

#include <dialogs.h>
#include <stdbool.h>

bool uuid_is_nil(const dlg_uuid *uuid);

#endif
