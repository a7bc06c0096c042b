/*
 * fake_answers.c - what a fake server knows of the library's statements, all of it. The columns of an answer follow
 * from the select list: an expression that is new there gets a line in `expressions`.
 */
#include "fake_private.h"

#include "base/sql.h"
#include "pg/statement.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Names ---- */

static bool is_start(const char *sql)
{
    return strstr(sql, "plan_cache_mode") != NULL;
}

void fake_name(const struct fake_call *call, char *name, size_t size)
{
    if (is_start(call->sql))
        snprintf(name, size, "start");
    else if (!*call->name)
        snprintf(name, size, "%.*s", (int)strcspn(call->sql, " \n;"), call->sql);
    else if (strstr(call->name, "_rows") && call->count && call->lengths[0] >= 20)
        snprintf(name, size, "%s x%d", call->name, (int)get_int32(call->values[0] + 12));
    else
        snprintf(name, size, "%s", call->name);
}

/* ---- Select lists ---- */

/* The end of an expression: the comma, or one of the words, outside of parentheses and quotes; else the end. */
static const char *expression_end(const char *at)
{
    static const char *const words[] = {" FROM ", " ON CONFLICT "};
    int depth = 0;
    bool quoted = false;
    for (; *at; at++) {
        quoted ^= *at == '\'';
        depth += quoted ? 0 : (*at == '(') - (*at == ')');
        if (quoted || depth > 0)
            continue;
        if (*at == ',' || depth < 0)
            break;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strncmp(at, words[i], strlen(words[i])) == 0)
                return at;
    }
    return at;
}

/* Takes the next one off a list. False at its end. */
static bool expression_next(const char **list, char *text, size_t size)
{
    while (**list == ' ' || **list == ',' || **list == '\n')
        ++*list;
    const char *end = expression_end(*list);
    snprintf(text, size, "%.*s", (int)(end - *list), *list);
    bool is_one = end != *list;
    *list = *end == ',' || !*end ? end : ""; /* the last one is followed by something else */
    return is_one;
}

/* What the statement returns; "" when nothing. */
static const char *select_list(const char *sql)
{
    const char *returning = strstr(sql, " RETURNING ");
    if (returning)
        return returning + strlen(" RETURNING ");
    return strncmp(sql, "SELECT ", 7) == 0 ? sql + 7 : "";
}

/* ---- Expressions ---- */

/* What a row is made of; what does not concern it is NULL or 0. */
struct source {
    const struct fake_call *call;
    const struct fake_message *message;
    int shard;
    int64_t shard_id;
    int64_t now_us;
};

static int node_of(const struct source *source)
{
    return source->call->fake->world->groups[source->shard];
}

/* `what` is the expression's kind: one letter for the type, then which. */
static struct wire_value value_of(const struct source *source, const char *what)
{
    const struct fake_world *world = source->call->fake->world;
    struct wire_value value = {.type = *what, .data = ""};
    const char *which = what + 2;
    if (strcmp(which, "now") == 0)
        value.number = source->now_us;
    else if (strcmp(which, "standby") == 0)
        value.number = source->call->fake->standby;
    else if (strcmp(which, "citus") == 0)
        value.number = world->is_citus;
    else if (strcmp(which, "group") == 0)
        value.number = source->call->fake->group;
    else if (strcmp(which, "here") == 0)
        value.number = node_of(source) == source->call->fake->group;
    else if (strcmp(which, "one") == 0)
        value.number = 1;
    else if (strcmp(which, "schema") == 0)
        value.number = sql_migration_count;
    else if (strcmp(which, "null") == 0)
        value.null = true;
    else if (strcmp(which, "version") == 0)
        value.data = world->citus_version;
    else if (strcmp(which, "shard") == 0)
        value.number = source->shard_id;
    else if (strcmp(which, "least") == 0)
        value.number = fake_shard_least(source->shard);
    else if (strcmp(which, "most") == 0)
        value.number = fake_shard_most(source->shard);
    else if (strcmp(which, "owner") == 0)
        value.number = node_of(source);
    else if (strcmp(which, "port") == 0)
        value.number = world->ports[node_of(source)];
    else if (strcmp(which, "host") == 0)
        value.data = world->hosts[node_of(source)];
    return value;
}

static struct wire_value message_value(const struct fake_message *message, const char *what)
{
    struct wire_value value = {.type = *what, .data = message->text};
    const char *which = what + 2;
    if (strcmp(which, "id") == 0)
        value.number = message->id;
    else if (strcmp(which, "user_id") == 0)
        value.data = &message->author;
    else if (strcmp(which, "to_user_id") == 0)
        value.data = &message->recipient;
    else if (strcmp(which, "create_date") == 0)
        value.number = message->created_us;
    else
        value.null = strcmp(which, "text") != 0;
    return value;
}

