/*
 * api.h - all that the recorder asks of the library, so that a change of the library's header concerns one file.
 *
 * Users are numbers below 256 of one round; a round's users are nobody else's.
 */
#ifndef HISTORIES_API_H
#define HISTORIES_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { API_PAGE = 100, API_CURSOR = 2048, API_REASON = 160 };

struct api;

/* How a call ended. */
struct outcome {
    int code; /* 0, or a DLG_E_* code */
    int fate; /* a DLG_FATE_* value */
    bool duplicate;
    int64_t id;
    int64_t created_us;
    char reason[API_REASON]; /* of a failure, without quotes and backslashes */
};

struct entry {
    int64_t id;
    int64_t created_us;
    uint32_t crc; /* CRC-32 of the text */
    int author;   /* a user's number */
};

struct view {
    struct outcome outcome;
    size_t count;
    bool more;
    bool again; /* the page says that it repeats messages */
    struct entry entries[API_PAGE];
    char before[API_CURSOR];
    char after[API_CURSOR];
};

struct message {
    int author;
    int recipient;
    const char *text;
    const char *key; /* or NULL */
};

/* What to list: one of the cursors, or none for the newest page; `peer` -1 means the user's feed. */
struct range {
    int user;
    int peer;
    int limit;
    const char *before;
    const char *after;
};

/* `settings` are texts NAME=VALUE. NULL when it fails; `outcome` says why. */
struct api *api_open(const char *conninfo, const char *const *settings, int count, uint16_t round,
                     struct outcome *outcome);
void api_close(struct api *api);

void api_send(struct api *api, const struct message *message, struct outcome *outcome);

/* Calls `done` exactly once: on another thread, or at once when the library refuses the request. */
typedef void (*api_done)(const struct outcome *outcome, void *payload);
void api_send_async(struct api *api, const struct message *message, api_done done, void *payload);

void api_list(struct api *api, const struct range *range, struct view *view);

/* Walks the dialog from its begin, and calls `each` for every message. */
typedef void (*api_each)(const struct entry *entry, void *payload);
void api_walk(struct api *api, const struct range *range, api_each each, void *payload, struct outcome *outcome);

#endif
