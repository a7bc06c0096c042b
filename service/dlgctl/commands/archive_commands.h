/* archive_commands.h - the commands of dlgctl: dump and restore. */
#ifndef DLGCTL_ARCHIVE_COMMANDS_H
#define DLGCTL_ARCHIVE_COMMANDS_H

#include "cli/context.h"

/* The last has no name. */
extern const struct command archive_commands[];

#endif
