/*
 * request_ctx.h - one HTTP request and its answer.
 *
 * A request goes through these steps, all on the thread of its connection:
 *   its head arrives -> its body is collected -> (its token is checked) -> the route starts -> (waits) -> the route
 *   finishes.
 * While it waits its connection is suspended: nobody but the library's callback touches it, and the
 * last thing that callback does is to resume it.
 */
#ifndef DIALOGSD_REQUEST_CTX_H
#define DIALOGSD_REQUEST_CTX_H

#include "content/text_buffer.h"
#include "guard/client_address.h"
#include "http/router.h"
#include "http/service.h"

#include <dialogs.h>
#include <jansson.h>
#include <microhttpd.h>

enum ctx_step { STEP_HEAD, STEP_BODY, STEP_CHECKING, STEP_WAITING, STEP_ANSWERED };

enum { REQUEST_ID_SIZE = 65, LOGGED_PATH_SIZE = 128, METHOD_SIZE = 16, TRACE_ID_SIZE = 33, SPAN_ID_SIZE = 17 };

struct turn;

/* Where libmicrohttpd keeps the first line; the connection's. */
struct request_line {
    const char *target, *target_end; /* as it came: later it is cut and unescaped where it lies */
    const char *version;
    const char *body; /* behind the head; NULL: nobody knows */
    bool bad_target;  /* it has a blank or a control character */
};

struct request_ctx {
    struct service *service;
    struct MHD_Connection *connection;
    struct client_connection *client;
    enum ctx_step step;
    struct request_line line;
    bool bad_path; /* it has a NUL */
    bool http_1_0;
    bool chunked;     /* the body */
    bool bad_chunks;  /* not as RFC 9112 has them */
    bool counted;     /* in service->active */
    bool secret;      /* the body may have a password: it is wiped */
    bool aborted;     /* the answer could not be sent whole */
    bool no_memory;   /* for the body, or for what the library answered: 503 */
    bool body_wanted; /* what arrives of the body is kept */
    struct memory_holding memory;
    struct match match;
    struct text_buffer body;
    uint64_t body_length; /* as it arrived, also what was not kept */
    json_t *input;        /* the body, when the library takes it later or keeps its texts */
    dlg_message message;  /* of a send: what is sent */
    dlg_uuid caller;      /* from the token */
    int64_t expires_us;   /* the same: its end */
    struct token_hash token;
    struct token_hash event_ticket; /* in the place of a token */
    int64_t event_ticket_until_us;  /* 0: there is none */
    struct fair_queue *queue;       /* where it waits for its turn, or has waited: see turns.h */
    struct fair_ticket ticket;
    const struct turn *turn;
    bool refused;           /* it had no turn */
    int retry_after_s;      /* for the answer; 0: the customary */
    bool busy;              /* in service->busy, and when limits_pace() says so in service->admission */
    int64_t asked_us;       /* since when; monotonic */
    bool packed;            /* the answer is to be msgpack */
    dlg_uuid named;         /* from the path */
    dlg_list_options page;  /* of a list, its cursors are the connection's */
    const char *names[2];   /* of a search: how they begin; the connection's. Its limit is in `page` */
    bool whole;             /* of a list: not a page, the dialog */
    dlg_reply *reply;       /* what the library answered */
    dlg_error *token_error; /* why the token is none; NULL when it is, or is missing */
    dlg_error *error;       /* why the library did not take the call */
    bool has_caller;
    bool token_checked; /* the database has been asked about it */
    unsigned status;    /* 0: not answered */
    int failure;        /* a DLG_E_* code, for the log */
    char sqlstate[6];
    int64_t started_us;
    uint64_t answer_length;
    char request_id[REQUEST_ID_SIZE];
    char trace_id[TRACE_ID_SIZE]; /* of the caller's trace, or "" */
    char span_id[SPAN_ID_SIZE];
    char address[INET6_ADDRSTRLEN]; /* of the client */
    char network[NETWORK_SIZE];     /* ... that limits count by */
    bool attempted;                 /* a login as `named` */
    bool known_place;               /* of a login: the user has logged in from there before */
    char method[METHOD_SIZE];       /* for the log, as is */
    char path[LOGGED_PATH_SIZE];
};

/* A request begins: its first line was read. NULL when out of memory. */
struct request_ctx *ctx_new(struct service *service, struct MHD_Connection *connection, const char *uri);

void ctx_free(struct request_ctx *ctx);

/* Reads what its head tells of it: its id, its client, whose trace it is a part of, how it wants to be answered. */
void ctx_read_head(struct request_ctx *ctx, const char *method);

/* What the library answered is done with. */
void ctx_forget_outcome(struct request_ctx *ctx);

/* So is `input`; a password in it is wiped. */
void ctx_forget_input(struct request_ctx *ctx);

/*
 * The same in two parts, for what is given to the library: once a call has been accepted, its reply may be answered on
 * another thread, and `ctx` be gone.
 */
json_t *ctx_take_input(struct request_ctx *ctx);
void input_free(json_t *input);

/* The bearer token of the request, or NULL. */
const char *ctx_token(const struct request_ctx *ctx, size_t *length);

/* A header of the request, or NULL; `length` may be NULL. */
const char *ctx_header(const struct request_ctx *ctx, const char *name, size_t *length);

#endif
