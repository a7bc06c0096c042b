/*
 * Callers that were built with an older header: each struct as it was in each version, written down by hand, at the end
 * of a page that no readable page follows. A version that is missing here fails the test.
 */
#include "base/versioned.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    uint8_t bytes[16];
} uuid_1;

struct stats_1 {
    uint32_t version, queued;
    uint64_t queued_bytes, requests, completed, failed, sends, batches, retries, reconnects, overloads;
    uint32_t connections, hash_queued;
    uint64_t routed, fallback, stale;
};
struct stats_2 {
    struct stats_1 first;
    uint64_t batched, batch_sizes[15];
};
struct stats_3 {
    struct stats_2 first;
    uint64_t untaken, untaken_bytes;
};
struct message_input_1 {
    uint32_t version;
    uuid_1 author, recipient;
    int64_t id, created_us, updated_us;
    const char *text;
    size_t length;
};
struct message_input_2 {
    struct message_input_1 first;
    const char *key;
    size_t key_length;
};
struct send_options_1 {
    uint32_t version, flags;
    int64_t timeout_us;
    const char *key;
    size_t key_length;
};
struct receipt_1 {
    uint32_t version, duplicate;
    int64_t id, created_us;
};
struct list_options_1 {
    uint32_t version;
    int32_t limit;
    const char *before, *after;
    int64_t timeout_us;
};
struct user_1 {
    uint32_t version;
    uuid_1 id;
    const char *texts[5];
    int64_t created_us;
};
struct progress_1 {
    uint32_t version;
    uint64_t users, messages, bytes, total_messages, total_bytes, skipped;
};
struct progress_2 {
    struct progress_1 first;
    uint64_t conflicts;
};
struct distribute_options_1 {
    uint32_t version;
    int32_t shard_count;
    int64_t timeout_us;
};
struct node_options_1 {
    uint32_t version, flags;
    const char *coordinator_host;
    int32_t coordinator_port;
    int64_t timeout_us;
};
struct rebalance_options_1 {
    uint32_t version, flags;
    int strategy, mode;
    int32_t retries;
    int64_t timeout_us;
};
struct isolate_options_1 {
    uint32_t version;
    int mode;
    const char *host;
    int32_t port;
    int64_t timeout_us;
};

static const struct {
    const struct versioned *type;
    uint32_t version;
    size_t size;
} callers[] = {
    {&versioned_stats, 1, sizeof(struct stats_1)},
    {&versioned_stats, 2, sizeof(struct stats_2)},
    {&versioned_stats, 3, sizeof(struct stats_3)},
    {&versioned_message_input, 1, sizeof(struct message_input_1)},
    {&versioned_message_input, 2, sizeof(struct message_input_2)},
    {&versioned_send_options, 1, sizeof(struct send_options_1)},
    {&versioned_receipt, 1, sizeof(struct receipt_1)},
    {&versioned_list_options, 1, sizeof(struct list_options_1)},
    {&versioned_user, 1, sizeof(struct user_1)},
    {&versioned_progress, 1, sizeof(struct progress_1)},
    {&versioned_progress, 2, sizeof(struct progress_2)},
    {&versioned_distribute_options, 1, sizeof(struct distribute_options_1)},
    {&versioned_node_options, 1, sizeof(struct node_options_1)},
    {&versioned_rebalance_options, 1, sizeof(struct rebalance_options_1)},
    {&versioned_isolate_options, 1, sizeof(struct isolate_options_1)},
};
enum { CALLERS = sizeof callers / sizeof *callers };

/* Memory of that size, filled with 0x55, whose next byte can be neither read nor written. */
static void *guarded(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    return memset(pages + page - size, 0x55, size);
}

static void release(void *memory, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap((char *)memory + size - page, 2 * page);
}

static void every_version_has_a_caller_here(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLERS; i++) {
        size_t listed = 0;
        for (size_t j = 0; j < CALLERS; j++)
            listed += callers[j].type == callers[i].type;
        assert_int_equal(listed, callers[i].type->count);
        assert_int_equal(callers[i].size, callers[i].type->sizes[callers[i].version - 1]);
    }
}

static void nothing_behind_the_caller_s_struct_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLERS; i++) {
        const struct versioned *type = callers[i].type;
        size_t newest = type->sizes[type->count - 1];
        unsigned char *copy = malloc(newest), *given = guarded(callers[i].size);
        memcpy(given, &callers[i].version, sizeof callers[i].version);
        assert_int_equal(versioned_read(type, copy, given, NULL), DLG_OK);
        assert_int_equal(*(uint32_t *)(void *)copy, type->count);
        for (size_t at = sizeof(uint32_t); at < newest; at++) /* what the caller lacks is as the macro makes it */
            assert_int_equal(copy[at], at < callers[i].size ? 0x55 : ((const unsigned char *)type->initial)[at]);
        release(given, callers[i].size);
        free(copy);
    }
}

static void nothing_behind_the_caller_s_struct_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLERS; i++) {
        unsigned char *value = guarded(callers[i].size);
        memcpy(value, &callers[i].version, sizeof callers[i].version);
        versioned_write(callers[i].type, value, callers[i].type->initial);
        assert_int_equal(*(uint32_t *)(void *)value, callers[i].version);
        size_t rest = callers[i].size - sizeof(uint32_t);
        assert_memory_equal(value + sizeof(uint32_t), (const char *)callers[i].type->initial + sizeof(uint32_t), rest);
        release(value, callers[i].size);
    }
}

static void init_functions_write_what_the_version_has(void **state)
{
    (void)state;
    struct stats_1 *old = guarded(sizeof *old);
    assert_int_equal(dlg_stats_init((dlg_stats *)(void *)old, 1), DLG_OK);
    assert_int_equal(old->version, 1);
    assert_true(old->stale == 0);
    release(old, sizeof *old);
}

static void unknown_versions_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLERS; i++) {
        const struct versioned *type = callers[i].type;
        const uint32_t unknown[] = {0, (uint32_t)type->count + 1, UINT32_MAX};
        for (size_t j = 0; j < 3; j++) {
            dlg_error *error = NULL;
            char expected[160];
            snprintf(expected, sizeof expected, "unknown version of %s: initialise it with %s", type->name,
                     type->macro);
            assert_int_equal(versioned_check(type, &unknown[j], &error), DLG_E_ARGUMENT);
            assert_string_equal(dlg_error_message(error), expected);
            dlg_error_free(error);
        }
        assert_int_equal(versioned_check(type, NULL, NULL), DLG_E_ARGUMENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_has_a_caller_here),
        cmocka_unit_test(nothing_behind_the_caller_s_struct_is_read),
        cmocka_unit_test(nothing_behind_the_caller_s_struct_is_written),
        cmocka_unit_test(init_functions_write_what_the_version_has),
        cmocka_unit_test(unknown_versions_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
