#include "show/progress.h"

#include "common/service_clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { REDRAW_US = 100 * 1000, LINE_US = 10 * 1000 * 1000, COLUMNS = 80, BAR_MOST = 40, BAR_LEAST = 5 };

void progress_begin(struct progress *progress, const char *what, bool quiet)
{
    *progress = (struct progress){.what = what, .quiet = quiet, .terminal = isatty(STDERR_FILENO)};
    progress->started_us = progress->shown_us = monotonic_us();
}

double progress_seconds(const struct progress *progress)
{
    return (double)(monotonic_us() - progress->started_us) / 1e6;
}

const char *progress_number(uint64_t number)
{
    static char texts[4][32];
    static int turn;
    char *text = texts[turn = (turn + 1) % 4];
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
}

/* "0:07", "2:03:04". */
static void duration(double seconds, char *text, size_t size)
{
    unsigned long s = seconds < 0 ? 0 : (unsigned long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%lu:%02lu", s / 60, s % 60);
}

/* "84,000, 91,234/s, 0:03 left" */
static void figures(const struct progress *progress, uint64_t count, double share, char *text, size_t size)
{
    double seconds = progress_seconds(progress);
    char time[32];
    duration(share > 0 ? seconds / share - seconds : seconds, time, sizeof time);
    snprintf(text, size, "%s, %s/s, %s %s", progress_number(count),
             progress_number(seconds > 0 ? (uint64_t)((double)count / seconds) : 0), time,
             share > 0 ? "left" : "so far");
}

static void draw(const struct progress *progress, const char *text, double share)
{
    char bar[BAR_MOST + 1] = "";
    int room = columns() - (int)strlen(progress->what) - (int)strlen(text) - 12;
    room = room > BAR_MOST ? BAR_MOST : room;
    if (share <= 0) {
        fprintf(stderr, "\r\033[K%s %s", progress->what, text);
        return;
    }
    int full = (int)(share * room);
    for (int i = 0; i < room; i++)
        bar[i] = i < full ? '#' : '.';
    if (room >= BAR_LEAST)
        fprintf(stderr, "\r\033[K%s %3d%% [%s] %s", progress->what, (int)(share * 100), bar, text);
    else
        fprintf(stderr, "\r\033[K%s %3d%% %s", progress->what, (int)(share * 100), text);
}

static bool is_due(const struct progress *progress, bool done)
{
    int64_t pause = progress->terminal ? REDRAW_US : LINE_US;
    return !progress->quiet && (monotonic_us() - progress->shown_us >= pause || (done && progress->terminal));
}

static double part_share(uint64_t part, uint64_t whole)
{
    double share = whole > 0 ? (double)part / (double)whole : 0;
    return share > 1 ? 1 : share;
}

static void show(struct progress *progress, const char *text, double share)
{
    if (progress->terminal) {
        draw(progress, text, share);
        progress->drawn = true;
    } else if (share > 0) {
        fprintf(stderr, "%s: %d%%, %s\n", progress->what, (int)(share * 100), text);
    } else {
        fprintf(stderr, "%s: %s\n", progress->what, text);
    }
    progress->shown_us = monotonic_us();
}

void progress_show(struct progress *progress, uint64_t count, uint64_t part, uint64_t whole)
{
    char text[128];
    if (!is_due(progress, whole > 0 && part >= whole))
        return;
    figures(progress, count, part_share(part, whole), text, sizeof text);
    show(progress, text, part_share(part, whole));
}

void progress_say(struct progress *progress, const char *text, uint64_t part, uint64_t whole)
{
    int room = columns() - (int)strlen(progress->what) - 8;
    int length = (int)strlen(text);
    char cut[512];
    if (!is_due(progress, whole > 0 && part >= whole))
        return;
    snprintf(cut, sizeof cut, "%.*s", progress->terminal && length > room ? room : length, text);
    show(progress, cut, part_share(part, whole));
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}
