/* Processes and threads that use one key file at the same time. */
#include "keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, ROTATIONS = 5, THREADS = 4 };

/* In a child: opens, perhaps rotates, and tells which key signs. */
static void open_in_child(const char *path, int rotations, int answer)
{
    struct keyring *keyring;
    if (keyring_open(&keyring, NULL, path, NULL) != DLG_OK)
        _exit(1);
    for (int i = 0; i < rotations; i++)
        if (keyring_rotate(keyring, NULL) != DLG_OK)
            _exit(2);
    struct key_set *set;
    const struct key *key;
    if (keyring_sign_key(keyring, &set, &key, NULL) != DLG_OK || write(answer, key->id, KEY_ID_SIZE) != KEY_ID_SIZE)
        _exit(3);
    _exit(0);
}

static void run_processes(const char *path, int rotations, char ids[PROCESSES][KEY_ID_SIZE])
{
    int ends[2];
    pid_t children[PROCESSES];
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            open_in_child(path, rotations, ends[1]);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(read(ends[0], ids[i], KEY_ID_SIZE), KEY_ID_SIZE);
    }
    close(ends[0]);
    close(ends[1]);
}

static void processes_agree_on_one_file(void **state)
{
    char *directory = scratch_path(state, "new/sub"), *path = scratch_path(state, "new/sub/token.keys");
    char ids[PROCESSES][KEY_ID_SIZE];
    run_processes(path, 0, ids);
    for (int i = 1; i < PROCESSES; i++)
        assert_string_equal(ids[i], ids[0]);
    assert_int_equal(count_entries(directory), 1);
    free(directory);
    free(path);
}

static void processes_rotate_without_losing_a_key(void **state)
{
    char *path = scratch_path(state, "token.keys"), ids[PROCESSES][KEY_ID_SIZE];
    struct keyring *keyring = open_path(path);
    run_processes(path, ROTATIONS, ids);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(find(keyring, ids[i]), DLG_OK);
    char *text = read_text(path);
    int keys = 0;
    for (const char *at = strstr(text, "k4.secret."); at; at = strstr(at + 1, "k4.secret."))
        keys++;
    assert_int_equal(keys, 1 + PROCESSES * ROTATIONS);
    assert_int_equal(count_entries(*state), 1);
    keyring_free(keyring);
    free(text);
    free(path);
}

struct user {
    struct keyring *keyring;
    atomic_bool *stop;
    long uses;
    long failures;
};

/* Signs with what the keyring gives, and verifies with the key that it finds for the id. */
static void *use_keys(void *argument)
{
    struct user *user = argument;
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], signature[crypto_sign_BYTES];
    for (; !*user->stop; user->uses++) {
        struct key_set *set;
        const struct key *key;
        if (keyring_sign_key(user->keyring, &set, &key, NULL) != DLG_OK) {
            user->failures++;
            continue;
        }
        crypto_sign_detached(signature, NULL, (const unsigned char *)"text", 4, key->secret_key);
        user->failures += keyring_find(user->keyring, key->id, KEY_ID_SIZE - 1, public_key, NULL) != DLG_OK ||
                          crypto_sign_verify_detached(signature, (const unsigned char *)"text", 4, public_key) != 0 ||
                          keyring_find(user->keyring, "unknown", 7, public_key, NULL) != DLG_E_TOKEN;
        key_set_release(set);
    }
    return NULL;
}

static void threads_use_keys_while_they_change(void **state)
{
    char *path = scratch_path(state, "token.keys");
    struct keyring *keyring = open_path(path), *elsewhere = open_path(path);
    struct user users[THREADS];
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    uint64_t generation = keyring_generation(keyring);
    for (size_t i = 0; i < THREADS; i++) {
        users[i] = (struct user){keyring, &stop, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, use_keys, &users[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        dlg_error *error = NULL;
        assert_ok(keyring_rotate(i % 2 ? keyring : elsewhere, &error), error);
        usleep(2000);
    }
    stop = true;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(users[i].failures, 0);
        assert_true(users[i].uses > 0);
    }
    assert_true(keyring_generation(keyring) >= generation + 10);
    keyring_free(keyring);
    keyring_free(elsewhere);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(processes_agree_on_one_file, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(processes_rotate_without_losing_a_key, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(threads_use_keys_while_they_change, keys_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
