#include "engine/watermark.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rounds while somebody follows, and when it is urgent; how long after the last page; when what is known is old. */
enum { EVERY_US = 1000000, SOON_US = 20000, WANTED_US = 10000000, OLD_US = 3000000, PATIENCE_US = 300000 };

/* So far a node's clock may step back, and nothing is missed. */
enum { SLACK_US = 2000000 };

/* What is told: that it has stood still for so long, and that the clocks of two nodes differ by so much. */
enum { STILL_US = 10000000, SKEW_US = 1000000 };

enum { COLUMN_NOW, COLUMN_WRITERS, COLUMN_HELD, COLUMN_GROUP, COLUMN_OWNERS };

bool watermark_open(struct engine *engine)
{
    engine->watermark = calloc(1, sizeof *engine->watermark);
    if (!engine->watermark)
        return false;
    engine->watermark->patience_us = INT64_MAX;
    SLIST_INIT(&engine->watermark->waiting);
    return true;
}

static void parts_free(struct watermark *watermark)
{
    for (size_t i = 0; i < watermark->count; i++) {
        query_clear(&watermark->parts[i].request.queries[0]);
        dlg_error_free(watermark->parts[i].request.last_error);
        free(watermark->parts[i].writers);
        free(watermark->parts[i].owners);
    }
    free(watermark->parts);
    watermark->parts = NULL;
    watermark->count = watermark->awaited = 0;
}

int64_t watermark_settled_us(const struct engine *engine)
{
    const struct watermark *watermark = engine->watermark;
    return watermark->time_us ? watermark->time_us - SLACK_US : INT64_MIN;
}

int64_t watermark_clocks_us(const struct engine *engine)
{
    const struct watermark *watermark = engine->watermark;
    return watermark->clocks_us ? watermark->clocks_us - SLACK_US : INT64_MIN;
}

/* ---- What is told ---- */

static void tell_moving(struct engine *engine)
{
    if (engine->watermark->still_told)
        LOG(engine->settings, DLG_LOG_LEVEL_INFO, "watermark", "it moves again");
    engine->watermark->still_told = false;
}

/* Once, while somebody follows and it stands still. */
static void tell_still(struct engine *engine)
{
    struct watermark *watermark = engine->watermark;
    int64_t since_us =
        watermark->moved_us > watermark->wanted_since_us ? watermark->moved_us : watermark->wanted_since_us;
    bool wanted = engine->now_us < watermark->wanted_until_us;
    if (watermark->still_told || !wanted || engine->now_us - since_us < STILL_US)
        return;
    watermark->still_told = true;
    bool waits = watermark->awaited && engine->now_us - watermark->begun_us > EVERY_US;
    bool silent = waits || !watermark->writers || !*watermark->writers;
    LOG(engine->settings, DLG_LOG_LEVEL_WARNING, "watermark",
        "it has stood still for %d s, since %s%.200s. Newer messages are shown at once, and when there are many of "
        "them "
        "again to who reconnects",
        STILL_US / 1000000,
        silent ? "a node does not answer" : "these transactions hold the table dialogs (pg_locks.virtualtransaction): ",
        silent ? "" : watermark->writers);
}

/* Once, until they agree again. They were read one after the other, in no more time than the round took. */
static void tell_skew(struct engine *engine)
{
    struct watermark *watermark = engine->watermark;
    const struct watermark_part *ahead = watermark->parts, *behind = watermark->parts;
    for (size_t i = 1; i < watermark->count; i++) {
        const struct watermark_part *part = &watermark->parts[i];
        ahead = part->now_us > ahead->now_us ? part : ahead;
        behind = part->now_us < behind->now_us ? part : behind;
    }
    int64_t skew_us = ahead->now_us - behind->now_us - (clock_monotonic_us() - watermark->begun_us);
    if (skew_us > SKEW_US && !watermark->skew_told)
        LOG(engine->settings, DLG_LOG_LEVEL_WARNING, "watermark",
            "the clock of group %d is %.1f s ahead of that of group %d: let a time server set the nodes' clocks",
            (int)ahead->group, (double)skew_us / 1e6, (int)behind->group);
    watermark->skew_told = skew_us > SKEW_US;
}

/* ---- The end of a round ---- */

/* Who waits again does so in the next round. */
static void waiting_release(struct engine *engine)
{
    struct request *request;
    struct resumed_list waiting = engine->watermark->waiting;
    SLIST_INIT(&engine->watermark->waiting);
    engine->watermark->patience_us = INT64_MAX;
    while ((request = SLIST_FIRST(&waiting))) {
        SLIST_REMOVE_HEAD(&waiting, resumed);
        if (--request->outstanding == 0 && !request->done)
            request->step(request);
        request_release(request);
    }
}

