/*
 * journal.h - the log of one process: a JSON object a line, written as it happens, so that a killed process loses at
 * most the line that it was writing. README.md in this directory says what the lines are.
 */
#ifndef HISTORIES_JOURNAL_H
#define HISTORIES_JOURNAL_H

#include "api.h"

struct journal;

/* NULL when the file cannot be written. */
struct journal *journal_open(const char *path, int process, int64_t most_bytes);
void journal_close(struct journal *journal);

/* 1 once the log has its full size: its process then ends its work. */
bool journal_full(struct journal *journal);

/* The clock of all logs: CLOCK_MONOTONIC of the machine, which no test sets. */
int64_t journal_now_us(void);

/* One line; the format gives what follows {"p":PROCESS, and precedes the closing brace. */
void journal_write(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line about a page: `begin` as above, then how it ended, and its messages. */
void journal_write_view(struct journal *journal, const char *begin, const struct view *view);

#endif
