/*
 * versioned.h - structs that callers own. Each begins with `version`. A caller that was built with an older header has
 * a smaller struct: the library reads and writes only the bytes that the caller's version has.
 */
#ifndef DIALOGS_VERSIONED_H
#define DIALOGS_VERSIONED_H

#include <dialogs.h>

struct versioned {
    const char *name;    /* "dlg_stats" */
    const char *macro;   /* "DLG_STATS_INIT" */
    const void *initial; /* the newest version, as the macro makes it */
    const size_t *sizes; /* of version 1, version 2 and so on, in bytes */
    size_t count;        /* of versions */
};

extern const struct versioned versioned_stats;
extern const struct versioned versioned_message_input;
extern const struct versioned versioned_send_options;
extern const struct versioned versioned_receipt;
extern const struct versioned versioned_list_options;
extern const struct versioned versioned_user;
extern const struct versioned versioned_progress;
extern const struct versioned versioned_distribute_options;
extern const struct versioned versioned_node_options;
extern const struct versioned versioned_rebalance_options;
extern const struct versioned versioned_isolate_options;

/* DLG_E_ARGUMENT unless `value` is there and of a version that the library knows. */
int versioned_check(const struct versioned *type, const void *value, dlg_error **error);

/*
 * Reads a caller's struct into `copy`, of the newest version. Members that the caller's version lacks are as the macro
 * makes them, and so are all of them when `value` is NULL. DLG_E_ARGUMENT for an unknown version.
 */
int versioned_read(const struct versioned *type, void *copy, const void *value, dlg_error **error);

/* Writes what the version of `value`, a checked one, has of `from`, which is of the newest version. */
void versioned_write(const struct versioned *type, void *value, const void *from);

#endif
