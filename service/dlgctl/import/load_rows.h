/* load_rows.h - what `dlgctl load` loads: users, messages, or those that it makes up. */
#ifndef DLGCTL_LOAD_ROWS_H
#define DLGCTL_LOAD_ROWS_H

#include "import/load.h"

/* Each returns DLGCTL_OK, or DLGCTL_FAILED after saying why. */
int load_users(struct load *load);
int load_messages(struct load *load);
int load_generate(struct load *load);

#endif
