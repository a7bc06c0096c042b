#include "base/log.h"

#include "base/trace.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_SIZE = 1024 };

static const char *const level_names[] = {"off", "error", "warning", "info", "debug"};

const char *dlg_log_level_name(dlg_log_level level)
{
    return (unsigned)level <= DLG_LOG_LEVEL_DEBUG ? level_names[level] : "unknown";
}

/* A text from a server may have line ends and other controls. */
static void make_one_line(char *line)
{
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
}

void log_write(const dlg_settings *settings, dlg_log_level level, const char *subsystem, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    make_one_line(line);
    if (settings->log && level <= settings->log_level)
        settings->log(level, subsystem, line, settings->log_payload);
    trace_event(subsystem, line);
}
