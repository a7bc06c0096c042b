#include "embedded/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRY_SIZE = 16384, ENTRY_LIMIT = 1 << 20 };

/* Looks up by name, or by id when there is no name; some directories have very long entries. */
static int look_up(const char *name, uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
    return name ? getpwnam_r(name, entry, buffer, size, found) : getpwuid_r(uid, entry, buffer, size, found);
}

static bool account_fill(struct account *account, const struct passwd *entry)
{
    *account = (struct account){.uid = entry->pw_uid, .gid = entry->pw_gid, .group_count = ACCOUNT_GROUPS};
    int length = snprintf(account->name, sizeof account->name, "%s", entry->pw_name);
    if (length < 0 || (size_t)length >= sizeof account->name)
        return false;
    if (getgrouplist(entry->pw_name, entry->pw_gid, account->groups, &account->group_count) < 0)
        account->group_count = ACCOUNT_GROUPS; /* the first ones: those that fit */
    return true;
}

static bool find(struct account *account, const char *name, uid_t uid)
{
    for (size_t size = ENTRY_SIZE; size <= ENTRY_LIMIT; size *= 2) {
        char *buffer = malloc(size);
        if (!buffer)
            return false;
        struct passwd entry;
        struct passwd *found = NULL;
        int failed = look_up(name, uid, &entry, buffer, size, &found);
        bool good = found && account_fill(account, found);
        free(buffer);
        if (failed != ERANGE)
            return good;
    }
    return false;
}

bool account_of(struct account *account, uid_t uid)
{
    return find(account, NULL, uid);
}

bool account_named(struct account *account, const char *name)
{
    return find(account, name, 0);
}

static bool in_group(const struct account *account, gid_t group)
{
    for (int i = 0; i < account->group_count; i++)
        if (account->groups[i] == group)
            return true;
    return account->gid == group;
}

bool account_may_search(const struct account *account, const struct stat *directory)
{
    if (account->uid == 0)
        return true;
    if (account->uid == directory->st_uid)
        return directory->st_mode & S_IXUSR;
    if (in_group(account, directory->st_gid))
        return directory->st_mode & S_IXGRP;
    return directory->st_mode & S_IXOTH;
}
