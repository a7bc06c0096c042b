/* messages.h - sending messages, pages of a dialog, feeds. <dialogs.h> explains the conventions. */
#ifndef DLG_MESSAGES_H
#define DLG_MESSAGES_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Messages ------------------------------------------------------------------------------------------- */

#define DLG_TEXT_LIMIT 65536 /* default of the setting `text_limit`, bytes */
#define DLG_KEY_LIMIT 255    /* longest idempotency key, bytes */
#define DLG_PAGE_LIMIT 1000  /* most messages in one page */
#define DLG_PAGE_BYTES 262144 /* a page ends before it has more bytes of text, but has one message */
#define DLG_CURSOR_SIZE 1408 /* room for any cursor and its NUL, bytes */

/* A message that is stored. The library owns it. May grow. */
typedef struct dlg_message {
    int64_t id; /* unique per recipient, positive */
    dlg_uuid author;
    dlg_uuid recipient;
    int64_t created_us; /* may lie outside the years 1 to 9999, up to INT64_MAX: 'infinity'. What cannot show that
                           shows the first or the last moment of these years, as all of ours do. */
    int64_t updated_us; /* 0: never edited */
    const char *text;   /* `length` bytes of UTF-8, followed by a NUL that does not count */
    size_t length;
} dlg_message;

/* A message that a program hands to dlg_loader_message() or dlg_feed_cursor(). */
typedef struct dlg_message_input {
    uint32_t version;
    dlg_uuid author;
    dlg_uuid recipient;
    int64_t id;         /* 0: the library makes one */
    int64_t created_us; /* 0: now */
    int64_t updated_us; /* 0: never edited */
    const char *text;   /* UTF-8, 1 byte to `text_limit` bytes */
    size_t length;      /* of the text, bytes, or DLG_NTS */
    /* Since version 2, for dlg_loader_message(): */
    const char *key;   /* idempotency key instead of an id, or NULL: as in dlg_send_options */
    size_t key_length; /* 1 to DLG_KEY_LIMIT bytes of anything, or DLG_NTS */
} dlg_message_input;
#define DLG_MESSAGE_INPUT_VERSION 2
#define DLG_MESSAGE_INPUT_INIT                                                         \
    {                                                                                  \
        DLG_MESSAGE_INPUT_VERSION, {{0}}, {{0}}, 0, 0, 0, NULL, DLG_NTS, NULL, DLG_NTS \
    }

/* Initialises `message` as DLG_MESSAGE_INPUT_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_message_input_init(dlg_message_input *message, uint32_t version);

/* ---- Sending -------------------------------------------------------------------------------------------- */

/* Options of dlg_send(). */
typedef struct dlg_send_options {
    uint32_t version;
    uint32_t flags;     /* DLG_SEND_* */
    int64_t timeout_us; /* 0: as the thread has it, or the setting `timeout_ms`; negative: without limit */
    const char *key;    /* idempotency key, or NULL: see dlg_send() */
    size_t key_length;  /* 1 to DLG_KEY_LIMIT bytes of anything, or DLG_NTS */
} dlg_send_options;
#define DLG_SEND_OPTIONS_VERSION 1
#define DLG_SEND_OPTIONS_INIT                         \
    {                                                 \
        DLG_SEND_OPTIONS_VERSION, 0, 0, NULL, DLG_NTS \
    }
#define DLG_SEND_CHECK_RECIPIENT 1u /* DLG_E_RECIPIENT unless `users` has the recipient (remembered) */

/* Initialises `options` as DLG_SEND_OPTIONS_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_send_options_init(dlg_send_options *options, uint32_t version);

/* What a send gets back. */
typedef struct dlg_receipt {
    uint32_t version;
    uint32_t duplicate; /* 1: an earlier send with the same key had stored it */
    int64_t id;         /* of the message, unique per recipient, positive */
    int64_t created_us;
} dlg_receipt;
#define DLG_RECEIPT_VERSION 1
#define DLG_RECEIPT_INIT             \
    {                                \
        DLG_RECEIPT_VERSION, 0, 0, 0 \
    }

