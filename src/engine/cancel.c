#include "engine/cancel.h"

#include "engine/complete.h"

#include <stdlib.h>

/* With the lock held. */
static bool cancel_list_grow(struct engine *engine)
{
    struct cancel_list *list = &engine->cancels;
    if (list->count < list->room)
        return true;
    size_t room = list->room ? 2 * list->room : 64;
    const void **payloads = realloc(list->payloads, room * sizeof *payloads);
    if (!payloads)
        return false;
    list->payloads = payloads;
    list->room = room;
    return true;
}

int cancel_request(struct engine *engine, const void *payload, dlg_error **error)
{
    int code = DLG_OK;
    pthread_mutex_lock(&engine->lock);
    if ((int64_t)engine->cancels.count >= engine->settings->queue_requests)
        code = DLG_E_OVERLOAD;
    else if (!cancel_list_grow(engine))
        code = DLG_E_MEMORY;
    else
        engine->cancels.payloads[engine->cancels.count++] = payload;
    atomic_store(&engine->cancel, engine->cancels.count > 0);
    pthread_mutex_unlock(&engine->lock);
    if (code == DLG_E_OVERLOAD)
        return error_set(error, code, "too many cancellations are waiting: try again later");
    if (code == DLG_E_MEMORY)
        return error_set(error, code, "out of memory");
    engine_wake(engine->wake);
    return DLG_OK;
}

static int payload_compare(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t) * (const void *const *)left, b = (uintptr_t) * (const void *const *)right;
    return a < b ? -1 : a > b;
}

/* The administration of a cluster runs on a thread of its own, and is stopped by its progress function. */
static bool is_meant(const struct cancel_list *list, const struct request *request)
{
    const void *payload = request->payload;
    return !request->awaited && request->kind != REQUEST_CLUSTER &&
           bsearch(&payload, list->payloads, list->count, sizeof *list->payloads, payload_compare);
}

static dlg_error *cancelled_error(void)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_CANCELLED, "the call was cancelled by dlg_cancel()");
    return error;
}

void cancel_run(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    struct cancel_list list = engine->cancels;
    engine->cancels = (struct cancel_list){0};
    atomic_store(&engine->cancel, false);
    pthread_mutex_unlock(&engine->lock);
    qsort(list.payloads, list.count, sizeof *list.payloads, payload_compare);
    struct request *request = TAILQ_FIRST(&engine->active);
    while (request) {
        struct request *next = TAILQ_NEXT(request, link);
        if (is_meant(&list, request))
            request_complete(request, cancelled_error());
        request = next;
    }
    free(list.payloads);
}
