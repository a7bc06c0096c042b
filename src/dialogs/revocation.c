/* revocation.c - tokens that end before their time: what the database says of them. */
#include "base/text.h"
#include "client/client.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/submit.h"
#include "token/token.h"

#include <stdlib.h>
#include <string.h>

/* A hash of the token: whoever finds it in the database has not found the token. */
enum { HASH_BYTES = 16, HASH_SIZE = 2 * HASH_BYTES + 1 };

struct revocation {
    struct request request;
    struct claims claims;
    struct token_digest digest;
    int64_t asked_us;
    char hash[HASH_SIZE];
};

static struct revocation *revocation_of(struct request *request)
{
    return (struct revocation *)request;
}

/* ---- Checking ---- */

/* A table of a host program knows nothing of tokens; they are good until they expire. */
static bool is_foreign_table(const dlg_error *error)
{
    return strcmp(dlg_error_sqlstate(error), "42703") == 0; /* undefined_column */
}

static dlg_error *refusal_of(const struct revocation *revocation, const struct query *query)
{
    dlg_error *error = NULL;
    if (query_rows(query) == 0)
        error_set(&error, DLG_E_TOKEN, "the user of the token does not exist: register, and log in");
    else if (query_bool(query, 0, 1))
        error_set(&error, DLG_E_TOKEN, "the token was revoked: log in again");
    else if (revocation->claims.issued_us < query_time(query, 0, 0))
        error_set(&error, DLG_E_TOKEN, "the token is older than the user's password: log in again");
    return error;
}

static void check_done(struct request *request)
{
    const struct revocation *revocation = revocation_of(request);
    struct query *query = &request->queries[0];
    if (query->error && !is_foreign_table(query->error)) {
        request_fail(request, query);
        return;
    }
    dlg_error *refusal = query->error ? NULL : refusal_of(revocation, query);
    token_cache_mark(client_of(request)->token_cache, &revocation->digest, refusal ? 0 : revocation->asked_us);
    request_complete(request, refusal);
}

static void check_start(struct request *request)
{
    struct revocation *revocation = revocation_of(request);
    struct query *query = &request->queries[0];
    query_init(query, request, STATEMENT_USER_TOKEN, &revocation->claims.user);
    query_set_uuid(query, 0, &revocation->claims.user);
    query_set_text(query, 1, revocation->hash, HASH_SIZE - 1);
    request->step = check_done;
    engine_query(request->engine, query);
}

/* ---- Revoking ---- */

enum { REVOKE, REVOKE_ALL };

/* Expired by all clocks, however these differ. */
enum { LONG_EXPIRED_S = 300 };

static void revoke_done(struct request *request, struct query *query)
{
    token_cache_mark(client_of(request)->token_cache, &revocation_of(request)->digest, 0);
    if (query->error)
        request_fail(request, query);
    else
        request_complete(request, NULL);
}

static void revoked_all(struct request *request)
{
    revoke_done(request, &request->queries[REVOKE_ALL]);
}

/* Nothing was written: the user has too many, or does not exist, and has no good tokens then. */
static void revoked_one(struct request *request)
{
    const dlg_uuid *user = &revocation_of(request)->claims.user;
    struct query *query = &request->queries[REVOKE];
    if (query->error || query->affected == 1) {
        revoke_done(request, query);
        return;
    }
    query = &request->queries[REVOKE_ALL];
    query_init(query, request, STATEMENT_USER_REVOKE_ALL, user);
    query_set_uuid(query, 0, user);
    request->step = revoked_all;
    engine_query(request->engine, query);
}

static void revoke_start(struct request *request)
{
    struct revocation *revocation = revocation_of(request);
    struct query *query = &request->queries[REVOKE];
    query_init(query, request, STATEMENT_USER_REVOKE, &revocation->claims.user);
    query_set_uuid(query, 0, &revocation->claims.user);
    query_set_text(query, 1, revocation->hash, HASH_SIZE - 1);
    query_set_int64(query, 2, revocation->claims.expires_us / 1000000 + 1);
    query_set_int64(query, 3, clock_wall_us() / 1000000 - LONG_EXPIRED_S);
    request->step = revoked_one;
    engine_query(request->engine, query);
}

