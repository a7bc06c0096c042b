/*
 * event_ticket.h - tickets for GET /events, for a browser's EventSource, which can send no header.
 *
 * A ticket stands in a URL, and so in logs: it opens one stream, and lives for half a minute. It is signed with the key
 * of tokens, so that any replica takes it. It names the token that it was got for, whose end is the stream's end. What
 * was used is remembered like a token that was revoked: for sure by the replica that took it, and by the others as
 * soon as they hear of it.
 *
 * Other streams ask the database now and then whether their token has ended before its time. A ticket does not hold its
 * token, so its stream is short instead: the call that gives the next ticket asks.
 */
#ifndef DIALOGSD_EVENT_TICKET_H
#define DIALOGSD_EVENT_TICKET_H

#include "http/request_ctx.h"

enum { EVENT_TICKET_LIFETIME_S = 30, EVENT_TICKET_STREAM_S = 300 };

/* A ticket for the token of this request, to be freed; NULL, having answered, when there is none. */
char *event_ticket_new(struct request_ctx *ctx);

/* Whether the caller of this request is that of the ticket. It is not used yet. False, having answered, when not. */
bool event_ticket_check(struct request_ctx *ctx, const char *ticket);

/* Uses the ticket of this request, if it has one. False, having answered, when somebody else has. */
bool event_ticket_use(struct request_ctx *ctx);

#endif
