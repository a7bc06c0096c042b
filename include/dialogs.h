/*
 * dialogs.h - one-to-one dialogs between users, kept in PostgreSQL, sharded by Citus.
 *
 * This file is the reference of the library: C programs include it, the Python bindings are
 * generated from it, the HTTP service uses nothing else.
 *
 * Conventions
 *   Results    Functions that can fail return DLG_OK (0) or a negative DLG_E_* code. Their last
 *              parameter is `dlg_error **error`: NULL, or the address of a pointer that is NULL;
 *              on failure it receives the detail, to be freed with dlg_error_free().
 *   Ownership  A `const` pointer handed out is borrowed from the object it was asked of. What a
 *              `**` parameter receives is the caller's, with its own free function.
 *   Time       Microseconds since 1970-01-01 00:00 UTC (`..._us`); durations in microseconds.
 *              A timeout of 0 means the client's `timeout_ms` setting.
 *   Text       UTF-8 without NUL. A length of DLG_NTS means "terminated by NUL".
 *   Threads    A client may be used by any number of threads. Every other object belongs to one
 *              thread at a time. Callbacks run on the client's I/O thread with no lock held: they
 *              may start asynchronous calls; blocking calls answer DLG_E_STATE there. Calls are no
 *              cancellation points: a thread that is cancelled (pthread_cancel) ends after them.
 *   Fork       A client does not survive fork(): in the child every call answers DLG_E_FORKED,
 *              and dlg_close() only frees memory.
 *   Structs    Those that a caller fills begin with `version` and have a ..._INIT value. Those
 *              that the library hands out may grow at their end in later versions.
 *   Since      0.1 unless a comment says otherwise.
 */
#ifndef DIALOGS_H
#define DIALOGS_H

#include <stddef.h>
#include <stdint.h>

#ifndef DLG_API
#define DLG_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version -------------------------------------------------------------------------------- */

#define DLG_VERSION_MAJOR 0
#define DLG_VERSION_MINOR 1
#define DLG_VERSION_PATCH 0
#define DLG_VERSION_NUMBER (DLG_VERSION_MAJOR * 10000 + DLG_VERSION_MINOR * 100 + DLG_VERSION_PATCH)

/* The version of the library that runs, "0.1.0"; static. */
DLG_API const char *dlg_version(void);

/* The same as a number, as DLG_VERSION_NUMBER is. */
DLG_API int dlg_version_number(void);

/*
 * Whether this build has a feature: "embedded" (conninfo embedded:DIR), "buffered-sync" (built
 * against libpq >= 17). Returns 1 or 0; 0 for a name it does not know.
 */
DLG_API int dlg_has_feature(const char *name);

/* ---- Errors --------------------------------------------------------------------------------- */

typedef enum dlg_code {
    DLG_OK = 0,
    DLG_E_ARGUMENT = -1,       /* a parameter is missing, malformed or out of its range */
    DLG_E_MEMORY = -2,         /* out of memory */
    DLG_E_STATE = -3,          /* not possible here: e.g. a blocking call inside a callback */
    DLG_E_FORKED = -4,         /* the client was opened by a parent process */
    DLG_E_CLOSED = -5,         /* the client was closed before the request was done */
    DLG_E_OVERLOAD = -6,       /* a bounded queue is full; try again later */
    DLG_E_TIMEOUT = -7,        /* the deadline passed; see the fate */
    DLG_E_UNAVAILABLE = -8,    /* no connection to the database; the last reason is in the text */
    DLG_E_DATABASE = -9,       /* the database refused; see the SQLSTATE */
    DLG_E_SCHEMA = -10,        /* the tables are missing, too old, too new, or of another shape */
    DLG_E_NOT_FOUND = -11,     /* no such user */
    DLG_E_RECIPIENT = -12,     /* no such recipient */
    DLG_E_EXISTS = -13,        /* a user with this id exists */
    DLG_E_PASSWORD = -14,      /* wrong password */
    DLG_E_TOKEN = -15,         /* malformed, tampered, or signed by a key we do not hold */
    DLG_E_TOKEN_EXPIRED = -16, /* a good token whose time is over or has not come */
    DLG_E_TEXT = -17,          /* empty, not UTF-8, or contains NUL */
    DLG_E_TOO_LARGE = -18,     /* longer than its limit */
    DLG_E_CURSOR = -19,        /* a forged cursor, or one of another dialog */
    DLG_E_KEY_REUSED = -20,    /* the idempotency key was used before with another text */
    DLG_E_EMBEDDED = -21,      /* the private server could not be found, created or started */
    DLG_E_FILE = -22,          /* a file could not be read or written */
    DLG_E_ARCHIVE = -23,       /* not an archive, a damaged one, or one of a later version */
    DLG_E_CANCELLED = -24,     /* a progress callback asked to stop */
    DLG_E_INTERNAL = -25,      /* a bug in the library */
    DLG_E_NOT_CLUSTER = -26,   /* this database is not a Citus cluster, or its tables are not distributed */
    DLG_E_PRECONDITION = -27,  /* something must be repaired first; the text says how */
    DLG_E_BUSY = -28           /* shards are being moved already */
} dlg_code;

/* What is known of a write that failed. */
typedef enum dlg_fate {
    DLG_FATE_NOT_WRITTEN = 0,      /* nothing is stored; trying again is safe */
    DLG_FATE_POSSIBLY_WRITTEN = 1, /* unknown; try again with the same idempotency key */
    DLG_FATE_WRITTEN = 2           /* stored, although the call failed later */
} dlg_fate;