/* Expressions by what they contain; the first that fits. */
static const struct {
    const char *contains;
    const char *what;
} expressions[] = {
    {"clock_timestamp()", "T now"},
    {"pg_is_in_recovery()", "b standby"},
    {"set_config(", "t text"},
    {"own.direct", "b one"},
    {"own.pid", "i one"},
    {"own.started", "T now"},
    {"pg_extension", "b citus"},
    {"AS here", "b here"},
    {"p.xmin", "l one"},
    {"pg_dist_local_group", "i group"},
    {"NULL::integer", "i null"},
    {"NULL::text", "t null"},
    {"pg_dist_partition", "b one"},
    {"citus_version()", "t version"},
    {"shardminvalue", "i least"},
    {"shardmaxvalue", "i most"},
    {"shardid", "l shard"},
    {"groupid", "i owner"},
    {"nodename", "t host"},
    {"nodeport", "i port"},
    {"AS installed", "i one"},
    {"max(version)", "i schema"},
    {"tokens_since", "T zero"},
    {"jsonb_contains(", "b zero"},
    {"2 OPERATOR(pg_catalog.-)", "i zero"},
};

/* Columns of `dialogs` and `users` by their names. */
static const char *const columns[] = {"l id",          "u user_id",     "u to_user_id", "t text",
                                      "T create_date", "T update_date", "b mine",       "t ''::text"};

static const char *what_of(const char *sql, const char *expression)
{
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++)
        if (strstr(expression, expressions[i].contains))
            return expressions[i].what;
    if (strstr(sql, "public.users") && strcmp(expression, "id") == 0)
        return "u id";
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strcmp(expression, columns[i] + 2) == 0)
            return columns[i];
    return "t text";
}

static void types_of(const char *sql, char types[FAKE_PARAMETERS])
{
    char expression[512];
    const char *list = select_list(sql);
    int count = 0;
    while (count < FAKE_PARAMETERS - 1 && expression_next(&list, expression, sizeof expression))
        types[count++] = *what_of(sql, expression);
    types[count] = '\0';
}

static void row_add(struct wire *rows, const struct source *source)
{
    char expression[512], types[FAKE_PARAMETERS];
    const char *sql = source->call->sql;
    const char *list = select_list(sql);
    types_of(sql, types);
    size_t begin = wire_begin(rows, 'D');
    wire_int16(rows, (int)strlen(types));
    while (expression_next(&list, expression, sizeof expression)) {
        const char *what = what_of(sql, expression);
        struct wire_value value = source->message ? message_value(source->message, what) : value_of(source, what);
        wire_value(rows, &value, source->call->binary);
    }
    wire_end(rows, begin);
}

/* ---- Parameters ---- */

static int64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The number of the parameter in "... before $n", or -1. */
static int parameter_after(const char *sql, const char *before)
{
    const char *at = strstr(sql, before);
    return at && at[strlen(before)] == '$' ? atoi(at + strlen(before) + 1) - 1 : -1;
}

/* Element `row` of an array, or the parameter itself when it is none. */
static const char *element(const struct fake_call *call, int parameter, bool is_array, int row, int *length)
{
    const char *at = call->values[parameter];
    *length = call->lengths[parameter];
    if (!is_array)
        return at;
    for (at += 20; row > 0; row--)
        at += 4 + get_int32(at);
    *length = get_int32(at);
    return at + 4;
}

static int array_count(const struct fake_call *call, int parameter)
{
    return call->lengths[parameter] >= 20 ? (int)get_int32(call->values[parameter] + 12) : 0;
}

/* ---- Statements ---- */

/* Where the server stamps, the parameter is what the stamp has to be later than; else it is the stamp. */
static int64_t stamp_of(const char *sql, int64_t parameter_us, int row)
{
    int64_t now_us = wall_us();
    bool own = strstr(sql, "statement_timestamp()") != NULL;
    return own ? (now_us > parameter_us ? now_us : parameter_us) + row : parameter_us;
}

