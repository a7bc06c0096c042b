/* show.h - values as JSON lines. */
#ifndef DLGCTL_SHOW_H
#define DLGCTL_SHOW_H

#include <jansson.h>

/* One JSON line on standard output, with the same characters as \uNNNN; takes the value. DLGCTL_OK, or DLGCTL_FAILED
 * when it is NULL. */
int show_json(json_t *value);

#endif
