/*
 * event_loop.c - event_loop CONNINFO: one thread, one poll(), many requests at a time. Replies wait in the client's
 * queue. Its wake-up descriptor is readable while they wait. In the public domain.
 */
#include <dialogs.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGES = 1000 };

static dlg_error *error;
static dlg_client *client;
static dlg_uuid anna, boris;
static int sent, listed;

static void must(int code)
{
    if (code == DLG_OK)
        return;
    fprintf(stderr, "event_loop: %s\n", dlg_error_message(error));
    exit(1);
}

/* Called with each reply: when all messages are stored, asks for the dialog. */
static void on_reply(const dlg_reply *reply)
{
    if (dlg_reply_code(reply) != DLG_OK) {
        fprintf(stderr, "event_loop: %s\n", dlg_error_message(dlg_reply_error(reply)));
        exit(1);
    }
    const dlg_page *page = dlg_reply_page(reply);
    if (page) {
        printf("the newest page has %zu messages\n", dlg_page_count(page));
        listed = 1;
    } else if (++sent == MESSAGES) {
        printf("%d messages are stored\n", sent);
        must(dlg_list_async(client, &anna, &boris, NULL, NULL, NULL, &error));
    }
}

/* Starts all sends at once, without waiting for any: they share commits. */
static void start_sends(void)
{
    for (int i = 0; i < MESSAGES; i++) {
        char text[32];
        snprintf(text, sizeof text, "message %d", i + 1);
        must(dlg_send_async(client, &anna, &boris, text, DLG_NTS, NULL, NULL, NULL, &error));
    }
}

int main(int argc, char **argv)
{
    must(dlg_open(&client, argc > 1 ? argv[1] : "embedded:./data", NULL, &error));
    dlg_uuid_random(&anna);
    dlg_uuid_random(&boris);
    start_sends();

    /* A program has its own descriptors here, too. */
    struct pollfd descriptors[] = {{dlg_reply_fd(client), POLLIN, 0}};
    while (!listed && poll(descriptors, 1, -1) >= 0) {
        dlg_reply *reply;
        while ((reply = dlg_reply_poll(client))) {
            on_reply(reply);
            dlg_reply_free(reply);
        }
    }

    dlg_stats stats = DLG_STATS_INIT;
    dlg_stats_get(&stats, client);
    printf("%" PRIu64 " commits carried them\n", stats.batches);
    return dlg_close(NULL, client, 0);
}
