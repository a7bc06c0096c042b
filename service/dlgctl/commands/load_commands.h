/* load_commands.h - the commands of dlgctl: what begins with "load". */
#ifndef DLGCTL_LOAD_COMMANDS_H
#define DLGCTL_LOAD_COMMANDS_H

#include "cli/context.h"

/* The last has no name. */
extern const struct command load_commands[];

#endif
