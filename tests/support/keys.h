/* keys.h - what tests of the keyring and its file ask again and again. */
#ifndef TEST_KEYS_H
#define TEST_KEYS_H

#include "scratch.h"
#include "token/key_file.h"
#include "token/keyring.h"

#include <dirent.h>
#include <string.h>

static inline int keys_setup(void **state)
{
    return sodium_init() < 0 ? -1 : scratch_setup(state);
}

static inline struct keyring *open_path(const char *path)
{
    struct keyring *keyring = NULL;
    dlg_error *error = NULL;
    assert_ok(keyring_open(&keyring, NULL, path, &error), error);
    return keyring;
}

static inline void signing_id(struct keyring *keyring, char id[KEY_ID_SIZE])
{
    struct key_set *set;
    const struct key *key;
    dlg_error *error = NULL;
    assert_ok(keyring_sign_key(keyring, &set, &key, &error), error);
    memcpy(id, key->id, KEY_ID_SIZE);
    key_set_release(set);
}

static inline int find(struct keyring *keyring, const char *id)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    char again[KEY_ID_SIZE];
    int code = keyring_find(keyring, id, strlen(id), public_key, NULL);
    if (code == DLG_OK) {
        key_id(public_key, again);
        assert_string_equal(again, id);
    }
    return code;
}

static inline char *read_text(const char *path)
{
    char *text = calloc(1, KEY_FILE_LIMIT + 1);
    FILE *file = fopen(path, "r");
    assert_non_null(text);
    assert_non_null(file);
    assert_true(fread(text, 1, KEY_FILE_LIMIT, file) > 0);
    fclose(file);
    return text;
}

static inline int count_entries(const char *path)
{
    int count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

#endif
