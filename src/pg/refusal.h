/* refusal.h - why a connection could not be made, and whether another attempt would end the same way. */
#ifndef DIALOGS_REFUSAL_H
#define DIALOGS_REFUSAL_H

#include "base/error.h"

#include <libpq-fe.h>

/* Before connecting: lets libpq say the SQLSTATE of a refusal. */
void refusal_expect(PGconn *conn);

/*
 * DLG_E_UNAVAILABLE with the server's SQLSTATE and text, or libpq's. It is not retriable when an operator must change
 * something: a wrong password, no such database, a certificate that does not fit.
 */
dlg_error *refusal_error(PGconn *conn);

/*
 * After connecting: DLG_E_SCHEMA for a database of another encoding than UTF8. It could not store every text (LATIN1),
 * or would check none (SQL_ASCII). NULL for a database that can be used.
 */
dlg_error *refusal_of_encoding(PGconn *conn);

#endif