typedef struct dlg_error dlg_error;

DLG_API int dlg_error_code(const dlg_error *error);             /* a DLG_E_* value; DLG_OK for NULL */
DLG_API const char *dlg_error_message(const dlg_error *error);  /* one line that says what to do; "" for NULL */
DLG_API const char *dlg_error_sqlstate(const dlg_error *error); /* five characters, or "" */
DLG_API int dlg_error_retriable(const dlg_error *error);        /* 1: the same call may succeed later */
DLG_API dlg_fate dlg_error_fate(const dlg_error *error);        /* NOT_WRITTEN for NULL and for reads */
DLG_API void dlg_error_free(dlg_error *error);                  /* NULL is fine */

/* The name of a code, "DLG_E_TIMEOUT"; "DLG_E_UNKNOWN" for any other number; static. */
DLG_API const char *dlg_code_name(int code);

/* Frees what a `char **` parameter received; NULL is fine. */
DLG_API void dlg_free(void *memory);

/* ---- Identifiers ---------------------------------------------------------------------------- */

/* "terminated by NUL", for every length parameter that follows a text. */
#define DLG_NTS ((size_t)-1)

/* A UUID as 16 bytes in network order (RFC 9562). All zero is "nil" and names nobody. */
typedef struct dlg_uuid {
    uint8_t bytes[16];
} dlg_uuid;

#define DLG_UUID_TEXT_SIZE 37 /* 36 characters and the NUL */

/* Reads the 36-character form, either case. DLG_E_ARGUMENT for anything else. */
DLG_API int dlg_uuid_parse(const char *text, size_t length, dlg_uuid *uuid);

/* Writes the 36-character lower-case form into `text`, at least DLG_UUID_TEXT_SIZE bytes. */
DLG_API void dlg_uuid_format(const dlg_uuid *uuid, char *text);

/* A random (version 4) UUID from libsodium's generator. */
DLG_API void dlg_uuid_random(dlg_uuid *uuid);

/* <0, 0, >0 as memcmp does. */
DLG_API int dlg_uuid_compare(const dlg_uuid *a, const dlg_uuid *b);

/* ---- Settings ------------------------------------------------------------------------------- */

/*
 * Settings of a client: names and values as text, from one table, so that bindings and command
 * lines pass them through. docs/configuration.md lists them; so does dlg_setting_describe().
 */
typedef struct dlg_settings dlg_settings;

DLG_API dlg_settings *dlg_settings_new(void); /* all defaults; NULL when out of memory */
DLG_API void dlg_settings_free(dlg_settings *settings);

/* DLG_E_ARGUMENT, naming the setting and its range, when name or value is not acceptable. */
DLG_API int dlg_settings_set(dlg_settings *settings, const char *name, const char *value, dlg_error **error);

/* The value in force as text, or NULL for an unknown name; valid until the next call of set or free. */
DLG_API const char *dlg_settings_get(const dlg_settings *settings, const char *name);

/*
 * The table itself: entry `index` from 0 on. Any out parameter may be NULL; all texts are static.
 * Returns 1, or 0 past the end.
 */
DLG_API int dlg_setting_describe(size_t index, const char **name, const char **default_value, const char **range,
                                 const char **purpose);

/* ---- Client --------------------------------------------------------------------------------- */

typedef struct dlg_client dlg_client;

/*
 * Opens a client: starts its I/O thread, connects, and brings the schema up to date.
 *
 *   client    receives the client.
 *   conninfo  what libpq accepts (PostgreSQL documentation, 34.1.1: keyword/value or URI, several
 *             hosts, service files, TLS), or `embedded:DIR` for a private server in directory DIR,
 *             which is created when missing, shared by all clients of DIR on this machine, and
 *             stopped after the last one (a program that ends without dlg_close() leaves it to the
 *             next). NULL means "" (libpq's environment variables).
 *   settings  NULL for the defaults; copied.
 *
 * Blocks up to the setting `open_timeout_ms`. With `open=lazy` it returns at once, whether the
 * database is there or not: requests wait for it within their own deadlines, and the tables are left
 * to dlg_schema_install().
 * Errors: DLG_E_ARGUMENT (conninfo), DLG_E_UNAVAILABLE (no connection in time), DLG_E_SCHEMA,
 * DLG_E_EMBEDDED, DLG_E_MEMORY.
 */
DLG_API int dlg_open(dlg_client **client, const char *conninfo, const dlg_settings *settings, dlg_error **error);

/*
 * Closes a client: refuses new requests, gives those under way up to `timeout_us` (0: the setting
 * `close_timeout_ms`; negative: no time at all) to finish, completes the rest with DLG_E_CLOSED,
 * and frees everything. Every callback has returned before dlg_close() does. Replies that nobody
 * took from the queue are freed.
 *
 *   undelivered  NULL, or receives how many requests were completed with DLG_E_CLOSED.
 *
 * Returns DLG_E_STATE, and does nothing, on the client's own I/O thread and inside its progress callbacks.
 * `client` NULL is fine.
 */
DLG_API int dlg_close(dlg_client *client, int64_t timeout_us, size_t *undelivered);

/* Whether a request made now has a live connection to go to: 1 or 0. Never blocks. */
DLG_API int dlg_ready(dlg_client *client);

