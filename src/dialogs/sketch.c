#include "dialogs/sketch.h"

#include <stdlib.h>

struct opening {
    uint64_t *cells;
    const uint64_t *sorted; /* what may be in the difference */
    size_t count;
    uint64_t *found;
    size_t found_count;
};

static size_t cell_of(uint64_t element, size_t part)
{
    uint64_t mixed = element * UINT64_C(0xff51afd7ed558ccd);
    return part * SKETCH_PART + (size_t)(mixed >> (40 + 8 * part)) % SKETCH_PART;
}

void sketch_toggle(uint64_t *cells, uint64_t element)
{
    for (size_t part = 0; part < SKETCH_PARTS; part++)
        cells[cell_of(element, part)] ^= element;
}

static bool is_in_cell(uint64_t element, size_t cell)
{
    return element && cell_of(element, cell / SKETCH_PART) == cell;
}

int sketch_compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static bool is_among(const struct opening *opening, uint64_t element)
{
    return bsearch(&element, opening->sorted, opening->count, sizeof element, sketch_compare) != NULL;
}

/* An element that is not among the known ones is believed when a second cell says the same. */
static bool is_confirmed(const uint64_t *cells, uint64_t element)
{
    size_t same = 0;
    for (size_t part = 0; part < SKETCH_PARTS; part++)
        same += cells[cell_of(element, part)] == element;
    return same >= 2;
}

static bool take(struct opening *opening, uint64_t element)
{
    if (opening->found_count == SKETCH_CELLS)
        return false;
    sketch_toggle(opening->cells, element);
    opening->found[opening->found_count++] = element;
    return true;
}

/* One element that has the cell for itself. */
static bool take_one(struct opening *opening, size_t cell)
{
    uint64_t element = opening->cells[cell];
    if (!is_in_cell(element, cell))
        return false;
    if (is_among(opening, element))
        return take(opening, element);
    if (!is_confirmed(opening->cells, element))
        return false;
    sketch_toggle(opening->cells, element); /* it has left the set */
    return true;
}

/* Two that share it: one of the known ones, and what is left without it is another. */
static bool take_two(struct opening *opening, size_t cell)
{
    uint64_t both = opening->cells[cell];
    for (size_t i = 0; both && i < opening->count; i++) {
        uint64_t one = opening->sorted[i], other = both ^ one;
        if (is_in_cell(one, cell) && is_in_cell(other, cell) && is_among(opening, other))
            return take(opening, one) && take(opening, other);
    }
    return false;
}

static bool is_empty(const uint64_t *cells)
{
    for (size_t i = 0; i < SKETCH_CELLS; i++)
        if (cells[i])
            return false;
    return true;
}

/* What is taken out of a cell leaves its other cells, too, so that more can be told there. */
bool sketch_open(uint64_t *cells, const uint64_t *sorted, size_t count, uint64_t *found, size_t *found_count)
{
    struct opening opening = {.cells = cells, .sorted = sorted, .count = count, .found = found};
    bool moved = true;
    for (size_t rounds = 0; moved && rounds < SKETCH_CELLS; rounds++) {
        moved = false;
        for (size_t cell = 0; cell < SKETCH_CELLS; cell++)
            moved |= take_one(&opening, cell);
        for (size_t cell = 0; !moved && cell < SKETCH_CELLS; cell++)
            moved = take_two(&opening, cell);
    }
    *found_count = opening.found_count;
    return is_empty(cells);
}
