#include "base/settings.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NUMBER, CHOICE, TEXT, SECRET };

struct setting {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *initial;
    const char *range; /* CHOICE: the words, in the order of their enum, joined by '|' */
    int64_t least;
    int64_t most;
    const char *purpose;
};

#define AT(field) offsetof(struct dlg_settings, field)
#define RANGE(least, most) #least " to " #most, least, most

static const struct setting table[] = {
    {"open", CHOICE, AT(open), "wait", "wait|lazy", 0, 0,
     "wait: dlg_open() waits for the database; lazy: it returns at once and requests wait"},
    {"schema", CHOICE, AT(schema), "install", "install|check|none", 0, 0,
     "what dlg_open() does with the tables: create or upgrade them; only check them; nothing"},
    {"feed", CHOICE, AT(feed), "off", "off|on", 0, 0,
     "on: dlg_feed() works, and the tables get two more indexes; they make each send more expensive"},
    {"route", CHOICE, AT(route), "auto", "auto|coordinator", 0, 0,
     "on a cluster, auto: straight to the worker that owns the shard, and pages from the shard's own table; "
     "coordinator: everything through the coordinator"},
    {"node_addresses", TEXT, AT(node_addresses), "", "NODE:PORT=HOST:PORT, joined by commas", 0, 65536,
     "addresses of workers as this machine sees them, where they differ from those that workers use themselves"},
    {"timeout_ms", NUMBER, AT(timeout_ms), "10000", RANGE(1, 86400000), "deadline of a request that gives none, ms"},
    {"open_timeout_ms", NUMBER, AT(open_timeout_ms), "30000", RANGE(1, 86400000),
     "how long dlg_open() may take and how long a loader waits for a server that is away, ms"},
    {"connect_timeout_ms", NUMBER, AT(connect_timeout_ms), "5000", RANGE(10, 600000),
     "how long one attempt to connect to one host may take, ms"},
    {"close_timeout_ms", NUMBER, AT(close_timeout_ms), "5000", RANGE(0, 86400000),
     "how long dlg_close() lets requests finish, ms"},
    {"bulk_timeout_ms", NUMBER, AT(bulk_timeout_ms), "600000", RANGE(1, 86400000),
     "how long the database may be silent during a load, a dump or a restore, ms"},
    {"backoff_min_ms", NUMBER, AT(backoff_min_ms), "50", RANGE(1, 60000), "first pause before connecting again, ms"},
    {"backoff_max_ms", NUMBER, AT(backoff_max_ms), "2000", RANGE(1, 600000),
     "longest pause before connecting again, ms; pauses double and carry jitter"},
    {"read_connections", NUMBER, AT(read_connections), "2", RANGE(1, 64), "connections to each node for reads"},
    {"write_connections", NUMBER, AT(write_connections), "2", RANGE(1, 64), "connections to each node for commits"},
    {"batch_messages", NUMBER, AT(batch_messages), "512", RANGE(1, 10000), "most messages that share a commit"},
    {"batch_bytes", NUMBER, AT(batch_bytes), "1048576", RANGE(1, 67108864), "most bytes of text that share a commit"},
    {"queue_requests", NUMBER, AT(queue_requests), "100000", RANGE(1, 10000000),
     "most requests accepted and not completed"},
    {"queue_bytes", NUMBER, AT(queue_bytes), "67108864", RANGE(1024, 68719476736),
     "most bytes of requests accepted and not completed"},
    {"text_limit", NUMBER, AT(text_limit), "65536", RANGE(1, 16777216), "longest text of a message, bytes"},
    {"operation_names", CHOICE, AT(operation_names), "off", "off|application_name|comment", 0, 0,
     "what pg_stat_activity shows beside the name libdialogs: nothing, each connection's kind in application_name, or "
     "also each statement's name in a comment before it"},
    {"batch_scheduling", CHOICE, AT(batch_scheduling), "off", "off|on", 0, 0,
     "whether the I/O thread runs as SCHED_BATCH while 16 to 200 requests are under way; where client and server share "
     "processors it serves more requests, each a little later"},
    {"user_cache", NUMBER, AT(user_cache), "65536", RANGE(1, 16777216),
     "how many recipients the recipient cache holds"},
    {"hash_threads", NUMBER, AT(hash_threads), "2", RANGE(1, 64),
     "threads that check passwords; each uses hash_memory_kib"},
    {"hash_queue", NUMBER, AT(hash_queue), "256", RANGE(1, 100000), "most password checks waiting"},
    {"hash_operations", NUMBER, AT(hash_operations), "2", RANGE(1, 64), "Argon2id passes"},
    {"hash_memory_kib", NUMBER, AT(hash_memory_kib), "65536", RANGE(8, 4194304), "Argon2id memory, KiB"},
    {"password_minimum", NUMBER, AT(password_minimum), "0", RANGE(0, 256),
     "fewest characters of a new password; 0: any number, but dialogsd takes 8, and 1 with --demo"},
    {"token_lifetime_s", NUMBER, AT(token_lifetime_s), "86400", RANGE(1, 315360000), "how long a token is valid, s"},
    {"token_check_s", NUMBER, AT(token_check_s), "5", RANGE(0, 3600),
     "how long a token counts as good after dlg_token_check() has asked the database, s; 0: it asks each time"},
    {"token_issuer", TEXT, AT(token_issuer), "dialogs", "1 to 255 bytes", 1, 255, "the `iss` claim of tokens"},
    {"token_key", SECRET, AT(token_key), "", "PASERK k4.secret", 0, 4096,
     "the signing key itself; overrides token_key_file; when empty, DLG_TOKEN_KEY in the environment counts"},
    {"token_key_file", TEXT, AT(token_key_file), "", "a path", 0, 4096,
     "file of signing keys; the library makes a missing one with mode 0600; when empty: DLG_TOKEN_KEY_FILE in the "
     "environment, DIR/token.keys for embedded:DIR, else ~/.local/state/dialogs/token.keys"},
};