/*
 * Creates or upgrades the tables (sql/, compiled in), under an advisory lock, so that any number
 * of processes may do it at once; adopts an existing `dialogs` table of the classic shape with its
 * rows. dlg_open() does this unless the setting `schema` says `check` or `none`.
 *
 *   version  NULL, or receives the schema's version after the call.
 *
 * Blocks. Errors: DLG_E_SCHEMA, DLG_E_UNAVAILABLE, DLG_E_TIMEOUT.
 */
DLG_API int dlg_schema_install(dlg_client *client, int *version, dlg_error **error);

#define DLG_BATCH_SIZES 15

/* Counters of a client since it was opened. Set `version` with DLG_STATS_INIT: what that version has is filled. */
typedef struct dlg_stats {
    uint32_t version;
    uint32_t queued; /* requests accepted and not completed, now */
    uint64_t queued_bytes;
    uint64_t requests; /* accepted */
    uint64_t completed;
    uint64_t failed;  /* of those completed, with an error */
    uint64_t sends;   /* messages acknowledged */
    uint64_t batches; /* commits that carried them */
    uint64_t retries; /* statements that were run again */
    uint64_t reconnects;
    uint64_t overloads;   /* requests refused because a queue was full */
    uint32_t connections; /* live, now */
    uint32_t hash_queued; /* password checks waiting or running, now */
    uint64_t routed;      /* on a cluster: statements sent straight to the worker that owns the shard */
    uint64_t fallback;    /* ... and through the coordinator, because that worker could not be reached */
    uint64_t stale;       /* times that the map of shards was found to be old */
    /* Since version 2: */
    uint64_t batched;                      /* messages in all batches, again when they were sent again */
    uint64_t batch_sizes[DLG_BATCH_SIZES]; /* batches by size: [i] of up to 2^i messages, but more than 2^(i-1); the
                                              last of any more */
} dlg_stats;
#define DLG_STATS_VERSION 2
#define DLG_STATS_INIT                                                     \
    {                                                                      \
        DLG_STATS_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
        {                                                                  \
            0                                                              \
        }                                                                  \
    }

DLG_API int dlg_stats_get(dlg_client *client, dlg_stats *stats);

/* ---- Asynchronous calls --------------------------------------------------------------------- */

/*
 * Every operation X has a call X_async. It returns DLG_OK when the request was accepted: then
 * there is exactly one reply, whatever happens. Otherwise it says why not, and there is none.
 * A full queue answers DLG_E_OVERLOAD at once (blocking calls wait for room until their deadline).
 *
 * With a callback, the reply is handed to it on the I/O thread. With callback NULL, the reply goes
 * to the client's reply queue, for an event loop: dlg_reply_fd() becomes readable, dlg_reply_next()
 * takes them. Either way the reply is the receiver's, to be freed with dlg_reply_free(), on any
 * thread, also after dlg_close().
 */
typedef struct dlg_reply dlg_reply;
typedef void (*dlg_callback)(dlg_reply *reply, void *payload);

DLG_API int dlg_reply_code(const dlg_reply *reply);               /* DLG_OK or DLG_E_* */
DLG_API const dlg_error *dlg_reply_error(const dlg_reply *reply); /* NULL when DLG_OK; borrowed */
DLG_API void *dlg_reply_payload(const dlg_reply *reply);          /* as given with the call */
DLG_API void dlg_reply_free(dlg_reply *reply);                    /* NULL is fine */

/*
 * A file descriptor, readable while replies wait in the queue. For poll, epoll, select and asyncio
 * only: do not read it. It is the client's and closed with it.
 */
DLG_API int dlg_reply_fd(dlg_client *client);

/*
 * Takes the oldest reply from the queue, waiting up to `timeout_us` for one (0: not at all;
 * negative: without limit). NULL when there is none, or when the client is closed meanwhile.
 */
DLG_API dlg_reply *dlg_reply_next(dlg_client *client, int64_t timeout_us);

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

/* ---- Users ---------------------------------------------------------------------------------- */

#define DLG_PASSWORD_LIMIT 1024 /* longest password, bytes */
#define DLG_NAME_LIMIT 1024     /* longest name or city, bytes */
#define DLG_BIOGRAPHY_LIMIT 65536

typedef struct dlg_user {
    uint32_t version;
    dlg_uuid id;            /* nil when creating: the library makes one */
    const char *first_name; /* texts: UTF-8, NULL or "" when absent */
    const char *second_name;
    const char *birthdate; /* "YYYY-MM-DD", NULL or "" when absent */
    const char *biography;
    const char *city;
    int64_t created_us; /* filled by the library */
} dlg_user;
#define DLG_USER_VERSION 1
#define DLG_USER_INIT                                            \
    {                                                            \
        DLG_USER_VERSION, {{0}}, NULL, NULL, NULL, NULL, NULL, 0 \
    }

/*
 * Creates a user with a password, kept as an Argon2id hash (RFC 9106, libsodium); it is hashed on
 * a worker thread.
 *
 *   id  receives the user's id.
 *
 * Errors: DLG_E_ARGUMENT (a date that is none, a text that is no UTF-8, an empty password),
 * DLG_E_TOO_LARGE, DLG_E_EXISTS, and those of every request.
 */
DLG_API int dlg_user_create(dlg_client *client, const dlg_user *user, const char *password, size_t length, dlg_uuid *id,
                            dlg_error **error);
DLG_API int dlg_user_create_async(dlg_client *client, const dlg_user *user, const char *password, size_t length,
                                  dlg_callback callback, void *payload, dlg_error **error);
