/* account.h - an account of this machine, as the server's programs run under. */
#ifndef DIALOGS_ACCOUNT_H
#define DIALOGS_ACCOUNT_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { ACCOUNT_GROUPS = 64 };

struct account {
    uid_t uid;
    gid_t gid;
    char name[256];
    gid_t groups[ACCOUNT_GROUPS];
    int group_count;
};

/* The account of a user id, or of a name; false when there is none. */
bool account_of(struct account *account, uid_t uid);
bool account_named(struct account *account, const char *name);

/* Whether the mode bits let the account pass through a directory. */
bool account_may_search(const struct account *account, const struct stat *directory);

#endif
