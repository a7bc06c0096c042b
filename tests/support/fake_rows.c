/* fake_rows.c - the rows of an answer that a test writes itself. */
#include "fake_server.h"

#include <dialogs.h>
#include <stdarg.h>
#include <string.h>

void fake_row(struct fake_rows *rows, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    size_t begin = wire_begin(&rows->data, 'D');
    wire_int16(&rows->data, (int)strlen(types));
    for (const char *type = types; *type; type++) {
        struct wire_value value = {.type = *type};
        if (*type == 'l' || *type == 'T')
            value.number = va_arg(values, int64_t);
        else if (*type == 'i' || *type == 'b')
            value.number = va_arg(values, int);
        else if (*type != 'n' && *type != 'N')
            value.data = va_arg(values, const void *);
        if (*type == 'x')
            value.number = va_arg(values, int);
        wire_value(&rows->data, &value, true);
    }
    va_end(values);
    wire_end(&rows->data, begin);
    rows->count++;
    if (!*rows->types)
        strncpy(rows->types, types, sizeof rows->types - 1);
}

void fake_rows_free(struct fake_rows *rows)
{
    wire_free(&rows->data);
    *rows = (struct fake_rows){0};
}
