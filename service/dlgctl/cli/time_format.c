#include "cli/time_format.h"

#include "common/service_clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SECOND_US = 1000000 };

/* The whole second at or before, and what is over it. */
static time_t second_of(int64_t us, long *over)
{
    us = calendar_us(us);
    int64_t rest = us % SECOND_US;
    *over = (long)(rest < 0 ? rest + SECOND_US : rest);
    return (time_t)(us / SECOND_US - (rest < 0));
}

void time_format_local(int64_t us, char *text)
{
    long over;
    time_t second = second_of(us, &over);
    struct tm time;
    if (!localtime_r(&second, &time) || strftime(text, TIME_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &time) == 0)
        snprintf(text, TIME_TEXT_SIZE, "-");
}

void time_format_seconds(int64_t us, char *text)
{
    long over;
    time_t second = second_of(us, &over);
    struct tm time;
    if (!gmtime_r(&second, &time) || strftime(text, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &time) == 0)
        snprintf(text, TIME_TEXT_SIZE, "-");
}

void time_format_utc(int64_t us, char *text)
{
    long over;
    second_of(us, &over);
    time_format_seconds(us, text);
    size_t length = strlen(text);
    snprintf(text + length, TIME_TEXT_SIZE - length, ".%06ldZ", over);
}

bool time_parse(const char *text, int64_t *us)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm time = {0};
        const char *end = strptime(text, forms[i], &time);
        if (!end || (*end && strcmp(end, "Z") != 0))
            continue;
        struct tm same = time;
        *us = (int64_t)timegm(&same) * SECOND_US;
        return same.tm_mday == time.tm_mday; /* there is no 31st of February */
    }
    return false;
}
