/* diagnostics.c - what a client tells of itself. */
#include "client/client.h"

static const char *const state_names[] = {"connecting", "ready", "retrying", "closed"};

const char *dlg_connection_state_name(dlg_connection_state state)
{
    return (unsigned)state <= DLG_CONNECTION_STATE_CLOSED ? state_names[state] : "unknown";
}

int dlg_connection_state_get(dlg_connection_state *state, dlg_error **last, dlg_client *client)
{
    if (last)
        *last = NULL;
    if (!client || !state)
        return DLG_E_ARGUMENT;
    struct engine *engine = &client->engine;
    *state = DLG_CONNECTION_STATE_CLOSED;
    if (engine_is_forked(engine))
        return DLG_OK; /* the lock may have been held when the process was copied */
    pthread_mutex_lock(&engine->lock);
    bool failed = engine->loss != NULL;
    if (last && failed)
        *last = error_copy(engine->loss);
    pthread_mutex_unlock(&engine->lock);
    if (atomic_load(&engine->closing))
        return DLG_OK;
    *state = atomic_load(&engine->ready) ? DLG_CONNECTION_STATE_READY
             : failed                    ? DLG_CONNECTION_STATE_RETRYING
                                         : DLG_CONNECTION_STATE_CONNECTING;
    return DLG_OK;
}
