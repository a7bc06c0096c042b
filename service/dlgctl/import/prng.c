#include "import/prng.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

enum { NUMBERS = sizeof((struct prng *)0)->numbers / sizeof(uint64_t), CHACHA_BLOCK = 64 };

void prng_init(struct prng *prng, uint64_t seed, const char *purpose)
{
    uint64_t number = htole64(seed);
    crypto_generichash_state state;
    *prng = (struct prng){.used = NUMBERS};
    crypto_generichash_init(&state, NULL, 0, sizeof prng->key);
    crypto_generichash_update(&state, (const unsigned char *)&number, sizeof number);
    crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose));
    crypto_generichash_final(&state, prng->key, sizeof prng->key);
}

uint64_t prng_next(struct prng *prng)
{
    static const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
    if (prng->used == NUMBERS) {
        memset(prng->numbers, 0, sizeof prng->numbers);
        crypto_stream_chacha20_xor_ic((unsigned char *)prng->numbers, (const unsigned char *)prng->numbers,
                                      sizeof prng->numbers, nonce, prng->block, prng->key);
        prng->block += sizeof prng->numbers / CHACHA_BLOCK;
        prng->used = 0;
    }
    return le64toh(prng->numbers[prng->used++]);
}

uint64_t prng_below(struct prng *prng, uint64_t count)
{
    uint64_t uneven = -count % count; /* 2^64 mod count: so many numbers would make some results likelier */
    uint64_t number;
    do
        number = prng_next(prng);
    while (number < uneven);
    return number % count;
}

double prng_fraction(struct prng *prng)
{
    return (double)(prng_next(prng) >> 11) / (double)(UINT64_C(1) << 53);
}
