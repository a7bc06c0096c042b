/* fake_perform.c - does what a message of the client asks for, and makes the answer, as a server that is well does. */
#include "fake_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_SSL = 80877103, CODE_GSS = 80877104, CODE_CANCEL = 80877102 };

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
void fake_call_read(struct fake_link *link, struct fake_call *call)
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

bool fake_begins(const char *sql, const char *word)
{
    return strncmp(sql, word, strlen(word)) == 0;
}

/* BEGIN, COMMIT, ROLLBACK: what they do to the transaction, or false when it is none of them. */
static bool control(struct fake_link *link, const char *sql, char *tag)
{
    if (fake_begins(sql, "BEGIN")) {
        link->transaction = 'T';
    } else if (fake_begins(sql, "COMMIT") && link->transaction != 'E') {
        fake_commit(link->fake->world, link->owner);
        link->transaction = 'I';
    } else if (fake_begins(sql, "ROLLBACK") || fake_begins(sql, "COMMIT")) {
        fake_rollback(link->fake->world, link->owner);
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
    wire_parameter(to, "in_hot_standby", link->fake->standby ? "on" : "off");
    size_t begin = wire_begin(to, 'K');
    wire_int32(to, (int32_t)link->owner);
    wire_int32(to, 1);
    wire_end(to, begin);
    wire_ready(to, link->transaction);
}

void fake_finish(struct fake_link *link, struct wire *to)
{
    link->failed = false;
    if (link->transaction == 'I')
        fake_commit(link->fake->world, link->owner);
    wire_ready(to, link->transaction);
}

/* One statement of the simple protocol. */
static void query(struct fake_link *link, const char *sql, const struct fake_rule *rule, struct wire *to)
{
    struct fake_call call = {.fake = link->fake, .owner = link->owner, .name = "", .sql = sql};
    answer(link, &call, rule, to);
    fake_finish(link, to);
}

static void execute(struct fake_link *link, const struct fake_rule *rule, struct wire *to)
{
    struct fake_call call;
    fake_call_read(link, &call);
    if (!call.sql)
        return; /* its Bind was refused */
    wire_plain(to, '2');
    answer(link, &call, rule, to);
}

const char *fake_startup(struct wire_reader body)
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

/* What the message asks for, done; its answer. */
void fake_perform(struct fake_link *link, const struct fake_message_in *message, const struct fake_rule *rule,
                  struct wire *to)
{
    struct wire_reader body = message->body;
    const char *name;
    switch (message->type) {
    case 0:
        if (strcmp(fake_startup(body), "Startup") == 0)
            greet(link, to);
        else
            wire_bytes(to, "N", strcmp(fake_startup(body), "Cancel") != 0);
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
        fake_finish(link, to);
        break;
    default: /* a Describe is answered with the Execute, a Flush by sending */
        break;
    }
}
