/* check.h - cmocka with the headers that it wants first. */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The call succeeded; when it did not, says why. */
#define assert_ok(call, error)                                                                  \
    do {                                                                                        \
        int check_code = (call);                                                                \
        if (check_code != DLG_OK)                                                               \
            fail_msg("%s: %s: %s", #call, dlg_code_name(check_code), dlg_error_message(error)); \
    } while (0)

#endif
