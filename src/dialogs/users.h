/* users.h - users: creating, finding, searching. */
#ifndef DIALOGS_USERS_H
#define DIALOGS_USERS_H

#include "client/client.h"

/* Reads a caller's user, of any version, and checks it: texts valid and within their limits, the date a date. */
int user_from_caller(dlg_user *user, const dlg_user *given, dlg_error **error);
int user_field_check(const char *name, const char *text, size_t limit, dlg_error **error);

#endif
