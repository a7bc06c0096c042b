#include "client/client.h"

#include "base/log.h"
#include "base/timeout.h"
#include "base/trace.h"
#include "base/versioned.h"
#include "client/schema.h"
#include "engine/cancel.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/dispatch_answers.h"
#include "engine/loop.h"
#include "engine/submit.h"
#include "pg/pooler.h"
#include "token/token_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMBEDDED_PREFIX "embedded:"

/* ---- What other modules ask ---- */

int client_check_process(const dlg_client *client, dlg_error **error)
{
    if (!client)
        return error_set(error, DLG_E_ARGUMENT, "a client is needed: dlg_open() makes one");
    if (engine_is_forked(&client->engine))
        return error_set(error, DLG_E_FORKED, "the client was opened before fork(): open another one in this process");
    return DLG_OK;
}

int client_check(const dlg_client *client, dlg_error **error)
{
    int code = client_check_process(client, error);
    if (code == DLG_OK && atomic_load(&client->engine.stopping))
        code = error_set(error, DLG_E_CLOSED, "the client was closed");
    return code;
}

int client_may_wait(const dlg_client *client, dlg_error **error)
{
    int code = client_check(client, error);
    return code == DLG_OK ? engine_may_wait(&client->engine, error) : code;
}

const dlg_settings *client_settings(const dlg_client *client)
{
    return client->settings;
}

struct clock *client_clock(dlg_client *client)
{
    return &client->engine.clock;
}

dlg_client *client_of(const struct request *request)
{
    return (dlg_client *)((char *)request->engine - offsetof(struct dlg_client, engine));
}

PGconn *client_connect(dlg_client *client, dlg_error **error)
{
    const struct patience patience = {.deadline_us =
                                          clock_deadline(timeout_choose(0, client->settings->timeout_ms * 1000)),
                                      .stop = &client->admin.stop};
    return admin_connection_open(client->conninfo, client->settings, &patience, error);
}

struct patience client_bulk_patience(const dlg_client *client)
{
    int64_t silence_us = timeout_choose(0, client->settings->bulk_timeout_ms * 1000);
    return (struct patience){
        .deadline_us = INT64_MAX, .silence_us = silence_us < 0 ? 0 : silence_us, .stop = &client->admin.stop};
}

/* ---- Keys ---- */

static const char *first_set(const char *a, const char *b)
{
    return a && *a ? a : b && *b ? b : NULL;
}

/* The key file's place when nobody has named one; to be freed. NULL: there is no home to put it in. */
static char *key_file_default(const dlg_client *client)
{
    char *path = NULL;
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length = -1;
    if (client->embedded)
        length = asprintf(&path, "%s/token.keys", embedded_directory(client->embedded));
    else if (state && *state)
        length = asprintf(&path, "%s/dialogs/token.keys", state);
    else if (home && *home)
        length = asprintf(&path, "%s/.local/state/dialogs/token.keys", home);
    return length < 0 ? NULL : path;
}

static int keyring_make(dlg_client *client, struct keyring **keyring, dlg_error **error)
{
    const dlg_settings *settings = client->settings;
    const char *key = first_set(settings->token_key, getenv("DLG_TOKEN_KEY"));
    const char *file = first_set(settings->token_key_file, getenv("DLG_TOKEN_KEY_FILE"));
    char *fallback = key || file ? NULL : key_file_default(client);
    if (!key && !file && !fallback)
        return error_set(error, DLG_E_FILE, "no directory for the signing keys (no HOME): set token_key_file");
    int code = keyring_open(keyring, key, file ? file : fallback, error);
    free(fallback);
    return code;
}

/* Opens it when it is needed first. */
static int keyring_of(dlg_client *client, struct keyring **keyring, dlg_error **error)
{
    *keyring = atomic_load_explicit(&client->keyring, memory_order_acquire);
    if (*keyring)
        return DLG_OK;
    int code = DLG_OK;
    pthread_mutex_lock(&client->keyring_lock);
    *keyring = atomic_load(&client->keyring);
    if (!*keyring)
        code = keyring_make(client, keyring, error);
    if (code == DLG_OK)
        atomic_store_explicit(&client->keyring, *keyring, memory_order_release);
    pthread_mutex_unlock(&client->keyring_lock);
    return code;
}

