#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double clock_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void sleep_until(double when)
{
    struct timespec time = {.tv_sec = (time_t)when};
    time.tv_nsec = (long)((when - (double)time.tv_sec) * 1e9);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_percentiles(double *took, size_t count)
{
    qsort(took, count, sizeof *took, compare);
    printf("{\"count\": %zu, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}\n", count,
           took[count / 2] * 1e6, took[count * 9 / 10] * 1e6, took[count * 99 / 100] * 1e6, took[count - 1] * 1e6);
}

void clock_pace(int (*call)(void *payload), void *payload, double pace, double seconds)
{
    enum { WARM = 50 };
    size_t room = 1 << 20, count = 0;
    double *took = malloc(room * sizeof *took);
    for (int i = 0; took && i < WARM; i++)
        if (call(payload))
            exit(1);
    double began = clock_now();
    for (double due = began; took && count < room && due < began + seconds;) {
        if (pace > 0)
            sleep_until(due);
        if (call(payload))
            exit(1);
        double now = clock_now();
        took[count++] = now - due;
        due = pace > 0 ? due + 1 / pace : now;
    }
    if (!count)
        exit(1);
    print_percentiles(took, count);
    free(took);
}
