/* handlers_system.c - /healthz and /readyz */
#include "handlers.h"

#include "reply.h"

void health(struct exchange *exchange)
{
    struct text answer = {0};
    text_add_format(&answer, "{\"status\":\"ok\",\"version\":\"%s\"}", dlg_version());
    reply_json(exchange, 200, &answer);
}

void readiness(struct exchange *exchange)
{
    const char *trouble = backend_trouble(&exchange->service->backend);
    struct text answer = {0};
    if (trouble) {
        reply_error(exchange, 503, DLG_E_UNAVAILABLE, "%s", trouble);
        return;
    }
    text_add_string(&answer, "{\"status\":\"ready\"}");
    reply_json(exchange, 200, &answer);
}
