#include "show/show.h"

#include "cli/context.h"

/* C0 and DEL; and C1, which UTF-8 has as 0xc2 0x80 to 0xc2 0x9f. How many bytes it has, 0: it is none. */
static size_t control_length(const unsigned char *byte, size_t left)
{
    if ((*byte < 0x20 && *byte != '\t') || *byte == 0x7f)
        return 1;
    return *byte == 0xc2 && left > 1 && byte[1] >= 0x80 && byte[1] <= 0x9f ? 2 : 0;
}

void show_text(FILE *to, const char *text, size_t length, const char *indent)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < length; i++) {
        size_t control = control_length(bytes + i, length - i);
        if (bytes[i] == '\n') {
            fprintf(to, "\n%s", indent);
        } else if (control) {
            i += control - 1;
            fprintf(to, "\\x%02x", bytes[i]);
        } else {
            fputc(bytes[i], to);
        }
    }
}

int show_json(json_t *value)
{
    if (!value) {
        fprintf(stderr, "dlgctl: a value is no JSON\n");
        return DLGCTL_FAILED;
    }
    json_dumpf(value, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(value);
    return DLGCTL_OK;
}
