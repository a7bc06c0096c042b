#include "content/json_numbers.h"

#include <stdbool.h>
#include <string.h>

static size_t digits_at(const char *text, size_t at, size_t length)
{
    size_t from = at;
    while (at < length && text[at] >= '0' && text[at] <= '9')
        at++;
    return at - from;
}

static bool is_at(const char *text, size_t at, size_t length, char one, char other)
{
    return at < length && (text[at] == one || text[at] == other);
}

/* How long the number is that begins here; 0 when there is none. */
static size_t number_length(const char *text, size_t length)
{
    size_t at = is_at(text, 0, length, '-', '-'), digits = digits_at(text, at, length);
    if (!digits || (digits > 1 && text[at] == '0'))
        return 0;
    at += digits;
    if (is_at(text, at, length, '.', '.')) {
        digits = digits_at(text, at + 1, length);
        if (!digits)
            return 0;
        at += 1 + digits;
    }
    if (!is_at(text, at, length, 'e', 'E'))
        return at;
    size_t sign = is_at(text, at + 1, length, '+', '-');
    digits = digits_at(text, at + 1 + sign, length);
    return digits ? at + 1 + sign + digits : 0;
}

void json_numbers_blank(char *text, size_t length)
{
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        size_t number = quoted ? 0 : number_length(text + i, length - i);
        if (text[i] == '"')
            quoted = !quoted;
        else if (quoted && text[i] == '\\')
            i++;
        if (!number)
            continue;
        memset(text + i, ' ', number);
        text[i] = '0';
        i += number - 1;
    }
}