DLG_API const dlg_uuid *dlg_reply_user_id(const dlg_reply *reply); /* of user_create; NULL otherwise */

/* A list of users, in memory. */
typedef struct dlg_users dlg_users;
DLG_API size_t dlg_users_count(const dlg_users *users);
DLG_API const dlg_user *dlg_users_at(const dlg_users *users, size_t index); /* borrowed; NULL past the end */
DLG_API void dlg_users_free(dlg_users *users);                              /* NULL is fine */
DLG_API const dlg_users *dlg_reply_users(const dlg_reply *reply);           /* of get and search; borrowed */

/* The user with this id: a list of one. DLG_E_NOT_FOUND when there is none. */
DLG_API int dlg_user_get(dlg_client *client, const dlg_uuid *id, dlg_users **users, dlg_error **error);
DLG_API int dlg_user_get_async(dlg_client *client, const dlg_uuid *id, dlg_callback callback, void *payload,
                               dlg_error **error);

/*
 * Users whose names begin with the two texts, either of which may be "", ordered by id.
 *
 *   limit  1 to DLG_PAGE_LIMIT.
 */
DLG_API int dlg_user_search(dlg_client *client, const char *first_name, const char *second_name, int32_t limit,
                            dlg_users **users, dlg_error **error);
DLG_API int dlg_user_search_async(dlg_client *client, const char *first_name, const char *second_name, int32_t limit,
                                  dlg_callback callback, void *payload, dlg_error **error);

/* Replaces a user's password. DLG_E_NOT_FOUND when there is no such user. */
DLG_API int dlg_user_set_password(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                                  dlg_error **error);
DLG_API int dlg_user_set_password_async(dlg_client *client, const dlg_uuid *id, const char *password, size_t length,
                                        dlg_callback callback, void *payload, dlg_error **error);

/* ---- Authentication ------------------------------------------------------------------------- */

/*
 * Checks a password and issues a token: PASETO v4.public (Ed25519; paseto.io, version 4) with
 * claims sub (the user's id), iss, iat, nbf, exp, jti, and the key's PASERK id in the footer.
 * The check runs on a bounded number of worker threads (setting `hash_threads`); it takes about
 * the same time whether the user exists or not. A hash made with weaker parameters than the
 * settings ask for is renewed.
 *
 *   token  receives the token, to be freed with dlg_free().
 *
 * Errors: DLG_E_NOT_FOUND (no such user), DLG_E_PASSWORD, DLG_E_OVERLOAD (too many checks at once),
 * DLG_E_FILE (no signing key), and those of every request.
 */
DLG_API int dlg_auth(dlg_client *client, const dlg_uuid *user, const char *password, size_t length, char **token,
                     dlg_error **error);
DLG_API int dlg_auth_async(dlg_client *client, const dlg_uuid *user, const char *password, size_t length,
                           dlg_callback callback, void *payload, dlg_error **error);
DLG_API const char *dlg_reply_token(const dlg_reply *reply); /* NULL unless an auth succeeded; borrowed */

/* Issues a token without a password, for programs that know their users by other means. Does not block. */
DLG_API int dlg_token_issue(dlg_client *client, const dlg_uuid *user, char **token, dlg_error **error);

/*
 * Checks a token's signature, issuer and times; does not ask the database and does not block,
 * but for reading the key file when it has changed.
 *
 *   user        receives whom the token was issued to.
 *   expires_us  NULL, or receives the end of its time.
 *
 * Errors: DLG_E_TOKEN, DLG_E_TOKEN_EXPIRED, DLG_E_FILE.
 */
DLG_API int dlg_token_verify(dlg_client *client, const char *token, size_t length, dlg_uuid *user, int64_t *expires_us,
                             dlg_error **error);

/*
 * Makes a new signing key the first of the key file. Tokens of the old keys stay good until they
 * expire; other processes with the same file notice. DLG_E_STATE when the key came from a setting.
 */
DLG_API int dlg_token_rotate(dlg_client *client, dlg_error **error);

/* ---- Bulk ----------------------------------------------------------------------------------- */

/* How far long work has come. Returned structs may grow. A total of 0 means unknown. */
typedef struct dlg_progress {
    uint64_t users;
    uint64_t messages;
    uint64_t bytes;
    uint64_t total_messages;
    uint64_t total_bytes;
    uint64_t skipped; /* rows that were there already */
} dlg_progress;

/* Called on the caller's own thread now and then; any value but 0 stops with DLG_E_CANCELLED. */
typedef int (*dlg_progress_fn)(const dlg_progress *progress, void *payload);

/*
 * A loader writes many rows through COPY on a connection of its own, committed in chunks; rows
 * that are there already (same id) are skipped, so an interrupted load may be run again.
 * It blocks, and belongs to one thread. Free it before the client is closed.
 */
typedef struct dlg_loader dlg_loader;
DLG_API int dlg_loader_open(dlg_client *client, dlg_loader **loader, dlg_error **error);

/* `message->id` 0 and `created_us` 0: the library makes them. Checked as dlg_send() checks. */
DLG_API int dlg_loader_message(dlg_loader *loader, const dlg_message *message, dlg_error **error);

/*
 * `password_hash`: as dlg_password_hash() makes it; NULL for a user who cannot log in.
 * A nil id: the library makes one.
 */
DLG_API int dlg_loader_user(dlg_loader *loader, const dlg_user *user, const char *password_hash, dlg_error **error);

