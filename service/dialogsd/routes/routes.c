#include "routes/routes.h"

#include "ops/metrics.h"
#include "routes/api_docs.h"
#include "routes/event_stream.h"
#include "routes/health_routes.h"
#include "routes/message_routes.h"
#include "routes/metrics_routes.h"
#include "routes/session_routes.h"
#include "routes/user_routes.h"

static const struct route routes[] = {
    {"POST", "/login", NEEDS_BODY | SMALL_BODY | NEEDS_DATABASE, 429, 400, session_login_start, session_login_finish},
    {"POST", "/logout", NEEDS_TOKEN, 503, 400, session_logout_start, session_logout_finish},
    {"POST", "/user/register", NEEDS_BODY | NEEDS_DATABASE, 503, 400, user_register_start, user_register_finish},
    {"GET", "/user/get/{id}", NEEDS_DATABASE, 503, 400, user_get_start, user_get_finish},
    {"GET", "/user/search", NEEDS_DATABASE | TAKES_QUERY, 503, 400, user_search_start, user_search_finish},
    {"POST", "/dialog/{user_id}/send", NEEDS_TOKEN | NEEDS_BODY | NEEDS_DATABASE, 503, 413, message_send_start,
     message_send_finish},
    {"GET", "/dialog/{user_id}/list", NEEDS_TOKEN | NEEDS_DATABASE | TAKES_QUERY, 503, 400, message_list_start,
     message_list_finish},
    {"GET", "/events", NEEDS_TOKEN | NEEDS_DATABASE | GIVES_EVENTS | TAKES_QUERY, 503, 400, events_start,
     events_finish},
    {"POST", "/events/ticket", NEEDS_TOKEN | NEEDS_DATABASE, 503, 400, session_ticket, NULL},
    {"GET", "/metrics", GIVES_TEXT | FOR_OPERATORS | NOT_FOR_ALL, 503, 400, metrics_show, NULL},
    {"GET", "/healthz", FOR_OPERATORS, 503, 400, health_show, NULL},
    {"GET", "/readyz", FOR_OPERATORS, 503, 400, readiness_show, NULL},
};

_Static_assert(sizeof routes / sizeof *routes < (size_t)METRICS_ROUTES, "METRICS_ROUTES");

const struct route_table all_routes = {routes, sizeof routes / sizeof *routes, api_docs_answer};
