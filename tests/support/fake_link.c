/* fake_link.c - one connection to a fake server: the messages of the client, in order, and the rules about them. */
#include "fake_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
        fake_rollback(link->fake->world, link->owner);
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

static void name_call(const char *kind, const struct fake_call *call, char event[FAKE_EVENT])
{
    char name[FAKE_EVENT - 16];
    fake_name(call, name, sizeof name);
    snprintf(event, FAKE_EVENT, "%s %s", kind, name);
}

static const struct {
    char type;
    const char *event;
} events[] = {{'S', "Sync"}, {'H', "Flush"}, {'p', "Password"}, {'X', "Terminate"}};

/* The event that the message is, or "" when it is a part of one; and the statement that it is about. */
static void event_of(struct fake_link *link, const struct fake_message_in *message, struct fake_call *call,
                     char event[FAKE_EVENT])
{
    struct wire_reader body = message->body;
    *event = '\0';
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i].type == message->type)
            snprintf(event, FAKE_EVENT, "%s", events[i].event);
    if (message->type == 0)
        snprintf(event, FAKE_EVENT, "%s", fake_startup(body));
    else if (message->type == 'E')
        fake_call_read(link, call);
    else if (message->type == 'P')
        call->name = read_text(&body);
    if (message->type == 'P' || message->type == 'Q')
        call->sql = read_text(&body);
    if (call->sql)
        name_call(message->type == 'P' ? "Parse" : message->type == 'Q' ? "Query" : "Execute", call, event);
}

/* ---- Rules ---- */

static void deliver(struct fake_link *link, const struct wire *made)
{
    if (made->length == 0)
        return;
    wire_bytes(&link->answers, made->bytes, made->length);
    wire_bytes(&link->answers, link->swapped.bytes, link->swapped.length);
    link->swapped.length = 0;
}

/* Performs the message, and does with its answer what the rule says. */
static void perform_by(struct fake_link *link, const struct fake_message_in *message, const struct fake_rule *rule)
{
    struct wire made = {0};
    fake_perform(link, message, rule, &made);
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

static void obey(struct fake_link *link, const struct fake_message_in *message, const struct fake_rule *rule)
{
    switch (rule ? rule->deed : FAKE_ANSWER) {
    case FAKE_ERROR:
        refuse(link, link->greeted ? "ERROR" : "FATAL", rule->sqlstate, rule->text);
        if (!link->greeted)
            end(link);
        else if (message->type == 'Q' || message->type == 'S')
            fake_finish(link, &link->answers);
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
static bool is_skipped(const struct fake_link *link, const struct fake_message_in *message)
{
    return link->failed && message->type != 'S' && message->type != 'X';
}

static bool unknown_statement(struct fake_link *link, const struct fake_message_in *message)
{
    struct fake_call call;
    if (message->type != 'B')
        return false;
    fake_call_read(link, &call);
    if (!call.sql)
        refuse(link, "ERROR", "26000", "prepared statement does not exist");
    return !call.sql;
}

/* In a failed transaction only its end is possible. */
static bool refused_by_transaction(struct fake_link *link, const struct fake_call *call)
{
    bool ends = call->sql && (fake_begins(call->sql, "ROLLBACK") || fake_begins(call->sql, "COMMIT"));
    if (link->transaction != 'E' || ends || !call->sql)
        return false;
    refuse(link, "ERROR", "25P02", "current transaction is aborted, commands ignored until end of transaction block");
    return true;
}

/* False: the message is to wait. */
static bool handle(struct fake_link *link, const struct fake_message_in *message)
{
    char event[FAKE_EVENT] = "";
    struct fake_call call = {.name = ""};
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
static bool message_next(const struct fake_link *link, struct fake_message_in *message)
{
    enum { LENGTH = sizeof(int32_t) };
    *message = (struct fake_message_in){0};
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
    struct fake_message_in message = {.type = 'c'}; /* the connection itself: a message of no bytes */
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