int client_keyring(dlg_client *client, struct keyring **keyring, dlg_error **error)
{
    int code = client_check(client, error);
    return code == DLG_OK ? keyring_of(client, keyring, error) : code;
}

/* A key that was given as a text is looked at when the client is opened: a wrong one is the operator's mistake. */
static int given_key_check(dlg_client *client, dlg_error **error)
{
    struct keyring *keyring;
    bool given = first_set(client->settings->token_key, getenv("DLG_TOKEN_KEY")) != NULL;
    return given ? keyring_of(client, &keyring, error) : DLG_OK;
}

/* ---- Open ---- */

/* What the conninfo says of target_session_attrs, or else the environment; "": nothing. */
static const char *wanted_server(const PQconninfoOption *options)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, "target_session_attrs") == 0 && options->val)
            return options->val;
    const char *value = getenv("PGTARGETSESSIONATTRS");
    return value ? value : "";
}

/* A client sends and reads through the same server: no kind that prefers a standby makes sense. */
static int wanted_server_check(const char *kind, dlg_error **error)
{
    static const char *const refused[] = {"standby", "read-only", "prefer-standby"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(kind, refused[i]) == 0)
            return error_set(error, DLG_E_ARGUMENT,
                             "conninfo: target_session_attrs=%s asks for a server that takes no messages; use "
                             "read-write, primary or any",
                             kind);
    return DLG_OK; /* libpq knows the others, and refuses what it does not know */
}

static int conninfo_check(const char *conninfo, dlg_error **error)
{
    char *text = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &text);
    int code = options ? wanted_server_check(wanted_server(options), error)
                       : error_set_sql(error, DLG_E_ARGUMENT, NULL, "conninfo", text ? text : "out of memory");
    PQfreemem(text);
    PQconninfoFree(options);
    return code;
}

static int client_locate(dlg_client *client, const char *conninfo, dlg_error **error)
{
    size_t prefix = strlen(EMBEDDED_PREFIX);
    if (strncmp(conninfo, EMBEDDED_PREFIX, prefix) == 0)
        return embedded_open(&client->embedded, conninfo + prefix, client->settings->open_timeout_ms * 1000,
                             &client->conninfo, error);
    int code = conninfo_check(conninfo, error);
    if (code != DLG_OK)
        return code;
    client->conninfo = strdup(conninfo);
    return client->conninfo ? DLG_OK : error_set(error, DLG_E_MEMORY, "out of memory");
}

/* The end of the session ends what it does: a silent server gets little grace. */
enum { SCHEMA_GRACE_US = 1000000 };

static int client_schema(dlg_client *client, int64_t deadline_us, bool install, int *version, dlg_error **error)
{
    dlg_error *why = NULL;
    const struct patience patience = {
        .deadline_us = deadline_us, .grace_us = SCHEMA_GRACE_US, .stop = &client->admin.stop};
    PGconn *conn = admin_connection_open(client->conninfo, client->settings, &patience, &why);
    if (!conn)
        return error_give(error, why);
    bool feed = client->settings->feed == FEED_ON;
    int found = 0;
    int code = pooler_check(conn, client->conninfo, client->settings, &patience, error);
    if (code == DLG_OK)
        code = install ? schema_install(conn, feed, &patience, &found, error)
                       : schema_check(conn, feed, &patience, &found, error);
    PQfinish(conn);
    if (version)
        *version = found;
    LOG(client->settings, DLG_LOG_LEVEL_INFO, "schema", "%s: version %d, %s", install ? "installed" : "checked", found,
        code == DLG_OK ? "good" : dlg_code_name(code));
    return code;
}

static int64_t open_deadline_us(const dlg_client *client)
{
    return clock_deadline(timeout_choose(0, client->settings->open_timeout_ms * 1000));
}

