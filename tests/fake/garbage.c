/* garbage.c - answers that break the protocol: each ends in an error with a reason, and the client goes on. */
#include "fake_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_US = 150000 };

static int try_list(dlg_client *client, int64_t timeout_us, dlg_error **error)
{
    struct pair pair = pair_new();
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.timeout_us = timeout_us;
    int code = dlg_list(&page, client, &pair.ann, &pair.ben, &options, error);
    dlg_page_free(page);
    return code;
}

/* A list and a send while the fake answers so; then both as usual, of the same client. */
static void suffer(struct fake *fake, const char *name, const char *on, const struct wire *answer, bool must_fail)
{
    dlg_error *error = NULL;
    dlg_client *client = fake_client(fake, "timeout_ms=300");
    fake_on(fake,
            (struct fake_rule){
                .on = on, .deed = FAKE_BYTES, .bytes = answer->bytes ? answer->bytes : "", .length = answer->length});
    for (int call = 0; call < 2; call++) {
        int64_t begin_us = now_us();
        int code = call ? try_send(client, "text", PATIENCE_US, &error) : try_list(client, PATIENCE_US, &error);
        if ((code == DLG_OK && must_fail) || (code != DLG_OK && !*dlg_error_message(error)) ||
            now_us() - begin_us > 5000000)
            fail_msg("%s at %s: %s: \"%s\"", name, on, dlg_code_name(code), dlg_error_message(error));
        const char *text = dlg_error_message(error);
        size_t length = strlen(text);
        if (code != DLG_OK && length >= 2 && strcmp(text + length - 2, ": ") == 0)
            fail_msg("%s at %s: no reason: \"%s\"", name, on, text);
        dlg_error_free(error);
        error = NULL;
    }
    fake_behave(fake);
    assert_ok(try_send(client, "text", 2000000, &error), error);
    assert_ok(try_list(client, 2000000, &error), error);
    client_close(client);
}

/* ---- Answers ---- */

static struct wire of_bytes(const char *bytes, size_t length)
{
    struct wire wire = {0};
    wire_bytes(&wire, bytes, length);
    return wire;
}

#define BYTES(text) of_bytes(text, sizeof(text) - 1)

/* The whole answer to a list: two rows of the right columns. */
static struct wire whole_answer(void)
{
    struct wire wire = {0};
    struct fake_rows rows = {0};
    fake_row(&rows, "ltTNb", INT64_C(12), "twelve", INT64_C(1700000000000012), 1);
    fake_row(&rows, "ltTNb", INT64_C(11), "eleven", INT64_C(1700000000000011), 0);
    wire_plain(&wire, '2');
    wire_description(&wire, "ltTTb", true);
    wire_bytes(&wire, rows.data.bytes, rows.data.length);
    wire_complete(&wire, "SELECT 2");
    fake_rows_free(&rows);
    return wire;
}

static void a_message_of_no_known_kind(void **state)
{
    static const char *const kinds = "?aABcdfFGHIKnNQRsStUvVwWxXyY\x01\x7f";
    for (const char *kind = kinds; *kind; kind++) {
        char name[32];
        struct wire wire = {0};
        wire_plain(&wire, *kind);
        snprintf(name, sizeof name, "message '%c'", *kind);
        suffer(*state, name, "Execute dlg_*", &wire, false);
        wire_free(&wire);
    }
}

static void lengths_that_cannot_be(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } lengths[] = {{"D\0\0\0\3", 5},         {"D\0\0\0\0", 5},   {"D\xff\xff\xff\xff", 5},
                   {"D\x7f\xff\xff\xff", 5}, {"T\0\0\0\4", 5},   {"T\0\0\0\6\xff\xff", 7},
                   {"D\0\0\0\6\x7f\xff", 7}, {"D\0\0\0\5\0", 6}, {"E\x7f\xff\xff\xff", 5},
                   {"C\0\0\0\5x", 6},        {"Z\0\0\0\4", 5}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char name[32];
        snprintf(name, sizeof name, "length %zu", i);
        struct wire wire = of_bytes(lengths[i].bytes, lengths[i].length);
        suffer(*state, name, "Execute dlg_*", &wire, true);
        wire_free(&wire);
    }
}

static void rows_that_do_not_fit_their_description(void **state)
{
    static const char *const columns[] = {"l", "ltTNbll", ""};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        struct wire wire = {0};
        struct fake_rows rows = {0};
        fake_row(&rows, "ltTNb", INT64_C(1), "text", INT64_C(1700000000000000), 1);
        wire_plain(&wire, '2');
        wire_description(&wire, columns[i], true);
        wire_bytes(&wire, rows.data.bytes, rows.data.length);
        wire_complete(&wire, "SELECT 1");
        suffer(*state, columns[i], "Execute dlg_*", &wire, true);
        wire_free(&wire);
        fake_rows_free(&rows);
    }
}

static void rows_without_a_description(void **state)
{
    struct wire wire = {0};
    struct fake_rows rows = {0};
    fake_row(&rows, "ltTNb", INT64_C(1), "text", INT64_C(1700000000000000), 1);
    wire_plain(&wire, '2');
    wire_bytes(&wire, rows.data.bytes, rows.data.length);
    wire_complete(&wire, "SELECT 1");
    suffer(*state, "no description", "Execute dlg_*", &wire, true);
    wire_free(&wire);
    fake_rows_free(&rows);
}

