/* media_types.h - media types: what a client sends, and what it takes. */
#ifndef DIALOGSD_MEDIA_TYPES_H
#define DIALOGSD_MEDIA_TYPES_H

#include <stdbool.h>

/*
 * Whether an Accept header (RFC 9110, 12.5.1) takes JSON. "text/plain" does too: customary clients
 * of these calls send it and read JSON.
 */
bool accept_json(const char *accept);

/*
 * Whether it names msgpack, and likes it more than JSON. Clients that are made from the OpenAPI document name both, and
 * read JSON.
 */
bool accept_msgpack(const char *accept);

/* Whether it takes server-sent events. */
bool accept_events(const char *accept);

/* Whether it names them, as an EventSource does. */
bool accept_names_events(const char *accept);

/*
 * Whether a Content-Type is JSON in UTF-8: application/json, application/...+json, and what clients say of JSON that
 * nobody gave a type: text/plain, text/json, nothing.
 */
bool content_is_json(const char *type);

/* application/vnd.msgpack and application/x-msgpack */
bool content_is_msgpack(const char *type);

#endif
