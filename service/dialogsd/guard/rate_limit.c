#include "guard/rate_limit.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

static const int64_t windows_us[RATE_KINDS] = {
    [RATE_LOGIN_PLACE] = 60 * SECOND_US,
    [RATE_LOGIN_PLACE_HOUR] = 3600 * SECOND_US,
    [RATE_LOGIN_USER] = 3600 * SECOND_US,
    [RATE_LOGIN_ADDRESS] = 60 * SECOND_US,
    [RATE_LOGIN_KNOWN] = 30 * 86400 * SECOND_US,
    [RATE_REGISTER] = 60 * SECOND_US,
    [RATE_SEND] = 60 * SECOND_US,
};

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

static uint64_t name_hash(const struct rate_limit *rate_limit, const char *whose)
{
    uint64_t name;
    size_t length = strnlen(whose, RATE_NAME_SIZE);
    crypto_shorthash((unsigned char *)&name, (const unsigned char *)whose, length, rate_limit->key);
    return name ? name : 1;
}

static bool is_over(const struct rate_limit_entry *entry, enum rate_limit_kind kind, int64_t now_us)
{
    return !entry->name || now_us - entry->began_us >= windows_us[kind];
}

static struct rate_limit_entry *find_entry(struct rate_limit *rate_limit, enum rate_limit_kind kind, uint64_t name,
                                           int64_t now_us)
{
    struct rate_limit_entry *set = rate_limit->tables[kind][name % RATE_SETS];
    for (int i = 0; i < RATE_WAYS; i++)
        if (set[i].name == name && !is_over(&set[i], kind, now_us))
            return &set[i];
    return NULL;
}

/*
 * A new entry in the place of one that is over, or of the one that says least: whoever brings many names once each
 * drives out others of the kind, and nobody who is near a limit or at it.
 */
static struct rate_limit_entry *make_entry(struct rate_limit *rate_limit, enum rate_limit_kind kind, uint64_t name,
                                           int64_t now_us)
{
    struct rate_limit_entry *set = rate_limit->tables[kind][name % RATE_SETS];
    struct rate_limit_entry *least = NULL;
    for (int i = 0; i < RATE_WAYS && !(least && is_over(least, kind, now_us)); i++)
        if (!least || is_over(&set[i], kind, now_us) || set[i].count < least->count ||
            (set[i].count == least->count && set[i].began_us < least->began_us))
            least = &set[i];
    *least = (struct rate_limit_entry){name, now_us, 0};
    return least;
}

void rate_limit_count(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t more,
                      int64_t now_us)
{
    if (!rate_limit->limits[kind])
        return;
    uint64_t name = name_hash(rate_limit, whose);
    pthread_mutex_lock(&rate_limit->lock);
    struct rate_limit_entry *entry = find_entry(rate_limit, kind, name, now_us);
    if (!entry && more > 0)
        entry = make_entry(rate_limit, kind, name, now_us);
    if (entry && (entry->count += more) <= 0)
        *entry = (struct rate_limit_entry){0};
    pthread_mutex_unlock(&rate_limit->lock);
}

int rate_limit_wait_s(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t now_us)
{
    int wait_s = 0;
    if (!rate_limit->limits[kind])
        return 0;
    uint64_t name = name_hash(rate_limit, whose);
    pthread_mutex_lock(&rate_limit->lock);
    const struct rate_limit_entry *entry = find_entry(rate_limit, kind, name, now_us);
    if (entry && entry->count >= rate_limit->limits[kind])
        wait_s = (int)((entry->began_us + windows_us[kind] - now_us) / SECOND_US) + 1;
    pthread_mutex_unlock(&rate_limit->lock);
    return wait_s;
}
