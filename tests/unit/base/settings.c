#include "check.h"

#include <dialogs.h>
#include <stdio.h>
#include <string.h>

#include "base/settings.h"

static void every_default_is_acceptable(void **state)
{
    (void)state;
    dlg_settings *settings = dlg_settings_new();
    dlg_error *error = NULL;
    size_t count = 0;
    for (const dlg_setting *setting; (setting = dlg_setting_at(count)); count++) {
        assert_string_equal(dlg_settings_get(settings, setting->name), setting->default_value);
        assert_ok(dlg_settings_set(settings, setting->name, setting->default_value, &error), error);
        assert_true(*setting->range && *setting->purpose);
    }
    assert_true(count > 20);
    assert_int_equal(dlg_setting_count(), count);
    dlg_settings_free(settings);
}

static void refuses_with_the_range(void **state)
{
    (void)state;
    static const char *bad[][2] = {{"timeout_ms", "0"},
                                   {"timeout_ms", "-1"},
                                   {"timeout_ms", ""},
                                   {"timeout_ms", "10s"},
                                   {"timeout_ms", "1e3"},
                                   {"open", "maybe"},
                                   {"open", ""},
                                   {"open", "wait|lazy"},
                                   {"read_connections", "65"},
                                   {"token_issuer", ""},
                                   {"queue_bytes", "99999999999999999999"},
                                   {"no_such_thing", "1"}};
    dlg_settings *settings = dlg_settings_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dlg_error *error = NULL;
        assert_int_equal(dlg_settings_set(settings, bad[i][0], bad[i][1], &error), DLG_E_ARGUMENT);
        assert_non_null(strstr(dlg_error_message(error), bad[i][0]));
        dlg_error_free(error);
    }
    assert_int_equal(dlg_settings_set(settings, NULL, "1", NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_settings_set(NULL, "open", "wait", NULL), DLG_E_ARGUMENT);
    assert_null(dlg_settings_get(settings, "no_such_thing"));
    dlg_settings_free(settings);
}

static void copies_hold_their_own(void **state)
{
    (void)state;
    dlg_settings *settings = dlg_settings_new();
    assert_int_equal(dlg_settings_set(settings, "open", "lazy", NULL), DLG_OK);
    assert_int_equal(dlg_settings_set(settings, "timeout_ms", "1234", NULL), DLG_OK);
    assert_int_equal(dlg_settings_set(settings, "token_issuer", "me", NULL), DLG_OK);
    dlg_settings *copy = settings_copy(settings);
    dlg_settings_free(settings);
    assert_string_equal(dlg_settings_get(copy, "open"), "lazy");
    assert_string_equal(dlg_settings_get(copy, "timeout_ms"), "1234");
    assert_string_equal(dlg_settings_get(copy, "token_issuer"), "me");
    assert_int_equal(copy->open, OPEN_LAZY);
    dlg_settings_free(copy);
    dlg_settings_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_is_acceptable),
        cmocka_unit_test(refuses_with_the_range),
        cmocka_unit_test(copies_hold_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
