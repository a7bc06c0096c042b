#include "show/show.h"

#include "cli/context.h"
#include "cli/safe_text.h"

#include <stdlib.h>

int show_json(json_t *value)
{
    if (!value) {
        fprintf(stderr, "dlgctl: a value is no JSON\n");
        return DLGCTL_FAILED;
    }
    char *text = json_dumps(value, JSON_COMPACT);
    json_decref(value);
    if (!text) {
        fprintf(stderr, "dlgctl: out of memory\n");
        return DLGCTL_FAILED;
    }
    safe_text_print_json(stdout, text);
    putchar('\n');
    free(text);
    return DLGCTL_OK;
}
