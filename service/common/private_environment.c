#include "common/private_environment.h"

#include <stdlib.h>
#include <string.h>

void private_environment(const char *conninfo)
{
    static const char *const names[] = {"PGSERVICE", "PGTZ", "PGDATESTYLE", "PGGEQO"};
    if (!conninfo || strncmp(conninfo, "embedded:", 9) != 0)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}
