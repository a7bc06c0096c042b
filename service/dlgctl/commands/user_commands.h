/* user_commands.h - the commands of dlgctl: what begins with "user". */
#ifndef DLGCTL_USER_COMMANDS_H
#define DLGCTL_USER_COMMANDS_H

#include "cli/context.h"

/* The last has no name. */
extern const struct command user_commands[];

#endif
