/* What a token of a good signature may say, and what not. */
#include "tokens.h"

static int verify_claims(struct tokens *tokens, const char *claims)
{
    char *token = forge(tokens, slice_text(claims), NULL);
    int code = verify(tokens, token);
    free(token);
    return code;
}

static void takes_tokens_of_other_implementations(void **state)
{
    static const char *good[] = {
        GOOD,
        "{\"sub\":\"387AC1C1-6581-4ACE-A113-707C8585FE28\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"exp\":\"2024-02-29T15:00:00+02:00\",\"iss\":\"dialogs\",\"sub\":\"" USER "\",\"aud\":[1,{\"a\":null}]}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T12:34:56.2Z\","
        "\"nbf\":\"2024-02-29T14:34:56+02:00\",\"iat\":\"2024-02-29T06:34:56.999999-0600\",\"jti\":\"1\"}",
        " {\"sub\" : \"" USER "\", \"iss\":\"dialog\\u0073\", \"exp\":\"9999-12-31T23:59:59.999999999-23:59\"} ",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(verify_claims(*state, good[i]), DLG_OK);
}

#define WITH(claims) "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"," claims "}"

static void refuses_wrong_claims(void **state)
{
    static const char *bad[] = {
        "",
        "null",
        "[]",
        "\"" USER "\"",
        "{}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\"}",
        "{\"sub\":\"" USER "\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":null,\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":7,\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":[\"" USER "\"],\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"user\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"" USER "\\u0000\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"00000000-0000-0000-0000-000000000000\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"" USER "\",\"iss\":[\"dialogs\"],\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs \",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\\u0000\",\"exp\":\"2024-02-29T13:00:00Z\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":1709300000}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"1709300000\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"2024-02-30T13:00:00Z\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\\u0000\"}",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":{\"exp\":\"2024-02-29T13:00:00Z\"}}",
        WITH("\"nbf\":1"),
        WITH("\"nbf\":null"),
        WITH("\"nbf\":\"\""),
        WITH("\"iat\":true"),
        WITH("\"iat\":\"yesterday\""),
        WITH("\"jti\":5"),
        WITH("\"jti\":[]"),
        WITH("\"sub\":\"" USER "\""),
        WITH("\"exp\":\"2024-02-29T14:00:00Z\""),
        WITH("\"\xff\":1"),
        WITH("\"a\":1") "x",
        "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(verify_claims(*state, bad[i]), DLG_E_TOKEN);
    assert_int_equal(verify_claims(*state, WITH("\"nbf\":\"2024-02-29T12:35:02Z\"")), DLG_E_TOKEN_EXPIRED);
    assert_int_equal(verify_claims(*state, WITH("\"iat\":\"2024-02-29T12:35:02Z\"")), DLG_E_TOKEN_EXPIRED);
    assert_int_equal(verify_claims(*state, WITH("\"iat\":\"2024-02-29T12:35:01Z\"")), DLG_OK);
}

static void refuses_deeply_nested_claims(void **state)
{
    static char claims[2900];
    char *token;
    memset(claims, '[', sizeof claims);
    token = forge(*state, (struct slice){claims, sizeof claims}, NULL);
    assert_int_equal(verify(*state, token), DLG_E_TOKEN);
    free(token);
    for (size_t i = 0; i < sizeof claims; i++)
        claims[i] = "{\"a\":"[i % 5];
    token = forge(*state, (struct slice){claims, sizeof claims}, NULL);
    assert_int_equal(verify(*state, token), DLG_E_TOKEN);
    free(token);
    token = forge(*state, (struct slice){GOOD "\0", sizeof GOOD}, NULL);
    assert_int_equal(verify(*state, token), DLG_E_TOKEN);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_tokens_of_other_implementations, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_wrong_claims, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_deeply_nested_claims, tokens_setup, tokens_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
