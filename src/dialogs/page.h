/* page.h - a page of messages, and the cursors at its ends and between. */
#ifndef DIALOGS_PAGE_H
#define DIALOGS_PAGE_H

#include "dialogs/cursor.h"

#include <libpq-fe.h>

struct dlg_page {
    dlg_uuid user;
    dlg_uuid peer;  /* nil: of a feed */
    bool backwards; /* asked for with `before` */
    bool has_more;
    struct position asked; /* the place asked for */
    struct position until; /* where it ends, when it shows again what is blurred; else POSITION_LAST */
    bool until_reached;
    struct cursor start;    /* where following begins: what lies before was seen, or was not asked for */
    struct position *known; /* what it knows of behind its horizon, in order, as far as it was read */
    size_t known_count;
    int64_t settled_us;           /* all up to this time was visible when the page was read; INT64_MIN: not known */
    PGresult *directions[2];      /* have the texts, or NULL: */
    char *texts;                  /* a copy of those that are shown */
    char before[DLG_CURSOR_SIZE]; /* written when asked for */
    char after[DLG_CURSOR_SIZE];
    size_t count;
    dlg_message messages[];
};

/* Where a message stands in the dialog of the two, or, `peer` nil, in the user's feed. */
struct position message_position(const dlg_message *message, const dlg_uuid *user, const dlg_uuid *peer);

/* Whether the answers hold much more than the page shows: what the cursor knew, and what is beyond its bytes. */
bool page_keeps_too_much(const dlg_page *page);

/* Copies what is shown and frees the answers. False: out of memory. */
bool page_detach(dlg_page *page);

/* The place after the first `count` messages of the page, for following. */
void page_cursor_after(const dlg_page *page, size_t count, char *text);

#endif
