/* password_prompt.h - a password from a file, a terminal that does not show it, or standard input. */
#ifndef DLGCTL_PASSWORD_PROMPT_H
#define DLGCTL_PASSWORD_PROMPT_H

#include <dialogs.h>
#include <stdbool.h>

struct password {
    char text[DLG_PASSWORD_LIMIT + 3]; /* a longer one is cut, but stays too long */
    size_t length;
};

/*
 * Reads the first line of `file`; without one, asks on the terminal (twice when `fresh`), or takes the
 * first line of standard input when that is no terminal. NULL, or what went wrong.
 */
const char *password_read(struct password *password, const char *file, bool fresh);

/* The same, but for standard input, which is busy: asks on the controlling terminal. */
const char *password_ask(struct password *password, bool fresh);

void password_wipe(struct password *password);

#endif