/*
 * Commits what was given so far; dlg_loader_message() and dlg_loader_user() do so by themselves after 10,000 rows or
 * 8 MiB. A chunk that fails because a server or a node is away is repeated for up to the setting `open_timeout_ms` since
 * its first failure; after that the last error, such as DLG_E_UNAVAILABLE, and the chunk is kept: flush again.
 * On a cluster a chunk is a two-phase commit of Citus: DLG_OK says that all of it is kept. Should a worker die between
 * the phases, its part is seen once Citus has repeated the second one, up to citus.recover_2pc_interval (a minute)
 * after the worker is back, or at once by recover_prepared_transactions().
 */
DLG_API int dlg_loader_flush(dlg_loader *loader, dlg_error **error);
DLG_API void dlg_loader_progress(const dlg_loader *loader, dlg_progress *progress);
DLG_API void dlg_loader_free(dlg_loader *loader); /* discards what was not flushed */

/* An Argon2id hash of a password with the client's parameters, to be freed with dlg_free(). Blocks, about 0.1 s. */
DLG_API int dlg_password_hash(dlg_client *client, const char *password, size_t length, char **hash, dlg_error **error);

/*
 * Writes all users and messages, as they stand at one moment, to `fd`: a stream of msgpack objects
 * with a header, a version, and a checksum (BLAKE2b) at the end; docs/archive.md describes it.
 * Password hashes are in it: keep it as you keep the database. Blocks.
 */
DLG_API int dlg_dump(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error);

/*
 * Reads such a stream back; rows that are there already are skipped, so it may be run again.
 * Rows read before damage is met stay. Errors: DLG_E_ARCHIVE, DLG_E_FILE, and those of a loader.
 */
DLG_API int dlg_restore(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error);

/* ---- Cluster -------------------------------------------------------------------------------- */

/*
 * Administration of a Citus cluster, 11.2 or later: `dialogs` and `users` are kept in shards by the hash of
 * the recipient, or the user, and the shards are spread over worker nodes. Terms and functions are those of
 * the Citus documentation (docs.citusdata.com: "Citus Utility Functions", "Cluster Management").
 *
 * The client has to be connected to the coordinator. These calls use connections of their own, so they hold
 * up nothing else of the client, and other requests go on meanwhile. A blocking call works on the caller's
 * thread; the work of the _async calls runs, one at a time, on one thread that the client starts for it.
 * Progress callbacks are called on that thread, with the payload of the call; they may make any call but
 * dlg_close().
 *
 *   Timeouts  0 means none here; else the call ends with DLG_E_TIMEOUT.
 *   Closing   dlg_close() ends them with DLG_E_CLOSED, as other requests. A rebalance that was started goes
 *             on at the servers; every other change is undone by them.
 *   Map       Whatever changes the cluster makes this client ask for the new map of shards at once. Other
 *             clients learn of moved shards within seconds, and are right meanwhile, by one hop more.
 *
 * Errors of each: DLG_E_NOT_CLUSTER (the extension is not installed; or, where shards are needed, the tables
 * are not distributed), DLG_E_PRECONDITION (what is wrong, and the statement that repairs it),
 * DLG_E_STATE (inside a callback of the I/O thread), DLG_E_UNAVAILABLE, DLG_E_TIMEOUT, DLG_E_DATABASE,
 * DLG_E_CLOSED, DLG_E_MEMORY; others are named with the call.
 */

/* How far administrative work has come. May grow. */
typedef struct dlg_cluster_progress {
    const char *phase;    /* what is being done: "checking", or a phase of Citus such as "Copying Data" */
    uint32_t moves_done;  /* shards, each with those that are colocated with it */
    uint32_t moves_total; /* 0: not known, or nothing is moved */
    uint64_t bytes_done;  /* of the shards to move */
    uint64_t bytes_total; /* as large as they were at the beginning; 0: not known */
    uint64_t rows_done;   /* distribute: rows copied into shards, at least */
    uint64_t rows_total;  /* estimated; 0: not known */
    int64_t shard;        /* on its way; 0: none */
    const char *source;   /* "host:port" that it leaves, or "" */
    const char *target;   /* ... and where it goes to, or "" */
    uint32_t retries;     /* how often that move has failed so far */
    const char *message;  /* ... and why the last time, or "" */
} dlg_cluster_progress;

/*
 * Called a few times a second; texts are valid during the call. Any value but 0 stops the work with
 * DLG_E_CANCELLED: a rebalance is stopped at the servers, its finished moves stay, and what the unfinished one
 * left is removed; other work is undone.
 */
typedef int (*dlg_cluster_progress_fn)(const dlg_cluster_progress *progress, void *payload);

typedef struct dlg_cluster dlg_cluster;

/* One node. Numbers are 0, and texts "", where the node did not answer. May grow. */
typedef struct dlg_cluster_node {
    int32_t group;    /* Citus's number; 0 is the coordinator */
    const char *host; /* as the nodes reach it among themselves */
    int32_t port;
    const char *role;        /* "coordinator" or "worker" */
    int active;              /* 0: disabled in the metadata */
    int takes_shards;        /* 1: shards are placed on it, and moved to it (`shouldhaveshards`) */
    int answers;             /* 1: the coordinator reaches it */
    int reachable;           /* 1: this client does too, there or where the setting node_addresses says */
    const char *unreachable; /* why not, or "" */
    int ready;               /* 1: nothing of this node stands in the way of a rebalance; see the problems */
    uint32_t shards;         /* of `dialogs` */
    uint64_t bytes;          /* of the shards of all colocated tables, with indexes */
    uint64_t rows;           /* messages, estimated by the planner's statistics */
    const char *postgresql;  /* version, "15.8" */
    const char *citus;       /* version, "13.2.0" */
    const char *wal_level;   /* "logical" is needed to move shards away while people write */
} dlg_cluster_node;

