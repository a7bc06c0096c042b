/* dialog_commands.h - the commands of dlgctl: sending and reading messages. */
#ifndef DLGCTL_DIALOG_COMMANDS_H
#define DLGCTL_DIALOG_COMMANDS_H

#include "cli/context.h"

/* The last has no name. */
extern const struct command dialog_commands[];

#endif
