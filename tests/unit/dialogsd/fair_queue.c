#include "guard/fair_queue.h"

#include "check.h"

#include <string.h>

enum { RUNNING = 2, WAITING = 12, MOST = 8, FAR = 1000 };

struct fixture {
    struct fair_queue queue;
    struct fair_ticket tickets[64];
    size_t count;
    struct fair_ticket *pushed_out; /* by the last that entered */
};

static int open_queue(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    fair_queue_open(&fixture.queue, RUNNING, WAITING, MOST);
    *state = &fixture;
    return 0;
}

static int close_queue(void **state)
{
    fair_queue_close(&((struct fixture *)*state)->queue);
    return 0;
}

static enum fair_answer enter(struct fixture *fixture, const char *name, int64_t deadline_us)
{
    struct fair_ticket *ticket = &fixture->tickets[fixture->count++];
    return fair_queue_enter(&fixture->queue, ticket, name, deadline_us, &fixture->pushed_out);
}

static void enter_many(struct fixture *fixture, const char *name, int count, enum fair_answer answer)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(enter(fixture, name, FAR), answer);
        assert_null(fixture->pushed_out);
    }
}

/* Who runs next, and next, ... as letters; until nobody waits. */
static void assert_order(struct fixture *fixture, const char *order)
{
    struct fair_ticket *next;
    char names[64] = "";
    for (size_t i = 0; (next = fair_queue_leave(&fixture->queue)) && i < sizeof names - 1; i++)
        names[i] = next->name[0];
    assert_string_equal(names, order);
    assert_int_equal(fair_queue_waiting(&fixture->queue), 0);
}

static void names_take_turns(void **state)
{
    struct fixture *fixture = *state;
    enter_many(fixture, "a", RUNNING, FAIR_RUN);
    enter_many(fixture, "a", 4, FAIR_WAIT);
    enter_many(fixture, "b", 2, FAIR_WAIT);
    enter_many(fixture, "c", 1, FAIR_WAIT);
    assert_int_equal(fair_queue_waiting(&fixture->queue), 7);
    assert_order(fixture, "abcabaa");
}

static void a_newcomer_is_next_however_many_have_waited(void **state)
{
    struct fixture *fixture = *state;
    enter_many(fixture, "a", RUNNING, FAIR_RUN);
    enter_many(fixture, "a", MOST, FAIR_WAIT);
    for (int i = 0; i < 3; i++)
        assert_string_equal(fair_queue_leave(&fixture->queue)->name, "a");
    enter_many(fixture, "b", 2, FAIR_WAIT);
    assert_order(fixture, "babaaaa");
}

static void one_name_has_a_limit(void **state)
{
    struct fixture *fixture = *state;
    enter_many(fixture, "a", RUNNING, FAIR_RUN);
    enter_many(fixture, "a", MOST, FAIR_WAIT);
    enter_many(fixture, "a", 3, FAIR_REFUSED);
    enter_many(fixture, "b", 1, FAIR_WAIT);
}

static void whoever_has_most_gives_way(void **state)
{
    struct fixture *fixture = *state;
    enter_many(fixture, "a", RUNNING, FAIR_RUN);
    enter_many(fixture, "a", 6, FAIR_WAIT);
    enter_many(fixture, "b", 6, FAIR_WAIT);
    assert_int_equal(enter(fixture, "c", FAR), FAIR_WAIT);
    assert_non_null(fixture->pushed_out);
    assert_string_equal(fixture->pushed_out->name, "b"); /* the last of those of the last round */
    assert_false(fixture->pushed_out->waits);
    assert_int_equal(enter(fixture, "a", FAR), FAIR_REFUSED); /* for its own seventh nobody gives way */
    assert_null(fixture->pushed_out);
    assert_order(fixture, "abcababababa");
}

static void deadlines_pass(void **state)
{
    struct fixture *fixture = *state;
    enter_many(fixture, "a", RUNNING, FAIR_RUN);
    assert_int_equal(enter(fixture, "a", 30), FAIR_WAIT);
    assert_int_equal(enter(fixture, "b", 10), FAIR_WAIT);
    assert_int_equal(enter(fixture, "c", 20), FAIR_WAIT);
    assert_null(fair_queue_expire(&fixture->queue, 9));
    assert_string_equal(fair_queue_expire(&fixture->queue, 10)->name, "b");
    assert_null(fair_queue_expire(&fixture->queue, 10));
    struct fair_ticket *gone = &fixture->tickets[RUNNING + 2];
    fair_queue_remove(&fixture->queue, gone);
    fair_queue_remove(&fixture->queue, gone);
    assert_order(fixture, "a");
    for (int i = 1; i < RUNNING; i++)
        assert_null(fair_queue_leave(&fixture->queue));
    enter_many(fixture, "d", RUNNING, FAIR_RUN); /* all places are free again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_take_turns, open_queue, close_queue),
        cmocka_unit_test_setup_teardown(a_newcomer_is_next_however_many_have_waited, open_queue, close_queue),
        cmocka_unit_test_setup_teardown(one_name_has_a_limit, open_queue, close_queue),
        cmocka_unit_test_setup_teardown(whoever_has_most_gives_way, open_queue, close_queue),
        cmocka_unit_test_setup_teardown(deadlines_pass, open_queue, close_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
