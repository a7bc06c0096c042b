#include "token/password.h"

#include "base/workers.h"
#include "check.h"
#include "crypto_counter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *password = "correct horse battery staple";

static int setup(void **state)
{
    dlg_settings *settings = dlg_settings_new();
    *state = settings;
    return settings && dlg_settings_set(settings, "hash_memory_kib", "8", NULL) == DLG_OK &&
                   dlg_settings_set(settings, "hash_operations", "1", NULL) == DLG_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    dlg_settings_free(*state);
    return 0;
}

static void hash_it(const dlg_settings *settings, char hash[crypto_pwhash_STRBYTES])
{
    dlg_error *error = NULL;
    assert_ok(password_hash(settings, password, strlen(password), hash, &error), error);
}

static void verifies_what_was_hashed(void **state)
{
    char hash[crypto_pwhash_STRBYTES], other[crypto_pwhash_STRBYTES];
    hash_it(*state, hash);
    hash_it(*state, other);
    assert_string_not_equal(hash, other);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=8,t=1,p=1$", 27), 0);
    assert_true(password_verify(hash, password, strlen(password), *state));
    assert_true(password_verify(other, password, strlen(password), *state));
    assert_false(password_verify(hash, password, strlen(password) - 1, *state));
    assert_false(password_verify(hash, password, strlen(password) + 1, *state));
    assert_false(password_verify(hash, "Correct horse battery staple", strlen(password), *state));
    assert_false(password_verify(hash, "", 0, *state));
    assert_false(password_verify(hash, NULL, 0, *state));
    assert_int_equal(errno, 0);
}

static void takes_any_bytes(void **state)
{
    static const char bytes[] = "a\0b\xff\xfe\n";
    char hash[crypto_pwhash_STRBYTES];
    dlg_error *error = NULL;
    assert_ok(password_hash(*state, bytes, sizeof bytes, hash, &error), error);
    assert_true(password_verify(hash, bytes, sizeof bytes, *state));
    assert_false(password_verify(hash, "a\0c\xff\xfe\n", sizeof bytes, *state));
    assert_false(password_verify(hash, bytes, 1, *state));
}

static void keeps_the_limits(void **state)
{
    char text[DLG_PASSWORD_LIMIT + 1], hash[crypto_pwhash_STRBYTES];
    dlg_error *error = NULL;
    memset(text, 'x', sizeof text);
    assert_int_equal(password_hash(*state, "", 0, hash, &error), DLG_E_ARGUMENT);
    assert_int_equal(password_hash(*state, NULL, 0, hash, &error), DLG_E_ARGUMENT);
    assert_int_equal(password_hash(*state, text, sizeof text, hash, &error), DLG_E_TOO_LARGE);
    assert_non_null(strstr(dlg_error_message(error), "1024"));
    dlg_error_free(error);
    error = NULL;
    assert_ok(password_hash(*state, text, DLG_PASSWORD_LIMIT, hash, &error), error);
    assert_true(password_verify(hash, text, DLG_PASSWORD_LIMIT, *state));
    assert_false(password_verify(hash, text, sizeof text, *state));
}

static void refuses_malformed_hashes(void **state)
{
    static const char *bad[] = {
        "",
        "!",
        "correct horse battery staple",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$",
        "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA",
        "$argon2id$v=19$m=,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=-8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=0,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=0,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=16$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2i$v=19$m=8,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$2b$12$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(password_verify(bad[i], password, strlen(password), *state));
}

static void refuses_a_hash_changed_anywhere(void **state)
{
    char hash[crypto_pwhash_STRBYTES], changed[crypto_pwhash_STRBYTES];
    hash_it(*state, hash);
    for (size_t i = 0; hash[i]; i++) {
        memcpy(changed, hash, sizeof changed);
        changed[i] = (char)(hash[i] == 'z' ? 'y' : hash[i] + 1);
        assert_false(password_verify(changed, password, strlen(password), *state));
        changed[i] = '\0';
        assert_false(password_verify(changed, password, strlen(password), *state));
    }
}

/* A wrong password takes one hash, with what the settings ask for. */
static void assert_verify_costs(const dlg_settings *settings, const char *hash)
{
    crypto_counter_take();
    assert_false(password_verify(hash, "wrong", 5, settings));
    struct crypto_count cost = crypto_counter_take();
    assert_int_equal(cost.hashes, 1);
    assert_int_equal(cost.passes, settings->hash_operations);
    assert_int_equal(cost.memory, settings->hash_memory_kib * 1024);
}

/* Each would take hours or all memory if it were believed. */
static void does_not_pay_absurd_costs(void **state)
{
    static const char *costs[] = {
        "m=4294967295,t=1,p=1", "m=8,t=4294967295,p=1",           "m=1048577,t=1,p=1",
        "m=1048576,t=5,p=1",    "m=99999999999999999999,t=1,p=1", "m=8,t=99999999999999999999,p=1"};
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        char hash[256];
        snprintf(hash, sizeof hash,
                 "$argon2id$v=19$%s$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", costs[i]);
        assert_verify_costs(*state, hash);
    }
}