/* An end of the batch before its answers, one too many, none at all; an answer too many. */
static void ends_where_none_belong(void **state)
{
    struct wire early = {0}, twice = {0}, none = {0}, more = whole_answer(), again = whole_answer();
    wire_ready(&early, 'I');
    wire_ready(&twice, 'I');
    wire_ready(&twice, 'I');
    wire_complete(&more, "SELECT 2");
    wire_bytes(&again, more.bytes, more.length);
    suffer(*state, "an early end", "Execute dlg_*", &early, true);
    suffer(*state, "no answer", "Execute dlg_*", &none, true);
    suffer(*state, "two ends", "Sync", &twice, false);
    suffer(*state, "no end", "Sync", &none, false);
    suffer(*state, "an answer too many", "Execute dlg_*", &more, false);
    suffer(*state, "an answer twice", "Execute dlg_*", &again, false);
    wire_free(&early);
    wire_free(&twice);
    wire_free(&more);
    wire_free(&again);
}

static void modes_that_nobody_asked_for(void **state)
{
    struct wire in = BYTES("G\0\0\0\7\0\0\0"), out = BYTES("H\0\0\0\7\0\0\0"), both = BYTES("W\0\0\0\7\0\0\0"),
                empty = BYTES("2\0\0\0\4I\0\0\0\4"), suspended = BYTES("2\0\0\0\4n\0\0\0\4s\0\0\0\4");
    suffer(*state, "COPY in", "Execute dlg_*", &in, true);
    suffer(*state, "COPY out", "Execute dlg_*", &out, true);
    suffer(*state, "COPY both", "Execute dlg_*", &both, true);
    suffer(*state, "an empty query", "Execute dlg_*", &empty, true);
    suffer(*state, "a suspended portal", "Execute dlg_*", &suspended, true);
    wire_free(&in);
    wire_free(&out);
    wire_free(&both);
    wire_free(&empty);
    wire_free(&suspended);
}

static void errors_without_their_fields(void **state)
{
    struct wire none = BYTES("E\0\0\0\5\0"), open = BYTES("E\0\0\0\6Sx"), blank = {0};
    wire_report(&blank, 'E', "", "", "");
    suffer(*state, "an empty error", "Execute dlg_*", &none, true);
    suffer(*state, "an open error", "Execute dlg_*", &open, true);
    suffer(*state, "a blank error", "Execute dlg_*", &blank, true);
    wire_free(&none);
    wire_free(&open);
    wire_free(&blank);
}

/*
 * Answers whose messages come in another order. Rows that no CommandComplete follows are not among them: libpq 15 loses
 * their memory when it reads the ReadyForQuery, and a leak check would find that.
 */
static void answers_in_another_order(void **state)
{
    static const char *const orders[] = {"TD2C", "2DTC", "D2TC", "2TTDC", "22TDC", "2TDCD", "1TDC"};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct wire wire = {0};
        struct fake_rows rows = {0};
        fake_row(&rows, "ltTNb", INT64_C(1), "text", INT64_C(1700000000000000), 1);
        for (const char *at = orders[i]; *at; at++) {
            if (*at == 'T')
                wire_description(&wire, "ltTTb", true);
            else if (*at == 'D')
                wire_bytes(&wire, rows.data.bytes, rows.data.length);
            else if (*at == 'C')
                wire_complete(&wire, "SELECT 1");
            else
                wire_plain(&wire, *at);
        }
        suffer(*state, orders[i], "Execute dlg_*", &wire, false);
        wire_free(&wire);
        fake_rows_free(&rows);
    }
}

/* ---- Any single byte ---- */

static void any_byte_of_an_answer_may_be_another(void **state)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    struct wire whole = whole_answer();
    for (size_t at = 0; at < whole.length; at += 3) {
        char name[48];
        struct wire wire = of_bytes(whole.bytes, whole.length);
        uint8_t mask = masks[at / 3 % sizeof masks];
        wire.bytes[at] = (char)(wire.bytes[at] ^ mask);
        snprintf(name, sizeof name, "byte %zu ^ %02x", at, mask);
        suffer(*state, name, "Execute dlg_dialog_before", &wire, false);
        wire_free(&wire);
    }
    wire_free(&whole);
}

static void an_answer_may_end_after_any_byte(void **state)
{
    struct wire whole = whole_answer();
    dlg_client *client = fake_client(*state, "");
    dlg_error *error = NULL;
    for (size_t length = 0; length < whole.length; length += 5) {
        fake_on(*state,
                (struct fake_rule){.on = "Execute dlg_dialog_before", .deed = FAKE_CUT, .length = length, .times = 1});
        assert_ok(try_list(client, 2000000, &error), error);
    }
    client_close(client);
    wire_free(&whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_of_no_known_kind),
        TEST(lengths_that_cannot_be),
        TEST(rows_that_do_not_fit_their_description),
        TEST(rows_without_a_description),
        TEST(ends_where_none_belong),
        TEST(modes_that_nobody_asked_for),
        TEST(errors_without_their_fields),
        TEST(answers_in_another_order),
        TEST(any_byte_of_an_answer_may_be_another),
        TEST(an_answer_may_end_after_any_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
