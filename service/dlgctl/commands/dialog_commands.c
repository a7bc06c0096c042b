/* dialog_commands.c - the commands send and list. */
#include "commands/dialog_commands.h"

#include "cli/safe_text.h"
#include "cli/time_format.h"
#include "show/show.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- send ---- */

enum { SEND_KEY = 1, SEND_CHECK, SEND_JSON };

static const struct option send_options[] = {
    {"key", required_argument, NULL, SEND_KEY},
    {"check", no_argument, NULL, SEND_CHECK},
    {"json", no_argument, NULL, SEND_JSON},
    {0},
};

/* All of standard input, up to one byte more than any text may have. NULL after saying why. */
static char *read_input(const struct dlgctl *ctl, size_t *length)
{
    size_t limit = strtoul(dlg_settings_get(ctl->settings, "text_limit"), NULL, 10) + 1;
    char *text = malloc(limit);
    *length = text ? fread(text, 1, limit, stdin) : 0;
    if (text && !ferror(stdin))
        return text;
    dlgctl_complain(ctl, "the text could not be read: %s", strerror(errno));
    free(text);
    return NULL;
}

static int print_receipt(const dlg_receipt *receipt, bool json)
{
    char id[24], created[TIME_TEXT_SIZE];
    snprintf(id, sizeof id, "%lld", (long long)receipt->id);
    if (json) {
        time_format_utc(receipt->created_us, created);
        return show_json(
            json_pack("{ss ss sb}", "id", id, "created_at", created, "duplicate", (int)receipt->duplicate));
    }
    time_format_local(receipt->created_us, created);
    printf("%s as message %s, %s\n", receipt->duplicate ? "Sent before" : "Sent", id, created);
    return DLGCTL_OK;
}

static int send_text(struct dlgctl *ctl, const dlg_uuid *pair, const char *text, size_t length,
                     const dlg_send_options *options, bool json)
{
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    if (dlg_send(&receipt, ctl->client, &pair[0], &pair[1], text, length, options, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    return print_receipt(&receipt, json);
}

static int read_pair(const struct dlgctl *ctl, char **arguments, dlg_uuid *pair)
{
    int status = dlgctl_uuid(ctl, arguments[0], &pair[0]);
    return status == DLGCTL_OK ? dlgctl_uuid(ctl, arguments[1], &pair[1]) : status;
}

static int run_send(struct dlgctl *ctl, int argc, char **argv)
{
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    bool json = false;
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, send_options)) != -1) {
        if (option == DLGCTL_BAD)
            return DLGCTL_USAGE;
        if (option == SEND_KEY)
            options.key = optarg;
        options.flags |= option == SEND_CHECK ? DLG_SEND_CHECK_RECIPIENT : 0;
        json |= option == SEND_JSON;
    }
    dlg_uuid pair[2];
    if (argc - optind < 2 || argc - optind > 3)
        return dlgctl_misuse(ctl, "send takes an author, a recipient and a text");
    if (read_pair(ctl, argv + optind, pair) != DLGCTL_OK)
        return DLGCTL_USAGE;
    const char *argument = argc - optind == 3 ? argv[optind + 2] : "-";
    if (strcmp(argument, "-") != 0)
        return send_text(ctl, pair, argument, DLG_NTS, &options, json);
    size_t length;
    char *text = read_input(ctl, &length);
    int status = text ? send_text(ctl, pair, text, length, &options, json) : DLGCTL_FAILED;
    free(text);
    return status;
}

/* ---- list ---- */

enum { LIST_JSON = 1, LIST_LIMIT, LIST_BEFORE, LIST_AFTER, LIST_FOLLOW };

static const struct option list_options[] = {
    {"json", no_argument, NULL, LIST_JSON},           {"limit", required_argument, NULL, LIST_LIMIT},
    {"before", required_argument, NULL, LIST_BEFORE}, {"after", required_argument, NULL, LIST_AFTER},
    {"follow", no_argument, NULL, LIST_FOLLOW},       {0},
};

struct list_command {
    bool json;
    bool page; /* one page; otherwise from somewhere to the end */
    bool follow;
    bool coloured;
    dlg_uuid pair[2];
    char *names[2];
    dlg_list_options options;
    char cursor[DLG_CURSOR_SIZE]; /* after the page, for following */
};

