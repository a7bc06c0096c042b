/* clock.h - the time, and the latency of calls at a fixed rate. Ours and the rivals measure with the same. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

/* Seconds, monotonic. */
double clock_now(void);

/*
 * Makes a call `pace` times a second (0: one after another) for so long, and prints the percentiles of its latency as a
 * JSON object, in microseconds. A call's time counts from when it was due, not from when the one before let it begin,
 * so a slow call is seen by all that had to wait for it. Stops the process when a call does not return 0.
 */
void clock_pace(int (*call)(void *payload), void *payload, double pace, double seconds);

#endif
