/*
 * trace.h - DLG_TRACE=FILE: what all clients of the process do and what goes over their connections, in one file. Any
 * thread.
 */
#ifndef DIALOGS_TRACE_H
#define DIALOGS_TRACE_H

#include <stdbool.h>
#include <stdio.h>

/* Opens the file that the environment names, once. True: there is a trace. */
bool trace_is_on(void);

/* A line about an event. Nothing without a trace. */
void trace_event(const char *subsystem, const char *line);

/*
 * A stream for what libpq says of one connection (PQtrace), to be closed with fclose(). Each line gets a time and the
 * connection's number. NULL without a trace.
 */
FILE *trace_stream(unsigned connection);

#endif