/* "Ann Lee", or the id of a user of whom there is no name. */
static char *user_name(struct dlgctl *ctl, const dlg_uuid *id)
{
    char *name = NULL;
    dlg_users *users = NULL;
    if (dlg_user_get(&users, ctl->client, id, NULL) == DLG_OK) {
        const dlg_user *user = dlg_users_at(users, 0);
        const char *first = user->first_name ? user->first_name : "";
        const char *second = user->second_name ? user->second_name : "";
        if (*first || *second)
            name = asprintf(&name, "%s%s%s", first, *first && *second ? " " : "", second) < 0 ? NULL : name;
    }
    dlg_users_free(users);
    if (name || !(name = malloc(DLG_UUID_TEXT_SIZE)))
        return name;
    dlg_uuid_format(name, id);
    return name;
}

static void print_message(const struct list_command *list, const dlg_message *message)
{
    char created[TIME_TEXT_SIZE], updated[TIME_TEXT_SIZE] = "";
    time_format_local(message->created_us, created);
    if (message->updated_us)
        time_format_local(message->updated_us, updated);
    bool second = dlg_uuid_compare(&message->author, &list->pair[1]) == 0;
    const char *name = list->names[second];
    if (list->coloured)
        printf("\033[2m%s\033[0m  \033[%dm", created, second ? 36 : 33);
    else
        printf("%s  ", created);
    safe_text_print(stdout, name, strlen(name), NULL);
    printf("%s%s%s%s\n    ", list->coloured ? "\033[0m" : "", *updated ? " (edited " : "", updated,
           *updated ? ")" : "");
    safe_text_print(stdout, message->text, message->length, "    ");
    putchar('\n');
}

static int print_message_json(const dlg_message *message)
{
    char id[24], author[DLG_UUID_TEXT_SIZE], recipient[DLG_UUID_TEXT_SIZE], created[TIME_TEXT_SIZE],
        updated[TIME_TEXT_SIZE];
    snprintf(id, sizeof id, "%lld", (long long)message->id);
    dlg_uuid_format(author, &message->author);
    dlg_uuid_format(recipient, &message->recipient);
    time_format_utc(message->created_us, created);
    time_format_utc(message->updated_us, updated);
    json_t *object = json_pack("{ss ss so ss ss}", "from", author, "to", recipient, "text",
                               json_stringn(message->text, message->length), "id", id, "created_at", created);
    if (message->updated_us)
        json_object_set_new(object, "updated_at", json_string(updated));
    return show_json(object);
}

static int print_one(const struct list_command *list, const dlg_message *message)
{
    if (list->json)
        return print_message_json(message);
    print_message(list, message);
    return DLGCTL_OK;
}

/* The cursors go to standard error, so that the output is messages and nothing else. */
static void print_cursors(const dlg_page *page, bool backwards)
{
    bool more = dlg_page_has_more(page);
    fprintf(stderr, "%s: --before %s\n%s: --after %s\n", backwards && !more ? "no older ones" : "older",
            dlg_page_before(page), !backwards && !more ? "no newer ones yet" : "newer", dlg_page_after(page));
}

