/* sqlstate.h - what an SQLSTATE means for a statement that may be run again (PostgreSQL documentation, appendix A). */
#ifndef DIALOGS_SQLSTATE_H
#define DIALOGS_SQLSTATE_H

#include "base/error.h"

/* Whether what was refused with this SQLSTATE may succeed a little later. */
bool sqlstate_is_transient(const char *sqlstate);

/* Whether the same statement may succeed a little later. */
bool error_is_transient(const dlg_error *error);

/* Whether the server itself does not know if a commit was made: a node behind it was lost on the way. */
bool error_is_ambiguous(const dlg_error *error);

/* Whether the server has become one that cannot take writes. */
bool error_is_read_only(const dlg_error *error);

/* Replaces DLG_E_DATABASE by the code that says more, where there is one; maybe by another error. */
void error_classify(dlg_error **error);

#endif
