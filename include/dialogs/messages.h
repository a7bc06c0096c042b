/* messages.h - sending and listing messages. The conventions are in <dialogs.h>. */
#ifndef DLG_MESSAGES_H
#define DLG_MESSAGES_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Messages ------------------------------------------------------------------------------- */

#define DLG_TEXT_LIMIT 65536 /* default of the setting `text_limit`, bytes */
#define DLG_KEY_LIMIT 255    /* longest idempotency key, bytes */
#define DLG_PAGE_LIMIT 1000  /* most messages in one page */
#define DLG_CURSOR_SIZE 1408 /* room for any cursor and its NUL */

typedef struct dlg_message {
    int64_t id; /* unique per recipient, positive */
    dlg_uuid author;
    dlg_uuid recipient;
    int64_t created_us;
    int64_t updated_us; /* 0: never edited */
    const char *text;   /* `length` bytes of UTF-8, followed by a NUL that does not count */
    size_t length;
} dlg_message;

typedef struct dlg_send_options {
    uint32_t version;
    uint32_t flags; /* DLG_SEND_* */
    int64_t timeout_us;
    const char *key;   /* idempotency key, or NULL: see dlg_send() */
    size_t key_length; /* 1 to DLG_KEY_LIMIT bytes of anything, or DLG_NTS */
} dlg_send_options;
#define DLG_SEND_OPTIONS_VERSION 1
#define DLG_SEND_OPTIONS_INIT                         \
    {                                                 \
        DLG_SEND_OPTIONS_VERSION, 0, 0, NULL, DLG_NTS \
    }
#define DLG_SEND_CHECK_RECIPIENT 1u /* DLG_E_RECIPIENT unless `users` has the recipient (remembered) */

typedef struct dlg_receipt {
    uint32_t version;
    uint32_t duplicate; /* 1: an earlier send with the same key had stored it */
    int64_t id;
    int64_t created_us;
} dlg_receipt;
#define DLG_RECEIPT_VERSION 1
#define DLG_RECEIPT_INIT             \
    {                                \
        DLG_RECEIPT_VERSION, 0, 0, 0 \
    }

/*
 * Stores one message, exactly once, and returns when it is committed: after that every dlg_list()
 * shows it. Lost connections are retried within the deadline under the same id, so a retry never
 * doubles. Sends that arrive while a commit is under way share the next one.
 *
 * The server stamps the message (`created_us`), later than every message that this client has sent or read: a reply
 * sorts after what it answers. No clock of a client takes part. Messages of one client to one recipient that are under
 * way together keep the order of the calls, unless the database made one of them wait and it was tried again.
 *
 *   author, recipient  neither nil; may be equal. The library trusts its caller on `author`; a
 *                      service takes it from a token.
 *   text, length       1 byte to `text_limit` bytes.
 *   options            NULL, or DLG_SEND_OPTIONS_INIT with changes. With a `key`, sends of the same
 *                      author to the same recipient under the same key, from any process at any
 *                      time, store one message, and all get its receipt.
 *   receipt            NULL, or DLG_RECEIPT_INIT, filled on success.
 *
 * Errors: DLG_E_TEXT, DLG_E_TOO_LARGE, DLG_E_ARGUMENT, DLG_E_RECIPIENT, DLG_E_KEY_REUSED,
 * DLG_E_OVERLOAD, DLG_E_TIMEOUT, DLG_E_UNAVAILABLE, DLG_E_DATABASE, DLG_E_CLOSED; the last five
 * tell the message's fate.
 */
DLG_API int dlg_send(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                     size_t length, const dlg_send_options *options, dlg_receipt *receipt, dlg_error **error);

/* The same; text and key are copied. The reply has dlg_reply_receipt(). */
DLG_API int dlg_send_async(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                           size_t length, const dlg_send_options *options, dlg_callback callback, void *payload,
                           dlg_error **error);
DLG_API const dlg_receipt *dlg_reply_receipt(const dlg_reply *reply); /* NULL unless a send succeeded */

typedef struct dlg_list_options {
    uint32_t version;
    int32_t limit;      /* messages in the page, 1 to DLG_PAGE_LIMIT */
    const char *before; /* a cursor: the page of messages just before it; "": the newest page */
    const char *after;  /* a cursor: the page just after it; "": the oldest page */
    int64_t timeout_us;
} dlg_list_options;
#define DLG_LIST_OPTIONS_VERSION 1
#define DLG_LIST_OPTIONS_INIT                       \
    {                                               \
        DLG_LIST_OPTIONS_VERSION, 50, NULL, NULL, 0 \
    }

/*
 * One page of the dialog between two users, oldest message first; order is (created_us, id).
 * The cost depends on the page, not on the dialog's length.
 *
 *   user, peer  the two of the dialog, in either order; may be equal.
 *   options     NULL: the newest 50. At most one of `before` and `after`.
 *   page        receives the page, to be freed with dlg_page_free().
 *
 * A dialog that nobody wrote in is an empty page. Errors: DLG_E_ARGUMENT (limit, both cursors),
 * DLG_E_CURSOR, DLG_E_OVERLOAD, DLG_E_TIMEOUT, DLG_E_UNAVAILABLE, DLG_E_DATABASE, DLG_E_CLOSED.
 */
