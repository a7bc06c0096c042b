/*
 * sketch.h - a set in little room: not enough to say what is in it, but what has come to it, or left it, since. It is
 * an invertible Bloom lookup table, as in Eppstein, Goodrich, Uyeda, Varghese, "What's the Difference? Efficient Set
 * Reconciliation without Prior Context", SIGCOMM 2011. Its size goes by the difference and not by the sets.
 */
#ifndef DIALOGS_SKETCH_H
#define DIALOGS_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Elements are of 40 bits and not 0. Each is in one cell of every part; a cell is the exclusive or of what is in it. */
enum { SKETCH_PARTS = 3, SKETCH_PART = 64, SKETCH_CELLS = SKETCH_PARTS * SKETCH_PART, SKETCH_BITS = 40 };

/* Puts an element in, or takes it out. */
void sketch_toggle(uint64_t *cells, uint64_t element);

/* The order of elements, for qsort(). */
int sketch_compare(const void *a, const void *b);

/*
 * Takes the sketch of a difference apart: `found` receives, in no order, its elements that are in `sorted[0..count)`,
 * at most SKETCH_CELLS, and `found_count` their number. False when there are too many for the sketch.
 */
bool sketch_open(uint64_t *cells, const uint64_t *sorted, size_t count, uint64_t *found, size_t *found_count);

#endif
