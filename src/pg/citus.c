#include "pg/citus.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Releases whose local plan cache misses for ever: from the first patch to the last of a minor version. */
static const struct {
    int major, minor, first, last;
} broken[] = {
    {12, 1, 11, 99}, {13, 0, 6, 99}, {13, 1, 2, 99}, {13, 2, 1, 99}, {13, 3, 0, 99},
    {13, 4, 0, 99},  {14, 0, 0, 99}, {14, 1, 0, 99}, {14, 2, 0, 99},
};

bool citus_caches_plans(const char *version)
{
    int major = 0, minor = 0, patch = 0;
    if (sscanf(version, "Citus %d.%d.%d", &major, &minor, &patch) < 2)
        return false; /* a fork or a development version: custom plans are right everywhere, only slower */
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        if (broken[i].major == major && broken[i].minor == minor && broken[i].first <= patch && patch <= broken[i].last)
            return false;
    return true;
}

/* relation "public.dialogs_102008" does not exist: the placement was dropped after a move. */
static bool names_a_shard(const char *message)
{
    static const char *const tables[] = {"dialogs_", "users_"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const char *at = strstr(message, tables[i]);
        if (at && isdigit((unsigned char)at[strlen(tables[i])]))
            return true;
    }
    return false;
}

/*
 * Citus reports these as internal errors, whose SQLSTATE says nothing more. Its texts are safe to read in any
 * lc_messages: Citus has no translations. Of 42P01 only the name of the shard is read, which no language changes.
 */
bool citus_error_is_stale(const dlg_error *error)
{
    const char *state = dlg_error_sqlstate(error);
    const char *message = dlg_error_message(error);
    if (strcmp(state, "42P01") == 0 || strcmp(state, "XX000") == 0)
        return names_a_shard(message);
    return strcmp(state, "40001") == 0 && strstr(message, "shard for the given value");
}
