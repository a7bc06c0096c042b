#include "routes/user_routes.h"

#include "content/opaque_string.h"
#include "http/input.h"
#include "http/library_call.h"
#include "http/limits.h"
#include "http/reply.h"
#include "http/turns.h"

#include <string.h>

static void register_arrived(dlg_reply *reply, void *payload)
{
    limits_registration_begun(payload, DLG_OK);
    turn_end(payload);
    call_arrived(reply, payload);
}

/* The fields of the body that are a user's; they were read before. */
static dlg_user user_of(const json_t *body)
{
    dlg_user user = DLG_USER_INIT;
    user.first_name = json_string_value(json_object_get(body, "first_name"));
    user.second_name = json_string_value(json_object_get(body, "second_name"));
    user.birthdate = json_string_value(json_object_get(body, "birthdate"));
    user.biography = json_string_value(json_object_get(body, "biography"));
    user.city = json_string_value(json_object_get(body, "city"));
    return user;
}

static int register_submit(struct request_ctx *ctx)
{
    json_t *input = ctx_take_input(ctx);
    dlg_user user = user_of(input);
    const json_t *given = json_object_get(input, "password");
    size_t length = json_string_length(given);
    char *opaque = opaque_string_new(json_string_value(given), length, &length);
    int code = dlg_user_create_async(ctx->service->backend.client, &user, opaque ? opaque : json_string_value(given),
                                     opaque ? length : json_string_length(given), register_arrived, ctx, &ctx->error);
    opaque_string_free(opaque, length);
    input_free(input);
    return code;
}

static const struct turn register_turn = {register_submit, limits_registration_begun};

/* Without the time that may be behind it. */
static bool birthdate_read(struct request_ctx *ctx)
{
    char room[DATE_SIZE];
    const char *date;
    if (!body_date(ctx, ctx->input, "birthdate", room, &date))
        return false;
    if (date == room)
        json_object_set_new(ctx->input, "birthdate", json_string(date));
    return true;
}

void user_register_start(struct request_ctx *ctx)
{
    static const char *const words[] = {"first_name", "second_name", "biography", "city"};
    const char *text;
    size_t length;
    ctx->input = body_read(ctx);
    if (!ctx->input)
        return;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!body_word(ctx, ctx->input, words[i], &text))
            return;
    if (birthdate_read(ctx) && body_text(ctx, ctx->input, "password", true, &text, &length) &&
        limits_allow_registration(ctx))
        turn_begin(ctx, &ctx->service->passwords, &register_turn);
}

void user_register_finish(struct request_ctx *ctx)
{
    struct body_writer answer = reply_writer(ctx);
    write_object(&answer, 1);
    write_name(&answer, "user_id");
    write_uuid(&answer, dlg_reply_user_id(ctx->reply));
    write_object_end(&answer);
    reply_written(ctx, 200, &answer);
}

static void write_user_field(struct body_writer *answer, const char *name, const char *value)
{
    write_name(answer, name);
    write_string(answer, value ? value : "");
}

static void add_user(struct body_writer *answer, const dlg_user *user, bool whole)
{
    bool born = user->birthdate && user->birthdate[0]; /* an empty text is no date */
    write_object(answer, (size_t)4 + born + whole);
    write_name(answer, "id");
    write_uuid(answer, &user->id);
    write_user_field(answer, "first_name", user->first_name);
    write_user_field(answer, "second_name", user->second_name);
    if (born)
        write_user_field(answer, "birthdate", user->birthdate);
    if (whole)
        write_user_field(answer, "biography", user->biography);
    write_user_field(answer, "city", user->city);
    write_object_end(answer);
}

void user_get_start(struct request_ctx *ctx)
{
    call_begin(ctx);
    call_submitted(ctx, dlg_user_get_async(ctx->service->backend.client, &ctx->named, call_arrived, ctx, &ctx->error));
}

void user_get_finish(struct request_ctx *ctx)
{
    struct body_writer answer = reply_writer(ctx);
    add_user(&answer, dlg_users_at(dlg_reply_users(ctx->reply), 0), true);
    reply_written(ctx, 200, &answer);
}

static void search_arrived(dlg_reply *reply, void *payload)
{
    turn_end(payload);
    call_arrived(reply, payload);
}

static int search_submit(struct request_ctx *ctx)
{
    return dlg_user_search_async(ctx->service->backend.search, ctx->names[0], ctx->names[1], ctx->page.limit,
                                 search_arrived, ctx, &ctx->error);
}

static const struct turn search_turn = {search_submit, NULL};

enum { SEARCH_ROOM = 32 * 1024 };

void user_search_start(struct request_ctx *ctx)
{
    struct parameter parameters[] = {{"first_name", NULL}, {"last_name", NULL}, {"limit", NULL}};
    ctx->page.limit = DLG_PAGE_LIMIT;
    if (!query_read(ctx, parameters, sizeof parameters / sizeof *parameters) ||
        !query_limit(ctx, &parameters[2], &ctx->page.limit))
        return;
    if (!parameters[0].value || !parameters[1].value) {
        reply_bad(ctx, "give both parameters, first_name and last_name; either may be empty");
        return;
    }
    if (!memory_has_room(&ctx->memory, SEARCH_ROOM)) { /* said before the database has read it */
        reply_no_memory(ctx);
        return;
    }
    for (int i = 0; i < 2; i++)
        ctx->names[i] = parameters[i].value;
    turn_begin(ctx, &ctx->service->searches, &search_turn);
}

static size_t length_of(const char *text)
{
    return text ? strlen(text) : 0;
}

/* How many of them an answer has: names are short, but nobody makes them so. */
static size_t count_fitting(const dlg_users *users)
{
    enum { ANSWER_BYTES = 256 * 1024, USER_ROOM = 100 };
    size_t bytes = 0, count = 0;
    for (const dlg_user *user; (user = dlg_users_at(users, count)) && bytes <= ANSWER_BYTES; count++)
        bytes += length_of(user->first_name) + length_of(user->second_name) + length_of(user->city) + USER_ROOM;
    return count;
}

void user_search_finish(struct request_ctx *ctx)
{
    const dlg_users *users = dlg_reply_users(ctx->reply);
    struct body_writer answer = reply_writer(ctx);
    size_t count = count_fitting(users);
    write_array(&answer, count);
    for (size_t i = 0; i < count; i++)
        add_user(&answer, dlg_users_at(users, i), false);
    write_array_end(&answer);
    reply_written(ctx, 200, &answer);
}
