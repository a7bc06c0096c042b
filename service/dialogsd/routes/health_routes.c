/* handlers_system.c - /healthz and /readyz */
#include "routes/handlers.h"

#include "http/reply.h"

void health(struct exchange *exchange)
{
    struct writer answer = reply_writer(exchange);
    write_object(&answer, 2);
    write_name(&answer, "status");
    write_string(&answer, "ok");
    write_name(&answer, "version");
    write_string(&answer, dlg_version());
    write_object_end(&answer);
    reply_written(exchange, 200, &answer);
}

void readiness(struct exchange *exchange)
{
    const char *trouble = backend_trouble(&exchange->service->backend);
    struct writer answer = reply_writer(exchange);
    if (trouble) {
        reply_error(exchange, 503, DLG_E_UNAVAILABLE, "%s", trouble);
        return;
    }
    write_object(&answer, 1);
    write_name(&answer, "status");
    write_string(&answer, "ready");
    write_object_end(&answer);
    reply_written(exchange, 200, &answer);
}
