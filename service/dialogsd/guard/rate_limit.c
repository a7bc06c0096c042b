#include "guard/rate_limit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW_US = 60 * 1000000 };

void rate_limit_open(struct rate_limit *rate_limit, const int64_t limits[RATE_KINDS])
{
    pthread_mutex_init(&rate_limit->lock, NULL);
    memcpy(rate_limit->limits, limits, sizeof rate_limit->limits);
    randombytes_buf(rate_limit->key, sizeof rate_limit->key);
}

void rate_limit_close(struct rate_limit *rate_limit)
{
    pthread_mutex_destroy(&rate_limit->lock);
}

static uint64_t name_hash(const struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose)
{
    char text[RATE_NAME_SIZE + 16];
    uint64_t name;
    int length = snprintf(text, sizeof text, "%d %.*s", (int)kind, RATE_NAME_SIZE, whose);
    crypto_shorthash((unsigned char *)&name, (const unsigned char *)text, (unsigned long long)length, rate_limit->key);
    return name ? name : 1;
}

/* The entry of that name; when there is none, NULL, or, `make`, the oldest of its set, made empty. */
static struct rate_limit_entry *find_entry(struct rate_limit *rate_limit, uint64_t name, int64_t now_us, int make)
{
    struct rate_limit_entry *set = rate_limit->entries[name % RATE_SETS];
    struct rate_limit_entry *oldest = set;
    for (int i = 0; i < RATE_WAYS; i++) {
        if (set[i].name == name && now_us - set[i].began_us < WINDOW_US)
            return &set[i];
        if (set[i].began_us < oldest->began_us)
            oldest = &set[i];
    }
    if (!make)
        return NULL;
    for (int i = 0; i < RATE_WAYS; i++)
        if (set[i].name == name)
            oldest = &set[i];
    *oldest = (struct rate_limit_entry){name, now_us, 0};
    return oldest;
}

void rate_limit_count(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t more,
                      int64_t now_us)
{
    if (!rate_limit->limits[kind])
        return;
    uint64_t name = name_hash(rate_limit, kind, whose);
    pthread_mutex_lock(&rate_limit->lock);
    find_entry(rate_limit, name, now_us, 1)->count += more;
    pthread_mutex_unlock(&rate_limit->lock);
}

int rate_limit_wait_s(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t now_us)
{
    int wait_s = 0;
    if (!rate_limit->limits[kind])
        return 0;
    uint64_t name = name_hash(rate_limit, kind, whose);
    pthread_mutex_lock(&rate_limit->lock);
    const struct rate_limit_entry *entry = find_entry(rate_limit, name, now_us, 0);
    if (entry && entry->count >= rate_limit->limits[kind])
        wait_s = (int)((entry->began_us + WINDOW_US - now_us) / 1000000) + 1;
    pthread_mutex_unlock(&rate_limit->lock);
    return wait_s;
}
