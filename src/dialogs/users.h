/* users.h - users: creating, finding, searching. */
#ifndef DIALOGS_USERS_H
#define DIALOGS_USERS_H

#include "client/client.h"

/* Whether this may be kept: texts valid and within their limits, the date a date. */
int user_check(const dlg_user *user, dlg_error **error);
int user_field_check(const char *name, const char *text, size_t limit, dlg_error **error);

#endif
