/* handlers_users.c - /login and /user/... */
#include "routes/handlers.h"

#include "http/input.h"
#include "http/limits.h"
#include "http/reply.h"
#include "live/replicas.h"

#include <string.h>

static void login_arrived(dlg_reply *reply, void *payload)
{
    limits_login_ended(payload, dlg_reply_code(reply));
    exchange_arrived(reply, payload);
}

void login_start(struct exchange *exchange)
{
    const char *id_text, *password;
    size_t id_length, length;
    dlg_uuid id;
    json_t *body = body_read(exchange);
    if (!body)
        return;
    if (body_text(exchange, body, "id", true, &id_text, &id_length) &&
        body_text(exchange, body, "password", true, &password, &length)) {
        if (dlg_uuid_parse(id_text, id_length, &id) != DLG_OK) {
            reply_bad(exchange, "\"id\" is not a UUID such as 387ac1c1-6581-4ace-a113-707c8585fe28");
        } else if (limits_allow_login(exchange, &id)) {
            exchange_suspend(exchange);
            exchange_called(exchange, dlg_auth_async(exchange->service->backend.client, &id, password, length,
                                                     login_arrived, exchange, &exchange->error));
        }
    }
    body_free(body);
}

void login_finish(struct exchange *exchange)
{
    struct writer answer = reply_writer(exchange);
    write_object(&answer, 1);
    write_name(&answer, "token");
    write_string(&answer, dlg_reply_token(exchange->reply));
    write_object_end(&answer);
    reply_written(exchange, 200, &answer);
}

/* The token is no good any more; its time is over sooner or later anyway. */
void logout(struct exchange *exchange)
{
    replicas_revoke(exchange->service, &exchange->token, exchange->expires_us);
    reply_empty(exchange, 200);
}

void register_start(struct exchange *exchange)
{
    const char *password;
    size_t length;
    dlg_user user = DLG_USER_INIT;
    json_t *body = body_read(exchange);
    if (!body)
        return;
    if (body_word(exchange, body, "first_name", &user.first_name) &&
        body_word(exchange, body, "second_name", &user.second_name) &&
        body_word(exchange, body, "birthdate", &user.birthdate) &&
        body_word(exchange, body, "biography", &user.biography) && body_word(exchange, body, "city", &user.city) &&
        body_text(exchange, body, "password", true, &password, &length) && limits_allow_registration(exchange)) {
        exchange_suspend(exchange);
        exchange_called(exchange, dlg_user_create_async(exchange->service->backend.client, &user, password, length,
                                                        exchange_arrived, exchange, &exchange->error));
    }
    body_free(body);
}

void register_finish(struct exchange *exchange)
{
    struct writer answer = reply_writer(exchange);
    write_object(&answer, 1);
    write_name(&answer, "user_id");
    write_uuid(&answer, dlg_reply_user_id(exchange->reply));
    write_object_end(&answer);
    reply_written(exchange, 200, &answer);
}

static void add_field(struct writer *answer, const char *name, const char *value)
{
    write_name(answer, name);
    write_string(answer, value ? value : "");
}

static void add_user(struct writer *answer, const dlg_user *user)
{
    bool born = user->birthdate && user->birthdate[0]; /* an empty text is no date */
    write_object(answer, born ? 6 : 5);
    write_name(answer, "id");
    write_uuid(answer, &user->id);
    add_field(answer, "first_name", user->first_name);
    add_field(answer, "second_name", user->second_name);
    if (born)
        add_field(answer, "birthdate", user->birthdate);
    add_field(answer, "biography", user->biography);
    add_field(answer, "city", user->city);
    write_object_end(answer);
}

void user_get_start(struct exchange *exchange)
{
    exchange_suspend(exchange);
    exchange_called(exchange, dlg_user_get_async(exchange->service->backend.client, &exchange->named, exchange_arrived,
                                                 exchange, &exchange->error));
}

void user_get_finish(struct exchange *exchange)
{
    struct writer answer = reply_writer(exchange);
    add_user(&answer, dlg_users_at(dlg_reply_users(exchange->reply), 0));
    reply_written(exchange, 200, &answer);
}

void user_search_start(struct exchange *exchange)
{
    struct parameter parameters[] = {{"first_name", NULL}, {"last_name", NULL}, {"limit", NULL}};
    int32_t limit = DLG_PAGE_LIMIT;
    if (!query_read(exchange, parameters, sizeof parameters / sizeof *parameters) ||
        !query_limit(exchange, &parameters[2], &limit))
        return;
    if (!parameters[0].value || !parameters[1].value) {
        reply_bad(exchange, "give both parameters, first_name and last_name; either may be empty");
        return;
    }
    exchange_suspend(exchange);
    exchange_called(exchange,
                    dlg_user_search_async(exchange->service->backend.client, parameters[0].value, parameters[1].value,
                                          limit, exchange_arrived, exchange, &exchange->error));
}

void user_search_finish(struct exchange *exchange)
{
    const dlg_users *users = dlg_reply_users(exchange->reply);
    struct writer answer = reply_writer(exchange);
    write_array(&answer, dlg_users_count(users));
    for (size_t i = 0; i < dlg_users_count(users); i++)
        add_user(&answer, dlg_users_at(users, i));
    write_array_end(&answer);
    reply_written(exchange, 200, &answer);
}