/* Initialises `receipt` as DLG_RECEIPT_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_receipt_init(dlg_receipt *receipt, uint32_t version);

/*
 * Stores one message, exactly once, and returns when it is committed. After that every dlg_list() shows it.
 * Lost connections are retried within the deadline under the same id, so a retry never doubles the
 * message. Sends that arrive while a commit is under way share the next commit.
 *
 * The server stamps the message (`created_us`), later than every message that this client has sent or read: a reply
 * sorts after what it answers. No clock of a client takes part. Messages of one author to one recipient that are under
 * way together in one client keep the order of the calls, also when the database refuses some for a while and they are
 * tried again. Not on a cluster when a node's clock is set back at the very moment at which it stores several of them.
 *
 *   receipt            NULL, or DLG_RECEIPT_INIT: filled on success.
 *   author, recipient  neither nil; may be equal. The library trusts its caller on `author`: a service
 *                      takes it from a token.
 *   text, length       1 byte to `text_limit` bytes.
 *   options            NULL, or DLG_SEND_OPTIONS_INIT with changes. With a `key`, all sends of one author to
 *                      one recipient under that key store one message, from any process at any time.
 *                      Each of them gets the receipt of that message.
 *
 * Errors: DLG_E_TEXT, DLG_E_TOO_LARGE, DLG_E_RECIPIENT, DLG_E_KEY_REUSED, and those of every request. After
 * DLG_E_OVERLOAD, DLG_E_TIMEOUT, DLG_E_UNAVAILABLE, DLG_E_DATABASE and DLG_E_CLOSED, dlg_error_fate() tells what is
 * known of the message.
 */
DLG_API int dlg_send(dlg_receipt *receipt, dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient,
                     const char *text, size_t length, const dlg_send_options *options, dlg_error **error);

/* Starts what dlg_send() does. Text and key are copied. The reply has dlg_reply_receipt(). */
DLG_API int dlg_send_async(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                           size_t length, const dlg_send_options *options, dlg_callback callback, void *payload,
                           dlg_error **error);

/* Returns the receipt of a send, borrowed from the reply; NULL unless a send succeeded. */
DLG_API const dlg_receipt *dlg_reply_receipt(const dlg_reply *reply);

/* ---- Listing -------------------------------------------------------------------------------------------- */

/* Options of dlg_list(), dlg_feed() and dlg_iterate(). */
typedef struct dlg_list_options {
    uint32_t version;
    int32_t limit;      /* messages in the page, 1 to DLG_PAGE_LIMIT */
    const char *before; /* a cursor: the page of messages just before it; "": the newest page */
    const char *after;  /* a cursor: the page just after it; "": the oldest page */
    int64_t timeout_us; /* 0: as the thread has it, or the setting `timeout_ms`; negative: without limit */
} dlg_list_options;
#define DLG_LIST_OPTIONS_VERSION 1
#define DLG_LIST_OPTIONS_INIT                       \
    {                                               \
        DLG_LIST_OPTIONS_VERSION, 50, NULL, NULL, 0 \
    }

/* Initialises `options` as DLG_LIST_OPTIONS_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_list_options_init(dlg_list_options *options, uint32_t version);

/*
 * Reads one page of the dialog between two users. The oldest message comes first, and the order is (created_us, id).
 * The cost depends on the page, not on the length of the dialog. A dialog without messages is an empty page.
 *
 * A page ends early when its texts would have more than DLG_PAGE_BYTES. A longer text is a page of its own. So ask
 * dlg_page_has_more() whether there is more; the number of messages does not tell.
 *
 *   page        receives the page, to be freed with dlg_page_free().
 *   user, peer  the two of the dialog, in either order; may be equal. Neither is nil.
 *   options     NULL: the newest 50. At most one of `before` and `after`.
 *
 * Errors: DLG_E_ARGUMENT (limit, both cursors), DLG_E_CURSOR, and those of every request.
 */
typedef struct dlg_page dlg_page;
DLG_API int dlg_list(dlg_page **page, dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer,
                     const dlg_list_options *options, dlg_error **error);

/* Starts what dlg_list() does. The cursor is read during the call. The reply has dlg_reply_page(). */
DLG_API int dlg_list_async(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer,
                           const dlg_list_options *options, dlg_callback callback, void *payload, dlg_error **error);

/* Returns the page of a list or a feed, borrowed from the reply; NULL unless that succeeded. */
DLG_API const dlg_page *dlg_reply_page(const dlg_reply *reply);

/* Returns how many messages the page has. */
DLG_API size_t dlg_page_count(const dlg_page *page);

/* Returns message `index` of the page, borrowed; NULL past the end. */
DLG_API const dlg_message *dlg_page_at(const dlg_page *page, size_t index);

/* Returns 1 when there are more messages in the direction that was asked for, else 0. */
DLG_API int dlg_page_has_more(const dlg_page *page);

/* Frees a page. NULL is fine. */
DLG_API void dlg_page_free(dlg_page *page);

/*
 * Returns the cursor at the page's older end, for `before`: the messages before the page. A text of URL-safe
 * characters, borrowed. An empty page returns the position that was asked for.
 */
DLG_API const char *dlg_page_before(const dlg_page *page);

