#include "guard/rate_limit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW_US = 60 * 1000000 };

void throttle_open(struct throttle *throttle, const int64_t limits[THROTTLE_KINDS])
{
    pthread_mutex_init(&throttle->lock, NULL);
    memcpy(throttle->limits, limits, sizeof throttle->limits);
    randombytes_buf(throttle->key, sizeof throttle->key);
}

void throttle_close(struct throttle *throttle)
{
    pthread_mutex_destroy(&throttle->lock);
}

static uint64_t name_of(const struct throttle *throttle, enum throttle_kind kind, const char *whose)
{
    char text[THROTTLE_NAME_SIZE + 16];
    uint64_t name;
    int length = snprintf(text, sizeof text, "%d %.*s", (int)kind, THROTTLE_NAME_SIZE, whose);
    crypto_shorthash((unsigned char *)&name, (const unsigned char *)text, (unsigned long long)length, throttle->key);
    return name ? name : 1;
}

/* The entry of that name; when there is none, NULL, or, `make`, the oldest of its set, made empty. */
static struct throttle_entry *find(struct throttle *throttle, uint64_t name, int64_t now_us, int make)
{
    struct throttle_entry *set = throttle->entries[name % THROTTLE_SETS];
    struct throttle_entry *oldest = set;
    for (int i = 0; i < THROTTLE_WAYS; i++) {
        if (set[i].name == name && now_us - set[i].began_us < WINDOW_US)
            return &set[i];
        if (set[i].began_us < oldest->began_us)
            oldest = &set[i];
    }
    if (!make)
        return NULL;
    for (int i = 0; i < THROTTLE_WAYS; i++)
        if (set[i].name == name)
            oldest = &set[i];
    *oldest = (struct throttle_entry){name, now_us, 0};
    return oldest;
}

void throttle_count(struct throttle *throttle, enum throttle_kind kind, const char *whose, int64_t more, int64_t now_us)
{
    if (!throttle->limits[kind])
        return;
    uint64_t name = name_of(throttle, kind, whose);
    pthread_mutex_lock(&throttle->lock);
    find(throttle, name, now_us, 1)->count += more;
    pthread_mutex_unlock(&throttle->lock);
}

int throttle_wait_s(struct throttle *throttle, enum throttle_kind kind, const char *whose, int64_t now_us)
{
    int wait_s = 0;
    if (!throttle->limits[kind])
        return 0;
    uint64_t name = name_of(throttle, kind, whose);
    pthread_mutex_lock(&throttle->lock);
    const struct throttle_entry *entry = find(throttle, name, now_us, 0);
    if (entry && entry->count >= throttle->limits[kind])
        wait_s = (int)((entry->began_us + WINDOW_US - now_us) / 1000000) + 1;
    pthread_mutex_unlock(&throttle->lock);
    return wait_s;
}
