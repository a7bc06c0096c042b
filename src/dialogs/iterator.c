/* iterator.c - the whole dialog, page by page: while the caller reads one, the next is under way. */
#include "base/versioned.h"
#include "dialogs/pages.h"
#include "engine/submit.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

struct dlg_iterator {
    dlg_client *client;
    dlg_uuid user;
    dlg_uuid peer;
    dlg_list_options options;
    char from[DLG_CURSOR_SIZE]; /* where the page under way begins */
    char at[DLG_CURSOR_SIZE];   /* for dlg_iterator_cursor() */
    struct request *request;    /* the page under way, or NULL */
    dlg_page *page;             /* the one that is read, or NULL */
    size_t next;                /* message in it */
};

int dlg_iterate(dlg_iterator **iterator, dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer,
                const dlg_list_options *options, dlg_error **error)
{
    struct request *probe;
    dlg_list_options own;
    if (!iterator)
        return error_set(error, DLG_E_ARGUMENT, "dlg_iterate() needs the address of a pointer for the iterator");
    int code = versioned_read(&versioned_list_options, &own, options, error);
    if (code != DLG_OK)
        return code;
    if (!options)
        own.limit = DLG_PAGE_LIMIT;
    if (own.before)
        return error_set(error, DLG_E_ARGUMENT, "an iterator only goes forward: give after and not before");
    if (!own.after)
        own.after = "";
    code = list_new(client, user, peer, &own, &probe, error);
    if (code != DLG_OK)
        return code;
    request_release(probe);
    struct dlg_iterator *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    *made = (struct dlg_iterator){.client = client, .user = *user, .peer = *peer, .options = own};
    memcpy(made->from, own.after, strlen(own.after) + 1); /* list_new() has checked it */
    made->options.after = made->from;
    *iterator = made;
    return DLG_OK;
}

static int fetch_start(struct dlg_iterator *iterator, bool wait, dlg_error **error)
{
    struct request *request;
    dlg_client *client = iterator->client;
    int code = list_new(client, &iterator->user, &iterator->peer, &iterator->options, &request, error);
    if (code != DLG_OK)
        return code;
    code = engine_begin(&client->engine, request, iterator->options.timeout_us, wait, error);
    if (code == DLG_OK)
        iterator->request = request;
    else
        request_release(request);
    return code;
}

static void page_drop(struct dlg_iterator *iterator)
{
    dlg_page_free(iterator->page);
    iterator->page = NULL;
    iterator->next = 0;
}

/*
 * The page has been read. True: it was the last one, which is the end of the walk. To look for more at once would be to
 * follow the dialog, and may show again what is newer than the watermark.
 */
static bool page_leave(struct dlg_iterator *iterator)
{
    bool was_last = iterator->next > 0 && !dlg_page_has_more(iterator->page);
    page_drop(iterator);
    return was_last;
}

/* Waits for the page under way, and starts the one after it when there is more. */
static int fetch_finish(struct dlg_iterator *iterator, dlg_error **error)
{
    struct request *request = iterator->request;
    iterator->request = NULL;
    int code = engine_finish(request, error);
    if (code == DLG_OK) {
        iterator->page = list_take(request);
        iterator->next = 0;
        page_cursor_after(iterator->page, dlg_page_count(iterator->page), iterator->from);
    }
    request_release(request);
    if (code == DLG_OK && dlg_page_has_more(iterator->page))
        fetch_start(iterator, false, NULL); /* when it cannot be started now, the next call tries again */
    return code;
}

int dlg_iterator_next(const dlg_message **message, dlg_iterator *iterator, dlg_error **error)
{
    if (!iterator || !message)
        return error_set(error, DLG_E_ARGUMENT,
                         "dlg_iterator_next() needs the iterator and the address of a pointer for the message");
    *message = NULL;
    int code = client_may_wait(iterator->client, error);
    if (code != DLG_OK)
        return code;
    if (iterator->page && iterator->next == dlg_page_count(iterator->page) && page_leave(iterator))
        return DLG_OK;
    if (!iterator->page) {
        code = iterator->request ? DLG_OK : fetch_start(iterator, true, error);
        if (code == DLG_OK)
            code = fetch_finish(iterator, error);
        if (code != DLG_OK)
            return code;
    }
    *message = dlg_page_at(iterator->page, iterator->next);
    if (*message)
        iterator->next++;
    return DLG_OK;
}

const char *dlg_iterator_cursor(dlg_iterator *iterator)
{
    if (iterator->page)
        page_cursor_after(iterator->page, iterator->next, iterator->at);
    else
        memcpy(iterator->at, iterator->from, sizeof iterator->at);
    return iterator->at;
}

void dlg_iterator_free(dlg_iterator *iterator)
{
    if (!iterator)
        return;
    if (iterator->request)
        request_release(iterator->request); /* its page will come, to nobody */
    page_drop(iterator);
    free(iterator);
}
