/* A cursor's text comes from anywhere, and so do the times and ids of what the database shows. */
#include "fuzz.h"

#include "dialogs/cursor.h"

#include <string.h>

enum { SHOWN = 300, STEP = 3 };

static const dlg_uuid ann = {{1}}, ben = {{2}};

static void check_text(const uint8_t *data, size_t size)
{
    char text[2 * DLG_CURSOR_SIZE] = "", again[DLG_CURSOR_SIZE];
    struct cursor cursor;
    memcpy(text, data, size < sizeof text ? size : sizeof text - 1);
    if (!cursor_read(&cursor, &ann, &ben, text))
        return;
    cursor_write(&cursor, &ann, &ben, again);
    FUZZ_CHECK(strcmp(text, again) == 0);
}

/* Some bytes for each: time and id near each other, so that they meet. */
static size_t places_make(const uint8_t *data, size_t size, struct position *places)
{
    size_t count = 0;
    for (size_t i = 0; i + STEP <= size && count < SHOWN; i += STEP)
        places[count++] =
            (struct position){1000 + data[i], 1 + data[i + 1] + 256 * (data[i + 2] >> 1), data[i + 2] & 1};
    qsort(places, count, sizeof *places, position_order);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || position_compare(places[kept - 1], places[i]) != 0)
            places[kept++] = places[i];
    return kept;
}

/* What the cursor has seen is told from what it has not, as far as it has room. */
static void check_memory(const uint8_t *data, size_t size)
{
    struct position shown[SHOWN], seen[SHOWN];
    struct cursor cursor, back;
    char text[DLG_CURSOR_SIZE];
    size_t count = places_make(data, size, shown), seen_count = 0;
    unsigned rare = size ? data[size - 1] % 16 + 2u : 2u;
    cursor_at(&cursor, (struct position){1000, 0, 0});
    for (size_t i = 0; i < count; i++)
        if (i % rare && cursor_add(&cursor, shown[i]))
            seen[seen_count++] = shown[i];
    FUZZ_CHECK(seen_count <= CURSOR_SEEN);
    cursor_write(&cursor, &ann, &ben, text);
    FUZZ_CHECK(cursor_read(&back, &ben, &ann, text));
    for (size_t i = 0; i < seen_count; i++)
        FUZZ_CHECK(cursor_has(&back, seen[i]));
    if (seen_count)
        cursor_advance(&back, seen, seen_count, &shown[count - 1], 1, true, seen[seen_count / 2].created_us);
    FUZZ_CHECK(back.count <= seen_count + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text(data, size);
    check_memory(data, size);
    return 0;
}

/* Texts with none, with some, with as many as there is room for; then bytes for many places. */
size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const size_t counts[] = {0, 1, 20, 100, CURSOR_SEEN, CURSOR_SEEN + 1};
    struct cursor cursor;
    char text[DLG_CURSOR_SIZE];
    if (index == sizeof counts / sizeof *counts) {
        for (size_t i = 0; i < SHOWN * STEP; i++)
            seed[i] = (uint8_t)(i * i * 31 >> 4);
        return SHOWN * STEP;
    }
    if (index > sizeof counts / sizeof *counts)
        return 0;
    cursor_at(&cursor, (struct position){1000, 0, 0});
    for (size_t i = 0; i < counts[index]; i++)
        cursor_add(&cursor, (struct position){1001 + (int64_t)i, (int64_t)i + 1, i % 2});
    cursor_write(&cursor, &ann, &ben, text);
    size_t length = 0;
    for (; text[length]; length++)
        seed[length] = (uint8_t)text[length];
    return length;
}
