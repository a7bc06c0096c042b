#include "crypto_counter.h"

#include <pthread.h>
#include <sodium.h>

int __real_crypto_pwhash(unsigned char *out, unsigned long long out_length, const char *password,
                         unsigned long long length, const unsigned char *salt, unsigned long long passes, size_t memory,
                         int algorithm);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_length, const char *password,
                         unsigned long long length, const unsigned char *salt, unsigned long long passes, size_t memory,
                         int algorithm);
int __real_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long length, const unsigned char *key);
int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long length, const unsigned char *key);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct crypto_count total;

static void add(struct crypto_count cost)
{
    pthread_mutex_lock(&lock);
    total.hashes += cost.hashes;
    total.passes += cost.passes;
    total.memory += cost.memory;
    total.signatures += cost.signatures;
    pthread_mutex_unlock(&lock);
}

struct crypto_count crypto_counter_take(void)
{
    pthread_mutex_lock(&lock);
    struct crypto_count cost = total;
    total = (struct crypto_count){0};
    pthread_mutex_unlock(&lock);
    return cost;
}

int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_length, const char *password,
                         unsigned long long length, const unsigned char *salt, unsigned long long passes, size_t memory,
                         int algorithm)
{
    add((struct crypto_count){.hashes = 1, .passes = passes, .memory = memory});
    return __real_crypto_pwhash(out, out_length, password, length, salt, passes, memory, algorithm);
}

int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long length, const unsigned char *key)
{
    add((struct crypto_count){.signatures = 1});
    return __real_crypto_sign_verify_detached(signature, message, length, key);
}