static void raise_to(struct engine *engine, int64_t time_us)
{
    struct watermark *watermark = engine->watermark;
    if (time_us > watermark->time_us)
        watermark->time_us = time_us;
    watermark->moved_us = clock_monotonic_us();
    watermark->stuck = false;
    tell_moving(engine);
    clock_observe(&engine->clock, watermark->time_us);
}

/* The texts of all parts, a space after each; NULL when out of memory. */
static char *writers_join(const struct watermark *watermark)
{
    size_t size = 1;
    for (size_t i = 0; i < watermark->count; i++)
        size += strlen(watermark->parts[i].writers) + 1;
    char *text = malloc(size), *to = text;
    for (size_t i = 0; text && i < watermark->count; i++)
        if (*watermark->parts[i].writers)
            to += sprintf(to, "%s ", watermark->parts[i].writers);
    if (text)
        *to = '\0';
    return text;
}

/* This round is the one whose writers are waited for. */
static void round_keep(struct watermark *watermark, int64_t now_us)
{
    free(watermark->writers);
    free(watermark->groups);
    watermark->writers = writers_join(watermark);
    watermark->groups = watermark->asking;
    watermark->asking = NULL;
    watermark->earlier_us = watermark->writers && watermark->groups ? now_us : 0;
}

static void round_use(struct engine *engine)
{
    struct watermark *watermark = engine->watermark;
    int64_t now_us = INT64_MAX;
    bool held = false, writers = false;
    for (size_t i = 0; i < watermark->count; i++) {
        const struct watermark_part *part = &watermark->parts[i];
        now_us = part->now_us < now_us ? part->now_us : now_us;
        held |= part->held;
        writers |= *part->writers != '\0';
    }
    watermark->clocks_us = now_us;
    bool same = watermark->earlier_us && watermark->asking && strcmp(watermark->asking, watermark->groups) == 0;
    if (!writers)
        raise_to(engine, now_us);
    else if (same && !held)
        raise_to(engine, watermark->earlier_us);
    if (!same || !held)
        round_keep(watermark, now_us);
}

static bool was_asked(const struct watermark *watermark, int32_t group)
{
    for (size_t i = 0; i < watermark->count; i++)
        if (watermark->parts[i].group == group)
            return true;
    return false;
}

/* Whether no node with shards was left out. Else the map is old. */
static bool all_asked(struct engine *engine)
{
    const struct watermark *watermark = engine->watermark;
    const char *owners = watermark->parts[0].owners;
    bool all = true;
    for (char *end; all && *owners; owners = end) {
        int32_t group = (int32_t)strtol(owners, &end, 10);
        all = end != owners && was_asked(watermark, group);
    }
    if (!all)
        topology_suspect(&engine->topology, clock_monotonic_us());
    return all;
}

static void round_end(struct engine *engine)
{
    struct watermark *watermark = engine->watermark;
    bool good = true;
    int64_t moved_us = watermark->moved_us;
    for (size_t i = 0; i < watermark->count; i++)
        good &= watermark->parts[i].good;
    if (good && all_asked(engine)) {
        tell_skew(engine);
        round_use(engine);
    }
    bool urgent = !SLIST_EMPTY(&watermark->waiting);
    watermark->next_us = clock_monotonic_us() + (urgent ? SOON_US : EVERY_US);
    if (watermark->moved_us != moved_us)
        waiting_release(engine);
}

static void part_answered(struct request *request)
{
    struct watermark_part *part = (struct watermark_part *)request;
    struct query *query = &request->queries[0];
    struct engine *engine = request->engine;
    bool fits = !query->error && query_rows(query) == 1;
    if (fits && (part->any_group || query_int32(query, 0, COLUMN_GROUP) == part->group)) {
        part->group = query_int32(query, 0, COLUMN_GROUP);
        part->now_us = query_time(query, 0, COLUMN_NOW);
        part->held = query_bool(query, 0, COLUMN_HELD);
        part->writers = strdup(query_text(query, 0, COLUMN_WRITERS, NULL));
        part->owners = strdup(query_text(query, 0, COLUMN_OWNERS, NULL));
        part->good = part->writers && part->owners;
    }
    query_clear(query);
    if (--engine->watermark->awaited == 0)
        round_end(engine);
}

/* ---- The beginning of a round ---- */

static void part_ask(struct engine *engine, struct watermark_part *part, struct node *node, enum statement_id statement)
{
    struct query *query = &part->request.queries[0];
    const char *writers = engine->watermark->writers ? engine->watermark->writers : "";
    part->request.engine = engine;
    part->request.deadline_us = INT64_MAX;
    part->request.step = part_answered;
    part->group = node->group;
    part->any_group = node == topology_first(&engine->topology);
    atomic_init(&part->request.references, 1);
    query_init(query, &part->request, statement, NULL);
    query_set_text(query, 0, writers, strlen(writers));
    engine_expect(&part->request);
    queue_push(&node->reads, query); /* while the node cannot be reached the first one answers */
}