static void outdated_when_cheaper_than_the_settings(void **state)
{
    dlg_settings *settings = *state;
    static const char *tail = "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    static const struct {
        const char *cost;
        bool outdated;
    } cases[] = {{"m=64,t=3,p=1", false}, {"m=65,t=3,p=1", false}, {"m=64,t=4,p=1", false}, {"m=63,t=3,p=1", true},
                 {"m=64,t=2,p=1", true},  {"m=128,t=2,p=1", true}, {"m=8,t=64,p=1", true},  {"m=x,t=3,p=1", true}};
    settings->hash_memory_kib = 64;
    settings->hash_operations = 3;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char hash[256];
        snprintf(hash, sizeof hash, "$argon2id$v=19$%s$%s", cases[i].cost, tail);
        assert_int_equal(password_outdated(settings, hash), cases[i].outdated);
    }
    char hash[crypto_pwhash_STRBYTES];
    hash_it(settings, hash);
    assert_false(password_outdated(settings, hash));
    settings->hash_operations = 4;
    assert_true(password_outdated(settings, hash));
    assert_true(password_verify(hash, password, strlen(password), settings));
    settings->hash_memory_kib = 8;
    settings->hash_operations = 1;
    assert_false(password_outdated(settings, hash));
    assert_true(password_verify(hash, password, strlen(password), settings));
    assert_true(password_outdated(settings, ""));
}

static void an_absent_user_costs_as_much(void **state)
{
    dlg_settings *settings = *state;
    settings->hash_memory_kib = 256;
    settings->hash_operations = 2;
    char hash[crypto_pwhash_STRBYTES];
    hash_it(settings, hash);
    assert_verify_costs(settings, hash);
    assert_verify_costs(settings, NULL);
    assert_verify_costs(settings, "!");
}

static rlim_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%llu", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int try_without_memory(dlg_settings *settings, const char *hash)
{
    struct rlimit limit;
    limit.rlim_cur = limit.rlim_max = address_space() + ((rlim_t)64 << 20);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 1;
    settings->hash_memory_kib = 1048576;
    char out[crypto_pwhash_STRBYTES];
    dlg_error *error = NULL;
    if (password_hash(settings, password, strlen(password), out, &error) != DLG_E_MEMORY ||
        !strstr(dlg_error_message(error), "hash_memory_kib"))
        return 2;
    if (password_verify(NULL, password, strlen(password), settings) || errno != ENOMEM)
        return 3;
    if (!password_verify(hash, password, strlen(password), settings) || errno != 0)
        return 4;
    dlg_error_free(error);
    return 0;
}

static void says_when_memory_runs_out(void **state)
{
    char hash[crypto_pwhash_STRBYTES];
    hash_it(*state, hash);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(try_without_memory(*state, hash));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

struct check {
    struct job job;
    const dlg_settings *settings;
    const char *hash;
    atomic_bool right;
};

static void run_check(struct job *job, bool cancelled)
{
    struct check *check = (struct check *)(void *)job;
    check->right = !cancelled && password_verify(check->hash, password, strlen(password), check->settings);
}

/* With the cost of the defaults too: the threads' stacks are large enough. */
static void verifies_on_several_threads(void **state)
{
    dlg_settings *defaults = dlg_settings_new();
    char hash[crypto_pwhash_STRBYTES], dear[crypto_pwhash_STRBYTES];
    struct check checks[32];
    hash_it(*state, hash);
    hash_it(defaults, dear);
    struct workers *workers = workers_new(4, 32);
    for (size_t i = 0; i < 32; i++) {
        checks[i] = (struct check){{.run = run_check}, *state, i % 2 ? hash : NULL, false};
        if (i < 2)
            checks[i] = (struct check){{.run = run_check}, defaults, i % 2 ? dear : NULL, false};
        assert_true(workers_submit(workers, &checks[i].job));
    }
    workers_stop(workers, false);
    workers_free(workers);
    for (size_t i = 0; i < 32; i++)
        assert_true(checks[i].right == (i % 2 == 1));
    dlg_settings_free(defaults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verifies_what_was_hashed, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_any_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_the_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_malformed_hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_hash_changed_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_pay_absurd_costs, setup, teardown),
        cmocka_unit_test_setup_teardown(outdated_when_cheaper_than_the_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(an_absent_user_costs_as_much, setup, teardown),
        cmocka_unit_test_setup_teardown(says_when_memory_runs_out, setup, teardown),
        cmocka_unit_test_setup_teardown(verifies_on_several_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
