#include "http/access_log.h"

#include "http/request_ctx.h"

#include <string.h>

static void add_ascii(struct text *line, const char *name, const char *value)
{
    text_add_format(line, ",\"%s\":", name);
    text_add_json_ascii(line, value, strlen(value));
}

void access_log(struct exchange *exchange)
{
    struct text line = {0};
    text_add_string(&line, "{\"time\":\"");
    text_add_time(&line, wall_us());
    text_add_format(&line, "\",\"request_id\":\"%s\"", exchange->request_id);
    if (exchange->trace_id[0])
        text_add_format(&line, ",\"trace_id\":\"%s\",\"parent_id\":\"%s\"", exchange->trace_id, exchange->span_id);
    add_ascii(&line, "client", exchange->address);
    add_ascii(&line, "method", exchange->method);
    add_ascii(&line, "path", exchange->path);
    text_add_format(&line, ",\"status\":%u,\"bytes\":%llu,\"duration_us\":%lld", exchange->status,
                    (unsigned long long)exchange->answer_length, (long long)(monotonic_us() - exchange->started_us));
    if (exchange->has_caller) {
        text_add_string(&line, ",\"user\":\"");
        text_add_uuid(&line, &exchange->caller);
        text_add_string(&line, "\"");
    }
    if (exchange->failure < 0)
        text_add_format(&line, ",\"error\":\"%s\"", dlg_code_name(exchange->failure));
    if (exchange->sqlstate[0])
        add_ascii(&line, "sqlstate", exchange->sqlstate);
    if (exchange->aborted)
        text_add_string(&line, ",\"aborted\":true");
    text_add_string(&line, "}\n");
    if (!line.failed)
        log_add(&exchange->service->log, line.data, line.length);
    text_free(&line);
}