/* Column by column, as INSERT INTO names them, from the parameters as they are numbered. */
static void message_read(const struct fake_call *call, bool is_array, int row, struct fake_message *message)
{
    char column[64];
    const char *list = strchr(call->sql, '(') + 1;
    *message = (struct fake_message){.owner = call->owner, .created_us = wall_us()};
    for (int i = 0; expression_next(&list, column, sizeof column) && i < call->count; i++) {
        int length;
        const char *value = element(call, i, is_array, row, &length);
        if (strcmp(column, "id") == 0)
            message->id = get_int64(value);
        else if (strcmp(column, "user_id") == 0)
            memcpy(message->author.bytes, value, sizeof message->author.bytes);
        else if (strcmp(column, "to_user_id") == 0)
            memcpy(message->recipient.bytes, value, sizeof message->recipient.bytes);
        else if (strcmp(column, "create_date") == 0)
            message->created_us = stamp_of(call->sql, timestamp_to_us(get_int64(value)), row);
        else if (strcmp(column, "text") == 0 && !message->text)
            message->text = strndup(value, (size_t)length);
    }
}

static void insert(const struct fake_call *call, struct wire *rows, char tag[32])
{
    bool is_array = strstr(call->sql, "unnest(") != NULL;
    bool returns = strstr(call->sql, " RETURNING ") != NULL;
    int count = is_array ? array_count(call, 0) : 1, written = 0;
    for (int row = 0; row < count; row++) {
        struct fake_message message;
        message_read(call, is_array, row, &message);
        struct source source = {.call = call, .message = &message};
        bool is_new = fake_message_add(call->fake->world, &message);
        if (is_new && returns)
            row_add(rows, &source);
        written += is_new;
        free(message.text);
    }
    snprintf(tag, 32, "INSERT 0 %d", written);
}

/* Any other write does what it is asked to. */
static void write_other(const char *sql, char tag[32])
{
    snprintf(tag, 32, strncmp(sql, "INSERT", 6) == 0 ? "INSERT 0 1" : "UPDATE 1");
}

static int shards_read(const struct source *template, struct wire *rows)
{
    struct source source = *template;
    const struct fake_world *world = source.call->fake->world;
    for (source.shard = 0; source.shard < world->shards; source.shard++) {
        source.shard_id = FAKE_FIRST_SHARD + source.shard;
        row_add(rows, &source);
    }
    return world->shards;
}

/* Of the shards that were asked for, those that are here; or all, with what says that they are settled. */
static int placed_read(const struct source *template, struct wire *rows)
{
    struct source source = *template;
    bool wherever = strstr(source.call->sql, " AS row ") != NULL;
    const struct fake_world *world = source.call->fake->world;
    int count = 0;
    for (int i = 0; i < array_count(source.call, 0); i++) {
        int length;
        source.shard_id = get_int64(element(source.call, 0, true, i, &length));
        source.shard = (int)(source.shard_id - FAKE_FIRST_SHARD);
        bool known = source.shard >= 0 && source.shard < world->shards;
        if (!known || (!wherever && node_of(&source) != source.call->fake->group))
            continue;
        row_add(rows, &source);
        count++;
    }
    return count;
}

static int found_read(const struct source *template, struct wire *rows)
{
    struct source source = *template;
    const struct fake_call *call = source.call;
    int id = parameter_after(call->sql, "WHERE id = "), recipient = parameter_after(call->sql, "to_user_id = ");
    dlg_uuid uuid;
    memcpy(uuid.bytes, call->values[recipient], sizeof uuid.bytes);
    source.message = fake_message_find(call->fake->world, get_int64(call->values[id]), &uuid);
    if (source.message)
        row_add(rows, &source);
    return source.message != NULL;
}

/* Lists, and searches of users, find nothing. */
static int select_rows(const struct fake_call *call, struct wire *rows)
{
    const struct source source = {.call = call, .now_us = wall_us()};
    const char *sql = call->sql;
    if (strstr(sql, "nodename"))
        return shards_read(&source, rows);
    if (strstr(sql, "shardid = ANY"))
        return placed_read(&source, rows);
    if (parameter_after(sql, "FROM public.dialogs WHERE id = ") >= 0)
        return found_read(&source, rows);
    if (strstr(sql, "FROM public.dialogs") || strstr(sql, "FROM public.users") || strstr(sql, "UNION ALL"))
        return 0;
    row_add(rows, &source);
    return 1;
}

void fake_answer(const struct fake_call *call, char types[FAKE_PARAMETERS], struct wire *rows, char tag[32])
{
    const char *sql = call->sql;
    struct fake_world *world = call->fake->world;
    types_of(sql, types);
    if (strncmp(sql, "INSERT INTO public.dialogs ", 27) == 0) {
        insert(call, rows, tag);
        return;
    }
    if (strncmp(sql, "INSERT", 6) == 0 || strncmp(sql, "UPDATE", 6) == 0) {
        write_other(sql, tag);
        return;
    }
    pthread_mutex_lock(&world->lock);
    int count = *types ? select_rows(call, rows) : 0;
    pthread_mutex_unlock(&world->lock);
    snprintf(tag, 32, "SELECT %d", count);
}
