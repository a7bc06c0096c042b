/* answer.h - whether what a server answers is what the statement asked for. */
#ifndef DIALOGS_ANSWER_H
#define DIALOGS_ANSWER_H

#include "pg/statement.h"

/*
 * Whether each field has the column's type and size, and is not NULL where it may not be. A proxy, a view in place of
 * a table, or a table of another version may answer otherwise: such values would be read as 0, or as another
 * message's. `rows`: the answer is to the multi-row form.
 */
bool answer_fits(const struct statement *statement, bool rows, const PGresult *result);

/* DLG_E_SCHEMA: the answer does not fit. */
dlg_error *answer_misfit_error(const struct statement *statement);

#endif
