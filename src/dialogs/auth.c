/* auth.c - who somebody is: passwords checked, changed, and exchanged for tokens. */
#include "base/text.h"
#include "dialogs/credential.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/submit.h"
#include "token/ticket.h"
#include "token/token.h"

#include <stdlib.h>
#include <string.h>

struct auth {
    struct request request;
    struct credential credential;
    dlg_uuid user;
    bool found;
    int64_t tokens_since_us; /* 0: of no time */
    char *token;
    char data[];
};

enum { LOOKUP, UPDATE };

static void auth_destroy(struct request *request)
{
    struct auth *auth = (struct auth *)request;
    credential_clear(&auth->credential);
    if (auth->token)
        sodium_memzero(auth->token, strlen(auth->token));
    free(auth->token);
}

static dlg_error *no_such_user(void)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_NOT_FOUND, "there is no such user");
    return error;
}

/* A token, not older than the time before which the user's tokens are refused, whatever our clock says. */
static int issue(char **token, dlg_client *client, const dlg_uuid *user, int64_t not_before_us, dlg_error **error)
{
    struct keyring *keyring;
    int code = client_keyring(client, &keyring, error);
    if (code != DLG_OK)
        return code;
    const dlg_settings *settings = client_settings(client);
    int64_t now_us = clock_wall_us();
    return token_issue(keyring, settings->token_issuer, user, settings->token_lifetime_s * 1000000,
                       now_us > not_before_us ? now_us : not_before_us, token, error);
}

/* ---- Checking a password ---- */

static void auth_issue(struct request *request)
{
    struct auth *auth = (struct auth *)request;
    dlg_error *error = NULL;
    issue(&auth->token, client_of(request), &auth->user, auth->tokens_since_us, &error);
    request_complete(request, error);
}

/* Unless the password has been changed meanwhile. Should it fail, the next login does it. */
static void hash_renew(struct auth *auth)
{
    struct query *query = &auth->request.queries[UPDATE];
    size_t length;
    const char *old = query_text(&auth->request.queries[LOOKUP], 0, 0, &length);
    query_init(query, &auth->request, STATEMENT_USER_RENEW_HASH, &auth->user);
    query_set_uuid(query, 0, &auth->user);
    query_set_text(query, 1, auth->credential.hash, strlen(auth->credential.hash));
    query_set_text(query, 2, old, length);
    auth->request.step = auth_issue;
    engine_query(auth->request.engine, query);
}

static void auth_compared(struct request *request)
{
    struct auth *auth = (struct auth *)request;
    if (credential_failed(&auth->credential))
        return;
    dlg_error *error = NULL;
    if (!auth->found) {
        request_complete(request, no_such_user());
    } else if (!auth->credential.matches) {
        error_set(&error, DLG_E_PASSWORD, "wrong password");
        request_complete(request, error);
    } else if (auth->credential.renewed) {
        hash_renew(auth);
    } else {
        auth_issue(request);
    }
}

static void auth_found(struct request *request)
{
    struct auth *auth = (struct auth *)request;
    struct query *query = &request->queries[LOOKUP];
    if (query->error) {
        request_fail(request, query);
        return;
    }
    auth->found = query_rows(query) == 1;
    auth->tokens_since_us = auth->found ? query_time(query, 0, 1) : 0;
    size_t length = 0;
    const char *hash = auth->found ? query_text(query, 0, 0, &length) : NULL;
    if (hash && length < sizeof auth->credential.hash)
        memcpy(auth->credential.hash, hash, length + 1);
    request->step = auth_compared;
    credential_start(&auth->credential, request, true);
}

static void auth_start(struct request *request)
{
    struct auth *auth = (struct auth *)request;
    struct query *query = &request->queries[LOOKUP];
    query_init(query, request, STATEMENT_USER_HASH, &auth->user);
    query_set_uuid(query, 0, &auth->user);
    request->step = auth_found;
    engine_query(request->engine, query);
}

/* ---- Changing it ---- */

static void password_updated(struct request *request)
{
    struct query *query = &request->queries[UPDATE];
    if (query->error)
        request_fail(request, query);
    else
        request_complete(request, query->affected == 1 ? NULL : no_such_user());
}

static void password_hashed(struct request *request)
{
    struct auth *auth = (struct auth *)request;
    if (credential_failed(&auth->credential))
        return;
    struct query *query = &request->queries[UPDATE];
    query_init(query, request, STATEMENT_USER_SET_HASH, &auth->user);
    query_set_uuid(query, 0, &auth->user);
    query_set_text(query, 1, auth->credential.hash, strlen(auth->credential.hash));
    request->step = password_updated;
    engine_query(request->engine, query);
}

static void password_start(struct request *request)
{
    request->step = password_hashed;
    credential_start(&((struct auth *)request)->credential, request, false);
}

/* ---- Calls ---- */

static int auth_new(dlg_client *client, enum request_kind kind, void (*step)(struct request *), const dlg_uuid *user,
                    const char *password, size_t length, struct auth **out, dlg_error **error)
{
    int code = client_check(client, error);
    if (code == DLG_OK && kind == REQUEST_SET_PASSWORD)
        code = password_check_new(client_settings(client), password, &length, error);
    else if (code == DLG_OK)
        code = password_check(password, &length, error);
    if (code != DLG_OK)
        return code;
    if (!user)
        return error_set(error, DLG_E_ARGUMENT, "no user given, or the nil UUID");
    size_t size = sizeof(struct auth) + length + 1;
    struct auth *auth = request_new(size, kind);
    if (!auth)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    char *at = auth->data;
    auth->credential.password = text_copy(&at, password, length);
    auth->credential.length = length;
    auth->user = *user;
    auth->request.bytes = size;
    auth->request.step = step;
    auth->request.destroy = auth_destroy;
    *out = auth;
    return DLG_OK;
}

