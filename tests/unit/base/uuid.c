#include "check.h"

#include <dialogs.h>
#include <string.h>

static const char *text = "387ac1c1-6581-4ace-a113-707c8585fe28";

static void reads_and_writes(void **state)
{
    (void)state;
    dlg_uuid uuid;
    char back[DLG_UUID_TEXT_SIZE];
    assert_int_equal(dlg_uuid_parse(&uuid, "387AC1C1-6581-4ACE-A113-707C8585FE28", DLG_NTS), DLG_OK);
    assert_int_equal(uuid.bytes[0], 0x38);
    assert_int_equal(uuid.bytes[15], 0x28);
    dlg_uuid_format(back, &uuid);
    assert_string_equal(back, text);
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *bad[] = {"",
                                "387ac1c1",
                                "387ac1c165814acea113707c8585fe28",
                                "{387ac1c1-6581-4ace-a113-707c8585fe28}",
                                "387ac1c1-6581-4ace-a113-707c8585fe2",
                                "387ac1c1-6581-4ace-a113-707c8585fe288",
                                "387ac1c1-6581-4ace-a113-707c8585fe2g",
                                "387ac1c1-65814-ace-a113-707c8585fe28",
                                " 87ac1c1-6581-4ace-a113-707c8585fe28"};
    dlg_uuid uuid;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(dlg_uuid_parse(&uuid, bad[i], DLG_NTS), DLG_E_ARGUMENT);
    assert_int_equal(dlg_uuid_parse(&uuid, text, 35), DLG_E_ARGUMENT);
    assert_int_equal(dlg_uuid_parse(&uuid, NULL, DLG_NTS), DLG_E_ARGUMENT);
    assert_int_equal(dlg_uuid_parse(NULL, text, DLG_NTS), DLG_E_ARGUMENT);
}

static void random_ones_are_version_4_and_differ(void **state)
{
    (void)state;
    dlg_uuid a, b;
    dlg_uuid_random(&a);
    dlg_uuid_random(&b);
    assert_int_not_equal(dlg_uuid_compare(&a, &b), 0);
    assert_int_equal(a.bytes[6] >> 4, 4);
    assert_int_equal(a.bytes[8] >> 6, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(random_ones_are_version_4_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
