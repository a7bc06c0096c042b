#include "dialogs/users.h"

#include "base/text.h"
#include "base/uuid.h"
#include "base/versioned.h"
#include "dialogs/credential.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Checks ---- */

int user_field_check(const char *name, const char *text, size_t limit, dlg_error **error)
{
    size_t length = text ? strlen(text) : 0;
    if (length > limit)
        return error_set(error, DLG_E_TOO_LARGE, "%s has at most %zu bytes", name, limit);
    if (length && !text_is_valid(text, length))
        return error_set(error, DLG_E_ARGUMENT, "%s is not UTF-8", name);
    return DLG_OK;
}

static int date_check(const char *text, dlg_error **error)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, end = 0;
    if (!text || !*text)
        return DLG_OK;
    bool shape = strlen(text) == 10 && strspn(text, "0123456789-") == 10 &&
                 sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) == 3 && end == 10;
    if (shape && year >= 1 && month >= 1 && month <= 12 && day >= 1) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (day <= days[month - 1] + (month == 2 && leap))
            return DLG_OK;
    }
    return error_set(error, DLG_E_ARGUMENT, "birthdate is not a date: write YYYY-MM-DD");
}

int user_from_caller(dlg_user *user, const dlg_user *given, dlg_error **error)
{
    int code = versioned_check(&versioned_user, given, error);
    if (code == DLG_OK)
        code = versioned_read(&versioned_user, user, given, error);
    if (code == DLG_OK)
        code = user_field_check("first_name", user->first_name, DLG_NAME_LIMIT, error);
    if (code == DLG_OK)
        code = user_field_check("second_name", user->second_name, DLG_NAME_LIMIT, error);
    if (code == DLG_OK)
        code = user_field_check("city", user->city, DLG_NAME_LIMIT, error);
    if (code == DLG_OK)
        code = user_field_check("biography", user->biography, DLG_BIOGRAPHY_LIMIT, error);
    return code == DLG_OK ? date_check(user->birthdate, error) : code;
}

/* ---- Create ---- */

struct create {
    struct request request;
    struct credential credential;
    dlg_uuid id;
    int64_t created_us;
    const char *texts[5]; /* first name, second name, birthdate, biography, city; in `data` */
    char data[];
};

enum { INSERT, LOOKUP };

static void create_found(struct request *request)
{
    struct create *create = (struct create *)request;
    struct query *query = &request->queries[LOOKUP];
    if (query->error) {
        request_fail(request, query);
        return;
    }
    /* The salt makes the hash unique: the same one is our own, from an attempt whose answer was lost. */
    const char *hash = query_rows(query) ? query_text(query, 0, 0, NULL) : NULL;
    dlg_error *error = NULL;
    if (!hash || strcmp(hash, create->credential.hash) != 0)
        error_set(&error, DLG_E_EXISTS, "a user with this id exists");
    request_complete(request, error);
}

static void create_inserted(struct request *request)
{
    struct create *create = (struct create *)request;
    struct query *query = &request->queries[INSERT];
    if (query->error) {
        request_fail(request, query);
    } else if (query->affected == 1) {
        request_complete(request, NULL);
    } else {
        query = &request->queries[LOOKUP];
        query_init(query, request, STATEMENT_USER_HASH, &create->id);
        query_set_uuid(query, 0, &create->id);
        request->step = create_found;
        engine_query(request->engine, query);
    }
}

static void create_hashed(struct request *request)
{
    struct create *create = (struct create *)request;
    if (credential_failed(&create->credential))
        return;
    struct query *query = &request->queries[INSERT];
    query_init(query, request, STATEMENT_USER_INSERT, &create->id);
    query_set_uuid(query, 0, &create->id);
    query_set_text(query, 1, create->credential.hash, strlen(create->credential.hash));
    for (int i = 0; i < 5; i++)
        query_set_text(query, 2 + i, create->texts[i], create->texts[i] ? strlen(create->texts[i]) : 0);
    request->step = create_inserted;
    engine_query(request->engine, query);
}

static void create_start(struct request *request)
{
    request->step = create_hashed;
    credential_start(&((struct create *)request)->credential, request, false);
}

static void create_destroy(struct request *request)
{
    credential_clear(&((struct create *)request)->credential);
}

static struct create *create_build(const dlg_user *user, const char *password, size_t length)
{
    /* Names are searched, so that they are never NULL; the rest is when absent. */
    const char *first = user->first_name ? user->first_name : "";
    const char *second = user->second_name ? user->second_name : "";
    const char *texts[5] = {first, second, user->birthdate, user->biography, user->city};
    size_t size = sizeof(struct create) + length + 1;
    for (int i = 0; i < 5; i++)
        size += texts[i] ? strlen(texts[i]) + 1 : 0;
    struct create *create = request_new(size, REQUEST_USER_CREATE);
    if (!create)
        return NULL;
    char *at = create->data;
    create->credential.password = text_copy(&at, password, length);
    create->credential.length = length;
    for (int i = 0; i < 5; i++)
        create->texts[i] = texts[i] && (i < 2 || *texts[i]) ? text_copy(&at, texts[i], strlen(texts[i])) : NULL;
    create->id = user->id;
    if (uuid_is_nil(&create->id))
        dlg_uuid_random(&create->id);
    create->request.bytes = size;
    create->request.step = create_start;
    create->request.destroy = create_destroy;
    return create;
}

static int create_new(dlg_client *client, const dlg_user *given, const char *password, size_t length,
                      struct create **create, dlg_error **error)
{
    dlg_user user;
    int code = client_check(client, error);
    if (code == DLG_OK)
        code = user_from_caller(&user, given, error);
    if (code == DLG_OK)
        code = password_check_new(client_settings(client), password, &length, error);
    if (code != DLG_OK)
        return code;
    *create = create_build(&user, password, length);
    return *create ? DLG_OK : error_set(error, DLG_E_MEMORY, "out of memory");
}

int dlg_user_create(dlg_uuid *id, dlg_client *client, const dlg_user *user, const char *password, size_t length,
                    dlg_error **error)
{
    struct create *create;
    int code = create_new(client, user, password, length, &create, error);
    if (code != DLG_OK)
        return code;
    code = engine_call(&client->engine, &create->request, 0, error);
    if (code == DLG_OK && id)
        *id = create->id;
    request_release(&create->request);
    return code;
}

int dlg_user_create_async(dlg_client *client, const dlg_user *user, const char *password, size_t length,
                          dlg_callback callback, void *payload, dlg_error **error)
{
    struct create *create;
    int code = create_new(client, user, password, length, &create, error);
    return code == DLG_OK ? engine_post(&client->engine, &create->request, 0, callback, payload, error) : code;
}

const dlg_uuid *dlg_reply_user_id(const dlg_reply *reply)
{
    const struct request *request = reply_as(reply, REQUEST_USER_CREATE);
    return request ? &((const struct create *)request)->id : NULL;
}