static int client_start(dlg_client *client, const char *conninfo, dlg_error **error)
{
    const dlg_settings *settings = client->settings;
    int64_t deadline_us = open_deadline_us(client);
    int code = given_key_check(client, error);
    if (code == DLG_OK)
        code = client_locate(client, conninfo, error);
    if (code == DLG_OK)
        code = engine_open(&client->engine, client->conninfo, settings, &dispatch_events, &dispatch_topology_events,
                           error);
    if (code == DLG_OK && settings->open == OPEN_WAIT && settings->schema != SCHEMA_NONE)
        code = client_schema(client, deadline_us, settings->schema == SCHEMA_INSTALL, NULL, error);
    if (code == DLG_OK)
        code = engine_start(&client->engine, error);
    if (code == DLG_OK && settings->open == OPEN_WAIT)
        code = engine_wait_ready(&client->engine, deadline_us, error);
    return code;
}

static dlg_client *client_new(const dlg_settings *settings)
{
    dlg_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    pthread_mutex_init(&client->keyring_lock, NULL);
    pthread_mutex_init(&client->shutdown_lock, NULL);
    engine_prepare(&client->engine);
    admin_open(&client->admin);
    client->settings = settings_copy(settings);
    if (client->settings) {
        if (trace_is_on())
            client->settings->log_threshold = DLG_LOG_LEVEL_DEBUG;
        client->workers = workers_new((size_t)client->settings->hash_threads, (size_t)client->settings->hash_queue);
        client->recipient_cache = recipient_cache_new((size_t)client->settings->user_cache);
        client->token_cache = token_cache_new();
    }
    return client;
}

static void client_free(dlg_client *client)
{
    bool forked = engine_is_forked(&client->engine);
    engine_free(&client->engine);
    if (forked) {
        workers_forget(client->workers);
        admin_forget(&client->admin);
        embedded_forget(client->embedded);
    } else {
        workers_free(client->workers);
        admin_free(&client->admin);
        embedded_close(client->embedded);
        pthread_mutex_destroy(&client->keyring_lock);
        pthread_mutex_destroy(&client->shutdown_lock);
    }
    token_cache_free(client->token_cache);
    keyring_free(atomic_load(&client->keyring));
    recipient_cache_free(client->recipient_cache);
    dlg_settings_free(client->settings);
    free(client->conninfo);
    free(client);
}

int dlg_open(dlg_client **client, const char *conninfo, const dlg_settings *settings, dlg_error **error)
{
    if (!client)
        return error_set(error, DLG_E_ARGUMENT, "dlg_open() needs the address of a pointer for the client");
    *client = NULL;
    if (sodium_init() < 0)
        return error_set(error, DLG_E_INTERNAL, "libsodium cannot be initialised: no source of random numbers");
    dlg_client *made = client_new(settings);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    int code = made->settings && made->workers && made->admin.workers && made->recipient_cache && made->token_cache
                   ? client_start(made, conninfo ? conninfo : "", error)
                   : error_set(error, DLG_E_MEMORY, "out of memory");
    if (code == DLG_OK) {
        LOG(made->settings, DLG_LOG_LEVEL_INFO, "client", "opened by libdialogs %s", dlg_version());
        *client = made;
    } else {
        engine_stop(&made->engine);
        client_free(made);
    }
    return code;
}

/* ---- Close ---- */

/* All that waits is woken, all threads end; a second one finds nothing to do. */
static size_t client_end(dlg_client *client, int64_t patience_us)
{
    int64_t deadline_us = clock_deadline(patience_us);
    engine_drain(&client->engine, deadline_us);
    pthread_mutex_lock(&client->shutdown_lock);
    bool first = !atomic_load(&client->engine.stopping);
    admin_stop(&client->admin, deadline_us);
    workers_stop(client->workers, true);
    size_t left = engine_stop(&client->engine);
    pthread_mutex_unlock(&client->shutdown_lock);
    if (first)
        LOG(client->settings, left ? DLG_LOG_LEVEL_WARNING : DLG_LOG_LEVEL_INFO, "client",
            "closed; %zu requests were not done in time", left);
    return left;
}

static int client_shutdown(size_t *undelivered, dlg_client *client, int64_t patience_us)
{
    int code = client_check_process(client, NULL);
    if (code != DLG_OK)
        return code;
    if (engine_is_here(&client->engine) || admin_is_here(&client->admin))
        return DLG_E_STATE;
    size_t left = client_end(client, patience_us);
    if (undelivered)
        *undelivered = left;
    return DLG_OK;
}

