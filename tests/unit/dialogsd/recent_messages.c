/* What a stream was given lately: a crowd is remembered, and the memory that it takes has an end. */
#include "live/recent_messages.h"

#include "check.h"

#include <sodium.h>

static struct memory_budget budget;
static const dlg_uuid user = {.bytes = {1}};

static int open_budget(void **state)
{
    (void)state;
    memory_budget_open(&budget, 64 * 1024 * 1024);
    return sodium_init() < 0;
}

static dlg_message message_of(int64_t id)
{
    return (dlg_message){.id = id, .recipient = {.bytes = {(uint8_t)(id % 3)}}};
}

static bool add(struct recent_messages *recent, int64_t id)
{
    dlg_message message = message_of(id);
    return recent_messages_add(recent, &message);
}

static bool have(struct recent_messages *recent, int64_t id)
{
    dlg_message message = message_of(id);
    return recent_messages_have(recent, &message);
}

static void a_crowd_is_remembered(void **state)
{
    (void)state;
    struct recent_messages recent;
    recent_messages_open(&recent, &budget, &user);
    for (int64_t id = 0; id < 10 * RECENT_LEAST; id++) {
        assert_false(have(&recent, id));
        assert_true(add(&recent, id));
        assert_true(have(&recent, id));
        if (id >= RECENT_LEAST)
            assert_true(have(&recent, id - RECENT_LEAST + 1));
    }
    assert_false(have(&recent, 0));
    assert_in_range(recent.memory.bytes, RECENT_LEAST * sizeof(uint64_t), 256 * 1024);
    recent_messages_forget(&recent);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void the_same_id_to_another_is_another(void **state)
{
    (void)state;
    struct recent_messages recent;
    recent_messages_open(&recent, &budget, &user);
    dlg_message message = message_of(7);
    assert_true(recent_messages_add(&recent, &message));
    message.recipient.bytes[15] = 1;
    assert_false(recent_messages_have(&recent, &message));
    recent_messages_forget(&recent);
}

static void without_memory_the_older_ones_go(void **state)
{
    (void)state;
    enum { COUNT = 1000, LAST = 16 };
    struct memory_budget small;
    struct recent_messages recent;
    memory_budget_open(&small, 8 * 1024);
    recent_messages_open(&recent, &small, &user);
    for (int64_t id = 0; id < COUNT; id++)
        assert_true(add(&recent, id));
    for (int64_t id = COUNT - LAST; id < COUNT; id++)
        assert_true(have(&recent, id));
    assert_false(have(&recent, 0));
    assert_in_range(atomic_load(&small.used), 1, 1024);
    recent_messages_forget(&recent);
    assert_int_equal(atomic_load(&small.used), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_is_remembered),
        cmocka_unit_test(the_same_id_to_another_is_another),
        cmocka_unit_test(without_memory_the_older_ones_go),
    };
    return cmocka_run_group_tests(tests, open_budget, NULL);
}