/* ---- Calls ---- */

static int verify(dlg_client *client, const char *token, size_t length, struct claims *claims, dlg_error **error)
{
    struct keyring *keyring;
    int code = client_keyring(client, &keyring, error);
    if (code == DLG_OK)
        code = token_read(keyring, client->token_cache, client_settings(client)->token_issuer, token, length,
                          clock_wall_us(), claims, error);
    return code;
}

static void hash_token(const char *token, size_t length, char hash[HASH_SIZE])
{
    unsigned char bytes[HASH_BYTES];
    crypto_generichash(bytes, sizeof bytes, (const unsigned char *)token, length, NULL, 0);
    sodium_bin2hex(hash, HASH_SIZE, bytes, sizeof bytes);
}

static int revocation_new(dlg_client *client, const char *token, size_t length, void (*step)(struct request *),
                          struct revocation **out, dlg_error **error)
{
    struct claims claims;
    int code = verify(client, token, length, &claims, error);
    if (code != DLG_OK)
        return code;
    length = length == DLG_NTS ? strlen(token) : length;
    struct revocation *revocation = request_new(sizeof *revocation, REQUEST_TOKEN);
    if (!revocation)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    revocation->claims = claims;
    revocation->asked_us = clock_monotonic_us();
    token_cache_digest(client->token_cache, token, length, &revocation->digest);
    hash_token(token, length, revocation->hash);
    revocation->request.bytes = sizeof *revocation;
    revocation->request.step = step;
    *out = revocation;
    return DLG_OK;
}

static bool is_fresh(const dlg_client *client, const char *token, size_t length)
{
    struct token_digest digest;
    int64_t believed_us = client_settings(client)->token_check_s * 1000000;
    token_cache_digest(client->token_cache, token, length == DLG_NTS ? strlen(token) : length, &digest);
    return believed_us && token_cache_is_marked(client->token_cache, &digest, clock_monotonic_us() - believed_us);
}

int dlg_token_fresh(dlg_client *client, const char *token, size_t length)
{
    return client_check(client, NULL) == DLG_OK && token && is_fresh(client, token, length);
}

int dlg_token_check(dlg_uuid *user, int64_t *expires_us, dlg_client *client, const char *token, size_t length,
                    dlg_error **error)
{
    struct claims claims;
    struct revocation *revocation;
    int code = verify(client, token, length, &claims, error);
    if (code == DLG_OK && !is_fresh(client, token, length)) {
        code = revocation_new(client, token, length, check_start, &revocation, error);
        if (code == DLG_OK) {
            code = engine_call(&client->engine, &revocation->request, 0, error);
            request_release(&revocation->request);
        }
    }
    if (code == DLG_OK && user)
        *user = claims.user;
    if (code == DLG_OK && expires_us)
        *expires_us = claims.expires_us;
    return code;
}

int dlg_token_check_async(dlg_client *client, const char *token, size_t length, dlg_callback callback, void *payload,
                          dlg_error **error)
{
    struct revocation *revocation;
    int code = revocation_new(client, token, length, check_start, &revocation, error);
    return code == DLG_OK ? engine_post(&client->engine, &revocation->request, 0, callback, payload, error) : code;
}

int dlg_token_revoke(dlg_client *client, const char *token, size_t length, dlg_error **error)
{
    struct revocation *revocation;
    int code = revocation_new(client, token, length, revoke_start, &revocation, error);
    if (code != DLG_OK)
        return code;
    code = engine_call(&client->engine, &revocation->request, 0, error);
    request_release(&revocation->request);
    return code;
}

int dlg_token_revoke_async(dlg_client *client, const char *token, size_t length, dlg_callback callback, void *payload,
                           dlg_error **error)
{
    struct revocation *revocation;
    int code = revocation_new(client, token, length, revoke_start, &revocation, error);
    return code == DLG_OK ? engine_post(&client->engine, &revocation->request, 0, callback, payload, error) : code;
}
