/* Real texts, in several languages, and nasty ones: sent one by one, they are listed byte for byte, in their order. */
#include "corpus.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_all(struct fixture *fixture, const struct pair *pair, const struct corpus *corpus)
{
    struct tally tally = {0};
    dlg_error *error = NULL;
    for (size_t i = 0; i < corpus->count; i++)
        assert_ok(dlg_send_async(fixture->client, &pair->ann, &pair->ben, corpus->texts[i], DLG_NTS, NULL, tally_note,
                                 &tally, &error),
                  error);
    while (tally.replies < (int)corpus->count)
        pause_ms(1);
    assert_int_equal(tally.stored, corpus->count);
}

static void texts_come_back_byte_for_byte(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct corpus corpus = {0};
    dlg_error *error = NULL;
    dlg_iterator *iterator = NULL;
    const dlg_message *message;
    corpus_add_fortunes(&corpus, 20);
    corpus_add_naughty(&corpus);
    assert_true(corpus.count > 1000);
    send_all(fixture, &pair, &corpus);
    assert_ok(dlg_iterate(&iterator, fixture->client, &pair.ben, &pair.ann, NULL, &error), error);
    for (size_t i = 0; i < corpus.count; i++) {
        assert_ok(dlg_iterator_next(&message, iterator, &error), error);
        assert_non_null(message);
        assert_int_equal(message->length, strlen(corpus.texts[i]));
        assert_memory_equal(message->text, corpus.texts[i], message->length);
    }
    assert_ok(dlg_iterator_next(&message, iterator, &error), error);
    assert_null(message);
    dlg_iterator_free(iterator);
    corpus_free(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_come_back_byte_for_byte)};
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
