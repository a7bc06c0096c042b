/* client.h - what dlg_open() makes: it owns the engine, the worker threads, the keys and, maybe, a server. */
#ifndef DIALOGS_CLIENT_H
#define DIALOGS_CLIENT_H

#include "base/workers.h"
#include "client/admin.h"
#include "client/recipient_cache.h"
#include "embedded/embedded.h"
#include "engine/engine.h"
#include "pg/admin_connection.h"
#include "token/keyring.h"
#include "token/token_cache.h"

struct dlg_client {
    dlg_settings *settings;
    char *conninfo;            /* for libpq; of the private server when there is one */
    struct embedded *embedded; /* NULL without a private server */
    struct engine engine;
    struct workers *workers;
    struct admin admin;
    struct token_cache *token_cache;
    struct recipient_cache *recipient_cache; /* recipients that exist; I/O thread */
    pthread_mutex_t keyring_lock;            /* held while `keyring` is opened, on first use */
    struct keyring *_Atomic keyring;
    pthread_mutex_t shutdown_lock; /* held while threads are ended */
};

/* DLG_E_ARGUMENT for NULL, DLG_E_FORKED in a forked child. */
int client_check_process(const dlg_client *client, dlg_error **error);

/* The same, and DLG_E_CLOSED after a shutdown. */
int client_check(const dlg_client *client, dlg_error **error);

/* The same, and DLG_E_STATE inside a callback. */
int client_may_wait(const dlg_client *client, dlg_error **error);

const dlg_settings *client_settings(const dlg_client *client);
struct clock *client_clock(dlg_client *client);
dlg_client *client_of(const struct request *request);

/* What client_check() does, and the signing keys, opened when first asked for. Any thread. */
int client_keyring(dlg_client *client, struct keyring **keyring, dlg_error **error);

/*
 * A blocking connection of the caller's own, to be closed with PQfinish(); NULL on failure. For work between
 * admin_enter() and admin_leave().
 */
PGconn *client_connect(dlg_client *client, dlg_error **error);

/* How long streams of rows wait for the server. */
struct patience client_bulk_patience(const dlg_client *client);

#endif
