#include "base/timeout.h"

#include <dialogs.h>

static _Thread_local int64_t thread_timeout_us; /* 0: there is none */

int64_t dlg_thread_timeout(int64_t timeout_us)
{
    int64_t before = thread_timeout_us;
    thread_timeout_us = timeout_us;
    return before;
}

int64_t timeout_choose(int64_t timeout_us, int64_t setting_us)
{
    if (timeout_us)
        return timeout_us;
    return thread_timeout_us ? thread_timeout_us : setting_us;
}
