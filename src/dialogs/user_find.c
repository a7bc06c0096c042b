/* user_find.c - finding users: dlg_user_get() and dlg_user_search(). */
#include "base/text.h"
#include "dialogs/users.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/submit.h"

#include <stdlib.h>
#include <string.h>

struct dlg_users {
    PGresult *rows; /* what the texts point into */
    size_t count;
    dlg_user users[];
};

struct find {
    struct request request;
    bool search;
    dlg_uuid id;
    int32_t limit;
    const char *names[2];
    dlg_users *users;
    char data[];
};

static void user_read(const struct query *query, int row, dlg_user *user)
{
    *user = (dlg_user){.version = DLG_USER_VERSION};
    query_uuid(query, row, 0, &user->id);
    user->first_name = query_text(query, row, 1, NULL);
    user->second_name = query_text(query, row, 2, NULL);
    user->birthdate = query_text(query, row, 3, NULL);
    user->biography = query_text(query, row, 4, NULL);
    user->city = query_text(query, row, 5, NULL);
    user->created_us = query_time(query, row, 6);
}

static int by_id(const void *a, const void *b)
{
    return dlg_uuid_compare(&((const dlg_user *)a)->id, &((const dlg_user *)b)->id);
}

static dlg_error *find_collect(struct find *find)
{
    dlg_error *error = NULL;
    struct query *query = &find->request.queries[0];
    size_t count = (size_t)query_rows(query);
    if (!find->search && count == 0) {
        error_set(&error, DLG_E_NOT_FOUND, "there is no such user");
        return error;
    }
    find->users = malloc(sizeof *find->users + count * sizeof *find->users->users);
    if (!find->users) {
        error_set(&error, DLG_E_MEMORY, "out of memory");
        return error;
    }
    find->users->count = count;
    for (size_t i = 0; i < count; i++)
        user_read(query, (int)i, &find->users->users[i]);
    qsort(find->users->users, count, sizeof *find->users->users, by_id);
    find->users->rows = query->result;
    query->result = NULL;
    return NULL;
}

static void find_done(struct request *request)
{
    if (request->queries[0].error)
        request_fail(request, &request->queries[0]);
    else
        request_complete(request, find_collect((struct find *)request));
}

/* The longer beginning finds fewer: its index is read. */
static void search_init(struct find *find, struct query *query)
{
    size_t lengths[2] = {strlen(find->names[0]), strlen(find->names[1])};
    int main_name = lengths[1] > lengths[0], other = !main_name;
    query_init(query, &find->request, main_name ? STATEMENT_USER_SEARCH_SECOND : STATEMENT_USER_SEARCH_FIRST, NULL);
    query_set_text(query, 0, find->names[main_name], lengths[main_name]);
    query_set_text(query, 1, find->names[other], lengths[other]);
    query_set_int64(query, 2, find->limit);
}

static void find_start(struct request *request)
{
    struct find *find = (struct find *)request;
    struct query *query = &request->queries[0];
    if (find->search) {
        search_init(find, query);
    } else {
        query_init(query, request, STATEMENT_USER_GET, &find->id);
        query_set_uuid(query, 0, &find->id);
    }
    request->step = find_done;
    engine_query(request->engine, query);
}

static void find_destroy(struct request *request)
{
    dlg_users_free(((struct find *)request)->users);
}

static size_t find_settle(struct request *request)
{
    const struct find *find = (struct find *)request;
    size_t held = find->users ? PQresultMemorySize(find->users->rows) + find->users->count * sizeof(dlg_user) : 0;
    return request->bytes + held;
}

static struct find *find_build(const char *first, const char *second)
{
    size_t size = sizeof(struct find) + strlen(first) + strlen(second) + 2;
    struct find *find = request_new(size, REQUEST_USERS);
    if (!find)
        return NULL;
    char *at = find->data;
    find->names[0] = text_copy(&at, first, strlen(first));
    find->names[1] = text_copy(&at, second, strlen(second));
    find->request.bytes = size;
    find->request.step = find_start;
    find->request.destroy = find_destroy;
    find->request.settle = find_settle;
    return find;
}

