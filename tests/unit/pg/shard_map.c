#include "pg/shard_map.h"
#include "check.h"
#include "pg/citus.h"

#include <string.h>

/* As real servers have it; tests/cluster compares 100,000 more. */
static void hashes_as_the_server_does(void **state)
{
    (void)state;
    dlg_uuid uuid = {{0}};
    assert_int_equal(shard_hash(&uuid), 1353656403);
    assert_int_equal(dlg_uuid_parse(&uuid, "cfcd2084-95d5-65ef-66e7-dff9f98764da", DLG_NTS), DLG_OK);
    assert_int_equal(shard_hash(&uuid), -1451126491);
}

static void finds_the_shard_of_a_hash(void **state)
{
    (void)state;
    struct shard shards[] = {{3, 1000, INT32_MAX, 2, 0}, {1, INT32_MIN, -1, 1, 0}, {2, 0, 999, 2, 0}};
    struct shard_map map = {3, shards};
    dlg_uuid nil = {{0}}, other;
    assert_true(shard_map_sort(&map));
    assert_int_equal(shards[0].id, 1);
    assert_int_equal(shard_map_find(&map, &nil)->id, 3);
    dlg_uuid_parse(&other, "cfcd2084-95d5-65ef-66e7-dff9f98764da", DLG_NTS);
    assert_int_equal(shard_map_find(&map, &other)->id, 1);

    struct shard hole[] = {{1, INT32_MIN, 0, 1, 0}};
    struct shard_map holed = {1, hole};
    assert_null(shard_map_find(&holed, &nil));
    struct shard_map empty = {0, NULL};
    assert_true(shard_map_sort(&empty));
    assert_null(shard_map_find(&empty, &nil));
}

static void refuses_what_is_no_map(void **state)
{
    (void)state;
    struct shard overlap[] = {{1, 0, 10, 1, 0}, {2, 10, 20, 1, 0}};
    struct shard turned[] = {{1, 10, 0, 1, 0}};
    assert_false(shard_map_sort(&(struct shard_map){2, overlap}));
    assert_false(shard_map_sort(&(struct shard_map){1, turned}));
}

static void knows_the_releases_that_cache_plans(void **state)
{
    (void)state;
    static const char *good[] = {"Citus 13.2.0 on x86_64-pc-linux-gnu",
                                 "Citus 12.1.10 on x",
                                 "Citus 11.1.3 on x",
                                 "Citus 13.5.0 on x",
                                 "Citus 14.3.0 on x",
                                 "Citus 13.1.1 on x"};
    static const char *bad[] = {"Citus 13.2.1 on x",
                                "Citus 13.2.2 on x",
                                "Citus 12.1.11 on x",
                                "Citus 14.0.1 on x",
                                "Citus 13.4.0 on x",
                                "Citus Enterprise",
                                ""};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(citus_caches_plans(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(citus_caches_plans(bad[i]));
}

static void knows_an_error_of_a_moved_shard(void **state)
{
    (void)state;
    dlg_error *error = NULL;
    error_set_sql(&error, DLG_E_DATABASE, "42P01", "", "relation \"public.dialogs_102008\" does not exist");
    assert_true(citus_error_is_stale(error));
    error_set_sql(&error, DLG_E_DATABASE, "42P01", "", "relation \"public.dialogs\" does not exist");
    assert_false(citus_error_is_stale(error));
    error_set_sql(&error, DLG_E_DATABASE, "40001", "", "shard for the given value does not exist");
    assert_true(citus_error_is_stale(error));
    dlg_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_the_server_does),       cmocka_unit_test(finds_the_shard_of_a_hash),
        cmocka_unit_test(refuses_what_is_no_map),          cmocka_unit_test(knows_the_releases_that_cache_plans),
        cmocka_unit_test(knows_an_error_of_a_moved_shard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