static int client_close(size_t *undelivered, dlg_client *client, int64_t patience_us)
{
    if (undelivered)
        *undelivered = 0;
    int code = client ? client_shutdown(undelivered, client, patience_us) : DLG_OK;
    if (code == DLG_E_STATE)
        return code;
    if (client)
        client_free(client);
    return DLG_OK;
}

static int64_t close_patience(const dlg_client *client, int64_t timeout_us)
{
    return timeout_us == 0 && client ? client->settings->close_timeout_ms * 1000 : timeout_us;
}

int dlg_shutdown(size_t *undelivered, dlg_client *client, int64_t timeout_us)
{
    return client_shutdown(undelivered, client, close_patience(client, timeout_us));
}

int dlg_close(size_t *undelivered, dlg_client *client, int64_t timeout_us)
{
    return client_close(undelivered, client, close_patience(client, timeout_us));
}

int dlg_close_now(size_t *undelivered, dlg_client *client)
{
    return client_close(undelivered, client, 0);
}

/* ---- State ---- */

int dlg_cancel(dlg_client *client, const void *payload, dlg_error **error)
{
    int code = client_check(client, error);
    if (code != DLG_OK)
        return code;
    if (!payload)
        return error_set(error, DLG_E_ARGUMENT, "dlg_cancel() needs the payload of the calls");
    return cancel_request(&client->engine, payload, error);
}

int dlg_ready(dlg_client *client)
{
    return client && !engine_is_forked(&client->engine) && atomic_load(&client->engine.ready);
}

int dlg_schema_install(int *version, dlg_client *client, dlg_error **error)
{
    ADMIN_PLACE(place);
    int code = client_may_wait(client, error);
    if (code == DLG_OK)
        code = admin_enter(&client->admin, &place, error);
    return code == DLG_OK ? client_schema(client, open_deadline_us(client), true, version, error) : code;
}

int dlg_stats_get(dlg_stats *stats, dlg_client *client)
{
    int code = client_check_process(client, NULL);
    if (code != DLG_OK)
        return code;
    code = versioned_check(&versioned_stats, stats, NULL);
    if (code != DLG_OK)
        return code;
    struct engine *engine = &client->engine;
    dlg_stats now = {.queued = engine->queued,
                     .queued_bytes = engine->queued_bytes,
                     .requests = engine->requests,
                     .completed = engine->completed,
                     .failed = engine->failed,
                     .sends = engine->sends,
                     .batches = engine->batches,
                     .retries = engine->retries,
                     .reconnects = engine->reconnects,
                     .overloads = engine->overloads,
                     .connections = engine->connections,
                     .hash_queued = (uint32_t)workers_load(client->workers),
                     .routed = engine->routed,
                     .fallback = engine->fallback,
                     .stale = engine->stale,
                     .batched = engine->batched,
                     .untaken = engine->untaken,
                     .untaken_bytes = engine->untaken_bytes};
    for (size_t i = 0; i < DLG_BATCH_SIZES; i++)
        now.batch_sizes[i] = engine->batch_sizes[i];
    versioned_write(&versioned_stats, stats, &now);
    return DLG_OK;
}

const char *dlg_version(void)
{
#define TEXT_OF(number) #number
#define VERSION_OF(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)
    return VERSION_OF(DLG_VERSION_MAJOR, DLG_VERSION_MINOR, DLG_VERSION_PATCH);
}

int dlg_version_number(void)
{
    return DLG_VERSION_NUMBER;
}

int dlg_has_feature(const char *name)
{
    if (!name)
        return 0;
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    if (strcmp(name, "buffered-sync") == 0)
        return 1;
#endif
    return strcmp(name, "embedded") == 0;
}

/* ---- The reply queue ---- */

int dlg_reply_fd(dlg_client *client)
{
    return client_check_process(client, NULL) == DLG_OK ? client->engine.reply_fd : -1;
}

dlg_reply *dlg_reply_poll(dlg_client *client)
{
    return client_check_process(client, NULL) == DLG_OK ? engine_next_reply(&client->engine, 0) : NULL;
}

dlg_reply *dlg_reply_next(dlg_client *client, int64_t timeout_us)
{
    if (client_check_process(client, NULL) != DLG_OK)
        return NULL;
    return engine_next_reply(&client->engine, timeout_us ? timeout_us : client->settings->timeout_ms * 1000);
}
