/* response.h - an answer that is being made, before it belongs to a request. */
#ifndef DIALOGSD_RESPONSE_H
#define DIALOGSD_RESPONSE_H

#include "content/text_buffer.h"

#include <microhttpd.h>

/* An answer whose body is `body`, which is given away; NULL when out of memory. */
struct MHD_Response *response_new(struct text_buffer *body);

/* Adds a header; `response` may be NULL. */
void response_header(struct MHD_Response *response, const char *name, const char *value);

#endif