/* The cluster as a whole. May grow. */
typedef struct dlg_cluster_info {
    int distributed;       /* 1: `dialogs` is in shards; else most of what follows is 0 */
    int users_distributed; /* 1: `users` too, colocated with `dialogs` */
    const char *citus;     /* version of the coordinator */
    uint32_t shards;       /* of `dialogs` */
    uint32_t colocation;   /* Citus's number of the group of tables whose shards move together */
    uint64_t bytes;
    uint64_t rows;           /* messages, estimated by the planner's statistics */
    uint32_t unknown_shards; /* shards without statistics: they are missing in `rows` and among the hottest;
                                ANALYZE public.dialogs cures that */
    double skew_bytes;       /* the largest node compared with the mean of those that take shards; 1 is even */
    double skew_rows;
    uint64_t routed; /* as in dlg_stats: this client's statements that went to the owner of the shard */
    uint64_t fallback;
    uint64_t stale;
} dlg_cluster_info;

typedef enum dlg_job_state {
    DLG_JOB_NONE = 0,
    DLG_JOB_SCHEDULED = 1,
    DLG_JOB_RUNNING = 2,
    DLG_JOB_FINISHED = 3,
    DLG_JOB_CANCELLING = 4,
    DLG_JOB_CANCELLED = 5,
    DLG_JOB_FAILING = 6,
    DLG_JOB_FAILED = 7
} dlg_job_state;

/* "running" and so on; static. */
DLG_API const char *dlg_job_state_name(dlg_job_state state);

/* Something that stands in the way of a rebalance. May grow. */
typedef struct dlg_cluster_problem {
    const char *check;  /* one word: "wal_level", "primary_key", "reachable", "slots", "owner", ... */
    const char *node;   /* "host:port" of the node that it is about; "" when of the whole cluster */
    const char *text;   /* what is wrong */
    const char *repair; /* the statement, or what else to do, and where */
} dlg_cluster_problem;

/* A recipient with many messages, by the planner's statistics (pg_stats). May grow. */
typedef struct dlg_hot_recipient {
    dlg_uuid recipient;
    uint64_t rows; /* messages to that user, estimated */
    int64_t shard; /* of `dialogs` */
    int32_t group; /* the node that has it */
    int isolated;  /* 1: the shard has this user only */
} dlg_hot_recipient;
#define DLG_HOT_RECIPIENTS 10 /* most in a status */

/* Something that a move left behind, until Citus removes it (pg_dist_cleanup). May grow. */
typedef struct dlg_cluster_leftover {
    const char *kind; /* "shard", "subscription", "slot", "publication", "role" */
    const char *name;
    int32_t group;
} dlg_cluster_leftover;

/*
 * What the cluster is and how it is: nodes, shards, sizes, the rebalance that runs, what stands in the way of
 * one, the hottest recipients. Takes longer when a node does not answer.
 *
 *   cluster  receives it, to be freed with dlg_cluster_free(). What its functions return is borrowed from it.
 *
 * A database with the extension but without distributed tables has a status too.
 */
DLG_API int dlg_cluster_status(dlg_client *client, dlg_cluster **cluster, dlg_error **error);
DLG_API int dlg_cluster_status_async(dlg_client *client, dlg_callback callback, void *payload, dlg_error **error);
DLG_API const dlg_cluster *dlg_reply_cluster(const dlg_reply *reply); /* NULL unless a status succeeded */
DLG_API void dlg_cluster_free(dlg_cluster *cluster);                  /* NULL is fine */

