#include "common/log_level.h"

#include <string.h>

bool log_level_parse(const char *word, dlg_log_level *level)
{
    for (int i = DLG_LOG_LEVEL_OFF; i <= DLG_LOG_LEVEL_DEBUG; i++) {
        if (strcmp(word, dlg_log_level_name((dlg_log_level)i)) != 0)
            continue;
        *level = (dlg_log_level)i;
        return true;
    }
    return false;
}
