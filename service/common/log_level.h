/* log_level.h - how much of the library's log a program shows, as its option --log-level says. */
#ifndef SERVICE_LOG_LEVEL_H
#define SERVICE_LOG_LEVEL_H

#include <dialogs.h>
#include <stdbool.h>

/* From "off", "error", "warning", "info" or "debug". False: it is another word. */
bool log_level_parse(const char *word, dlg_log_level *level);

#endif
