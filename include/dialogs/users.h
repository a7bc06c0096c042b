/* users.h - users, passwords, tokens. <dialogs.h> explains the conventions. */
#ifndef DLG_USERS_H
#define DLG_USERS_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Users ---------------------------------------------------------------------------------------------- */

#define DLG_PASSWORD_LIMIT 1024   /* longest password, bytes */
#define DLG_NAME_LIMIT 1024       /* longest name or city, bytes */
#define DLG_BIOGRAPHY_LIMIT 65536 /* longest biography, bytes */

/* A user: filled by the caller to create one, owned by the library in lists. */
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
#define DLG_USER_INIT {DLG_USER_VERSION, {{0}}, NULL, NULL, NULL, NULL, NULL, 0}

/* Initialises `user` as DLG_USER_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_user_init(dlg_user *user, uint32_t version);

/*
 * Creates a user with a password. The password is kept as an Argon2id hash (RFC 9106, libsodium), which a worker
 * thread computes.
 *
 *   id                NULL, or receives the user's id.
 *   user              DLG_USER_INIT with changes. Copied.
 *   password, length  1 byte to DLG_PASSWORD_LIMIT bytes, and at least `password_minimum` characters (a setting).
 *
 * Errors: DLG_E_ARGUMENT (not a date, a text that is not UTF-8, a password that is too short), DLG_E_TOO_LARGE, DLG_E_EXISTS,
 * and those of every request.
 */
DLG_API int dlg_user_create(dlg_uuid *id, dlg_client *client, const dlg_user *user, const char *password,
                            size_t length, dlg_error **error);

/* Starts what dlg_user_create() does. The reply has dlg_reply_user_id(). */
DLG_API int dlg_user_create_async(dlg_client *client, const dlg_user *user, const char *password, size_t length,
                                  dlg_callback callback, void *payload, dlg_error **error);

/* Returns the id of the new user, borrowed from the reply; NULL unless a user was created. */
DLG_API const dlg_uuid *dlg_reply_user_id(const dlg_reply *reply);

/* A list of users, in memory. */
typedef struct dlg_users dlg_users;

/* Returns how many users the list has. */
DLG_API size_t dlg_users_count(const dlg_users *users);

/* Returns user `index` of the list, borrowed; NULL past the end. */
DLG_API const dlg_user *dlg_users_at(const dlg_users *users, size_t index);

/* Frees a list of users. NULL is fine. */
DLG_API void dlg_users_free(dlg_users *users);

/* Returns the users of a get or a search, borrowed from the reply; NULL unless that succeeded. */
DLG_API const dlg_users *dlg_reply_users(const dlg_reply *reply);

/*
 * Reads one user.
 *
 *   users  receives a list of one, to be freed with dlg_users_free().
 *   id     the user's id.
 *
 * Errors: DLG_E_NOT_FOUND, and those of every request.
 */
DLG_API int dlg_user_get(dlg_users **users, dlg_client *client, const dlg_uuid *id, dlg_error **error);

/* Starts what dlg_user_get() does. The reply has dlg_reply_users(). */
DLG_API int dlg_user_get_async(dlg_client *client, const dlg_uuid *id, dlg_callback callback, void *payload,
                               dlg_error **error);

/*
 * Finds users by the beginning of their names. The list is ordered by id. When more users fit than `limit`, it has
 * those whose names come first, byte by byte: by the name with the longer beginning. An index of that name is read, as
 * far as it begins so or until there are enough. Biographies are not read: each `biography` is NULL. dlg_user_get() has
 * it.
 *
 *   users                    receives the list, to be freed with dlg_users_free(). It may be empty.
 *   first_name, second_name  how the names begin. Either may be "": any name.
 *   limit                    most users in the list, 1 to DLG_PAGE_LIMIT.
 *
 * Errors: DLG_E_ARGUMENT, and those of every request.
 */
DLG_API int dlg_user_search(dlg_users **users, dlg_client *client, const char *first_name, const char *second_name,
                            int32_t limit, dlg_error **error);

/* Starts what dlg_user_search() does. The reply has dlg_reply_users(). */
DLG_API int dlg_user_search_async(dlg_client *client, const char *first_name, const char *second_name, int32_t limit,
                                  dlg_callback callback, void *payload, dlg_error **error);

