/* fake_link.c - one connection to a fake server: the messages of the client, in order, and the rules about them. */
#include "fake_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CODE_SSL = 80877103, CODE_GSS = 80877104, CODE_CANCEL = 80877102 };

/* A message of the client; type 0 before the connection is made. */
struct message {
    char type;
    struct wire_reader body;
    size_t length; /* with its head */
};

struct fake_link *fake_link_new(struct fake *fake, int fd)
{
    static _Atomic int64_t owners;
    struct fake_link *link = calloc(1, sizeof *link);
    if (!link)
        abort();
    link->fake = fake;
    link->fd = fd;
    link->owner = ++owners;
    link->transaction = 'I';
    return link;
}

void fake_link_free(struct fake_link *link)
{
    for (int i = 0; i < link->prepared_count; i++) {
        free(link->prepared[i].name);
        free(link->prepared[i].sql);
    }
    wire_free(&link->in);
    wire_free(&link->answers);
    wire_free(&link->swapped);
    wire_free(&link->out);
    wire_free(&link->portal);
    close(link->fd);
    free(link);
}

/* ---- Outcomes ---- */

static void flush(struct fake_link *link)
{
    wire_bytes(&link->out, link->answers.bytes, link->answers.length);
    link->answers.length = 0;
}

static void fail(struct fake_link *link)
{
    link->failed = link->greeted;
    if (link->transaction == 'T')
        link->transaction = 'E';
    else
        fake_rollback(fake_world_of(link->fake), link->owner);
}

static void refuse(struct fake_link *link, const char *severity, const char *sqlstate, const char *text)
{
    wire_report(&link->answers, 'E', severity, sqlstate, text);
    fail(link);
}

static void end(struct fake_link *link)
{
    flush(link);
    link->closing = true;
}

static void reset(struct fake_link *link)
{
    struct linger none = {.l_onoff = 1};
    setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    link->out.length = link->answers.length = 0;
    link->closing = true;
}

/* ---- Statements ---- */

static struct fake_statement *prepared_find(struct fake_link *link, const char *name)
{
    for (int i = 0; i < link->prepared_count; i++)
        if (strcmp(link->prepared[i].name, name) == 0)
            return &link->prepared[i];
    return NULL;
}

static void prepare(struct fake_link *link, const char *name, const char *sql)
{
    struct fake_statement *statement = prepared_find(link, name);
    if (!statement) {
        if (link->prepared_count == FAKE_PREPARED)
            abort();
        statement = &link->prepared[link->prepared_count++];
        *statement = (struct fake_statement){.name = strdup(name)};
    }
    free(statement->sql);
    statement->sql = strdup(sql);
}

/* Reads the portal's Bind; what it has, `call` points into. */
static void call_read(struct fake_link *link, struct fake_call *call)
{
    struct wire_reader reader = {link->portal.bytes, link->portal.bytes + link->portal.length, false};
    read_text(&reader);
    *call = (struct fake_call){.fake = link->fake, .owner = link->owner, .name = read_text(&reader), .binary = true};
    const struct fake_statement *statement = prepared_find(link, call->name);
    call->sql = statement ? statement->sql : NULL;
    for (int formats = read_int16(&reader); formats > 0; formats--)
        read_int16(&reader);
    call->count = read_int16(&reader);
    for (int i = 0; i < call->count && i < FAKE_PARAMETERS; i++) {
        call->lengths[i] = read_int32(&reader);
        call->values[i] = call->lengths[i] < 0 ? NULL : read_bytes(&reader, (size_t)call->lengths[i]);
    }
}

static bool begins(const char *sql, const char *word)
{
    return strncmp(sql, word, strlen(word)) == 0;
}

/* BEGIN, COMMIT, ROLLBACK: what they do to the transaction, or false when it is none of them. */
static bool control(struct fake_link *link, const char *sql, char *tag)
{
    if (begins(sql, "BEGIN")) {
        link->transaction = 'T';
    } else if (begins(sql, "COMMIT") && link->transaction != 'E') {
        fake_commit(fake_world_of(link->fake), link->owner);
        link->transaction = 'I';
    } else if (begins(sql, "ROLLBACK") || begins(sql, "COMMIT")) {
        fake_rollback(fake_world_of(link->fake), link->owner);
        link->transaction = 'I';
        sql = "ROLLBACK";
    } else {
        return false;
    }
    snprintf(tag, 32, "%s", sql);
    return true;
}

static void answer(struct fake_link *link, const struct fake_call *call, const struct fake_rule *rule, struct wire *to)
{
    char types[FAKE_PARAMETERS] = "", tag[32] = "";
    struct wire rows = {0};
    if (!control(link, call->sql, tag))
        fake_answer(call, types, &rows, tag);
    bool scripted = rule && rule->rows;
    const struct wire *data = scripted ? &rule->rows->data : &rows;
    const char *columns = scripted ? rule->rows->types : types;
    if (*columns)
        wire_description(to, columns, call->binary);
    else if (call->binary)
        wire_plain(to, 'n');
    wire_bytes(to, data->bytes, data->length);
    if (scripted)
        snprintf(tag, sizeof tag, "SELECT %d", rule->rows->count);
    wire_complete(to, rule && rule->text ? rule->text : tag);
    wire_free(&rows);
}