DLG_API const dlg_cluster_info *dlg_cluster_describe(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_node_count(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_problem_count(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_hot_count(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_leftover_count(const dlg_cluster *cluster);

/* Each NULL past the end. Nodes in the order of their groups, recipients hottest first. */
DLG_API const dlg_cluster_node *dlg_cluster_node_at(const dlg_cluster *cluster, size_t index);
DLG_API const dlg_cluster_problem *dlg_cluster_problem_at(const dlg_cluster *cluster, size_t index);
DLG_API const dlg_hot_recipient *dlg_cluster_hot_at(const dlg_cluster *cluster, size_t index);
DLG_API const dlg_cluster_leftover *dlg_cluster_leftover_at(const dlg_cluster *cluster, size_t index);

/* The state of the rebalance that was started last, and how far it has come. */
DLG_API dlg_job_state dlg_cluster_job_state(const dlg_cluster *cluster);
DLG_API const dlg_cluster_progress *dlg_cluster_job(const dlg_cluster *cluster); /* NULL unless one is under way */

typedef struct dlg_distribute_options {
    uint32_t version;
    int32_t shard_count; /* 1 to 64000; many times the number of nodes to come */
    int64_t timeout_us;
} dlg_distribute_options;
#define DLG_DISTRIBUTE_OPTIONS_VERSION 1
#define DLG_DISTRIBUTE_OPTIONS_INIT           \
    {                                         \
        DLG_DISTRIBUTE_OPTIONS_VERSION, 32, 0 \
    }

/*
 * Distributes `dialogs` by recipient and, colocated, `users` by id (create_distributed_table), moves the rows
 * that exist into the shards, and empties the local tables (truncate_local_data_after_distributing_table).
 * One transaction; writers wait while it runs. A `users` table of a host program, which has another shape, is
 * left alone. When `dialogs` is distributed already and `users` is not, `users` follows.
 *
 *   options  NULL, or DLG_DISTRIBUTE_OPTIONS_INIT with changes.
 *
 * Errors: DLG_E_STATE (both are distributed already), DLG_E_SCHEMA (there are no tables), DLG_E_CANCELLED.
 */
DLG_API int dlg_cluster_distribute(dlg_client *client, const dlg_distribute_options *options,
                                   dlg_cluster_progress_fn progress, void *payload, dlg_error **error);
DLG_API int dlg_cluster_distribute_async(dlg_client *client, const dlg_distribute_options *options,
                                         dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                         dlg_error **error);

/*
 * Takes all rows back into plain tables on the coordinator, which needs room for them. One transaction; writers
 * wait. Constraints, indexes and privileges stay; a view on `dialogs` has to be dropped before
 * (Citus's undistribute_table() refuses tables with identity columns).
 */
DLG_API int dlg_cluster_undistribute(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress,
                                     void *payload, dlg_error **error);
DLG_API int dlg_cluster_undistribute_async(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress,
                                           dlg_callback callback, void *payload, dlg_error **error);

typedef struct dlg_node_options {
    uint32_t version;
    uint32_t flags;               /* DLG_NODE_* */
    const char *coordinator_host; /* how the new node reaches the coordinator, should that not be registered
                                     yet; NULL: as this client does */
    int32_t coordinator_port;     /* 0: as this client does */
    int64_t timeout_us;
} dlg_node_options;
#define DLG_NODE_OPTIONS_VERSION 1
#define DLG_NODE_OPTIONS_INIT                   \
    {                                           \
        DLG_NODE_OPTIONS_VERSION, 0, NULL, 0, 0 \
    }
#define DLG_NODE_ANY_WAL_LEVEL 1u /* also a node from which no shard can be moved away while people write */

/*
 * Adds a worker (citus_add_node). Before, it is asked directly, with this client's user and password, at its
 * address or where the setting node_addresses says; it must have the extension of the same version, wal_level
 * logical, and nothing of another cluster nor tables of these names, which Citus itself does not check. It gets
 * no shards until they are rebalanced.
 *
 *   host, port  how the other nodes reach it.
 *   options     NULL, or DLG_NODE_OPTIONS_INIT with changes.
 *
 * Needs a superuser. Errors: DLG_E_STATE (it is in the cluster), DLG_E_ARGUMENT.
 */
DLG_API int dlg_cluster_add_node(dlg_client *client, const char *host, int32_t port, const dlg_node_options *options,
                                 dlg_error **error);
DLG_API int dlg_cluster_add_node_async(dlg_client *client, const char *host, int32_t port,
                                       const dlg_node_options *options, dlg_callback callback, void *payload,
                                       dlg_error **error);

/* How shards are copied (Citus: shard_transfer_mode). */
typedef enum dlg_transfer_mode {
    DLG_TRANSFER_AUTO = 0,          /* logical replication, writers wait for a moment only; refused without a key */
    DLG_TRANSFER_FORCE_LOGICAL = 1, /* the same, also for tables without a key, whose UPDATE and DELETE fail then */
    DLG_TRANSFER_BLOCK_WRITES = 2   /* writers of a shard wait while it is copied; never chosen by itself */
} dlg_transfer_mode;

/* What is to be even. */
typedef enum dlg_rebalance_strategy {
    DLG_BY_SHARD_COUNT = 0, /* the number of shards on each node */
    DLG_BY_DISK_SIZE = 1    /* their size; small differences are left as they are */
} dlg_rebalance_strategy;

typedef struct dlg_rebalance_options {
    uint32_t version;
    uint32_t flags; /* DLG_REBALANCE_* */
    dlg_rebalance_strategy strategy;
    dlg_transfer_mode mode;
    int32_t retries;    /* how often Citus may repeat a move that fails (after 5 s, 20 s, 60 s, ...) before the
                           rebalance is stopped; -1: as often as it does by itself, about half an hour */
    int64_t timeout_us; /* when it passes, the rebalance itself goes on */
} dlg_rebalance_options;
#define DLG_REBALANCE_OPTIONS_VERSION 1
#define DLG_REBALANCE_OPTIONS_INIT                                                             \
    {                                                                                          \
        DLG_REBALANCE_OPTIONS_VERSION, 0, DLG_BY_SHARD_COUNT, DLG_TRANSFER_AUTO, 3, INT64_C(0) \
    }
#define DLG_REBALANCE_DRY_RUN 1u /* only say which shards would be moved */
#define DLG_REBALANCE_NO_WAIT 2u /* return when it is started; see dlg_cluster_rebalance_wait() */

/* What a rebalance did, or would do. */
typedef struct dlg_rebalance dlg_rebalance;

/* One shard, with those that are colocated with it. May grow. */
typedef struct dlg_shard_move {
    int64_t shard;
    uint64_t bytes;
    const char *source; /* "host:port" */
    const char *target;
} dlg_shard_move;

/* May grow. */
typedef struct dlg_rebalance_info {
    int64_t job; /* Citus's number; 0: nothing was to be moved, or it was a dry run */
    dlg_job_state state;
    uint32_t moves_done;
    uint32_t moves_total;
    uint64_t bytes_done;
    uint64_t bytes_total;
} dlg_rebalance_info;

DLG_API const dlg_rebalance_info *dlg_rebalance_describe(const dlg_rebalance *rebalance);
DLG_API size_t dlg_rebalance_move_count(const dlg_rebalance *rebalance);
DLG_API const dlg_shard_move *dlg_rebalance_move_at(const dlg_rebalance *rebalance, size_t index); /* or NULL */
DLG_API void dlg_rebalance_free(dlg_rebalance *rebalance);                                         /* NULL is fine */
DLG_API const dlg_rebalance *dlg_reply_rebalance(const dlg_reply *reply); /* of what waits for moves, or NULL */

/*
 * Spreads the shards evenly over the nodes that take shards (citus_rebalance_start), while people read and write:
 * writers of a shard wait for a moment at the end of its move. Before anything moves, everything that such a move
 * needs is checked: the coordinator, reachable nodes, wal_level, primary keys, replication slots and worker
 * processes, ownership.
 *
 *   options  NULL, or DLG_REBALANCE_OPTIONS_INIT with changes.
 *   result   NULL, or receives what was done, to be freed with dlg_rebalance_free(). Balanced already: no moves.
 *
 * Errors: DLG_E_BUSY (shards are being moved already), DLG_E_CANCELLED (by the callback, or by somebody else),
 * DLG_E_DATABASE (a move failed, with its message; the moves done before stay, and it may be started again).
 */
DLG_API int dlg_cluster_rebalance(dlg_client *client, const dlg_rebalance_options *options,
                                  dlg_cluster_progress_fn progress, void *payload, dlg_rebalance **result,
                                  dlg_error **error);
DLG_API int dlg_cluster_rebalance_async(dlg_client *client, const dlg_rebalance_options *options,
                                        dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                        dlg_error **error);

/*
 * Waits for a rebalance that was started elsewhere or with DLG_REBALANCE_NO_WAIT. When none is under way, returns
 * at once with the state of the last one. `retries` and `timeout_us` of the options count.
 */
DLG_API int dlg_cluster_rebalance_wait(dlg_client *client, const dlg_rebalance_options *options,
                                       dlg_cluster_progress_fn progress, void *payload, dlg_rebalance **result,
                                       dlg_error **error);
DLG_API int dlg_cluster_rebalance_wait_async(dlg_client *client, const dlg_rebalance_options *options,
                                             dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                             dlg_error **error);

/*
 * Stops the rebalance that is under way and removes what its unfinished move left; finished moves stay. Returns
 * when it has stopped. DLG_E_STATE when none is under way.
 */
DLG_API int dlg_cluster_rebalance_cancel(dlg_client *client, int64_t timeout_us, dlg_error **error);
DLG_API int dlg_cluster_rebalance_cancel_async(dlg_client *client, int64_t timeout_us, dlg_callback callback,
                                               void *payload, dlg_error **error);

/*
 * Removes a worker: moves its shards to the others as dlg_cluster_rebalance() would, waits, removes what the moves
 * left, takes the cluster's metadata off the node, so that it cannot answer from old ones, and removes it. When it
 * fails or is stopped before that, the node takes shards again as before.
 *
 *   options  as for dlg_cluster_rebalance(); `mode`, `retries` and `timeout_us` count.
 *
 * Needs a superuser. Errors: DLG_E_STATE (no such node), and those of dlg_cluster_rebalance().
 */
DLG_API int dlg_cluster_remove_node(dlg_client *client, const char *host, int32_t port,
                                    const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                    void *payload, dlg_rebalance **result, dlg_error **error);
DLG_API int dlg_cluster_remove_node_async(dlg_client *client, const char *host, int32_t port,
                                          const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                          dlg_callback callback, void *payload, dlg_error **error);

typedef struct dlg_isolate_options {
    uint32_t version;
    dlg_transfer_mode mode;
    const char *host; /* the node that is to have the shard; NULL: the one that has the rows now */
    int32_t port;
    int64_t timeout_us;
} dlg_isolate_options;
#define DLG_ISOLATE_OPTIONS_VERSION 1
#define DLG_ISOLATE_OPTIONS_INIT                                   \
    {                                                              \
        DLG_ISOLATE_OPTIONS_VERSION, DLG_TRANSFER_AUTO, NULL, 0, 0 \
    }

/*
 * Gives a recipient with very many messages a shard of its own (isolate_tenant_to_new_shard), on a node of choice
 * (citus_move_shard_placement); colocated tables follow. When the user has one already, it is only moved.
 *
 *   shard  NULL, or receives the shard of `dialogs`.
 *
 * Errors: DLG_E_BUSY, DLG_E_ARGUMENT (no such node), DLG_E_CANCELLED.
 */
DLG_API int dlg_cluster_isolate(dlg_client *client, const dlg_uuid *recipient, const dlg_isolate_options *options,
                                dlg_cluster_progress_fn progress, void *payload, int64_t *shard, dlg_error **error);
DLG_API int dlg_cluster_isolate_async(dlg_client *client, const dlg_uuid *recipient, const dlg_isolate_options *options,
                                      dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                      dlg_error **error);
DLG_API int64_t dlg_reply_shard(const dlg_reply *reply); /* of isolate; 0 otherwise */

#ifdef __cplusplus
}
#endif

#endif
