/* load_rows.c - what `dlgctl load` loads: users from CSV, messages from a text file, both generated. */
#include "import/load_rows.h"

#include "cli/time_format.h"
#include "import/csv_users.h"
#include "import/fake_data.h"
#include "import/traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int out_of_memory(const struct load *load)
{
    return dlgctl_complain(load->ctl, "out of memory");
}

static int unreadable(const struct load *load)
{
    return dlgctl_complain(load->ctl, "%s cannot be read: %s", load->path, strerror(errno));
}

/* ---- Users from CSV ---- */

static uint64_t file_size(FILE *file)
{
    struct stat status;
    return fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

static int load_roster(struct load *load, struct csv_users *users)
{
    load->whole = file_size(load->file);
    int status = DLGCTL_OK;
    while (status == DLGCTL_OK && !dlgctl_stopped()) {
        dlg_user user;
        enum csv_result result = csv_users_next(users, &user);
        if (result == CSV_END)
            break;
        if (result == CSV_FAILED)
            return dlgctl_stopped() ? DLGCTL_OK : unreadable(load);
        if (result == CSV_COLUMNS)
            status = load_ignore(load, users->line, users->problem);
        else if (result == CSV_BAD)
            status = load_refuse(load, users->line, users->problem);
        else
            status = load_user(load, &user, users->line);
        load_show(load, load->whole ? (uint64_t)ftello(load->file) : 0);
    }
    return status;
}

int load_users(struct load *load)
{
    int status = load_begin(load, "users");
    struct csv_users users;
    if (status != DLGCTL_OK)
        return load_end(load, status);
    status = csv_users_init(&users, load->file) ? load_roster(load, &users) : out_of_memory(load);
    csv_users_free(&users);
    return load_end(load, status);
}

/* ---- Messages from a text file ---- */

enum { ID_LINE_LIMIT = 256 };

/* The ids in a file, one in a line. */
static int read_crowd(struct load *load)
{
    FILE *file = fopen(load->among_path, "re");
    if (!file)
        return dlgctl_complain(load->ctl, "%s cannot be read: %s", load->among_path, strerror(errno));
    struct lines lines;
    lines_init(&lines, file, ID_LINE_LIMIT);
    int status = DLGCTL_OK;
    while (status == DLGCTL_OK && lines_next(&lines)) {
        dlg_uuid id;
        size_t length = lines.length;
        while (length > 0 && strchr("\r\n \t", lines.bytes[length - 1]))
            length--;
        if (length == 0)
            continue;
        if (dlg_uuid_parse(&id, lines.bytes, length) != DLG_OK)
            status = dlgctl_complain(load->ctl, "%s:%llu: this is no user's id", load->among_path,
                                     (unsigned long long)lines.number);
        else if (!population_add(&load->population, &id))
            status = out_of_memory(load);
    }
    lines_free(&lines);
    fclose(file);
    return status;
}

/* Without a file: the users whom the database has, as many as one search finds. */
static int search_crowd(struct load *load)
{
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    if (dlg_user_search(&users, load->ctl->client, "", "", DLG_PAGE_LIMIT, &error) != DLG_OK)
        return dlgctl_fail(load->ctl, error);
    bool added = true;
    for (size_t i = 0; i < dlg_users_count(users) && added; i++)
        added = population_add(&load->population, &dlg_users_at(users, i)->id);
    dlg_users_free(users);
    return added ? DLGCTL_OK : out_of_memory(load);
}

static int find_crowd(struct load *load)
{
    int status = load->among_path ? read_crowd(load) : search_crowd(load);
    if (status == DLGCTL_OK && load->population.count == 0)
        return dlgctl_complain(load->ctl,
                               "there are no users to write messages: load users first, or give --among FILE");
    return status;
}

/* The texts are counted before they are loaded; what cannot be read twice is kept in a temporary file. */
static int make_seekable(struct load *load)
{
    if (fseeko(load->file, 0, SEEK_CUR) == 0)
        return DLGCTL_OK;
    FILE *copy = tmpfile();
    char bytes[16384];
    size_t count = 0;
    bool written = copy != NULL;
    while (written && !dlgctl_stopped() && (count = fread(bytes, 1, sizeof bytes, load->file)) > 0)
        written = fwrite(bytes, 1, count, copy) == count;
    if (dlgctl_stopped() && copy)
        fclose(copy);
    if (dlgctl_stopped())
        return DLGCTL_OK;
    if (!written || ferror(load->file) || fflush(copy) != 0 || fseeko(copy, 0, SEEK_SET) != 0) {
        int reason = errno;
        if (copy)
            fclose(copy);
        return dlgctl_complain(load->ctl, "the input cannot be kept in a temporary file: %s", strerror(reason));
    }
    if (load->file != stdin)
        fclose(load->file);
    load->file = copy;
    return DLGCTL_OK;
}

static size_t text_limit(const struct load *load)
{
    return strtoul(dlg_settings_get(load->ctl->settings, "text_limit"), NULL, 10);
}

static int count_texts(struct load *load)
{
    off_t start = ftello(load->file);
    struct text_split split;
    text_split_init(&split, load->file, load->form, load->separator, text_limit(load));
    while (!dlgctl_stopped() && text_split_next(&split))
        load->whole++;
    text_split_free(&split);
    if (dlgctl_stopped())
        return DLGCTL_OK;
    return !ferror(load->file) && fseeko(load->file, start, SEEK_SET) == 0 ? DLGCTL_OK : unreadable(load);
}

static int load_texts(struct load *load, struct traffic *traffic)
{
    struct text_split split;
    text_split_init(&split, load->file, load->form, load->separator, text_limit(load));
    uint64_t taken = 0;
    int status = DLGCTL_OK;
    while (status == DLGCTL_OK && !dlgctl_stopped() && text_split_next(&split)) {
        dlg_message_input message = DLG_MESSAGE_INPUT_INIT;
        if (!traffic_next(traffic, &message)) {
            status = out_of_memory(load);
            break;
        }
        message.text = split.bytes;
        message.length = split.length;
        status = split.cut ? load_refuse(load, split.number, "the text is longer than the setting text_limit")
                           : load_message(load, &message, split.number);
        load_show(load, ++taken);
    }
    text_split_free(&split);
    return status == DLGCTL_OK && ferror(load->file) && !dlgctl_stopped() ? unreadable(load) : status;
}

static int too_short(const struct load *load)
{
    return dlgctl_complain(load->ctl, "the time from --from to --until is too short for so many messages");
}

int load_messages(struct load *load)
{
    struct traffic traffic;
    load_settle_times(load);
    int status = load_begin(load, "messages");
    if (status == DLGCTL_OK)
        status = find_crowd(load);
    if (status == DLGCTL_OK)
        status = make_seekable(load);
    if (status == DLGCTL_OK)
        status = count_texts(load);
    if (status == DLGCTL_OK && !traffic_init(&traffic, &load->population, load->skew, (uint64_t)load->seed, load->whole,
                                             load->from_us, load->until_us))
        status = too_short(load);
    if (status == DLGCTL_OK)
        status = load_texts(load, &traffic);
    return load_end(load, status);
}

/* ---- Both generated ---- */

static int generate_users(struct load *load)
{
    struct prng prng;
    prng_init(&prng, (uint64_t)load->seed, "users");
    int status = DLGCTL_OK;
    for (int64_t i = 0; i < load->users && status == DLGCTL_OK && !dlgctl_stopped(); i++) {
        struct fake_user person;
        fake_user(&prng, load->from_us, &person);
        status =
            population_add(&load->population, &person.user.id) ? load_user(load, &person.user, 0) : out_of_memory(load);
        load_show(load, (uint64_t)i);
    }
    return status;
}

static int generate_messages(struct load *load, struct traffic *traffic)
{
    struct prng prng;
    prng_init(&prng, (uint64_t)load->seed, "texts");
    int status = DLGCTL_OK;
    for (int64_t i = 0; i < load->messages && status == DLGCTL_OK && !dlgctl_stopped(); i++) {
        char text[FAKE_TEXT_SIZE];
        dlg_message_input message = DLG_MESSAGE_INPUT_INIT;
        if (!traffic_next(traffic, &message))
            return out_of_memory(load);
        message.text = text;
        message.length = fake_text(&prng, text);
        status = load_message(load, &message, 0);
        load_show(load, (uint64_t)(load->users + i));
    }
    return status;
}

int load_generate(struct load *load)
{
    struct traffic traffic;
    load_settle_times(load);
    load->whole = (uint64_t)(load->users + load->messages);
    int status = load_begin(load, "rows");
    if (status == DLGCTL_OK && !traffic_init(&traffic, &load->population, load->skew, (uint64_t)load->seed,
                                             (uint64_t)load->messages, load->from_us, load->until_us))
        status = too_short(load);
    if (status == DLGCTL_OK)
        status = generate_users(load);
    if (status == DLGCTL_OK && !dlgctl_stopped())
        status = generate_messages(load, &traffic);
    return load_end(load, status);
}