/* Which nodes there are; NULL when out of memory. */
static char *groups_join(const struct topology *topology)
{
    char *text = calloc(topology->count + 1, 12), *to = text;
    for (size_t i = 0; text && i < topology->count; i++)
        if (!topology->nodes[i]->retired)
            to += sprintf(to, "%d ", (int)topology->nodes[i]->group);
    return text;
}

/* Whether every node can be asked from here. Else the first one asks the others, by new connections each time. */
static bool all_reachable(const struct topology *topology)
{
    if (topology->hidden)
        return false;
    for (size_t i = 1; i < topology->count; i++)
        if (!topology->nodes[i]->retired && !node_ready(topology->nodes[i], false))
            return false;
    return true;
}

static void round_begin(struct engine *engine)
{
    const struct topology *topology = &engine->topology;
    struct watermark *watermark = engine->watermark;
    bool direct = all_reachable(topology);
    size_t last = direct ? topology->count : 1;
    enum statement_id statement = !topology->is_citus ? STATEMENT_WRITERS
                                  : direct            ? STATEMENT_WRITERS_CITUS
                                                      : STATEMENT_WRITERS_ALL;
    parts_free(watermark);
    free(watermark->asking);
    watermark->asking = groups_join(topology);
    watermark->begun_us = engine->now_us;
    watermark->next_us = engine->now_us + EVERY_US;
    watermark->parts = calloc(last, sizeof *watermark->parts);
    if (!watermark->parts)
        return;
    for (size_t i = 0; i < last; i++)
        watermark->count += !topology->nodes[i]->retired;
    watermark->awaited = watermark->count;
    struct watermark_part *part = watermark->parts;
    for (size_t i = 0; i < last; i++)
        if (!topology->nodes[i]->retired)
            part_ask(engine, part++, topology->nodes[i], statement);
}

static bool may_begin(const struct engine *engine)
{
    const struct topology *topology = &engine->topology;
    return !engine->watermark->awaited && topology_known(topology) && node_ready(topology_first(topology), false);
}

/* Somebody follows from now on. */
static void watermark_want(struct engine *engine)
{
    struct watermark *watermark = engine->watermark;
    if (engine->now_us >= watermark->wanted_until_us) {
        watermark->stuck = false; /* nobody has tried for a while */
        watermark->wanted_since_us = engine->now_us;
    }
    watermark->wanted_until_us = engine->now_us + WANTED_US;
}

/* Until the round that is under way, or begins now, has ended, or for a moment. */
static void round_await(struct engine *engine, struct request *request)
{
    struct watermark *watermark = engine->watermark;
    engine_expect(request);
    SLIST_INSERT_HEAD(&watermark->waiting, request, resumed);
    if (watermark->patience_us == INT64_MAX)
        watermark->patience_us = engine->now_us + PATIENCE_US;
}

static void round_hurry(struct engine *engine)
{
    const struct watermark *watermark = engine->watermark;
    if (may_begin(engine) && (SLIST_EMPTY(&watermark->waiting) || watermark->next_us <= engine->now_us))
        round_begin(engine);
}

bool watermark_await(struct engine *engine, struct request *request)
{
    const struct watermark *watermark = engine->watermark;
    watermark_want(engine);
    if (watermark->time_us && engine->now_us - watermark->moved_us < OLD_US)
        return false;
    round_hurry(engine);
    if (watermark->stuck || atomic_load(&engine->stopping))
        return false;
    round_await(engine, request);
    return true;
}

bool watermark_await_clocks(struct engine *engine, struct request *request)
{
    watermark_want(engine);
    if (engine->watermark->clocks_us || atomic_load(&engine->stopping))
        return false;
    round_hurry(engine);
    round_await(engine, request);
    return true;
}

void watermark_run(struct engine *engine)
{
    struct watermark *watermark = engine->watermark;
    tell_still(engine);
    if (watermark->patience_us <= engine->now_us) {
        watermark->stuck = true;
        waiting_release(engine);
    }
    if (may_begin(engine) && watermark->next_us <= engine->now_us && engine->now_us < watermark->wanted_until_us)
        round_begin(engine);
}

int64_t watermark_next(const struct engine *engine)
{
    const struct watermark *watermark = engine->watermark;
    bool wanted = may_begin(engine) && watermark->next_us < watermark->wanted_until_us;
    int64_t next = wanted ? watermark->next_us : INT64_MAX;
    return watermark->patience_us < next ? watermark->patience_us : next;
}

void watermark_close(struct engine *engine)
{
    struct watermark *watermark = engine->watermark;
    waiting_release(engine);
    parts_free(watermark);
    free(watermark->writers);
    free(watermark->groups);
    free(watermark->asking);
    free(watermark);
    engine->watermark = NULL;
}
