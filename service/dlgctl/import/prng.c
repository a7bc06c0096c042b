#include "import/prng.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

enum { NUMBERS = sizeof((struct dice *)0)->numbers / sizeof(uint64_t), CHACHA_BLOCK = 64 };

void dice_init(struct dice *dice, uint64_t seed, const char *purpose)
{
    uint64_t number = htole64(seed);
    crypto_generichash_state state;
    *dice = (struct dice){.used = NUMBERS};
    crypto_generichash_init(&state, NULL, 0, sizeof dice->key);
    crypto_generichash_update(&state, (const unsigned char *)&number, sizeof number);
    crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose));
    crypto_generichash_final(&state, dice->key, sizeof dice->key);
}

uint64_t dice_next(struct dice *dice)
{
    static const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
    if (dice->used == NUMBERS) {
        memset(dice->numbers, 0, sizeof dice->numbers);
        crypto_stream_chacha20_xor_ic((unsigned char *)dice->numbers, (const unsigned char *)dice->numbers,
                                      sizeof dice->numbers, nonce, dice->block, dice->key);
        dice->block += sizeof dice->numbers / CHACHA_BLOCK;
        dice->used = 0;
    }
    return le64toh(dice->numbers[dice->used++]);
}

uint64_t dice_below(struct dice *dice, uint64_t count)
{
    uint64_t uneven = -count % count; /* 2^64 mod count: so many numbers would make some results likelier */
    uint64_t number;
    do
        number = dice_next(dice);
    while (number < uneven);
    return number % count;
}

double dice_fraction(struct dice *dice)
{
    return (double)(dice_next(dice) >> 11) / (double)(UINT64_C(1) << 53);
}
