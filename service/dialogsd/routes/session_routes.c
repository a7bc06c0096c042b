#include "routes/session_routes.h"

#include "content/opaque_string.h"
#include "http/event_ticket.h"
#include "http/input.h"
#include "http/library_call.h"
#include "http/limits.h"
#include "http/reply.h"
#include "http/turns.h"
#include "live/replicas.h"

#include <stdlib.h>

static void login_arrived(dlg_reply *reply, void *payload);

static int login_with(struct request_ctx *ctx, const char *password, size_t length)
{
    return dlg_auth_async(ctx->service->backend.client, &ctx->named, password, length, login_arrived, ctx, &ctx->error);
}

/* With the password as it came. */
static int login_as_given(struct request_ctx *ctx)
{
    json_t *input = ctx_take_input(ctx);
    const json_t *password = json_object_get(input, "password");
    int code = login_with(ctx, json_string_value(password), json_string_length(password));
    input_free(input);
    return code;
}

/* A hash may be of a password as it was typed, from before it was normalised or by another program. */
static void login_arrived(dlg_reply *reply, void *payload)
{
    struct request_ctx *ctx = payload;
    int code = dlg_reply_code(reply);
    if (code == DLG_E_PASSWORD && ctx->input) {
        dlg_reply_free(reply);
        reply = NULL;
        code = login_as_given(ctx);
        if (code == DLG_OK)
            return;
    }
    limits_login_ended(ctx, code);
    turn_end(ctx);
    call_arrived(reply, ctx);
}

static int login_submit(struct request_ctx *ctx)
{
    size_t length;
    const json_t *password = json_object_get(ctx->input, "password");
    char *opaque = opaque_string_new(json_string_value(password), json_string_length(password), &length);
    if (!opaque)
        return login_as_given(ctx);
    int code = login_with(ctx, opaque, length);
    opaque_string_free(opaque, length);
    return code;
}

static const struct turn login_turn = {login_submit, limits_login_ended};

/* What cannot be a password is no attempt at one. */
static bool password_may_be(struct request_ctx *ctx, size_t length)
{
    if (length == 0)
        reply_bad(ctx, "the password is empty");
    else if (length > DLG_PASSWORD_LIMIT)
        reply_error(ctx, 400, DLG_E_TOO_LARGE, "a password has at most %d bytes", DLG_PASSWORD_LIMIT);
    else
        return true;
    return false;
}

void session_login_start(struct request_ctx *ctx)
{
    const char *id, *password;
    size_t id_length, length;
    ctx->input = body_read(ctx);
    if (!ctx->input || !body_text(ctx, ctx->input, "id", true, &id, &id_length) ||
        !body_text(ctx, ctx->input, "password", true, &password, &length))
        return;
    ctx->attempted = dlg_uuid_parse(&ctx->named, id, id_length) == DLG_OK;
    if (!ctx->attempted)
        reply_bad(ctx, "\"id\" is not a UUID such as 387ac1c1-6581-4ace-a113-707c8585fe28");
    else if (password_may_be(ctx, length) && limits_allow_login(ctx))
        turn_begin(ctx, &ctx->service->passwords, &login_turn);
}

void session_login_finish(struct request_ctx *ctx)
{
    struct body_writer answer = reply_writer(ctx);
    write_object(&answer, 1);
    write_name(&answer, "token");
    write_string(&answer, dlg_reply_token(ctx->reply));
    write_object_end(&answer);
    reply_written(ctx, 200, &answer);
}

/* Where the users are a host program's the database has no place for it: then only those who heard of it know. */
static void logout_arrived(dlg_reply *reply, void *payload)
{
    if (dlg_reply_code(reply) == DLG_E_SCHEMA) {
        dlg_reply_free(reply);
        reply = NULL;
    }
    call_arrived(reply, payload);
}

/* It is refused here at once, and by replicas that hear of it; the database tells the others, and later ones. */
void session_logout_start(struct request_ctx *ctx)
{
    size_t length;
    const char *token = ctx_token(ctx, &length);
    replicas_revoke(&ctx->service->replicas, &ctx->token, ctx->expires_us);
    call_begin(ctx);
    call_submitted(
        ctx, dlg_token_revoke_async(ctx->service->backend.client, token, length, logout_arrived, ctx, &ctx->error));
}

void session_logout_finish(struct request_ctx *ctx)
{
    reply_empty(ctx, 200);
}

void session_ticket(struct request_ctx *ctx)
{
    char *ticket = event_ticket_new(ctx);
    if (!ticket)
        return;
    struct body_writer answer = reply_writer(ctx);
    write_object(&answer, 2);
    write_name(&answer, "ticket");
    write_string(&answer, ticket);
    write_name(&answer, "expires_in");
    write_number(&answer, EVENT_TICKET_LIFETIME_S);
    write_object_end(&answer);
    reply_written(ctx, 200, &answer);
    free(ticket);
}
