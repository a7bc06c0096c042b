/* response.h - an answer that is being made, before it belongs to a request. */
#ifndef DIALOGSD_RESPONSE_H
#define DIALOGSD_RESPONSE_H

#include "content/text_buffer.h"

#include <microhttpd.h>

/* An answer whose body is `body`, which is given away; NULL when out of memory. */
struct MHD_Response *response_new(struct text_buffer *body);

/*
 * An answer to `method` that is made while it is sent: `read` gives at most `block` bytes at a time, `end` is called
 * when it is over. NULL when out of memory; `end` is not called then.
 */
struct MHD_Response *response_stream(const char *method, size_t block, MHD_ContentReaderCallback read, void *payload,
                                     MHD_ContentReaderFreeCallback end);

/* Adds a header; `response` may be NULL. */
void response_header(struct MHD_Response *response, const char *name, const char *value);

#endif
