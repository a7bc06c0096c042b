#include "token/claims.h"

#include "base/error.h"
#include "base/timestamp.h"
#include "base/uuid.h"

#include <jansson.h>
#include <string.h>

/* Another machine's clock may be ahead of ours by this much. */
enum { LEEWAY_US = 5 * 1000000 };

static void random_text(char text[sodium_base64_ENCODED_LEN(16, sodium_base64_VARIANT_URLSAFE_NO_PADDING)])
{
    enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
    unsigned char random[16];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(text, sodium_base64_ENCODED_LEN(sizeof random, VARIANT), random, sizeof random, VARIANT);
}

int claims_write(const struct claims *claims, const char *issuer, char **json, dlg_error **error)
{
    char starts[TIMESTAMP_SIZE], expires[TIMESTAMP_SIZE], user[DLG_UUID_TEXT_SIZE], id[32];
    if (!timestamp_format(claims->starts_us, starts) || !timestamp_format(claims->expires_us, expires))
        return error_set(error, DLG_E_ARGUMENT, "a token must expire before the year 10000; lower token_lifetime_s");
    json_t *name = json_string(issuer);
    if (!name)
        return error_set(error, DLG_E_ARGUMENT, "token_issuer must be UTF-8");
    dlg_uuid_format(user, &claims->user);
    random_text(id);
    json_t *object = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s}", "sub", user, "iss", name, "iat", starts, "nbf", starts,
                               "exp", expires, "jti", id);
    *json = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return *json ? DLG_OK : error_set(error, DLG_E_MEMORY, "out of memory");
}

static int claim_refuse(dlg_error **error, const char *name)
{
    return error_set(error, DLG_E_TOKEN, "the token's claim \"%s\" is missing or not as it should be; log in again",
                     name);
}

static bool read_user(const json_t *object, dlg_uuid *user)
{
    const json_t *value = json_object_get(object, "sub");
    return json_is_string(value) &&
           dlg_uuid_parse(user, json_string_value(value), json_string_length(value)) == DLG_OK && !uuid_is_nil(user);
}

static bool read_issuer(const json_t *object, const char *issuer)
{
    const json_t *value = json_object_get(object, "iss");
    return json_is_string(value) && json_string_length(value) == strlen(issuer) &&
           memcmp(json_string_value(value), issuer, strlen(issuer)) == 0;
}

static bool claim_time_read(const json_t *object, const char *name, int64_t *moment_us)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) && timestamp_parse(json_string_value(value), json_string_length(value), moment_us);
}

/* A claim that need not be there. Moves *starts_us to a later time. */
static bool read_start(const json_t *object, const char *name, int64_t *starts_us)
{
    int64_t moment_us;
    if (!json_object_get(object, name))
        return true;
    if (!claim_time_read(object, name, &moment_us))
        return false;
    if (moment_us > *starts_us)
        *starts_us = moment_us;
    return true;
}

static int claims_from_json(const json_t *object, const char *issuer, struct claims *claims, dlg_error **error)
{
    if (!json_is_object(object))
        return error_set(error, DLG_E_TOKEN, "the token does not hold a JSON object; log in again");
    if (!read_user(object, &claims->user))
        return claim_refuse(error, "sub");
    if (!read_issuer(object, issuer))
        return claim_refuse(error, "iss");
    if (!claim_time_read(object, "exp", &claims->expires_us))
        return claim_refuse(error, "exp");
    claims->starts_us = INT64_MIN;
    if (!read_start(object, "iat", &claims->starts_us))
        return claim_refuse(error, "iat");
    claims->issued_us = claims->starts_us;
    if (!read_start(object, "nbf", &claims->starts_us))
        return claim_refuse(error, "nbf");
    const json_t *id = json_object_get(object, "jti");
    return !id || json_is_string(id) ? DLG_OK : claim_refuse(error, "jti");
}

int claims_read(struct slice json, const char *issuer, struct claims *claims, dlg_error **error)
{
    json_t *object = json_loadb(json.bytes, json.length, JSON_REJECT_DUPLICATES, NULL);
    int code = claims_from_json(object, issuer, claims, error);
    json_decref(object);
    return code;
}

int claims_check_time(const struct claims *claims, int64_t now_us, dlg_error **error)
{
    if (now_us >= claims->expires_us)
        return error_set(error, DLG_E_TOKEN_EXPIRED, "the token has expired; log in again");
    if (claims->starts_us > INT64_MIN && claims->starts_us - LEEWAY_US > now_us)
        return error_set(error, DLG_E_TOKEN_EXPIRED,
                         "the token is not valid yet: try again later, and check that the clocks agree");
    return DLG_OK;
}
