/* Tickets: tokens for one purpose, and for nothing else. */
#include "tokens.h"

#include "token/ticket.h"

static int take(struct tokens *tokens, const char *ticket, const char *purpose, int64_t moment)
{
    dlg_uuid found = {{0}};
    int64_t expires_us = 0;
    int code = ticket_verify(tokens->keyring, issuer, ticket, DLG_NTS, purpose, moment, &found, &expires_us, NULL);
    if (code == DLG_OK) {
        assert_int_equal(dlg_uuid_compare(&found, &user), 0);
        assert_int_equal(expires_us, now + 30 * second);
    }
    return code;
}

static char *issue_ticket(struct tokens *tokens, const char *purpose)
{
    char *ticket = NULL;
    dlg_error *error = NULL;
    assert_ok(ticket_issue(tokens->keyring, issuer, &user, purpose, 30 * second, now, &ticket, &error), error);
    return ticket;
}

static void serves_its_purpose_only(void **state)
{
    struct tokens *tokens = *state;
    char *ticket = issue_ticket(tokens, "one"), *token = issue(tokens);
    for (int i = 0; i < 2; i++) { /* not through what was cached either */
        assert_int_equal(take(tokens, ticket, "one", now), DLG_OK);
        assert_int_equal(take(tokens, ticket, "One", now), DLG_E_TOKEN);
        assert_int_equal(take(tokens, ticket, "one ", now), DLG_E_TOKEN);
        assert_int_equal(verify(tokens, ticket), DLG_E_TOKEN);
        assert_int_equal(verify(tokens, token), DLG_OK);
        assert_int_equal(take(tokens, token, "one", now), DLG_E_TOKEN);
    }
    assert_null(strstr(ticket, "one"));
    assert_true(strlen(ticket) <= 1024);
    assert_int_equal(strspn(ticket, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
                     strlen(ticket));
    free(ticket);
    free(token);
}

static void lives_shortly(void **state)
{
    struct tokens *tokens = *state;
    char *ticket = issue_ticket(tokens, "one");
    assert_int_equal(take(tokens, ticket, "one", now + 30 * second - 1), DLG_OK);
    assert_int_equal(take(tokens, ticket, "one", now + 30 * second), DLG_E_TOKEN_EXPIRED);
    free(ticket);
}

static void refuses_nonsense(void **state)
{
    struct tokens *tokens = *state;
    char *ticket = NULL, longer[PURPOSE_LIMIT + 2];
    static const dlg_uuid nil;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const struct {
        const char *purpose;
        int64_t lifetime_us;
    } cases[] = {{"", second}, {NULL, second},  {longer, second}, {"x", 0},
                 {"x", -1},    {"x", hour + 1}, {"x", INT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            ticket_issue(tokens->keyring, issuer, &user, cases[i].purpose, cases[i].lifetime_us, now, &ticket, NULL),
            DLG_E_ARGUMENT);
    assert_int_equal(ticket_issue(tokens->keyring, issuer, &nil, "x", second, now, &ticket, NULL), DLG_E_ARGUMENT);
    assert_int_equal(ticket_issue(tokens->keyring, issuer, &user, "x", second, now, NULL, NULL), DLG_E_ARGUMENT);
    assert_null(ticket);
    assert_int_equal(take(tokens, "x", "", now), DLG_E_ARGUMENT);
    assert_int_equal(take(tokens, "", "x", now), DLG_E_TOKEN);
    assert_int_equal(take(tokens, "v4.public.", "x", now), DLG_E_TOKEN);
    longer[PURPOSE_LIMIT] = '\0';
    ticket = issue_ticket(tokens, longer);
    assert_int_equal(take(tokens, ticket, longer, now), DLG_OK);
    free(ticket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_its_purpose_only, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(lives_shortly, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_nonsense, tokens_setup, tokens_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
