/*
 * replay.c - runs a fuzz target without libFuzzer:
 *   NAME --seeds DIRECTORY   writes the target's seeds
 *   NAME PATH...             runs it on files and the files of directories: whole, cut short, and
 *                            with bits flipped
 */
#include "fuzz.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

static void write_seeds(const char *directory)
{
    static uint8_t seed[FUZZ_SEED_LIMIT];
    char path[4096];
    mkdir(directory, 0700);
    for (size_t index = 0;; index++) {
        size_t length = fuzz_seed(index, seed);
        if (length == 0)
            break;
        FUZZ_CHECK(length <= sizeof seed);
        snprintf(path, sizeof path, "%s/%03zu", directory, index);
        FILE *file = fopen(path, "wb");
        FUZZ_CHECK(file);
        FUZZ_CHECK(fwrite(seed, 1, length, file) == length);
        FUZZ_CHECK(fclose(file) == 0);
    }
}

/* A copy of exactly this size, so that a sanitizer sees a read past its end. */
static void run_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(copy);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int files;

static void run_variants(uint8_t *data, size_t size)
{
    static const uint8_t bits[] = {0x01, 0x20, 0x80}; /* a neighbour, the other case, no ASCII */
    size_t step = size / 512 + 1;
    run_copy(data, size);
    for (size_t i = 0; i < size; i += step) {
        run_copy(data, i);
        for (size_t bit = 0; bit < sizeof bits; bit++) {
            data[i] ^= bits[bit];
            run_copy(data, size);
            data[i] ^= bits[bit];
        }
    }
}

static int run_file(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)walk;
    static uint8_t data[2 * FUZZ_SEED_LIMIT];
    if (kind != FTW_F)
        return 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run_variants(data, size);
    files++;
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "--seeds") == 0) {
        write_seeds(arguments[2]);
        return 0;
    }
    for (int i = 1; i < count; i++)
        if (nftw(arguments[i], run_file, 16, FTW_PHYS) != 0) {
            perror(arguments[i]);
            return 1;
        }
    printf("%d files\n", files);
    return files > 0 ? 0 : 1;
}
