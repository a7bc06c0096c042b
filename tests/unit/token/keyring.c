#include "base/clock.h"
#include "keys.h"

#include <fcntl.h>
#include <unistd.h>

/* What it says when it cannot be opened. */
static void assert_refused(const char *key, const char *path, int code, const char *says)
{
    struct keyring *keyring = NULL;
    dlg_error *error = NULL;
    assert_int_equal(keyring_open(&keyring, key, path, &error), code);
    assert_null(keyring);
    assert_non_null(strstr(dlg_error_message(error), says));
    dlg_error_free(error);
}

/* In place, as an editor may do it. */
static void write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

static void makes_a_file_for_its_owner_only(void **state)
{
    char *directory = scratch_path(state, "a/b"), *path = scratch_path(state, "a/b/token.keys");
    char first[KEY_ID_SIZE], again[KEY_ID_SIZE];
    mode_t mask = umask(0);
    struct keyring *keyring = open_path(path);
    umask(mask);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(count_entries(directory), 1);
    signing_id(keyring, first);
    assert_int_equal(find(keyring, first), DLG_OK);
    keyring_free(keyring);
    keyring = open_path(path);
    signing_id(keyring, again);
    assert_string_equal(first, again);
    keyring_free(keyring);
    free(directory);
    free(path);
}

static void makes_a_file_in_the_working_directory(void **state)
{
    assert_int_equal(chdir(*state), 0);
    keyring_free(open_path("token.keys"));
    assert_int_equal(access("token.keys", F_OK), 0);
    assert_int_equal(chdir("/"), 0);
}

static void refuses_a_file_that_others_may_read(void **state)
{
    char *path = scratch_path(state, "token.keys"), *advice;
    assert_true(asprintf(&advice, "chmod 600 %s", path) > 0);
    keyring_free(open_path(path));
    static const mode_t modes[] = {0640, 0604, 0620, 0644, 0666, 0777, 0601};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_refused(NULL, path, DLG_E_FILE, advice);
    }
    assert_int_equal(chmod(path, 0400), 0);
    keyring_free(open_path(path));
    free(advice);
    free(path);
}

static void refuses_what_is_no_key_file(void **state)
{
    char *path = scratch_path(state, "token.keys"), *below = scratch_path(state, "token.keys/sub/keys");
    char *pipe = scratch_path(state, "pipe"), *link = scratch_path(state, "link");
    assert_refused(NULL, *state, DLG_E_FILE, "is not a file");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_refused(NULL, pipe, DLG_E_FILE, "is not a file");
    assert_int_equal(symlink("nowhere/at/all", link), 0);
    assert_refused(NULL, link, DLG_E_FILE, "No such file");
    write_text(path, "");
    assert_refused(NULL, path, DLG_E_FILE, "no key");
    write_text(path, "# mine\nk4.secret.AAAA\n");
    assert_refused(NULL, path, DLG_E_FILE, "line 2");
    assert_refused(NULL, below, DLG_E_FILE, "Not a directory");
    char *huge = calloc(1, KEY_FILE_LIMIT + 2);
    memset(huge, '\n', KEY_FILE_LIMIT + 1);
    write_text(path, huge);
    assert_refused(NULL, path, DLG_E_FILE, "65536");
    memset(huge, 'x', 300);
    huge[0] = '/';
    huge[300] = '\0';
    assert_refused(NULL, huge, DLG_E_FILE, "too long");
    free(huge);
    free(path);
    free(below);
    free(pipe);
    free(link);
}

