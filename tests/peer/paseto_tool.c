/*
 * paseto_tool.c - the library's tokens on the command line, for tests/peer/paseto.mjs:
 *   sign SECRET MESSAGE FOOTER ASSERTION     in hex; prints the token
 *   open PUBLIC TOKEN ASSERTION              prints message and footer in hex, or "refused"
 *   id PUBLIC                                prints the PASERK id
 *   issue KEYS ISSUER USER LIFETIME_S        with a key file; prints the token
 *   verify KEYS ISSUER TOKEN                 prints the user and when it expires, or the error's name
 */
#include "base/clock.h"
#include "token/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    unsigned char data[8192];
    size_t length;
};

static void fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static struct bytes from_hex(const char *text)
{
    struct bytes bytes;
    if (sodium_hex2bin(bytes.data, sizeof bytes.data, text, strlen(text), NULL, &bytes.length, NULL) != 0)
        fail("not hex");
    return bytes;
}

static struct slice slice_of(const struct bytes *bytes)
{
    return (struct slice){bytes->data, bytes->length};
}

static void print_hex(struct slice slice)
{
    const unsigned char *bytes = slice.bytes;
    for (size_t i = 0; i < slice.length; i++)
        printf("%02x", bytes[i]);
    putchar('\n');
}

static void sign(char **arguments)
{
    struct bytes key = from_hex(arguments[0]), message = from_hex(arguments[1]);
    struct bytes footer = from_hex(arguments[2]), assertion = from_hex(arguments[3]);
    char *token = paseto_sign(slice_of(&message), slice_of(&footer), slice_of(&assertion), key.data);
    puts(token ? token : "refused");
    free(token);
}

static void open_token(char **arguments)
{
    struct bytes key = from_hex(arguments[0]), assertion = from_hex(arguments[2]);
    struct paseto paseto;
    if (paseto_parse(arguments[1], strlen(arguments[1]), &paseto) &&
        paseto_verify(&paseto, slice_of(&assertion), key.data)) {
        print_hex(paseto.message);
        print_hex(paseto.footer);
    } else {
        puts("refused");
    }
}

static void identify(char **arguments)
{
    struct bytes key = from_hex(arguments[0]);
    char id[KEY_ID_SIZE];
    key_id(key.data, id);
    puts(id);
}

static struct keyring *open_keys(const char *path)
{
    struct keyring *keyring;
    dlg_error *error = NULL;
    if (keyring_open(&keyring, NULL, path, &error) != DLG_OK)
        fail(dlg_error_message(error));
    return keyring;
}

static void issue(char **arguments)
{
    struct keyring *keyring = open_keys(arguments[0]);
    dlg_uuid user;
    char *token;
    dlg_error *error = NULL;
    if (dlg_uuid_parse(&user, arguments[2], DLG_NTS) != DLG_OK)
        fail("not a uuid");
    if (token_issue(keyring, arguments[1], &user, atoll(arguments[3]) * 1000000, clock_wall_us(), &token, &error) !=
        DLG_OK)
        fail(dlg_error_message(error));
    puts(token);
    free(token);
    keyring_free(keyring);
}

static void verify(char **arguments)
{
    struct keyring *keyring = open_keys(arguments[0]);
    struct token_cache *cache = token_cache_new();
    dlg_uuid user;
    int64_t expires_us;
    char text[DLG_UUID_TEXT_SIZE];
    int code =
        token_verify(keyring, cache, arguments[1], arguments[2], DLG_NTS, clock_wall_us(), &user, &expires_us, NULL);
    if (code == DLG_OK) {
        dlg_uuid_format(text, &user);
        printf("%s %lld\n", text, (long long)expires_us);
    } else {
        puts(dlg_code_name(code));
    }
    token_cache_free(cache);
    keyring_free(keyring);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        int count;
        void (*run)(char **arguments);
    } commands[] = {
        {"sign", 4, sign}, {"open", 3, open_token}, {"id", 1, identify}, {"issue", 4, issue}, {"verify", 3, verify}};
    if (sodium_init() < 0)
        return 1;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (count != commands[i].count + 2 || strcmp(arguments[1], commands[i].name) != 0)
            continue;
        commands[i].run(arguments + 2);
        return 0;
    }
    fail("no such command");
}
