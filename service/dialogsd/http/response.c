#include "http/response.h"

#include <stdlib.h>

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

void response_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (response)
        MHD_add_response_header(response, name, value);
}