/* One page; `cursor` receives the position after it, for following, when it is not NULL. */
static int list_page(struct dlgctl *ctl, const struct list_command *list, char *cursor)
{
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    if (dlg_list(&page, ctl->client, &list->pair[0], &list->pair[1], &list->options, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    int status = DLGCTL_OK;
    for (size_t i = 0; i < dlg_page_count(page) && status == DLGCTL_OK; i++)
        status = print_one(list, dlg_page_at(page, i));
    if (cursor)
        snprintf(cursor, DLG_CURSOR_SIZE, "%s", dlg_page_after(page));
    else
        print_cursors(page, list->options.after == NULL);
    dlg_page_free(page);
    return status;
}

/* What there is, and with --follow what comes, until Ctrl-C. */
static int list_walk(struct dlgctl *ctl, const struct list_command *list, dlg_iterator *iterator)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    int status = DLGCTL_OK;
    while (status == DLGCTL_OK && !dlgctl_stopped()) {
        dlg_error *error = NULL;
        const dlg_message *message = NULL;
        if (dlg_iterator_next(&message, iterator, &error) != DLG_OK)
            return dlgctl_fail(ctl, error);
        if (message)
            status = print_one(list, message);
        else if (!list->follow)
            break;
        else if (fflush(stdout) != 0)
            return dlgctl_complain(ctl, "the output could not be written: %s", strerror(errno));
        else
            nanosleep(&pause, NULL);
        if (ferror(stdout))
            break;
    }
    return status;
}

static int list_dialog(struct dlgctl *ctl, struct list_command *list)
{
    if (list->page) {
        int status = list_page(ctl, list, list->follow ? list->cursor : NULL);
        if (status != DLGCTL_OK || !list->follow)
            return status;
        list->options = (dlg_list_options)DLG_LIST_OPTIONS_INIT;
        list->options.after = list->cursor;
    }
    list->options.limit = DLG_PAGE_LIMIT;
    dlg_error *error = NULL;
    dlg_iterator *iterator = NULL;
    if (dlg_iterate(&iterator, ctl->client, &list->pair[0], &list->pair[1], &list->options, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    int status = list_walk(ctl, list, iterator);
    dlg_iterator_free(iterator);
    return status;
}

static int read_list(struct dlgctl *ctl, int argc, char **argv, struct list_command *list)
{
    int64_t limit = 50;
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, list_options)) != -1) {
        if (option == DLGCTL_BAD)
            return DLGCTL_USAGE;
        if (option == LIST_BEFORE)
            list->options.before = optarg;
        if (option == LIST_AFTER)
            list->options.after = optarg;
        if (option == LIST_LIMIT && dlgctl_number(ctl, "--limit", optarg, 1, DLG_PAGE_LIMIT, &limit) != DLGCTL_OK)
            return DLGCTL_USAGE;
        list->json |= option == LIST_JSON;
        list->follow |= option == LIST_FOLLOW;
        list->page |= option == LIST_LIMIT || option == LIST_BEFORE || (option == LIST_AFTER && !list->follow);
    }
    list->options.limit = (int32_t)limit;
    if (list->options.before && (list->options.after || list->follow))
        return dlgctl_misuse(ctl, "--before goes with neither --after nor --follow");
    if (argc - optind != 2)
        return dlgctl_misuse(ctl, "list takes the ids of two users");
    return read_pair(ctl, argv + optind, list->pair);
}

static int run_list(struct dlgctl *ctl, int argc, char **argv)
{
    struct list_command list = {.options = DLG_LIST_OPTIONS_INIT, .coloured = dlgctl_coloured(STDOUT_FILENO)};
    int status = read_list(ctl, argc, argv, &list);
    if (status != DLGCTL_OK)
        return status;
    if (list.follow)
        dlgctl_catch_stop();
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    for (int i = 0; i < 2 && !list.json; i++)
        list.names[i] = user_name(ctl, &list.pair[i]);
    bool named = list.json || (list.names[0] && list.names[1]);
    status = named ? list_dialog(ctl, &list) : dlgctl_complain(ctl, "out of memory");
    free(list.names[0]);
    free(list.names[1]);
    return status;
}

const struct command dialog_commands[] = {
    {"send", "[OPTION]... AUTHOR RECIPIENT [TEXT]", "Sends a message.",
     "Without TEXT, or with -, it reads standard input unchanged. Put -- before a TEXT that begins with a dash.\n\n"
     "  --key KEY  sends of this author and recipient under the same KEY store one message\n"
     "  --check    fail unless the recipient is a user\n"
     "  --json     print the receipt as a JSON object\n",
     run_send},
    {"list", "[OPTION]... USER USER", "Prints a dialog or one page of it, oldest message first.",
     "  --json          one JSON object a line\n"
     "  --limit N       one page, the newest N messages (1 to 1000; a page has 50 by default)\n"
     "  --before CURSOR one page, just before CURSOR\n"
     "  --after CURSOR  one page, just after CURSOR\n"
     "                  The cursors of a page's two ends are printed on standard error.\n"
     "  --follow        then wait for new messages until Ctrl-C; it starts after the newest N with --limit N,\n"
     "                  and after CURSOR with --after CURSOR\n",
     run_list},
    {0},
};
