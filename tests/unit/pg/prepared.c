/* What a session has prepared. */
#include "pg/prepared.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { SHARDS = 1000 };

static struct preparation page_of(int64_t shard)
{
    return (struct preparation){statement_get(STATEMENT_PAGE_BEFORE), false, shard};
}

static void an_empty_set_has_nothing(void **state)
{
    (void)state;
    struct prepared prepared = {0};
    struct preparation page = page_of(0);
    assert_false(prepared_has(&prepared, &page));
    prepared_remove(&prepared, &page);
    prepared_clear(&prepared);
    assert_int_equal(prepared.count, 0);
}

static void forms_and_shards_are_told_apart(void **state)
{
    (void)state;
    struct prepared prepared = {0};
    struct preparation insert = {statement_get(STATEMENT_MESSAGE_INSERT), false, 0}, rows = insert;
    rows.rows = true;
    assert_true(prepared_add(&prepared, &insert));
    assert_false(prepared_has(&prepared, &rows));
    assert_true(prepared_add(&prepared, &rows));
    for (int64_t shard = 1; shard <= SHARDS; shard++) {
        struct preparation page = page_of(shard);
        assert_false(prepared_has(&prepared, &page));
        assert_true(prepared_add(&prepared, &page));
        assert_true(prepared_add(&prepared, &page)); /* once */
    }
    assert_int_equal(prepared.count, SHARDS + 2);
    for (int64_t shard = 2; shard <= SHARDS; shard += 2) {
        struct preparation page = page_of(shard);
        prepared_remove(&prepared, &page);
    }
    assert_int_equal(prepared.count, SHARDS / 2 + 2);
    for (int64_t shard = 1; shard <= SHARDS; shard++) {
        struct preparation page = page_of(shard);
        assert_int_equal(prepared_has(&prepared, &page), shard % 2);
    }
    assert_true(prepared_has(&prepared, &insert) && prepared_has(&prepared, &rows));
    prepared_clear(&prepared);
    assert_false(prepared_has(&prepared, &insert));
}

/* Both fit, for the largest number too, and name the shard. */
static void a_shard_has_its_own_name_and_text(void **state)
{
    (void)state;
    char name[PREPARATION_NAME], sql[PREPARATION_SQL];
    struct preparation before = page_of(INT64_MAX), table = page_of(0);
    struct preparation after = {statement_get(STATEMENT_PAGE_AFTER), false, INT64_MAX};
    assert_string_equal(preparation_name(&before, name), "dlg_page_before_9223372036854775807");
    assert_non_null(strstr(preparation_sql(&before, sql), "FROM public.dialogs_9223372036854775807 WHERE"));
    assert_true(strlen(sql) < PREPARATION_SQL - 1);
    assert_string_equal(preparation_name(&after, name), "dlg_page_after_9223372036854775807");
    assert_non_null(strstr(preparation_sql(&after, sql), "FROM public.dialogs_9223372036854775807 WHERE"));
    assert_string_equal(preparation_name(&table, name), "dlg_page_before");
    assert_non_null(strstr(preparation_sql(&table, sql), "FROM public.dialogs WHERE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_has_nothing),
        cmocka_unit_test(forms_and_shards_are_told_apart),
        cmocka_unit_test(a_shard_has_its_own_name_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
