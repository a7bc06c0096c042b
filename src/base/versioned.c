#include "base/versioned.h"

#include "base/error.h"

#include <string.h>

/* ---- The structs ---- */

static int initialise(const struct versioned *type, void *value, uint32_t version)
{
    if (!value || version < 1 || version > type->count)
        return DLG_E_ARGUMENT;
    memcpy(value, type->initial, type->sizes[version - 1]);
    memcpy(value, &version, sizeof version);
    return DLG_OK;
}

/* The sizes: an older version ends where the next one added its first member. */
#define VERSIONED(type, NAME, ...)                                                                                 \
    static const dlg_##type type##_initial = DLG_##NAME##_INIT;                                                    \
    static const size_t type##_sizes[] = {__VA_ARGS__};                                                            \
    _Static_assert(sizeof type##_sizes / sizeof *type##_sizes == DLG_##NAME##_VERSION, "a size for each version"); \
    int dlg_##type##_init(dlg_##type *value, uint32_t version)                                                     \
    {                                                                                                              \
        return initialise(&versioned_##type, value, version);                                                      \
    }
#define DESCRIPTION(type, NAME)                                                                                       \
    {                                                                                                                 \
        "dlg_" #type, "DLG_" #NAME "_INIT", &type##_initial, type##_sizes, sizeof type##_sizes / sizeof *type##_sizes \
    }

VERSIONED(stats, STATS, offsetof(dlg_stats, batched), offsetof(dlg_stats, untaken), sizeof(dlg_stats))
const struct versioned versioned_stats = DESCRIPTION(stats, STATS);

VERSIONED(message_input, MESSAGE_INPUT, offsetof(dlg_message_input, key), sizeof(dlg_message_input))
const struct versioned versioned_message_input = DESCRIPTION(message_input, MESSAGE_INPUT);

VERSIONED(send_options, SEND_OPTIONS, sizeof(dlg_send_options))
const struct versioned versioned_send_options = DESCRIPTION(send_options, SEND_OPTIONS);

VERSIONED(receipt, RECEIPT, sizeof(dlg_receipt))
const struct versioned versioned_receipt = DESCRIPTION(receipt, RECEIPT);

VERSIONED(list_options, LIST_OPTIONS, sizeof(dlg_list_options))
const struct versioned versioned_list_options = DESCRIPTION(list_options, LIST_OPTIONS);

VERSIONED(user, USER, sizeof(dlg_user))
const struct versioned versioned_user = DESCRIPTION(user, USER);

VERSIONED(progress, PROGRESS, offsetof(dlg_progress, conflicts), sizeof(dlg_progress))
const struct versioned versioned_progress = DESCRIPTION(progress, PROGRESS);

VERSIONED(distribute_options, DISTRIBUTE_OPTIONS, sizeof(dlg_distribute_options))
const struct versioned versioned_distribute_options = DESCRIPTION(distribute_options, DISTRIBUTE_OPTIONS);

VERSIONED(node_options, NODE_OPTIONS, sizeof(dlg_node_options))
const struct versioned versioned_node_options = DESCRIPTION(node_options, NODE_OPTIONS);

VERSIONED(rebalance_options, REBALANCE_OPTIONS, sizeof(dlg_rebalance_options))
const struct versioned versioned_rebalance_options = DESCRIPTION(rebalance_options, REBALANCE_OPTIONS);

VERSIONED(isolate_options, ISOLATE_OPTIONS, sizeof(dlg_isolate_options))
const struct versioned versioned_isolate_options = DESCRIPTION(isolate_options, ISOLATE_OPTIONS);

/* ---- Reading and writing ---- */

static uint32_t version_of(const void *value)
{
    uint32_t version;
    memcpy(&version, value, sizeof version);
    return version;
}

int versioned_check(const struct versioned *type, const void *value, dlg_error **error)
{
    if (!value)
        return error_set(error, DLG_E_ARGUMENT, "%s is missing: initialise one with %s", type->name, type->macro);
    uint32_t version = version_of(value);
    if (version < 1 || version > type->count)
        return error_set(error, DLG_E_ARGUMENT, "unknown version of %s: initialise it with %s", type->name,
                         type->macro);
    return DLG_OK;
}

int versioned_read(const struct versioned *type, void *copy, const void *value, dlg_error **error)
{
    memcpy(copy, type->initial, type->sizes[type->count - 1]);
    if (!value)
        return DLG_OK;
    int code = versioned_check(type, value, error);
    if (code != DLG_OK)
        return code;
    uint32_t newest = version_of(copy);
    memcpy(copy, value, type->sizes[version_of(value) - 1]);
    memcpy(copy, &newest, sizeof newest);
    return DLG_OK;
}

void versioned_write(const struct versioned *type, void *value, const void *from)
{
    uint32_t version = version_of(value);
    memcpy(value, from, type->sizes[version - 1]);
    memcpy(value, &version, sizeof version);
}
