#include "pg/batch.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

/* The binary form of arrays is PostgreSQL's array_recv(); tests/integration sends them for real. */
static void rows_become_arrays(void **state)
{
    (void)state;
    static const dlg_uuid ann = {{0xaa}}, ben = {{0xbb}};
    struct query queries[3] = {0};
    struct batch *batch = batch_new(BATCH_ROWS);
    static const char *texts[] = {"one", "", "three"};
    for (int i = 0; i < 3; i++) {
        query_init(&queries[i], NULL, STATEMENT_MESSAGE_INSERT, &ben);
        query_set_int64(&queries[i], 0, 1000 + i);
        query_set_uuid(&queries[i], 1, &ann);
        query_set_uuid(&queries[i], 2, &ben);
        query_set_text(&queries[i], 3, texts[i], strlen(texts[i]));
        query_set_time(&queries[i], 4, INT64_C(946684800000000) + i);
        batch_add(batch, &queries[i]);
    }
    struct rows_buffer buffer = {0};
    assert_true(rows_encode(&buffer, batch));
    assert_int_equal(buffer.lengths[0], 20 + 3 * 12);
    assert_int_equal(buffer.lengths[1], 20 + 3 * 20);
    assert_int_equal(buffer.lengths[3], 20 + 3 * 4 + 8);
    const char *ids = buffer.values[0];
    assert_int_equal(get_int32(ids), 1);
    assert_int_equal(get_int32(ids + 4), 0);
    assert_int_equal(get_int32(ids + 8), 20);
    assert_int_equal(get_int32(ids + 12), 3);
    assert_int_equal(get_int32(ids + 16), 1);
    assert_int_equal(get_int32(ids + 20), 8);
    assert_int_equal(get_int64(ids + 24), 1000);
    assert_int_equal(get_int64(buffer.values[4] + 20 + 2 * 12 + 4), 2);
    assert_memory_equal(buffer.values[3] + 24, "one", 3);
    assert_int_equal(get_int32(buffer.values[3] + 27), 0);

    for (int i = 0; i < 3; i++)
        batch_remove(batch, &queries[i]);
    assert_int_equal(batch->count, 0);
    batch_free(batch);
    free(buffer.bytes);
}

static void times_convert_both_ways(void **state)
{
    (void)state;
    static const int64_t moments[] = {0, 1, -1, INT64_C(1790000000123456), INT64_C(946684800000000), INT64_MAX};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        assert_int_equal(timestamp_to_us(timestamp_from_us(moments[i])), moments[i]);
    assert_int_equal(timestamp_from_us(INT64_MIN), INT64_MIN); /* -infinity */
    assert_int_equal(timestamp_to_us(INT64_MIN), INT64_MIN);
    assert_int_equal(timestamp_to_us(INT64_MAX), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_arrays),
        cmocka_unit_test(times_convert_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
