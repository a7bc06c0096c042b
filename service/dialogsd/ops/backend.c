#include "ops/backend.h"

#include "common/data_dir.h"
#include "common/private_environment.h"
#include "ops/service_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct demo_user {
    const char *id, *first_name, *second_name;
} demo_users[] = {{"387ac1c1-6581-4ace-a113-707c8585fe28", "Anna", "Ivanova"},
                  {"aa45b640-d501-4101-83f2-de96b672129f", "Boris", "Petrov"}};
static const char demo_password[] = "string";

static void rest(int64_t milliseconds)
{
    struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static int create_demo_user(dlg_client *client, const struct demo_user *demo, dlg_error **error)
{
    dlg_users *found = NULL;
    dlg_user user = DLG_USER_INIT;
    user.first_name = demo->first_name;
    user.second_name = demo->second_name;
    dlg_uuid_parse(&user.id, demo->id, DLG_NTS);
    int code = dlg_user_get(&found, client, &user.id, error);
    dlg_users_free(found);
    if (code != DLG_E_NOT_FOUND)
        return code;
    dlg_error_free(*error);
    *error = NULL;
    code = dlg_user_create(NULL, client, &user, demo_password, DLG_NTS, error);
    return code == DLG_E_EXISTS ? DLG_OK : code;
}

/*
 * Asks for a page of nobody's dialog, for no longer than a second: whether there is a connection
 * at all, and if not, why. So this thread never keeps the client from closing.
 */
static int probe(dlg_client *client, dlg_error **error)
{
    dlg_uuid nobody;
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = 1;
    options.timeout_us = 1000000;
    dlg_uuid_random(&nobody);
    int code = dlg_list(&page, client, &nobody, &nobody, &options, error);
    dlg_page_free(page);
    return code;
}

static bool is_connection(int code)
{
    return code == DLG_E_UNAVAILABLE || code == DLG_E_TIMEOUT || code == DLG_E_CLOSED || code == DLG_E_EMBEDDED;
}

static int prepare_database(struct backend *backend, dlg_error **error)
{
    int code = probe(backend->client, error);
    if (is_connection(code))
        return code;
    dlg_error_free(*error); /* that there are no tables yet is no trouble */
    *error = NULL;
    const char *schema = dlg_settings_get(backend->config->settings, "schema");
    if (schema && strcmp(schema, "install") == 0)
        code = dlg_schema_install(NULL, backend->client, error);
    for (size_t i = 0; code == DLG_OK && backend->config->demo && i < sizeof demo_users / sizeof *demo_users; i++)
        code = create_demo_user(backend->client, &demo_users[i], error);
    return code;
}

/* Trying again does not help against these. */
static bool is_fatal(int code)
{
    return code == DLG_E_SCHEMA || code == DLG_E_EMBEDDED || code == DLG_E_ARGUMENT;
}

static void *prepare_until_done(void *payload)
{
    enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 500 };
    struct backend *backend = payload;
    char said[512] = "";
    for (int64_t pause = FIRST_PAUSE_MS; backend_enter(backend);) {
        dlg_error *error = NULL;
        int code = prepare_database(backend, &error);
        backend_leave(backend);
        if (code == DLG_OK)
            atomic_store(&backend->installed, true);
        else if (code != DLG_E_CLOSED && strcmp(said, dlg_error_message(error)) != 0)
            say("%s", dlg_error_message(error));
        snprintf(said, sizeof said, "%s", dlg_error_message(error));
        dlg_error_free(error);
        if (is_fatal(code))
            atomic_store(&backend->fatal, code);
        if (code == DLG_OK || is_fatal(code))
            break;
        rest(pause);
        pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
    }
    return NULL;
}

bool backend_check(const struct config *config)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    bool embedded = strncmp(config->db, "embedded:", 9) == 0; /* a private server would start */
    if (dlg_open(&client, embedded ? "host=127.0.0.1" : config->db, config->settings, &error) == DLG_OK) {
        dlg_close(NULL, client, 0);
        return true;
    }
    say("%s", dlg_error_message(error));
    dlg_error_free(error);
    return false;
}