/*
 * Replaces the password of a user. A worker thread computes the hash. Tokens that were issued before are refused from
 * now on, by dlg_token_check().
 *
 *   password, length  1 byte to DLG_PASSWORD_LIMIT bytes, and at least `password_minimum` characters (a setting).
 *
 * Errors: DLG_E_NOT_FOUND, DLG_E_ARGUMENT, DLG_E_TOO_LARGE, and those of every request.
 */
DLG_API int dlg_user_set_password(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                                  dlg_error **error);

/* Starts what dlg_user_set_password() does. The reply has its code only. */
DLG_API int dlg_user_set_password_async(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                                        dlg_callback callback, void *payload, dlg_error **error);

/* ---- Authentication ------------------------------------------------------------------------------------- */

/*
 * Checks a password and issues a token: PASETO v4.public (Ed25519; paseto.io, version 4). Its claims are sub (the
 * user's id), iss, iat, nbf, exp and jti. The footer has the key's PASERK id. A bounded number of worker
 * threads makes the check (setting `hash_threads`). It takes about the same time whether the user exists or
 * not. A hash that was made with weaker parameters than the settings ask for is renewed.
 *
 *   token  receives the token, to be freed with dlg_free().
 *
 * Errors: DLG_E_NOT_FOUND (no such user), DLG_E_PASSWORD, DLG_E_OVERLOAD (too many checks at once), DLG_E_FILE (no
 * signing key), and those of every request.
 */
DLG_API int dlg_auth(char **token, dlg_client *client, const dlg_uuid *user, const char *password, size_t length,
                     dlg_error **error);

/* Starts what dlg_auth() does. The reply has dlg_reply_token(). */
DLG_API int dlg_auth_async(dlg_client *client, const dlg_uuid *user, const char *password, size_t length,
                           dlg_callback callback, void *payload, dlg_error **error);

/* Returns the token, borrowed from the reply; NULL unless an auth succeeded. */
DLG_API const char *dlg_reply_token(const dlg_reply *reply);

/*
 * Issues a token without a password, for programs that know their users by other means.
 *
 *   token  receives the token, to be freed with dlg_free().
 *   user   whom the token names; not nil. Nobody checks whether the user exists.
 *
 * Reads the key file when that has changed, else does not block. Errors: DLG_E_FILE, DLG_E_TOKEN, DLG_E_ARGUMENT.
 */
DLG_API int dlg_token_issue(char **token, dlg_client *client, const dlg_uuid *user, dlg_error **error);

/*
 * Checks the signature, the issuer and the times of a token. It does not ask the database, so it does not know whether
 * the token was revoked: dlg_token_check() does. It reads the key file when that has changed, and does not block
 * otherwise.
 *
 *   user           receives whom the token was issued to.
 *   expires_us     NULL, or receives the end of its time.
 *   token, length  the token, or DLG_NTS.
 *
 * Errors: DLG_E_TOKEN, DLG_E_TOKEN_EXPIRED, DLG_E_FILE.
 */
DLG_API int dlg_token_verify(dlg_uuid *user, int64_t *expires_us, dlg_client *client, const char *token, size_t length,
                             dlg_error **error);

/*
 * Checks a token as dlg_token_verify() does, and asks the database whether it has ended before its time: it was revoked,
 * it is older than the user's password, or the user does not exist. A good answer is kept for the setting
 * `token_check_s` (5 s), of the last 16384 tokens or so, and for so long the database is not asked again. So a token that
 * is revoked elsewhere may be taken for that time. Where the table `users` is a host program's own, tokens are good
 * until they expire.
 *
 *   user           NULL, or receives whom the token was issued to.
 *   expires_us     NULL, or receives the end of its time.
 *   token, length  the token, or DLG_NTS.
 *
 * Errors: DLG_E_TOKEN, DLG_E_TOKEN_EXPIRED, DLG_E_FILE, and those of every request.
 */
DLG_API int dlg_token_check(dlg_uuid *user, int64_t *expires_us, dlg_client *client, const char *token, size_t length,
                            dlg_error **error);