enum { TABLE_SIZE = sizeof table / sizeof *table };

static int64_t *number_of(const dlg_settings *settings, const struct setting *setting)
{
    return (int64_t *)((char *)(uintptr_t)settings + setting->offset);
}

static char **text_of(const dlg_settings *settings, const struct setting *setting)
{
    return (char **)((char *)(uintptr_t)settings + setting->offset);
}

static bool setting_is_text(const struct setting *setting)
{
    return setting->kind == TEXT || setting->kind == SECRET;
}

static const struct setting *setting_find(const char *name)
{
    for (size_t i = 0; name && i < TABLE_SIZE; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

/* The place of `word` in "a|b|c", or -1. */
static int64_t choice_index(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (int64_t index = 0; words; index++) {
        size_t span = strcspn(words, "|");
        if (span == length && memcmp(words, word, length) == 0)
            return index;
        words = words[span] ? words + span + 1 : NULL;
    }
    return -1;
}

static int setting_refuse(const struct setting *setting, dlg_error **error)
{
    return error_set(error, DLG_E_ARGUMENT, "setting %s takes %s", setting->name, setting->range);
}

static int set_number(dlg_settings *settings, const struct setting *setting, const char *value, dlg_error **error)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < setting->least || number > setting->most)
        return setting_refuse(setting, error);
    *number_of(settings, setting) = number;
    return DLG_OK;
}

static int set_text(dlg_settings *settings, const struct setting *setting, const char *value, dlg_error **error)
{
    size_t length = strlen(value);
    if ((int64_t)length < setting->least || (int64_t)length > setting->most)
        return setting_refuse(setting, error);
    char *copy = strdup(value);
    if (!copy)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    char **text = text_of(settings, setting);
    if (*text)
        sodium_memzero(*text, strlen(*text));
    free(*text);
    *text = copy;
    return DLG_OK;
}

