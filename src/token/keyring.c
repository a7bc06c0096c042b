#include "token/keyring.h"

#include "base/clock.h"
#include "base/error.h"
#include "token/key_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_INTERVAL_US = 1000000 };

struct keyring {
    char *path; /* NULL: the key came from a setting */
    _Atomic uint64_t generation;
    _Atomic int64_t looked_us;   /* when the file was looked at last */
    pthread_mutex_t lock;        /* guards what follows */
    struct key_set *set;         /* replaced as a whole; users hold a reference */
    struct key_file_stamp stamp; /* of the file that was read last, well or not */
    dlg_error *failure;          /* why that was not well, or NULL */
    size_t removed;              /* keys that were in the file, and are not any more */
};

static int read_setting(struct keyring *keyring, const char *key, dlg_error **error)
{
    int code = key_set_parse(key, strlen(key), "token_key", &keyring->set, NULL);
    if (code == DLG_E_MEMORY)
        return error_set(error, code, "out of memory");
    if (code != DLG_OK || !key_set_signer(keyring->set))
        return error_set(error, DLG_E_ARGUMENT, "token_key is not a signing key; give one that begins with k4.secret.");
    return DLG_OK;
}

static int read_path(struct keyring *keyring, const char *path, dlg_error **error)
{
    keyring->path = strdup(path);
    if (!keyring->path)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    int code = key_file_ensure(path, error);
    if (code == DLG_OK)
        code = key_file_read(path, &keyring->stamp, &keyring->set, error);
    return code;
}

int keyring_open(struct keyring **keyring, const char *key, const char *path, dlg_error **error)
{
    bool has_key = key && *key;
    if (!has_key && (!path || !*path))
        return error_set(error, DLG_E_ARGUMENT, "give a signing key: token_key or token_key_file");
    if (sodium_init() < 0)
        return error_set(error, DLG_E_INTERNAL, "libsodium found no source of random numbers");
    struct keyring *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    pthread_mutex_init(&made->lock, NULL);
    atomic_init(&made->generation, 1);
    atomic_init(&made->looked_us, clock_monotonic_us());
    int code = has_key ? read_setting(made, key, error) : read_path(made, path, error);
    if (code == DLG_OK)
        *keyring = made;
    else
        keyring_free(made);
    return code;
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    key_set_release(keyring->set);
    dlg_error_free(keyring->failure);
    pthread_mutex_destroy(&keyring->lock);
    free(keyring->path);
    free(keyring);
}

/* With the lock held: reads the file if it is another than the one that was read last. */
static void follow_file(struct keyring *keyring)
{
    struct key_file_stamp stamp;
    struct key_set *set = NULL;
    dlg_error *failure = NULL;
    if (key_file_stamp(keyring->path, &stamp, &failure) != DLG_OK) {
        keyring->stamp = (struct key_file_stamp){0}; /* whatever comes back is read again */
    } else if (key_file_same(&stamp, &keyring->stamp)) {
        return;
    } else if (key_file_read(keyring->path, &keyring->stamp, &set, &failure) == DLG_OK) {
        keyring->removed += key_set_missing(keyring->set, set);
        key_set_release(keyring->set);
        keyring->set = set;
        atomic_fetch_add(&keyring->generation, 1);
    }
    dlg_error_free(keyring->failure);
    keyring->failure = failure;
}

/* Looks at the file if that is due. Of several threads that find it due one does it. */
static void look(struct keyring *keyring)
{
    if (!keyring->path)
        return;
    int64_t now = clock_monotonic_us();
    int64_t looked = atomic_load_explicit(&keyring->looked_us, memory_order_relaxed);
    if (now - looked < LOOK_INTERVAL_US || !atomic_compare_exchange_strong(&keyring->looked_us, &looked, now))
        return;
    pthread_mutex_lock(&keyring->lock);
    follow_file(keyring);
    pthread_mutex_unlock(&keyring->lock);
}

int keyring_state(struct keyring *keyring, size_t *count, size_t *removed, dlg_error **error)
{
    look(keyring);
    pthread_mutex_lock(&keyring->lock);
    *count = key_set_count(keyring->set);
    *removed = keyring->removed;
    int code = keyring->failure ? error_give(error, error_copy(keyring->failure)) : DLG_OK;
    pthread_mutex_unlock(&keyring->lock);
    return code;
}

uint64_t keyring_generation(struct keyring *keyring)
{
    look(keyring);
    return atomic_load(&keyring->generation);
}

int keyring_sign_key(struct keyring *keyring, struct key_set **set, const struct key **key, dlg_error **error)
{
    look(keyring);
    pthread_mutex_lock(&keyring->lock);
    struct key_set *held = key_set_hold(keyring->set);
    pthread_mutex_unlock(&keyring->lock);
    *key = key_set_signer(held);
    if (*key) {
        *set = held;
        return DLG_OK;
    }
    key_set_release(held);
    return error_set(error, DLG_E_FILE, "%s has no key to sign with; add a k4.secret line", keyring->path);
}

int keyring_find(struct keyring *keyring, const char *id, size_t length,
                 unsigned char public_key[crypto_sign_PUBLICKEYBYTES], dlg_error **error)
{
    look(keyring);
    int code = DLG_OK;
    pthread_mutex_lock(&keyring->lock);
    const struct key *key = key_set_find(keyring->set, id, length);
    if (!key && keyring->path) {
        follow_file(keyring);
        key = key_set_find(keyring->set, id, length);
    }
    if (key)
        memcpy(public_key, key->public_key, sizeof key->public_key);
    else if (keyring->failure)
        code = error_give(error, error_copy(keyring->failure));
    else
        code = error_set(error, DLG_E_TOKEN, "the token was signed by an unknown key: log in again");
    pthread_mutex_unlock(&keyring->lock);
    return code;
}

int keyring_rotate(struct keyring *keyring, dlg_error **error)
{
    if (!keyring->path)
        return error_set(error, DLG_E_STATE, "the signing key came from token_key; change it there");
    int code = key_file_rotate(keyring->path, error);
    if (code != DLG_OK)
        return code;
    pthread_mutex_lock(&keyring->lock);
    follow_file(keyring);
    if (keyring->failure)
        code = error_give(error, error_copy(keyring->failure));
    pthread_mutex_unlock(&keyring->lock);
    return code;
}