/* Starts what dlg_token_check() does, and asks the database in any case. The reply has its code only. */
DLG_API int dlg_token_check_async(dlg_client *client, const char *token, size_t length, dlg_callback callback,
                                  void *payload, dlg_error **error);

/*
 * Returns 1 when the database was asked about this token within the setting `token_check_s` and had nothing against it,
 * else 0: then dlg_token_check() asks. Verify the token as well. Does not block.
 */
DLG_API int dlg_token_fresh(dlg_client *client, const char *token, size_t length);

/*
 * Revokes a token: its user's row keeps a hash of it until it would have expired. This client refuses the token at once,
 * others within the setting `token_check_s`. A user has at most 128 revoked tokens at a time. To revoke another then
 * ends all tokens of the user that were issued so far. A new password does that as well, and so does the removal of
 * the user.
 *
 *   token, length  a token that is good, or DLG_NTS.
 *
 * Errors: those of dlg_token_verify(), DLG_E_SCHEMA where the table `users` is a host program's own, and those of every
 * request.
 */
DLG_API int dlg_token_revoke(dlg_client *client, const char *token, size_t length, dlg_error **error);

/* Starts what dlg_token_revoke() does. The reply has its code only. */
DLG_API int dlg_token_revoke_async(dlg_client *client, const char *token, size_t length, dlg_callback callback,
                                   void *payload, dlg_error **error);

/*
 * Looks at the signing keys, which follow their file.
 *
 *   count    NULL, or receives how many keys are in force. 0: there are none yet.
 *   removed  NULL, or receives how many keys the file has lost since the client was opened. Their tokens are refused.
 *
 * Reads the key file when that has changed, else does not block. Errors: DLG_E_FILE when the file cannot be used as it
 * is now: it is damaged, it is gone, other users may read it. The keys that were read before stay in force then, also
 * those that the file does not have any more. DLG_E_ARGUMENT, DLG_E_FORKED.
 */
DLG_API int dlg_token_keys(size_t *count, size_t *removed, dlg_client *client, dlg_error **error);

/*
 * Issues a ticket: a token for one purpose and a short time. It is for places that secrets leak from, such as a URL.
 * dlg_token_verify() refuses it, and so does dlg_ticket_verify() for any other purpose. Nothing keeps it from being used
 * twice: who takes it has to remember it until it expires, where that matters.
 *
 *   token        receives the ticket, to be freed with dlg_free(). It is of the characters A-Z a-z 0-9 - _ and ".".
 *   user         whom the ticket names; not nil. Nobody checks whether the user exists.
 *   purpose      1 to 255 bytes. Signed along, but not part of the ticket.
 *   lifetime_us  1 to 3600000000 (an hour).
 *
 * Reads the key file when that has changed, else does not block. Errors: DLG_E_FILE, DLG_E_TOKEN, DLG_E_ARGUMENT.
 */
DLG_API int dlg_ticket_issue(char **token, dlg_client *client, const dlg_uuid *user, const char *purpose,
                             int64_t lifetime_us, dlg_error **error);

/*
 * Checks the signature, the issuer, the purpose and the times of a ticket, as dlg_token_verify() does for a token.
 *
 *   user           receives whom the ticket was issued to.
 *   expires_us     NULL, or receives the end of its time.
 *   token, length  the ticket, or DLG_NTS.
 *   purpose        the one that it was issued for.
 *
 * Errors: DLG_E_TOKEN, DLG_E_TOKEN_EXPIRED, DLG_E_FILE, DLG_E_ARGUMENT.
 */
DLG_API int dlg_ticket_verify(dlg_uuid *user, int64_t *expires_us, dlg_client *client, const char *token, size_t length,
                              const char *purpose, dlg_error **error);

/*
 * Makes a new signing key the first of the key file. Tokens of the old keys stay valid until they expire. Other
 * processes with the same file notice the new key. Blocks while it writes the file.
 *
 * Errors: DLG_E_STATE when the key came from a setting, DLG_E_FILE.
 */
DLG_API int dlg_token_rotate(dlg_client *client, dlg_error **error);

#ifdef __cplusplus
}
#endif

#endif