static int setting_assign(dlg_settings *settings, const struct setting *setting, const char *value, dlg_error **error)
{
    if (setting->kind == NUMBER)
        return set_number(settings, setting, value, error);
    if (setting_is_text(setting))
        return set_text(settings, setting, value, error);
    int64_t index = choice_index(setting->range, value);
    if (index < 0)
        return setting_refuse(setting, error);
    *number_of(settings, setting) = index;
    return DLG_OK;
}

int dlg_settings_set(dlg_settings *settings, const char *name, const char *value, dlg_error **error)
{
    if (!settings || !name || !value)
        return error_set(error, DLG_E_ARGUMENT, "a setting needs a name and a value");
    const struct setting *setting = setting_find(name);
    if (!setting)
        return error_set(error, DLG_E_ARGUMENT, "unknown setting \"%s\": dlg_setting_at() lists all", name);
    return setting_assign(settings, setting, value, error);
}

const char *dlg_settings_get(const dlg_settings *settings, const char *name)
{
    const struct setting *setting = setting_find(name);
    if (!settings || !setting)
        return NULL;
    if (setting_is_text(setting))
        return *text_of(settings, setting);
    char *scratch = ((dlg_settings *)(uintptr_t)settings)->scratch;
    size_t size = sizeof settings->scratch;
    int64_t number = *number_of(settings, setting);
    if (setting->kind == NUMBER) {
        snprintf(scratch, size, "%lld", (long long)number);
        return scratch;
    }
    const char *words = setting->range;
    for (; number > 0; number--)
        words += strcspn(words, "|") + 1;
    snprintf(scratch, size, "%.*s", (int)strcspn(words, "|"), words);
    return scratch;
}

/* ---- The table as programs see it ---- */

static dlg_setting public_table[TABLE_SIZE];
static pthread_once_t public_table_once = PTHREAD_ONCE_INIT;

static void public_table_fill(void)
{
    for (size_t i = 0; i < TABLE_SIZE; i++)
        public_table[i] = (dlg_setting){table[i].name, table[i].initial, table[i].range, table[i].purpose};
}

size_t dlg_setting_count(void)
{
    return TABLE_SIZE;
}

const dlg_setting *dlg_setting_at(size_t index)
{
    pthread_once(&public_table_once, public_table_fill);
    return index < TABLE_SIZE ? &public_table[index] : NULL;
}

static void log_copy(dlg_settings *settings, const dlg_settings *from)
{
    settings->log_level = from->log_level;
    settings->log = from->log;
    settings->log_payload = from->log_payload;
    settings->log_threshold = from->log ? from->log_level : DLG_LOG_LEVEL_OFF;
}

dlg_settings *settings_copy(const dlg_settings *from)
{
    dlg_settings *settings = calloc(1, sizeof *settings);
    if (!settings)
        return NULL;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        const char *value = from ? dlg_settings_get(from, table[i].name) : table[i].initial;
        if (setting_assign(settings, &table[i], value, NULL) != DLG_OK) {
            dlg_settings_free(settings);
            return NULL;
        }
    }
    if (from)
        log_copy(settings, from);
    return settings;
}

int dlg_settings_log(dlg_settings *settings, dlg_log_level level, dlg_log_fn log, void *payload, dlg_error **error)
{
    if (!settings || level < DLG_LOG_LEVEL_OFF || level > DLG_LOG_LEVEL_DEBUG)
        return error_set(error, DLG_E_ARGUMENT, "unknown log level %d: use one of DLG_LOG_LEVEL_*", (int)level);
    settings->log_level = level;
    settings->log = level == DLG_LOG_LEVEL_OFF ? NULL : log;
    settings->log_payload = payload;
    return DLG_OK;
}

dlg_settings *dlg_settings_new(void)
{
    return settings_copy(NULL);
}

void dlg_settings_free(dlg_settings *settings)
{
    if (!settings)
        return;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (!setting_is_text(&table[i]))
            continue;
        char *text = *text_of(settings, &table[i]);
        if (text)
            sodium_memzero(text, strlen(text));
        free(text);
    }
    free(settings);
}
