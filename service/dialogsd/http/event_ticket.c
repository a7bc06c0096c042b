#include "http/event_ticket.h"

#include "common/service_clock.h"
#include "http/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a ticket says of the token, before the library's own ticket: "END-OF-THE-TOKEN.HASH-OF-THE-TOKEN". */
enum {
    HASH_DIGITS = 2 * sizeof(struct token_hash),
    HEAD_SIZE = 20 + 1 + HASH_DIGITS + 1,
    PURPOSE_SIZE = HEAD_SIZE + 16
};

static void write_purpose(char purpose[PURPOSE_SIZE], const char *head, size_t length)
{
    snprintf(purpose, PURPOSE_SIZE, "GET /events %.*s", (int)length, head);
}

static void write_head(char head[HEAD_SIZE], int64_t expires_us, const struct token_hash *token)
{
    int length = snprintf(head, HEAD_SIZE, "%lld.", (long long)expires_us);
    for (size_t i = 0; i < sizeof token->bytes; i++, length += 2)
        snprintf(head + length, HEAD_SIZE - (size_t)length, "%02x", token->bytes[i]);
}

/* Of a head that was signed, so that it is as it was written. */
static void read_head(const char *head, int64_t *expires_us, struct token_hash *token)
{
    char *end;
    *expires_us = strtoll(head, &end, 10);
    for (size_t i = 0; i < sizeof token->bytes; i++) {
        char digits[3] = {end[1 + 2 * i], end[2 + 2 * i], '\0'};
        token->bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

char *event_ticket_new(struct request_ctx *ctx)
{
    char head[HEAD_SIZE], purpose[PURPOSE_SIZE], *signed_part = NULL, *ticket = NULL;
    dlg_error *error = NULL;
    write_head(head, ctx->expires_us, &ctx->token);
    write_purpose(purpose, head, strlen(head));
    int code = dlg_ticket_issue(&signed_part, ctx->service->backend.client, &ctx->caller, purpose,
                                EVENT_TICKET_LIFETIME_S * INT64_C(1000000), &error);
    if (code != DLG_OK)
        reply_failure(ctx, error);
    else if (asprintf(&ticket, "%s.%s", head, signed_part) < 0)
        reply_error(ctx, 503, DLG_E_MEMORY, "out of memory; try again after the time in Retry-After");
    dlg_free(signed_part);
    dlg_error_free(error);
    return ticket;
}

static bool refuse(struct request_ctx *ctx, int code, const char *why)
{
    ctx->has_caller = false;
    reply_error(ctx, 401, code, "%s; get another from POST /events/ticket", why);
    return false;
}

bool event_ticket_check(struct request_ctx *ctx, const char *ticket)
{
    char purpose[PURPOSE_SIZE];
    size_t end = strcspn(ticket, "."), head = end + 1 + HASH_DIGITS;
    if (head >= HEAD_SIZE || strlen(ticket) <= head || ticket[head] != '.')
        return refuse(ctx, DLG_E_TOKEN, "this is no ticket");
    write_purpose(purpose, ticket, head);
    int code = dlg_ticket_verify(&ctx->caller, &ctx->event_ticket_until_us, ctx->service->backend.client,
                                 ticket + head + 1, DLG_NTS, purpose, NULL);
    if (code != DLG_OK)
        return refuse(ctx, code, code == DLG_E_TOKEN_EXPIRED ? "the ticket has expired" : "this is no ticket");
    read_head(ticket, &ctx->expires_us, &ctx->token);
    ctx->event_ticket = token_hash(ticket, strlen(ticket));
    if (ctx->expires_us <= wall_us())
        return refuse(ctx, DLG_E_TOKEN_EXPIRED, "the token of this ticket has expired");
    if (revoked_tokens_contain(&ctx->service->revoked_tokens, &ctx->token))
        return refuse(ctx, DLG_E_TOKEN, "the token of this ticket was revoked by /logout");
    if (revoked_tokens_contain(&ctx->service->revoked_tokens, &ctx->event_ticket))
        return refuse(ctx, DLG_E_TOKEN, "this ticket was used");
    int64_t longest_us = wall_us() + EVENT_TICKET_STREAM_S * INT64_C(1000000);
    if (ctx->expires_us > longest_us)
        ctx->expires_us = longest_us;
    ctx->has_caller = true;
    return true;
}

bool event_ticket_use(struct request_ctx *ctx)
{
    if (!ctx->event_ticket_until_us ||
        replicas_revoke(&ctx->service->replicas, &ctx->event_ticket, ctx->event_ticket_until_us))
        return true;
    return refuse(ctx, DLG_E_TOKEN, "this ticket was used");
}