/* The keys are opened here, and not when they are needed first: making the file would hold up the I/O thread. */
static int login_new(dlg_client *client, const dlg_uuid *user, const char *password, size_t length, struct auth **auth,
                     dlg_error **error)
{
    struct keyring *keyring;
    int code = client_keyring(client, &keyring, error);
    if (code != DLG_OK)
        return code;
    return auth_new(client, REQUEST_AUTH, auth_start, user, password, length, auth, error);
}

int dlg_auth(char **token, dlg_client *client, const dlg_uuid *user, const char *password, size_t length,
             dlg_error **error)
{
    struct auth *auth;
    int code = login_new(client, user, password, length, &auth, error);
    if (code != DLG_OK)
        return code;
    code = engine_call(&client->engine, &auth->request, 0, error);
    if (code == DLG_OK && token) {
        *token = auth->token;
        auth->token = NULL;
    }
    request_release(&auth->request);
    return code;
}

int dlg_auth_async(dlg_client *client, const dlg_uuid *user, const char *password, size_t length, dlg_callback callback,
                   void *payload, dlg_error **error)
{
    struct auth *auth;
    int code = login_new(client, user, password, length, &auth, error);
    return code == DLG_OK ? engine_post(&client->engine, &auth->request, 0, callback, payload, error) : code;
}

const char *dlg_reply_token(const dlg_reply *reply)
{
    const struct request *request = reply_as(reply, REQUEST_AUTH);
    return request ? ((const struct auth *)request)->token : NULL;
}

int dlg_user_set_password(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                          dlg_error **error)
{
    struct auth *auth;
    int code = auth_new(client, REQUEST_SET_PASSWORD, password_start, id, password, length, &auth, error);
    if (code != DLG_OK)
        return code;
    code = engine_call(&client->engine, &auth->request, 0, error);
    request_release(&auth->request);
    return code;
}

int dlg_user_set_password_async(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                                dlg_callback callback, void *payload, dlg_error **error)
{
    struct auth *auth;
    int code = auth_new(client, REQUEST_SET_PASSWORD, password_start, id, password, length, &auth, error);
    return code == DLG_OK ? engine_post(&client->engine, &auth->request, 0, callback, payload, error) : code;
}

int dlg_password_hash(char **hash, dlg_client *client, const char *password, size_t length, dlg_error **error)
{
    if (!hash)
        return error_set(error, DLG_E_ARGUMENT, "dlg_password_hash() needs the address of a pointer for the hash");
    int code = client_may_wait(client, error);
    if (code == DLG_OK)
        code = password_check_new(client_settings(client), password, &length, error);
    if (code != DLG_OK)
        return code;
    char *made = malloc(crypto_pwhash_STRBYTES);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    code = password_hash(client_settings(client), password, length, made, error);
    if (code == DLG_OK)
        *hash = made;
    else
        free(made);
    return code;
}

/* ---- Tokens ---- */

int dlg_token_issue(char **token, dlg_client *client, const dlg_uuid *user, dlg_error **error)
{
    return issue(token, client, user, INT64_MIN, error);
}

int dlg_token_verify(dlg_uuid *user, int64_t *expires_us, dlg_client *client, const char *token, size_t length,
                     dlg_error **error)
{
    struct keyring *keyring;
    int code = client_keyring(client, &keyring, error);
    if (code != DLG_OK)
        return code;
    return token_verify(keyring, client->token_cache, client_settings(client)->token_issuer, token, length,
                        clock_wall_us(), user, expires_us, error);
}

int dlg_token_keys(size_t *count, size_t *removed, dlg_client *client, dlg_error **error)
{
    struct keyring *keyring;
    size_t keys = 0, gone = 0;
    int code = client_keyring(client, &keyring, error);
    if (code == DLG_OK)
        code = keyring_state(keyring, &keys, &gone, error);
    if (count)
        *count = keys;
    if (removed)
        *removed = gone;
    return code;
}

int dlg_ticket_issue(char **token, dlg_client *client, const dlg_uuid *user, const char *purpose, int64_t lifetime_us,
                     dlg_error **error)
{
    struct keyring *keyring;
    int code = client_keyring(client, &keyring, error);
    if (code != DLG_OK)
        return code;
    return ticket_issue(keyring, client_settings(client)->token_issuer, user, purpose, lifetime_us, clock_wall_us(),
                        token, error);
}

int dlg_ticket_verify(dlg_uuid *user, int64_t *expires_us, dlg_client *client, const char *token, size_t length,
                      const char *purpose, dlg_error **error)
{
    struct keyring *keyring;
    int code = client_keyring(client, &keyring, error);
    if (code != DLG_OK)
        return code;
    return ticket_verify(keyring, client_settings(client)->token_issuer, token, length, purpose, clock_wall_us(), user,
                         expires_us, error);
}

int dlg_token_rotate(dlg_client *client, dlg_error **error)
{
    struct keyring *keyring;
    int code = client_keyring(client, &keyring, error);
    return code == DLG_OK ? keyring_rotate(keyring, error) : code;
}
