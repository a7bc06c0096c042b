#include "dialogs/page.h"

#include "base/uuid.h"
#include "dialogs/messages.h"

#include <stdlib.h>
#include <string.h>

/* In a feed the directions are the sides: 1 is what the user got. */
struct position message_position(const dlg_message *message, const dlg_uuid *user, const dlg_uuid *peer)
{
    int side = uuid_is_nil(peer) ? dlg_uuid_compare(&message->recipient, user) == 0
                                 : dlg_uuid_compare(&message->author, &message->recipient) > 0;
    return (struct position){message->created_us, message->id, side};
}

size_t dlg_page_count(const dlg_page *page)
{
    return page ? page->count : 0;
}

const dlg_message *dlg_page_at(const dlg_page *page, size_t index)
{
    return page && index < page->count ? &page->messages[index] : NULL;
}

int dlg_page_has_more(const dlg_page *page)
{
    return page ? page->has_more : 0;
}

void dlg_page_free(dlg_page *page)
{
    if (!page)
        return;
    PQclear(page->directions[0]);
    PQclear(page->directions[1]);
    free(page->texts);
    free(page->known);
    free(page);
}

static size_t text_bytes(const dlg_page *page)
{
    size_t bytes = 0;
    for (size_t i = 0; i < page->count; i++)
        bytes += page->messages[i].length + 1;
    return bytes;
}

bool page_keeps_too_much(const dlg_page *page)
{
    enum { TIMES = 2, ROWS_BYTES = 512 * 1024 }; /* the second for what rows have beside their texts */
    return PQresultMemorySize(page->directions[0]) + PQresultMemorySize(page->directions[1]) >
           TIMES * text_bytes(page) + ROWS_BYTES;
}

bool page_detach(dlg_page *page)
{
    char *to = page->texts = malloc(text_bytes(page) + 1);
    if (!to)
        return false;
    for (size_t i = 0; i < page->count; i++) {
        dlg_message *message = &page->messages[i];
        memcpy(to, message->text, message->length + 1); /* the NUL too */
        message->text = to;
        to += message->length + 1;
    }
    for (int i = 0; i < 2; i++) {
        PQclear(page->directions[i]);
        page->directions[i] = NULL;
    }
    return true;
}

/* ---- Cursors ---- */

static struct position position_at(const dlg_page *page, size_t index)
{
    return message_position(&page->messages[index], &page->user, &page->peer);
}

const char *dlg_page_before(const dlg_page *page)
{
    if (!page)
        return "";
    struct cursor cursor;
    struct position at = page->count ? position_at(page, 0) : page->asked;
    if (!page->count && !page->backwards)
        at = position_after(at); /* the last message, at that very place, is before it */
    cursor_at(&cursor, at);
    char *text = ((dlg_page *)(uintptr_t)page)->before;
    cursor_write(&cursor, &page->user, &page->peer, text);
    return text;
}

/* Whether the first `count` messages are all that there was. */
static bool is_complete(const dlg_page *page, size_t count)
{
    bool open = page->backwards ? position_compare(page->asked, POSITION_LAST) == 0 : !page->has_more;
    return open && count == page->count;
}

void page_cursor_after(const dlg_page *page, size_t count, char *text)
{
    struct cursor cursor;
    struct position seen[DLG_PAGE_LIMIT];
    cursor_copy(&cursor, &page->start);
    for (size_t i = 0; i < count; i++)
        seen[i] = position_at(page, i);
    if (position_compare(page->until, POSITION_LAST) != 0) {
        bool reached = page->until_reached && count == page->count;
        if (reached || count)
            cursor_advance_again(&cursor, reached ? page->until : seen[count - 1]);
    } else if (count || is_complete(page, 0)) /* an empty page is news too: nothing came late */
        cursor_advance(&cursor, page->known, page->known_count, seen, count, is_complete(page, count),
                       page->settled_us);
    cursor_write(&cursor, &page->user, &page->peer, text);
}

const char *dlg_page_after(const dlg_page *page)
{
    if (!page)
        return "";
    char *text = ((dlg_page *)(uintptr_t)page)->after;
    page_cursor_after(page, page->count, text);
    return text;
}

int dlg_page_cursor(char *cursor, const dlg_page *page, size_t count)
{
    if (!page || !cursor || count > page->count)
        return DLG_E_ARGUMENT;
    page_cursor_after(page, count, cursor);
    return DLG_OK;
}

int dlg_feed_cursor(char *cursor, const dlg_uuid *user, const dlg_message_input *given)
{
    static const dlg_uuid everybody = {{0}};
    struct cursor read;
    dlg_message message;
    if (!user || !cursor)
        return DLG_E_ARGUMENT;
    int code = message_from_caller(&message, NULL, given, NULL);
    if (code != DLG_OK)
        return code;
    bool theirs = dlg_uuid_compare(&message.author, user) == 0 || dlg_uuid_compare(&message.recipient, user) == 0;
    if (!theirs)
        return DLG_E_ARGUMENT;
    if (!cursor_read(&read, user, &everybody, cursor))
        return DLG_E_CURSOR;
    struct position position = message_position(&message, user, &everybody);
    if (cursor_cannot_tell(&read, position) || !cursor_add(&read, position))
        return DLG_E_OVERLOAD;
    cursor_write(&read, user, &everybody, cursor);
    return DLG_OK;
}
