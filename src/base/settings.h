/* settings.h - the settings of a client, typed; the table in settings.c gives names and ranges. */
#ifndef DIALOGS_SETTINGS_H
#define DIALOGS_SETTINGS_H

#include <dialogs.h>
#include <stdbool.h>

enum open_mode { OPEN_WAIT, OPEN_LAZY };
enum route_mode { ROUTE_AUTO, ROUTE_COORDINATOR };
enum schema_mode { SCHEMA_INSTALL, SCHEMA_CHECK, SCHEMA_NONE };
enum batch_scheduling { BATCH_SCHEDULING_OFF, BATCH_SCHEDULING_ON };
enum feed_mode { FEED_OFF, FEED_ON };

enum operation_names { OPERATION_NAMES_OFF, OPERATION_NAMES_APPLICATION, OPERATION_NAMES_COMMENT };

struct dlg_settings {
    int64_t open;   /* enum open_mode */
    int64_t schema; /* enum schema_mode */
    int64_t feed;   /* enum feed_mode */
    int64_t route;  /* enum route_mode */
    char *node_addresses;
    int64_t timeout_ms;
    int64_t open_timeout_ms;
    int64_t connect_timeout_ms;
    int64_t close_timeout_ms;
    int64_t bulk_timeout_ms;
    int64_t backoff_min_ms;
    int64_t backoff_max_ms;
    int64_t read_connections;
    int64_t write_connections;
    int64_t batch_messages;
    int64_t batch_bytes;
    int64_t queue_requests;
    int64_t queue_bytes;
    int64_t text_limit;
    int64_t operation_names;  /* enum operation_names */
    int64_t batch_scheduling; /* enum batch_scheduling */
    int64_t user_cache;
    int64_t hash_threads;
    int64_t hash_queue;
    int64_t hash_operations;
    int64_t hash_memory_kib;
    int64_t password_minimum;
    int64_t token_lifetime_s;
    int64_t token_check_s;
    char *token_issuer;
    char *token_key;
    char *token_key_file;
    dlg_log_level log_level; /* see dlg_settings_log() */
    dlg_log_fn log;
    void *log_payload;
    dlg_log_level log_threshold; /* lines up to this level are wanted, by the callback or by the trace */
    char scratch[32];            /* for dlg_settings_get() */
};

/* A copy of `from`, or of the defaults when it is NULL; NULL when out of memory. */
dlg_settings *settings_copy(const dlg_settings *from);

#endif
