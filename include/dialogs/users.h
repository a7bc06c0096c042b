/* users.h - users, passwords and tokens. The conventions are in <dialogs.h>. */
#ifndef DLG_USERS_H
#define DLG_USERS_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Users ---------------------------------------------------------------------------------- */

#define DLG_PASSWORD_LIMIT 1024 /* longest password, bytes */
#define DLG_NAME_LIMIT 1024     /* longest name or city, bytes */
#define DLG_BIOGRAPHY_LIMIT 65536

typedef struct dlg_user {
    uint32_t version;
    dlg_uuid id;            /* nil when creating: the library makes one */
    const char *first_name; /* texts: UTF-8, NULL or "" when absent */
    const char *second_name;
    const char *birthdate; /* "YYYY-MM-DD", NULL or "" when absent */
    const char *biography;
    const char *city;
    int64_t created_us; /* filled by the library */
} dlg_user;
#define DLG_USER_VERSION 1
#define DLG_USER_INIT                                            \
    {                                                            \
        DLG_USER_VERSION, {{0}}, NULL, NULL, NULL, NULL, NULL, 0 \
    }

/*
 * Creates a user with a password, kept as an Argon2id hash (RFC 9106, libsodium); it is hashed on
 * a worker thread.
 *
 *   id  receives the user's id.
 *
 * Errors: DLG_E_ARGUMENT (a date that is none, a text that is no UTF-8, an empty password),
 * DLG_E_TOO_LARGE, DLG_E_EXISTS, and those of every request.
 */
DLG_API int dlg_user_create(dlg_client *client, const dlg_user *user, const char *password, size_t length, dlg_uuid *id,
                            dlg_error **error);
DLG_API int dlg_user_create_async(dlg_client *client, const dlg_user *user, const char *password, size_t length,
                                  dlg_callback callback, void *payload, dlg_error **error);
DLG_API const dlg_uuid *dlg_reply_user_id(const dlg_reply *reply); /* of user_create; NULL otherwise */

/* A list of users, in memory. */
typedef struct dlg_users dlg_users;
DLG_API size_t dlg_users_count(const dlg_users *users);
DLG_API const dlg_user *dlg_users_at(const dlg_users *users, size_t index); /* borrowed; NULL past the end */
DLG_API void dlg_users_free(dlg_users *users);                              /* NULL is fine */
DLG_API const dlg_users *dlg_reply_users(const dlg_reply *reply);           /* of get and search; borrowed */

/* The user with this id: a list of one. DLG_E_NOT_FOUND when there is none. */
DLG_API int dlg_user_get(dlg_client *client, const dlg_uuid *id, dlg_users **users, dlg_error **error);
DLG_API int dlg_user_get_async(dlg_client *client, const dlg_uuid *id, dlg_callback callback, void *payload,
                               dlg_error **error);

/*
 * Users whose names begin with the two texts, either of which may be "", ordered by id.
 *
 *   limit  1 to DLG_PAGE_LIMIT.
 */
DLG_API int dlg_user_search(dlg_client *client, const char *first_name, const char *second_name, int32_t limit,
                            dlg_users **users, dlg_error **error);
DLG_API int dlg_user_search_async(dlg_client *client, const char *first_name, const char *second_name, int32_t limit,
                                  dlg_callback callback, void *payload, dlg_error **error);

/* Replaces a user's password. DLG_E_NOT_FOUND when there is no such user. */
DLG_API int dlg_user_set_password(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                                  dlg_error **error);
DLG_API int dlg_user_set_password_async(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                                        dlg_callback callback, void *payload, dlg_error **error);

/* ---- Authentication ------------------------------------------------------------------------- */

/*
 * Checks a password and issues a token: PASETO v4.public (Ed25519; paseto.io, version 4) with
 * claims sub (the user's id), iss, iat, nbf, exp, jti, and the key's PASERK id in the footer.
 * The check runs on a bounded number of worker threads (setting `hash_threads`); it takes about
 * the same time whether the user exists or not. A hash made with weaker parameters than the
 * settings ask for is renewed.
 *
 *   token  receives the token, to be freed with dlg_free().
 *
 * Errors: DLG_E_NOT_FOUND (no such user), DLG_E_PASSWORD, DLG_E_OVERLOAD (too many checks at once),
 * DLG_E_FILE (no signing key), and those of every request.
 */
DLG_API int dlg_auth(dlg_client *client, const dlg_uuid *user, const char *password, size_t length, char **token,
                     dlg_error **error);
DLG_API int dlg_auth_async(dlg_client *client, const dlg_uuid *user, const char *password, size_t length,
                           dlg_callback callback, void *payload, dlg_error **error);
DLG_API const char *dlg_reply_token(const dlg_reply *reply); /* NULL unless an auth succeeded; borrowed */

/* Issues a token without a password, for programs that know their users by other means. Does not block. */
DLG_API int dlg_token_issue(dlg_client *client, const dlg_uuid *user, char **token, dlg_error **error);

/*
 * Checks a token's signature, issuer and times; does not ask the database and does not block,
 * but for reading the key file when it has changed.
 *
 *   user        receives whom the token was issued to.
 *   expires_us  NULL, or receives the end of its time.
 *
 * Errors: DLG_E_TOKEN, DLG_E_TOKEN_EXPIRED, DLG_E_FILE.
 */
DLG_API int dlg_token_verify(dlg_client *client, const char *token, size_t length, dlg_uuid *user, int64_t *expires_us,
                             dlg_error **error);

/*
 * Makes a new signing key the first of the key file. Tokens of the old keys stay good until they
 * expire; other processes with the same file notice. DLG_E_STATE when the key came from a setting.
 */
DLG_API int dlg_token_rotate(dlg_client *client, dlg_error **error);

#ifdef __cplusplus
}
#endif

#endif