static void takes_a_key_from_a_setting(void **state)
{
    char line[KEY_LINE_SIZE], id[KEY_ID_SIZE], path_id[KEY_ID_SIZE], text[KEY_LINE_SIZE + 8];
    char *path = scratch_path(state, "token.keys");
    struct keyring *keyring = NULL;
    dlg_error *error = NULL;
    key_generate(line);
    assert_ok(keyring_open(&keyring, line, path, &error), error);
    assert_int_not_equal(access(path, F_OK), 0); /* the key comes first */
    signing_id(keyring, id);
    assert_int_equal(find(keyring, id), DLG_OK);
    assert_int_equal(find(keyring, "k4.pid.another"), DLG_E_TOKEN);
    assert_int_equal(keyring_generation(keyring), keyring_generation(keyring));
    assert_int_equal(keyring_rotate(keyring, &error), DLG_E_STATE);
    assert_non_null(strstr(dlg_error_message(error), "token_key"));
    dlg_error_free(error);
    keyring_free(keyring);
    keyring = NULL;
    assert_int_equal(keyring_open(&keyring, "", path, NULL), DLG_OK); /* "" is none */
    signing_id(keyring, path_id);
    assert_string_not_equal(path_id, id);
    keyring_free(keyring);
    keyring_free(NULL);
    assert_refused(NULL, NULL, DLG_E_ARGUMENT, "token_key_file");
    assert_refused("", "", DLG_E_ARGUMENT, "token_key_file");
    assert_refused("secret", NULL, DLG_E_ARGUMENT, "k4.secret.");
    snprintf(text, sizeof text, "%sAAAA", line);
    assert_refused(text, NULL, DLG_E_ARGUMENT, "k4.secret.");
    free(path);
}

static void public_keys_verify_only(void **state)
{
    char *path = scratch_path(state, "token.keys");
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    char line[64] = "k4.public.", id[KEY_ID_SIZE];
    crypto_sign_keypair(public_key, secret_key);
    sodium_bin2base64(line + 10, sizeof line - 10, public_key, sizeof public_key,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    write_text(path, line);
    struct keyring *keyring = open_path(path);
    struct key_set *set;
    const struct key *key;
    dlg_error *error = NULL;
    assert_int_equal(keyring_sign_key(keyring, &set, &key, &error), DLG_E_FILE);
    assert_non_null(strstr(dlg_error_message(error), "k4.secret"));
    dlg_error_free(error);
    key_id(public_key, id);
    assert_int_equal(find(keyring, id), DLG_OK);
    keyring_free(keyring);
    assert_refused(line, NULL, DLG_E_ARGUMENT, "k4.secret.");
    free(path);
}

static void rotation_keeps_the_old_keys(void **state)
{
    char *path = scratch_path(state, "token.keys"), *link = scratch_path(state, "link");
    char first[KEY_ID_SIZE], second[KEY_ID_SIZE], other[KEY_ID_SIZE];
    struct stat status;
    dlg_error *error = NULL;
    keyring_free(open_path(path));
    uid_t owner = geteuid() == 0 ? 65534 : geteuid(); /* root serves a file of the service's user */
    assert_int_equal(chown(path, owner, (gid_t)-1), 0);
    assert_int_equal(symlink("token.keys", link), 0);
    struct keyring *keyring = open_path(link), *elsewhere = open_path(path);
    uint64_t generation = keyring_generation(keyring);
    signing_id(keyring, first);
    assert_ok(keyring_rotate(keyring, &error), error);
    assert_int_not_equal(keyring_generation(keyring), generation);
    signing_id(keyring, second);
    assert_string_not_equal(first, second);
    assert_int_equal(find(keyring, first), DLG_OK);
    assert_int_equal(find(keyring, second), DLG_OK);
    assert_int_equal(find(elsewhere, second), DLG_OK); /* looks at once */
    signing_id(elsewhere, other);
    assert_string_equal(other, second);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_uid, owner);
    assert_int_equal(count_entries(*state), 2);
    keyring_free(keyring);
    keyring_free(elsewhere);
    free(path);
    free(link);
}

static void rotation_leaves_a_broken_file_alone(void **state)
{
    char *path = scratch_path(state, "token.keys"), *missing = scratch_path(state, "missing");
    char id[KEY_ID_SIZE];
    dlg_error *error = NULL;
    struct keyring *keyring = open_path(path);
    signing_id(keyring, id);
    write_text(path, "nonsense\n");
    assert_int_equal(keyring_rotate(keyring, &error), DLG_E_FILE);
    assert_non_null(strstr(dlg_error_message(error), "line 1"));
    dlg_error_free(error);
    error = NULL;
    char *text = read_text(path);
    assert_string_equal(text, "nonsense\n");
    free(text);
    assert_int_equal(rename(path, missing), 0);
    assert_int_equal(keyring_rotate(keyring, &error), DLG_E_FILE);
    dlg_error_free(error);
    assert_int_equal(count_entries(*state), 1);
    assert_int_equal(find(keyring, id), DLG_OK);
    keyring_free(keyring);
    free(path);
    free(missing);
}

