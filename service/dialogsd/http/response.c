#include "http/response.h"

#include <stdlib.h>
#include <string.h>

struct MHD_Response *response_new(struct text_buffer *body)
{
    if (body->failed) {
        buffer_free(body);
        return NULL;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(body->length, body->data, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(body->data);
    *body = (struct text_buffer){0};
    return response;
}

/*
 * libmicrohttpd 0.9.75 ends an answer to HEAD with the chunk that ends a body, and the next answer of the connection
 * begins behind it. Without chunks it writes none, and closes the connection.
 */
struct MHD_Response *response_stream(const char *method, size_t block, MHD_ContentReaderCallback read, void *payload,
                                     MHD_ContentReaderFreeCallback end)
{
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block, read, payload, end);
    if (response && strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return response;
}

void response_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (response)
        MHD_add_response_header(response, name, value);
}
