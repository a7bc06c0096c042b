/*
 * chat.c - chat CONNINFO ME PEER: a chat in a terminal. It sends what you type and shows what the peer writes. The
 * cursor `after` of each page asks for newer messages. In the public domain.
 */
#include <dialogs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 300 };

static dlg_error *error;
static dlg_client *client;
static dlg_uuid me, peer;

static void must(int code)
{
    if (code == DLG_OK)
        return;
    fprintf(stderr, "chat: %s\n", dlg_error_message(error));
    exit(1);
}

static void show(const dlg_message *message)
{
    int mine = dlg_uuid_compare(&message->author, &me) == 0;
    printf("%s %.*s\n", mine ? ">" : "<", (int)message->length, message->text);
}

/* Shows what is new, page by page, and moves the cursor behind it. */
static void show_new(char *cursor)
{
    int more = 1;
    while (more) {
        dlg_list_options options = DLG_LIST_OPTIONS_INIT;
        dlg_page *page;
        options.after = cursor;
        must(dlg_list(&page, client, &me, &peer, &options, &error));
        for (size_t i = 0; i < dlg_page_count(page); i++)
            show(dlg_page_at(page, i));
        snprintf(cursor, DLG_CURSOR_SIZE, "%s", dlg_page_after(page));
        more = dlg_page_has_more(page);
        dlg_page_free(page);
    }
    fflush(stdout);
}

/* The last messages, and the cursor after them. */
static void show_newest(char *cursor)
{
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    dlg_page *page;
    options.limit = 20;
    must(dlg_list(&page, client, &me, &peer, &options, &error));
    for (size_t i = 0; i < dlg_page_count(page); i++)
        show(dlg_page_at(page, i));
    snprintf(cursor, DLG_CURSOR_SIZE, "%s", dlg_page_after(page));
    dlg_page_free(page);
    fflush(stdout);
}

/* Sends complete lines and keeps the rest. Returns 0 at the end of the input. */
static int send_typed(char *buffer, size_t *filled, size_t room)
{
    ssize_t got = read(STDIN_FILENO, buffer + *filled, room - *filled);
    if (got <= 0)
        return 0;
    *filled += (size_t)got;
    char *line = buffer, *end;
    while ((end = memchr(line, '\n', *filled)) || (line == buffer && *filled == room && (end = buffer + room))) {
        size_t length = (size_t)(end - line), used = length + (end < buffer + room);
        if (length > 0)
            must(dlg_send(NULL, client, &me, &peer, line, length, NULL, &error));
        *filled -= used;
        line += used;
    }
    memmove(buffer, line, *filled);
    return 1;
}

int main(int argc, char **argv)
{
    static char typed[4096];
    size_t filled = 0;
    char cursor[DLG_CURSOR_SIZE];
    struct pollfd keyboard = {STDIN_FILENO, POLLIN, 0};
    if (argc != 4 || dlg_uuid_parse(&me, argv[2], DLG_NTS) || dlg_uuid_parse(&peer, argv[3], DLG_NTS)) {
        fputs("Usage: chat CONNINFO ME PEER, the two by their UUIDs\n", stderr);
        return 2;
    }
    must(dlg_open(&client, argv[1], NULL, &error));
    show_newest(cursor);
    do {
        show_new(cursor);
    } while (poll(&keyboard, 1, LOOK_EVERY_MS) == 0 || send_typed(typed, &filled, sizeof typed));
    if (filled > 0)
        must(dlg_send(NULL, client, &me, &peer, typed, filled, NULL, &error));
    show_new(cursor);
    return dlg_close(NULL, client, 0);
}