static void rotation_stops_when_the_file_is_full(void **state)
{
    char *path = scratch_path(state, "token.keys");
    dlg_error *error = NULL;
    struct keyring *keyring = open_path(path);
    char *before = read_text(path), *text = calloc(1, KEY_FILE_LIMIT + 1);
    assert_non_null(text);
    memset(text, '\n', KEY_FILE_LIMIT - 10);
    for (size_t i = 0; before[i]; i++)
        text[i] = before[i];
    write_text(path, text);
    assert_int_equal(keyring_rotate(keyring, &error), DLG_E_FILE);
    assert_non_null(strstr(dlg_error_message(error), "remove the oldest"));
    dlg_error_free(error);
    keyring_free(keyring);
    free(before);
    free(text);
    free(path);
}

static void survives_a_file_that_breaks(void **state)
{
    char *path = scratch_path(state, "token.keys"), *away = scratch_path(state, "away");
    char id[KEY_ID_SIZE], again[KEY_ID_SIZE];
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    dlg_error *error = NULL;
    struct keyring *keyring = open_path(path);
    char *good = read_text(path);
    signing_id(keyring, id);
    assert_int_equal(find(keyring, "k4.pid.unknown"), DLG_E_TOKEN);
    write_text(path, "nonsense\n");
    assert_int_equal(keyring_find(keyring, "unknown", 7, public_key, &error), DLG_E_FILE);
    assert_non_null(strstr(dlg_error_message(error), "line 1"));
    dlg_error_free(error);
    assert_int_equal(find(keyring, "k4.pid.unknown"), DLG_E_FILE);
    assert_int_equal(find(keyring, id), DLG_OK); /* the keys stay as they were */
    signing_id(keyring, again);
    assert_string_equal(id, again);
    write_text(path, good);
    assert_int_equal(find(keyring, "k4.pid.unknown"), DLG_E_TOKEN);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(find(keyring, "k4.pid.unknown"), DLG_E_FILE);
    assert_int_equal(rename(away, path), 0);
    assert_int_equal(find(keyring, "k4.pid.unknown"), DLG_E_TOKEN);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(find(keyring, "k4.pid.unknown"), DLG_E_FILE);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(find(keyring, "k4.pid.unknown"), DLG_E_TOKEN);
    keyring_free(keyring);
    free(good);
    free(path);
    free(away);
}

/* Without anybody asking for an unknown key: within about a second. */
static void a_key_that_was_removed_goes_out_of_use(void **state)
{
    char *path = scratch_path(state, "token.keys"), line[KEY_LINE_SIZE];
    char first[KEY_ID_SIZE], second[KEY_ID_SIZE];
    struct keyring *keyring = open_path(path);
    uint64_t generation = keyring_generation(keyring);
    signing_id(keyring, first);
    key_generate(line);
    write_text(path, line);
    int64_t start = clock_monotonic_us();
    while (keyring_generation(keyring) == generation && clock_monotonic_us() - start < 30000000)
        usleep(10000);
    assert_int_equal(find(keyring, first), DLG_E_TOKEN);
    signing_id(keyring, second);
    assert_string_not_equal(first, second);
    keyring_free(keyring);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_a_file_for_its_owner_only, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(makes_a_file_in_the_working_directory, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(refuses_a_file_that_others_may_read, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_key_file, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(takes_a_key_from_a_setting, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(public_keys_verify_only, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(rotation_keeps_the_old_keys, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(rotation_leaves_a_broken_file_alone, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(rotation_stops_when_the_file_is_full, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(survives_a_file_that_breaks, keys_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_key_that_was_removed_goes_out_of_use, keys_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