/*
 * Returns the cursor at the page's newer end, for `after`: the messages after the page. A text of URL-safe
 * characters, borrowed. An empty page returns the position that was asked for.
 *
 * At the newest end this cursor is made for following a dialog. It misses no message, however late it commits: while
 * somebody follows, the client asks the database about once a second up to when all that was stored is visible. The
 * cursor remembers up to 192 messages that are newer than that, and shows none of them twice. When there are more, it
 * shows the messages of those few seconds once more; their ids tell. Rows that are inserted with a time of the
 * past, as a load does, are found by paging and not by following. A message that comes late before a page that
 * was asked for with `before` is found by going back.
 */
DLG_API const char *dlg_page_after(const dlg_page *page);

/*
 * Writes the cursor after the first `count` messages of a page. It serves programs that hand messages on one by one,
 * each with its place.
 *
 *   cursor  receives a text: at least DLG_CURSOR_SIZE bytes.
 *   count   0 is the place where the page begins.
 *
 * Errors: DLG_E_ARGUMENT when the page has fewer messages.
 */
DLG_API int dlg_page_cursor(char *cursor, const dlg_page *page, size_t count);

/* ---- Feeds ---------------------------------------------------------------------------------------------- */

/*
 * Reads one page of a user's feed: the messages of all dialogs of that user, sent and received, in the order
 * (created_us, id). Options, page and cursors are those of dlg_list(). A cursor belongs to the user.
 * A feed that is followed finds messages that commit late and shows none twice, within the limits of
 * dlg_page_after(). That includes what comes late before the page from which it is followed.
 *
 *   page  receives the page, to be freed with dlg_page_free().
 *   user  not nil.
 *
 * On a cluster a feed asks all shards for what the user wrote. Use it to catch up, not to poll.
 *
 * A feed needs the setting `feed`. With it, dlg_open() and dlg_schema_install() make two more indexes. They make each
 * send about one third more expensive for the server.
 *
 * Errors: DLG_E_STATE (the setting is off), DLG_E_ARGUMENT, DLG_E_CURSOR, and those of every request.
 */
DLG_API int dlg_feed(dlg_page **page, dlg_client *client, const dlg_uuid *user, const dlg_list_options *options,
                     dlg_error **error);

/* Starts what dlg_feed() does. The reply has dlg_reply_page(). */
DLG_API int dlg_feed_async(dlg_client *client, const dlg_uuid *user, const dlg_list_options *options,
                           dlg_callback callback, void *payload, dlg_error **error);

/*
 * Moves a cursor of a user's feed behind a message that became known by other means, for example because this program
 * has just sent it. The feed does not show that message again. What lies between stays to be read. Call it
 * once for each such message, and not for a message that a page has shown. A full cursor stays as it is
 * (DLG_E_OVERLOAD), and the feed shows the message again: read another page, which makes room. So does a cursor of a
 * crowd, when the message lies where it no longer tells what was seen.
 *
 *   cursor   DLG_CURSOR_SIZE bytes, read and written.
 *   user     the owner of the feed.
 *   message  its author, recipient, id and created_us count. No text is needed.
 *
 * Errors: DLG_E_CURSOR, DLG_E_OVERLOAD, DLG_E_ARGUMENT (the message is neither to nor from the user; an unknown
 * version).
 */
DLG_API int dlg_feed_cursor(char *cursor, const dlg_uuid *user, const dlg_message_input *message);

/* ---- Walking -------------------------------------------------------------------------------------------- */

/*
 * Begins to walk a whole dialog, oldest message first, in memory bounded by one page. The next page is fetched while
 * the caller reads this one.
 *
 *   iterator  receives the iterator, to be freed with dlg_iterator_free() before dlg_close().
 *   options   as for dlg_list(). `limit` is the size of a fetch. `before` is refused.
 *
 * Errors: those of dlg_list().
 */
typedef struct dlg_iterator dlg_iterator;
DLG_API int dlg_iterate(dlg_iterator **iterator, dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer,
                        const dlg_list_options *options, dlg_error **error);

/*
 * Reads the next message of a walk.
 *
 *   message  receives the message, borrowed until the following call. NULL at the end; a later call looks again.
 *
 * Blocks while a page is under way. Errors: those of dlg_list(). The walk may be continued after an error.
 */
DLG_API int dlg_iterator_next(const dlg_message **message, dlg_iterator *iterator, dlg_error **error);

/* Returns the cursor after the last message of the walk so far, borrowed: for `after` of another walk. */
DLG_API const char *dlg_iterator_cursor(dlg_iterator *iterator);

/* Ends a walk, at any time before dlg_close(). NULL is fine. */
DLG_API void dlg_iterator_free(dlg_iterator *iterator);

#ifdef __cplusplus
}
#endif

#endif