typedef struct dlg_page dlg_page;
DLG_API int dlg_list(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
                     dlg_page **page, dlg_error **error);

/* The same; the cursor is read during the call. The reply has dlg_reply_page(). */
DLG_API int dlg_list_async(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer,
                           const dlg_list_options *options, dlg_callback callback, void *payload, dlg_error **error);
DLG_API const dlg_page *dlg_reply_page(const dlg_reply *reply); /* NULL unless a list succeeded; borrowed */

DLG_API size_t dlg_page_count(const dlg_page *page);
DLG_API const dlg_message *dlg_page_message(const dlg_page *page, size_t index); /* borrowed; NULL past the end */
DLG_API int dlg_page_has_more(const dlg_page *page); /* 1: more in the direction that was asked for */
DLG_API void dlg_page_free(dlg_page *page);          /* NULL is fine */

/*
 * The cursors at the page's two ends, borrowed; texts of URL-safe characters. `before` asks for
 * older messages, `after` for newer ones. `after` at the newest end is made for following a
 * dialog: it also finds messages that commit up to 15 seconds late with an earlier time, and shows
 * none twice. It remembers the last 8192 that were shown within that time, however short the text
 * is. Where more than 192 of these are remembered, and more than 192 come late at once, it cannot
 * tell the one from the other: the messages of those seconds are shown again, so that none is
 * missed (ids tell). What comes late before a page that was asked for with `before` is found by going back.
 * An empty page returns the position that was asked for.
 */
DLG_API const char *dlg_page_before(const dlg_page *page);
DLG_API const char *dlg_page_after(const dlg_page *page);

/*
 * The cursor after the first `count` messages of a page, for handing them on one by one, each with its place.
 *
 *   cursor  at least DLG_CURSOR_SIZE bytes.
 *
 * DLG_E_ARGUMENT when the page has fewer. `count` 0 is the place where the page begins.
 */
DLG_API int dlg_page_cursor(const dlg_page *page, size_t count, char *cursor);

/*
 * One page of a user's feed: the messages of all their dialogs, to and from them, in the order (created_us, id).
 * Options, page and cursors are those of dlg_list(); a cursor belongs to the user. Following it finds messages that
 * commit late and shows none twice, within the limits of dlg_page_after(); also those that come late before the page
 * from which it is followed, be it of one message only.
 * On a cluster it asks all shards for what the user wrote: it is for catching up, not for asking all the time.
 *
 * It needs the setting `feed`, with which dlg_open() and dlg_schema_install() make the indexes for it. They make a send
 * about a third dearer for the server, so they are not there by themselves. DLG_E_STATE without the setting.
 */
DLG_API int dlg_feed(dlg_client *client, const dlg_uuid *user, const dlg_list_options *options, dlg_page **page,
                     dlg_error **error);
DLG_API int dlg_feed_async(dlg_client *client, const dlg_uuid *user, const dlg_list_options *options,
                           dlg_callback callback, void *payload, dlg_error **error);

/*
 * Moves a cursor of a user's feed on behind a message that became known by other means, e.g. because this program has
 * just sent it: the feed does not show it again. What lies between stays to be read. For each message once, and not for
 * one that a page has shown. It remembers up to 16384 that lie behind what the last page has shown; ask for another
 * page now and then. Does not block.
 *
 *   cursor  DLG_CURSOR_SIZE bytes, read and written.
 *
 * Errors: DLG_E_CURSOR, DLG_E_ARGUMENT (the message is neither to nor from the user).
 */
DLG_API int dlg_feed_cursor(const dlg_uuid *user, const dlg_message *message, char *cursor);

/*
 * Walks a whole dialog, oldest first, in memory bounded by one page, fetching the next page while
 * the caller reads this one.
 *
 *   options  as for dlg_list(), `limit` being the size of a fetch; `before` is refused.
 */
typedef struct dlg_iterator dlg_iterator;
DLG_API int dlg_iterate(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
                        dlg_iterator **iterator, dlg_error **error);

/*
 * The next message, valid until the following call; NULL at the end, when a later call looks again.
 * Blocks while a page is under way. Errors as for dlg_list(); after one the walk may be continued.
 */
DLG_API int dlg_iterator_next(dlg_iterator *iterator, const dlg_message **message, dlg_error **error);

/* The cursor after the message that was handed out last: for another walk, in `options.after`. */
DLG_API const char *dlg_iterator_cursor(dlg_iterator *iterator);
DLG_API void dlg_iterator_free(dlg_iterator *iterator); /* at any time; before dlg_close() */

#ifdef __cplusplus
}
#endif

#endif
