#include "routes/session_routes.h"

#include "http/input.h"
#include "http/library_call.h"
#include "http/limits.h"
#include "http/reply.h"
#include "live/replicas.h"

static void login_arrived(dlg_reply *reply, void *payload)
{
    limits_login_ended(payload, dlg_reply_code(reply));
    call_arrived(reply, payload);
}

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

static void login(struct request_ctx *ctx, const char *password, size_t length)
{
    call_begin(ctx);
    int code =
        dlg_auth_async(ctx->service->backend.client, &ctx->named, password, length, login_arrived, ctx, &ctx->error);
    if (code != DLG_OK)
        limits_login_ended(ctx, code);
    call_submitted(ctx, code);
}

void session_login_start(struct request_ctx *ctx)
{
    const char *id_text, *password;
    size_t id_length, length;
    json_t *body = body_read(ctx);
    if (!body)
        return;
    if (body_text(ctx, body, "id", true, &id_text, &id_length) &&
        body_text(ctx, body, "password", true, &password, &length)) {
        ctx->attempted = dlg_uuid_parse(&ctx->named, id_text, id_length) == DLG_OK;
        if (!ctx->attempted)
            reply_bad(ctx, "\"id\" is not a UUID such as 387ac1c1-6581-4ace-a113-707c8585fe28");
        else if (password_may_be(ctx, length) && limits_allow_login(ctx))
            login(ctx, password, length);
    }
    body_free(body);
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

/* The token is no good any more; its time is over sooner or later anyway. */
void session_logout(struct request_ctx *ctx)
{
    replicas_revoke(&ctx->service->replicas, &ctx->token, ctx->expires_us);
    reply_empty(ctx, 200);
}
