#include "crypto_counter.h"
#include "scratch.h"
#include "tokens.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* What a hit answers is what a check would have. */
static void the_cache_follows_the_keys(void **state)
{
    char *path = scratch_path(state, "token.keys"), line[KEY_LINE_SIZE];
    struct tokens tokens = {NULL, token_cache_new()};
    dlg_error *error = NULL;
    assert_ok(keyring_open(&tokens.keyring, NULL, path, &error), error);
    char *token = issue(&tokens);
    assert_int_equal(verify(&tokens, token), DLG_OK);
    assert_ok(keyring_rotate(tokens.keyring, &error), error);
    assert_int_equal(verify(&tokens, token), DLG_OK);
    char *newer = issue(&tokens);
    assert_int_equal(verify(&tokens, newer), DLG_OK);
    key_generate(line);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(line, file) >= 0);
    fclose(file);
    assert_int_equal(verify(&tokens, "v4.public.AAAA"), DLG_E_TOKEN);
    int waited = 0; /* the file is looked at once a second */
    while (verify(&tokens, token) == DLG_OK && waited++ < 1000)
        usleep(10000);
    assert_int_equal(verify(&tokens, token), DLG_E_TOKEN);
    assert_int_equal(verify(&tokens, newer), DLG_E_TOKEN);
    token_cache_free(tokens.cache);
    keyring_free(tokens.keyring);
    free(token);
    free(newer);
    free(path);
}

static void the_cache_keeps_what_was_put_in(void **state)
{
    struct token_cache *cache = ((struct tokens *)*state)->cache;
    const struct claims claims = {.user = user, .starts_us = 1, .expires_us = 2};
    struct claims found;
    struct token_digest digest, other;
    token_cache_digest(cache, "a", 1, &digest);
    token_cache_digest(cache, "b", 1, &other);
    assert_false(token_cache_find(cache, &digest, 1, &found));
    assert_false(token_cache_find(cache, &(struct token_digest){{0}}, 1, &found));
    token_cache_add(cache, &digest, 1, &claims);
    assert_true(token_cache_find(cache, &digest, 1, &found));
    assert_int_equal(dlg_uuid_compare(&found.user, &user), 0);
    assert_int_equal(found.starts_us, 1);
    assert_int_equal(found.expires_us, 2);
    assert_false(token_cache_find(cache, &digest, 2, &found));
    assert_false(token_cache_find(cache, &other, 1, &found));
    for (size_t i = 2; i < sizeof digest.bytes; i++) { /* the same place, another token */
        other = digest;
        other.bytes[i] ^= 1;
        assert_false(token_cache_find(cache, &other, 1, &found));
    }
    token_cache_add(cache, &other, 1, &claims);
    assert_true(token_cache_find(cache, &other, 1, &found));
    assert_false(token_cache_find(cache, &digest, 1, &found));
    token_cache_free(NULL);
}

static void a_hit_costs_no_signature_check(void **state)
{
    struct tokens *tokens = *state;
    char *token = issue(tokens);
    crypto_counter_take();
    assert_int_equal(verify(tokens, token), DLG_OK);
    assert_int_equal(crypto_counter_take().signatures, 1);
    assert_int_equal(verify(tokens, token), DLG_OK);
    assert_int_equal(crypto_counter_take().signatures, 0);
    free(token);
}

enum { THREADS = 4, TOKENS = 64 };

struct reader {
    struct tokens *tokens;
    char **texts;
    atomic_bool *stop;
    atomic_long checks;
    long wrong;
};

static void *read_tokens(void *argument)
{
    struct reader *reader = argument;
    dlg_uuid found;
    for (size_t i = 0; !*reader->stop; i++, reader->checks++) {
        const char *token = reader->texts[i % TOKENS];
        reader->wrong += token_verify(reader->tokens->keyring, reader->tokens->cache, issuer, token, DLG_NTS, now,
                                      &found, NULL, NULL) != DLG_OK ||
                         dlg_uuid_compare(&found, &user) != 0;
    }
    return NULL;
}

/* By each, from now on. */
static void wait_for_checks(struct reader *readers)
{
    for (size_t i = 0; i < THREADS; i++)
        for (long checks = readers[i].checks; readers[i].checks < checks + 10;)
            usleep(100);
}

static void threads_verify_while_keys_rotate(void **state)
{
    char *path = scratch_path(state, "token.keys"), *texts[TOKENS];
    struct tokens tokens = {NULL, token_cache_new()};
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    dlg_error *error = NULL;
    assert_ok(keyring_open(&tokens.keyring, NULL, path, &error), error);
    for (size_t i = 0; i < TOKENS; i++)
        texts[i] = issue(&tokens);
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.tokens = &tokens, .texts = texts, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_tokens, &readers[i]), 0);
    }
    for (int i = 0; i < 10; i++) {
        assert_ok(keyring_rotate(tokens.keyring, &error), error);
        char *token = issue(&tokens);
        assert_int_equal(verify(&tokens, token), DLG_OK);
        free(token);
        wait_for_checks(readers);
    }
    stop = true;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(readers[i].checks > 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    for (size_t i = 0; i < TOKENS; i++)
        free(texts[i]);
    token_cache_free(tokens.cache);
    keyring_free(tokens.keyring);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_cache_keeps_what_was_put_in, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(a_hit_costs_no_signature_check, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(the_cache_follows_the_keys, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(threads_verify_while_keys_rotate, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