/* With one connection for reads; the first client sees to the tables. */
static int open_search(struct backend *backend, const struct config *config, dlg_error **error)
{
    static const char name[] = "read_connections";
    char before[16];
    snprintf(before, sizeof before, "%s", dlg_settings_get(config->settings, name));
    int code = dlg_settings_set(config->settings, name, "1", error);
    if (code == DLG_OK)
        code = dlg_open(&backend->search, config->db, config->settings, error);
    dlg_settings_set(config->settings, name, before, NULL);
    return code;
}

bool backend_open(struct backend *backend, const struct config *config)
{
    *backend = (struct backend){.config = config};
    dlg_error *error = NULL;
    if (config->own_data && data_dir_make(config->data) != 0)
        return say("cannot make %s: %s; choose another place with --data DIR", config->data, strerror(errno));
    private_environment(config->db);
    if (dlg_open(&backend->client, config->db, config->settings, &error) != DLG_OK) {
        say("%s", dlg_error_message(error));
        dlg_error_free(error);
        return false;
    }
    if (dlg_token_keys(NULL, NULL, backend->client, &error) != DLG_OK ||
        open_search(backend, config, &error) != DLG_OK) {
        say("%s", dlg_error_message(error));
        dlg_error_free(error);
        dlg_close_now(NULL, backend->client);
        return false;
    }
    backend->was_ready = true;
    backend->preparing = pthread_create(&backend->preparer, NULL, prepare_until_done, backend) == 0;
    if (!backend->preparing)
        say("cannot start a thread: %s", strerror(errno));
    return backend->preparing;
}

bool backend_enter(struct backend *backend)
{
    atomic_fetch_add(&backend->calls, 1);
    if (!atomic_load(&backend->closing))
        return true;
    atomic_fetch_sub(&backend->calls, 1);
    return false;
}

void backend_leave(struct backend *backend)
{
    atomic_fetch_sub(&backend->calls, 1);
}

const char *backend_trouble(struct backend *backend)
{
    if (atomic_load(&backend->draining))
        return "the service is stopping";
    if (!backend_enter(backend))
        return "the service is stopping";
    bool connected = dlg_ready(backend->client);
    backend_leave(backend);
    if (!connected)
        return "the database cannot be reached";
    return atomic_load(&backend->installed) ? NULL : "the tables are not there yet";
}

bool backend_keys(struct backend *backend, size_t *count, size_t *removed)
{
    if (!backend_enter(backend))
        return true;
    int code = dlg_token_keys(count, removed, backend->client, NULL);
    backend_leave(backend);
    return code == DLG_OK;
}

static void watch_keys(struct backend *backend)
{
    dlg_error *error = NULL;
    size_t count, removed;
    dlg_token_keys(&count, &removed, backend->client, &error);
    const char *trouble = error ? dlg_error_message(error) : "";
    if (removed != backend->keys_removed)
        say("%zu signing keys were taken away; the tokens that they signed are refused",
            removed - backend->keys_removed);
    if (*trouble && strcmp(trouble, backend->keys_trouble) != 0)
        say("%s; until then the keys that were read before are good, also those that the file has lost", trouble);
    else if (!*trouble && *backend->keys_trouble)
        say("the file of the signing keys is good again; it has %zu", count);
    snprintf(backend->keys_trouble, sizeof backend->keys_trouble, "%s", trouble);
    backend->keys_removed = removed;
    dlg_error_free(error);
}

void backend_watch(struct backend *backend)
{
    watch_keys(backend);
    bool ready = dlg_ready(backend->client);
    if (atomic_load(&backend->installed) && ready != backend->was_ready) {
        say(ready ? "the database is back" : "the database cannot be reached; requests wait, then get 503");
        backend->was_ready = ready;
    }
}

/* Waits until nobody is between enter and leave; true when that came in time. */
static bool wait_for_calls(struct backend *backend)
{
    enum { STEP_MS = 2, STEPS = 10000 };
    for (int i = 0; i < STEPS && atomic_load(&backend->calls) > 0; i++)
        rest(STEP_MS);
    return atomic_load(&backend->calls) == 0;
}

void backend_close(struct backend *backend)
{
    atomic_store(&backend->draining, true);
    atomic_store(&backend->closing, true);
    if (!wait_for_calls(backend)) {
        say("a call into the library does not return; stopping without closing the database");
        _exit(1);
    }
    if (backend->preparing)
        pthread_join(backend->preparer, NULL);
    dlg_close_now(NULL, backend->search);
    dlg_close_now(NULL, backend->client);
}
