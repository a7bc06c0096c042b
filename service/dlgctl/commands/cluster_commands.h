/* cluster_commands.h - the commands of dlgctl: what begins with "cluster". */
#ifndef DLGCTL_CLUSTER_COMMANDS_H
#define DLGCTL_CLUSTER_COMMANDS_H

#include "cli/context.h"

/* The last has no name. */
extern const struct command cluster_commands[];

#endif
