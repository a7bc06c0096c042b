#include "base/timestamp.h"

#include <stdio.h>
#include <time.h>

enum { SECOND_US = 1000000 };

bool timestamp_format(int64_t moment_us, char text[TIMESTAMP_SIZE])
{
    time_t seconds = moment_us / SECOND_US;
    int64_t fraction = moment_us % SECOND_US;
    if (fraction < 0) {
        fraction += SECOND_US;
        seconds--;
    }
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || utc.tm_year < -1900 || utc.tm_year > 9999 - 1900)
        return false;
    char moment[80]; /* what the compiler thinks seven ints may take */
    snprintf(moment, sizeof moment, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1,
             utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)fraction);
    return snprintf(text, TIMESTAMP_SIZE, "%s", moment) < TIMESTAMP_SIZE;
}

struct reader {
    const char *at;
    const char *end;
};

static bool read_one_of(struct reader *reader, const char *accepted)
{
    if (reader->at == reader->end)
        return false;
    for (; *accepted; accepted++)
        if (*accepted == *reader->at) {
            reader->at++;
            return true;
        }
    return false;
}

static bool read_digit(struct reader *reader, int *digit)
{
    if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9')
        return false;
    *digit = *reader->at++ - '0';
    return true;
}

/* Exactly `digits` digits, up to `most`. */
static bool digits_read(struct reader *reader, int digits, int most, int *number)
{
    int digit;
    for (*number = 0; digits > 0; digits--) {
        if (!read_digit(reader, &digit))
            return false;
        *number = *number * 10 + digit;
    }
    return *number <= most;
}

static bool read_date(struct reader *reader, struct tm *utc)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!digits_read(reader, 4, 9999, &year) || !read_one_of(reader, "-") || !digits_read(reader, 2, 12, &month) ||
        !read_one_of(reader, "-") || !digits_read(reader, 2, 31, &day) || month == 0 || day == 0)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > days[month - 1] + (leap && month == 2))
        return false;
    utc->tm_year = year - 1900;
    utc->tm_mon = month - 1;
    utc->tm_mday = day;
    return true;
}

/* A second 60 is a leap second; it counts as the one that follows. */
static bool read_time(struct reader *reader, struct tm *utc)
{
    return digits_read(reader, 2, 23, &utc->tm_hour) && read_one_of(reader, ":") &&
           digits_read(reader, 2, 59, &utc->tm_min) && read_one_of(reader, ":") &&
           digits_read(reader, 2, 60, &utc->tm_sec);
}

static bool read_fraction(struct reader *reader, int64_t *fraction_us)
{
    *fraction_us = 0;
    if (!read_one_of(reader, ".,"))
        return true;
    int digit;
    if (!read_digit(reader, &digit))
        return false;
    int64_t unit = SECOND_US / 10;
    do {
        *fraction_us += digit * unit;
        unit /= 10;
    } while (read_digit(reader, &digit));
    return true;
}

static bool read_offset(struct reader *reader, int64_t *offset_s)
{
    *offset_s = 0;
    if (read_one_of(reader, "Zz"))
        return true;
    bool west = read_one_of(reader, "-");
    int hours, minutes;
    if ((!west && !read_one_of(reader, "+")) || !digits_read(reader, 2, 23, &hours))
        return false;
    read_one_of(reader, ":");
    if (!digits_read(reader, 2, 59, &minutes))
        return false;
    *offset_s = hours * 3600 + minutes * 60;
    if (west)
        *offset_s = -*offset_s;
    return true;
}

bool timestamp_parse(const char *text, size_t length, int64_t *moment_us)
{
    struct reader reader = {text, text + length};
    struct tm utc = {0};
    int64_t fraction_us, offset_s;
    if (!read_date(&reader, &utc) || !read_one_of(&reader, "Tt ") || !read_time(&reader, &utc) ||
        !read_fraction(&reader, &fraction_us) || !read_offset(&reader, &offset_s) || reader.at != reader.end)
        return false;
    *moment_us = ((int64_t)timegm(&utc) - offset_s) * SECOND_US + fraction_us;
    return true;
}
