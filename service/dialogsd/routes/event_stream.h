/* event_stream.h - GET /events: a stream of the messages to and from the caller. */
#ifndef DIALOGSD_EVENT_STREAM_H
#define DIALOGSD_EVENT_STREAM_H

struct request_ctx;

void events_start(struct request_ctx *ctx);
void events_finish(struct request_ctx *ctx);

#endif
