/* log.h - lines that tell what a client does, for the program's callback and for the trace. Any thread. */
#ifndef DIALOGS_LOG_H
#define DIALOGS_LOG_H

#include "base/settings.h"

/* Writes a line of the log. Arguments are evaluated only when somebody wants the line. */
#define LOG(settings, level, subsystem, ...)                    \
    do {                                                        \
        if (log_is_wanted(settings, level))                     \
            log_write(settings, level, subsystem, __VA_ARGS__); \
    } while (0)

static inline bool log_is_wanted(const dlg_settings *settings, dlg_log_level level)
{
    return level <= settings->log_threshold;
}

void log_write(const dlg_settings *settings, dlg_log_level level, const char *subsystem, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
