/*
 * import.c - import CONNINFO < FILE: many messages at once through COPY. Each line has id, author, recipient, time in
 * microseconds and text, with tabs between. It may run again: existing ids are skipped. In the public domain.
 */
#include <dialogs.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_EVERY = 10000 };

static dlg_client *client;
static dlg_loader *loader;
static dlg_error *error;

/* Closes the client whatever happens: the private server of embedded:DIR ends with its last client. */
static void stop(int status)
{
    dlg_loader_free(loader);
    dlg_close(NULL, client, 0);
    exit(status);
}

static void must(int code, unsigned long line)
{
    if (code == DLG_OK)
        return;
    fprintf(stderr, "import: line %lu: %s\n", line, dlg_error_message(error));
    stop(1);
}

/* Up to the next tab, which becomes the end of the field; NULL when there is none. */
static char *field(char **rest)
{
    char *start = *rest, *tab = strchr(start, '\t');
    if (!tab)
        return NULL;
    *tab = '\0';
    *rest = tab + 1;
    return start;
}

/* Reads one line into a message. The text stays in the line. Returns 0 when the line is malformed. */
static int read_message(char *line, dlg_message_input *message)
{
    char *id = field(&line), *author = id ? field(&line) : NULL, *recipient = author ? field(&line) : NULL;
    char *time = recipient ? field(&line) : NULL;
    if (!time || dlg_uuid_parse(&message->author, author, DLG_NTS) ||
        dlg_uuid_parse(&message->recipient, recipient, DLG_NTS))
        return 0;
    message->id = strtoll(id, NULL, 10);
    message->created_us = strtoll(time, NULL, 10);
    message->text = line;
    message->length = strcspn(line, "\n");
    return message->id > 0;
}

static void report(void)
{
    dlg_progress progress = DLG_PROGRESS_INIT;
    dlg_loader_progress(&progress, loader);
    printf("%" PRIu64 " messages stored, %" PRIu64 " were there already\n", progress.messages, progress.skipped);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    unsigned long number = 0;

    must(dlg_open(&client, argc > 1 ? argv[1] : "embedded:./data", NULL, &error), number);
    must(dlg_loader_open(&loader, client, &error), number);
    while (getline(&line, &size, stdin) > 0) {
        dlg_message_input message = DLG_MESSAGE_INPUT_INIT;
        number++;
        if (!read_message(line, &message)) {
            fprintf(stderr, "import: line %lu is not \"id, author, recipient, time, text\" with tabs between\n",
                    number);
            stop(1);
        }
        must(dlg_loader_message(loader, &message, &error), number);
        if (number % FLUSH_EVERY == 0) {
            must(dlg_loader_flush(loader, &error), number);
            report();
        }
    }
    must(dlg_loader_flush(loader, &error), number);
    report();
    free(line);
    stop(0);
}
