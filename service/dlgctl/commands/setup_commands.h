/* setup_commands.h - the commands of dlgctl: the schema, and what the library can be set to. */
#ifndef DLGCTL_SETUP_COMMANDS_H
#define DLGCTL_SETUP_COMMANDS_H

#include "cli/context.h"

/* The last has no name. */
extern const struct command setup_commands[];

#endif
