/*
 * progress.h - how far long work has come, on standard error: a bar with percentage, rate and
 * remaining time on a terminal, now and then a line elsewhere.
 */
#ifndef DLGCTL_PROGRESS_H
#define DLGCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "messages" */
    bool quiet;
    bool terminal;
    bool drawn;
    int64_t started_us;
    int64_t shown_us;
};

void progress_begin(struct progress *progress, const char *what, bool quiet);

/* `count` of what it counts are done; `part` of `whole` is how far that is (whole 0: nobody knows). */
void progress_show(struct progress *progress, uint64_t count, uint64_t part, uint64_t whole);

/* The same with a text in place of counts and times. */
void progress_say(struct progress *progress, const char *text, uint64_t part, uint64_t whole);

/* Makes room for something else on the screen; the next progress_show() draws again. */
void progress_clear(struct progress *progress);

/* Seconds since the beginning. */
double progress_seconds(const struct progress *progress);

/* "1,234,567"; valid until the fourth call after it. */
const char *progress_number(uint64_t number);

#endif