/* ---- Messages ---- */

static void greet(struct fake_link *link, struct wire *to)
{
    link->greeted = true;
    wire_authentication(to, 0);
    wire_parameter(to, "server_version", "15.20");
    wire_parameter(to, "client_encoding", "UTF8");
    wire_parameter(to, "server_encoding", "UTF8");
    wire_parameter(to, "standard_conforming_strings", "on");
    wire_parameter(to, "integer_datetimes", "on");
    wire_parameter(to, "in_hot_standby", fake_standby(link->fake) ? "on" : "off");
    size_t begin = wire_begin(to, 'K');
    wire_int32(to, (int32_t)link->owner);
    wire_int32(to, 1);
    wire_end(to, begin);
    wire_ready(to, link->transaction);
}

static void finish(struct fake_link *link, struct wire *to)
{
    link->failed = false;
    if (link->transaction == 'I')
        fake_commit(fake_world_of(link->fake), link->owner);
    wire_ready(to, link->transaction);
}

/* One statement of the simple protocol. */
static void query(struct fake_link *link, const char *sql, const struct fake_rule *rule, struct wire *to)
{
    struct fake_call call = {.fake = link->fake, .owner = link->owner, .name = "", .sql = sql};
    answer(link, &call, rule, to);
    finish(link, to);
}

static void execute(struct fake_link *link, const struct fake_rule *rule, struct wire *to)
{
    struct fake_call call;
    call_read(link, &call);
    wire_plain(to, '2');
    answer(link, &call, rule, to);
}

static const char *startup_event(struct wire_reader body)
{
    switch (read_int32(&body)) {
    case CODE_SSL:
        return "SSLRequest";
    case CODE_GSS:
        return "GSSENCRequest";
    case CODE_CANCEL:
        return "Cancel";
    default:
        return "Startup";
    }
}

static void name_call(const char *kind, const struct fake_call *call, char event[FAKE_EVENT])
{
    char name[FAKE_EVENT - 16];
    fake_name(call, name, sizeof name);
    snprintf(event, FAKE_EVENT, "%s %s", kind, name);
}

/* The event that the message is, or "" when it is a part of one. */
static void event_of(struct fake_link *link, const struct message *message, struct fake_call *call,
                     char event[FAKE_EVENT])
{
    struct wire_reader body = message->body;
    const char *name = "";
    switch (message->type) {
    case 0:
        name = startup_event(body);
        break;
    case 'P':
        *call = (struct fake_call){.name = read_text(&body), .sql = read_text(&body)};
        name_call("Parse", call, event);
        return;
    case 'E':
        call_read(link, call);
        if (call->sql)
            name_call("Execute", call, event);
        else
            snprintf(event, FAKE_EVENT, "Execute of nothing");
        return;
    case 'Q':
        *call = (struct fake_call){.name = "", .sql = read_text(&body)};
        name_call("Query", call, event);
        return;
    case 'S':
        name = "Sync";
        break;
    case 'H':
        name = "Flush";
        break;
    case 'p':
        name = "Password";
        break;
    case 'X':
        name = "Terminate";
        break;
    default:
        break;
    }
    snprintf(event, FAKE_EVENT, "%s", name);
}

/* What the message asks for, done; its answer. */
static void perform(struct fake_link *link, const struct message *message, const struct fake_rule *rule,
                    struct wire *to)
{
    struct wire_reader body = message->body;
    const char *name;
    switch (message->type) {
    case 0:
        if (strcmp(startup_event(body), "Startup") == 0)
            greet(link, to);
        else
            wire_bytes(to, "N", strcmp(startup_event(body), "Cancel") != 0);
        break;
    case 'p':
        greet(link, to);
        break;
    case 'P':
        name = read_text(&body);
        prepare(link, name, read_text(&body));
        wire_plain(to, '1');
        break;
    case 'B':
        link->portal.length = 0;
        wire_bytes(&link->portal, body.at, (size_t)(body.end - body.at));
        break;
    case 'E':
        execute(link, rule, to);
        break;
    case 'Q':
        query(link, read_text(&body), rule, to);
        break;
    case 'S':
        finish(link, to);
        break;
    default: /* a Describe is answered with the Execute, a Flush by sending */
        break;
    }
}

/* ---- Rules ---- */

static void deliver(struct fake_link *link, const struct wire *made)
{
    wire_bytes(&link->answers, made->bytes, made->length);
    wire_bytes(&link->answers, link->swapped.bytes, link->swapped.length);
    link->swapped.length = 0;
}

/* Performs the message, and does with its answer what the rule says. */
static void perform_by(struct fake_link *link, const struct message *message, const struct fake_rule *rule)
{
    struct wire made = {0};
    perform(link, message, rule, &made);
    if (rule && rule->deed == FAKE_PREPEND)
        wire_bytes(&link->answers, rule->bytes, rule->length);
    if (rule && rule->deed == FAKE_SWAP)
        wire_bytes(&link->swapped, made.bytes, made.length);
    else if (rule && rule->deed == FAKE_CUT)
        wire_bytes(&link->answers, made.bytes, rule->length < made.length ? rule->length : made.length);
    else if (!rule || rule->deed != FAKE_DROP)
        deliver(link, &made);
    wire_free(&made);
    if (rule && (rule->deed == FAKE_CUT || rule->deed == FAKE_ANSWER_CLOSE))
        end(link);
}