static int get_new(dlg_client *client, const dlg_uuid *id, struct find **find, dlg_error **error)
{
    int code = client_check(client, error);
    if (code != DLG_OK)
        return code;
    if (!id)
        return error_set(error, DLG_E_ARGUMENT, "no user given, or the nil UUID");
    *find = find_build("", "");
    if (!*find)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    (*find)->id = *id;
    return DLG_OK;
}

static int search_new(dlg_client *client, const char *first, const char *second, int32_t limit, struct find **find,
                      dlg_error **error)
{
    int code = client_check(client, error);
    if (code == DLG_OK)
        code = user_field_check("first_name", first, DLG_NAME_LIMIT, error);
    if (code == DLG_OK)
        code = user_field_check("second_name", second, DLG_NAME_LIMIT, error);
    if (code != DLG_OK)
        return code;
    if (!first || !second || limit < 1 || limit > DLG_PAGE_LIMIT)
        return error_set(error, DLG_E_ARGUMENT, "dlg_user_search() needs two names and a limit from 1 to %d",
                         DLG_PAGE_LIMIT);
    *find = find_build(first, second);
    if (!*find)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    (*find)->search = true;
    (*find)->limit = limit;
    return DLG_OK;
}

static int find_call(dlg_client *client, struct find *find, dlg_users **users, dlg_error **error)
{
    int code = engine_call(&client->engine, &find->request, 0, error);
    if (code == DLG_OK) {
        *users = find->users;
        find->users = NULL;
    }
    request_release(&find->request);
    return code;
}

static int place_check(dlg_users **users, dlg_error **error)
{
    return users ? DLG_OK
                 : error_set(error, DLG_E_ARGUMENT, "a search for users needs the address of a pointer for the result");
}

int dlg_user_get(dlg_users **users, dlg_client *client, const dlg_uuid *id, dlg_error **error)
{
    struct find *find;
    int code = place_check(users, error);
    if (code == DLG_OK)
        code = get_new(client, id, &find, error);
    return code == DLG_OK ? find_call(client, find, users, error) : code;
}

int dlg_user_get_async(dlg_client *client, const dlg_uuid *id, dlg_callback callback, void *payload, dlg_error **error)
{
    struct find *find;
    int code = get_new(client, id, &find, error);
    return code == DLG_OK ? engine_post(&client->engine, &find->request, 0, callback, payload, error) : code;
}

int dlg_user_search(dlg_users **users, dlg_client *client, const char *first_name, const char *second_name,
                    int32_t limit, dlg_error **error)
{
    struct find *find;
    int code = place_check(users, error);
    if (code == DLG_OK)
        code = search_new(client, first_name, second_name, limit, &find, error);
    return code == DLG_OK ? find_call(client, find, users, error) : code;
}

int dlg_user_search_async(dlg_client *client, const char *first_name, const char *second_name, int32_t limit,
                          dlg_callback callback, void *payload, dlg_error **error)
{
    struct find *find;
    int code = search_new(client, first_name, second_name, limit, &find, error);
    return code == DLG_OK ? engine_post(&client->engine, &find->request, 0, callback, payload, error) : code;
}

const dlg_users *dlg_reply_users(const dlg_reply *reply)
{
    const struct request *request = reply_as(reply, REQUEST_USERS);
    return request ? ((const struct find *)request)->users : NULL;
}

size_t dlg_users_count(const dlg_users *users)
{
    return users ? users->count : 0;
}

const dlg_user *dlg_users_at(const dlg_users *users, size_t index)
{
    return users && index < users->count ? &users->users[index] : NULL;
}

void dlg_users_free(dlg_users *users)
{
    if (!users)
        return;
    PQclear(users->rows);
    free(users);
}