static void obey(struct fake_link *link, const struct message *message, const struct fake_rule *rule)
{
    switch (rule ? rule->deed : FAKE_ANSWER) {
    case FAKE_ERROR:
        refuse(link, link->greeted ? "ERROR" : "FATAL", rule->sqlstate, rule->text);
        if (!link->greeted)
            end(link);
        else if (message->type == 'Q' || message->type == 'S')
            finish(link, &link->answers);
        break;
    case FAKE_FATAL:
        refuse(link, "FATAL", rule->sqlstate, rule->text);
        end(link);
        break;
    case FAKE_CLOSE:
        end(link);
        break;
    case FAKE_RESET:
        reset(link);
        break;
    case FAKE_BYTES:
        wire_bytes(&link->answers, rule->bytes, rule->length);
        break;
    case FAKE_HANG:
        link->hung = true;
        break;
    default:
        perform_by(link, message, rule);
    }
}

/* True: the event has to wait, or waits. */
static bool pause_at(struct fake_link *link, const struct fake_rule *rule)
{
    if (link->waits) {
        link->waits = fake_now_us() < link->resume_us;
        return link->waits;
    }
    if (!rule || (!rule->held && !rule->delay_ms))
        return false;
    link->paused = *rule;
    link->waits = true;
    link->resume_us = rule->held ? INT64_MAX : fake_now_us() + rule->delay_ms * INT64_C(1000);
    return true;
}

/* A server that a failed message made skip all others takes Sync and Terminate only. */
static bool is_skipped(const struct fake_link *link, const struct message *message)
{
    return link->failed && message->type != 'S' && message->type != 'X';
}

static bool unknown_statement(struct fake_link *link, const struct message *message)
{
    struct fake_call call;
    if (message->type != 'B')
        return false;
    call_read(link, &call);
    if (!call.sql)
        refuse(link, "ERROR", "26000", "prepared statement does not exist");
    return !call.sql;
}

/* In a failed transaction only its end is possible. */
static bool refused_by_transaction(struct fake_link *link, const struct fake_call *call)
{
    bool ends = call->sql && (begins(call->sql, "ROLLBACK") || begins(call->sql, "COMMIT"));
    if (link->transaction != 'E' || ends || !call->sql)
        return false;
    refuse(link, "ERROR", "25P02", "current transaction is aborted, commands ignored until end of transaction block");
    return true;
}

/* False: the message is to wait. */
static bool handle(struct fake_link *link, const struct message *message)
{
    char event[FAKE_EVENT] = "";
    struct fake_call call = {0};
    struct fake_rule rule;
    bool ruled = false;
    if (is_skipped(link, message))
        return true;
    event_of(link, message, &call, event);
    if (link->waits) {
        if (pause_at(link, NULL))
            return false;
        rule = link->paused;
        ruled = true;
    } else if (*event) {
        ruled = fake_event(link->fake, event, &call, &rule);
        if (pause_at(link, ruled ? &rule : NULL))
            return false;
    }
    if (!ruled && refused_by_transaction(link, &call))
        return true;
    obey(link, message, ruled ? &rule : NULL);
    if (!unknown_statement(link, message) && strchr("SHQp", message->type)) /* and 0, which ends that text */
        flush(link);
    link->closing |= message->type == 'X' || strcmp(event, "Cancel") == 0;
    return true;
}

/* The next whole message of what has come. */
static bool message_next(const struct fake_link *link, struct message *message)
{
    enum { LENGTH = sizeof(int32_t) };
    *message = (struct message){0};
    struct wire_reader reader = {link->in.bytes, link->in.bytes + link->in.length, false};
    bool typed = link->greeted || (link->in.length && *link->in.bytes == 'p');
    if (typed)
        message->type = *read_bytes(&reader, 1);
    int32_t length = read_int32(&reader);
    if (reader.bad || length < LENGTH || reader.end - reader.at < length - LENGTH)
        return false;
    message->body = (struct wire_reader){reader.at, reader.at + length - LENGTH, false};
    message->length = (size_t)length + typed;
    return true;
}

void fake_link_run(struct fake_link *link)
{
    struct message message = {.type = 'c'}; /* the connection itself: a message of no bytes */
    if (!link->announced && !link->hung) {
        struct fake_rule rule;
        bool ruled = link->waits;
        if (ruled)
            rule = link->paused;
        else
            ruled = fake_event(link->fake, "Connect", NULL, &rule);
        if (pause_at(link, ruled ? &rule : NULL))
            return;
        link->announced = true;
        obey(link, &message, ruled ? &rule : NULL);
        flush(link);
    }
    while (!link->hung && !link->closing && message_next(link, &message) && handle(link, &message))
        wire_drop(&link->in, message.length);
}
