#include "import/csv_users.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum csv_column column;
} names[] = {
    {"id", CSV_ID},
    {"name", CSV_NAME},
    {"first_name", CSV_FIRST_NAME},
    {"second_name", CSV_SECOND_NAME},
    {"last_name", CSV_SECOND_NAME},
    {"surname", CSV_SECOND_NAME},
    {"birthdate", CSV_BIRTHDATE},
    {"birth_date", CSV_BIRTHDATE},
    {"birthday", CSV_BIRTHDATE},
    {"biography", CSV_BIOGRAPHY},
    {"about", CSV_BIOGRAPHY},
    {"city", CSV_CITY},
};

/* ---- Fields, as libcsv finds them ---- */

/* Rows end with a newline only. */
static int is_newline(unsigned char c)
{
    return c == '\n';
}

static int row_is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void row_add_field(void *bytes, size_t length, void *payload)
{
    struct csv_users *users = payload;
    if (users->size + length + 1 > users->room) {
        size_t room = (users->size + length + 1) * 2;
        char *grown = realloc(users->bytes, room);
        users->no_memory |= !grown;
        if (!grown)
            return;
        users->bytes = grown;
        users->room = room;
    }
    if (users->fields < CSV_FIELDS)
        users->starts[users->fields] = users->size;
    users->fields++;
    users->has_nul |= length > 0 && memchr(bytes, '\0', length);
    if (length > 0)
        memcpy(users->bytes + users->size, bytes, length);
    users->bytes[users->size + length] = '\0';
    users->size += length + 1;
}

static void end_row(int terminator, void *payload)
{
    (void)terminator;
    ((struct csv_users *)payload)->complete = true;
}

static bool parser_start(struct csv_users *users)
{
    if (csv_init(&users->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return false;
    csv_set_term_func(&users->parser, is_newline);
    csv_set_space_func(&users->parser, row_is_blank);
    return true;
}

static void forget_row(struct csv_users *users)
{
    users->size = 0;
    users->fields = 0;
    users->complete = false;
    users->has_nul = false;
}

bool csv_users_init(struct csv_users *users, FILE *file)
{
    memset(users, 0, sizeof *users);
    lines_init(&users->lines, file, CSV_ROW_LIMIT);
    return parser_start(users);
}

void csv_users_free(struct csv_users *users)
{
    csv_free(&users->parser);
    lines_free(&users->lines);
    free(users->bytes);
}

/* ---- Rows ---- */

static enum csv_result bad(struct csv_users *users, const char *problem)
{
    users->problem = problem;
    return CSV_BAD;
}

/* The parser cannot go on in the middle of a row that is none. */
static enum csv_result bad_row(struct csv_users *users, const char *problem)
{
    csv_free(&users->parser);
    if (!parser_start(users))
        return CSV_FAILED;
    return bad(users, problem);
}

static bool row_is_empty(const struct lines *lines)
{
    for (size_t i = 0; i < lines->length; i++)
        if (!row_is_blank((unsigned char)lines->bytes[i]) && !is_newline((unsigned char)lines->bytes[i]))
            return false;
    return true;
}

static enum csv_result read_end(struct csv_users *users)
{
    if (ferror(users->lines.file) || errno == ENOMEM)
        return CSV_FAILED;
    if (csv_fini(&users->parser, row_add_field, end_row, users) != 0)
        return bad_row(users, "a quote is not closed");
    return users->complete ? CSV_USER : CSV_END;
}

/* Reads lines until there is a whole row. */
static enum csv_result read_row(struct csv_users *users)
{
    struct lines *lines = &users->lines;
    forget_row(users);
    users->line = 0;
    size_t size = 0;
    while (!users->complete) {
        if (!lines_next(lines))
            return read_end(users);
        if (size == 0 && row_is_empty(lines))
            continue;
        users->line = size == 0 ? lines->number : users->line;
        size += lines->length;
        if (lines->cut || size > CSV_ROW_LIMIT)
            return bad_row(users, "the row is too long; is a quote not closed?");
        if (csv_parse(&users->parser, lines->bytes, lines->length, row_add_field, end_row, users) != lines->length)
            return bad_row(users, "a quote stands where none may be");
        if (users->no_memory) {
            errno = ENOMEM;
            return CSV_FAILED;
        }
    }
    return CSV_USER;
}

static char *row_field(const struct csv_users *users, int index)
{
    return users->bytes + users->starts[index];
}

static enum csv_column column_of(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i].name) == 0)
            return names[i].column;
    return CSV_IGNORED;
}

/* The first row names the columns if it has a name of one; returns whether it did. */
static bool take_header(struct csv_users *users)
{
    static const enum csv_column customary[] = {CSV_NAME, CSV_BIRTHDATE, CSV_CITY};
    bool header = false;
    int count = users->fields < CSV_FIELDS ? users->fields : CSV_FIELDS;
    for (int i = 0; i < count; i++) {
        users->column[i] = column_of(row_field(users, i));
        header |= users->column[i] != CSV_IGNORED;
    }
    users->begun = true;
    users->columns = header ? users->fields : 3;
    if (!header)
        memcpy(users->column, customary, sizeof customary);
    return header;
}

/* ---- Users ---- */

/* "Last First": what follows the first blank is the first name. */
static void take_name(char *name, dlg_user *user)
{
    char *blank = strpbrk(name, " \t");
    user->second_name = name;
    if (!blank)
        return;
    *blank = '\0';
    user->first_name = blank + 1 + strspn(blank + 1, " \t");
}

static bool take_field(dlg_user *user, enum csv_column column, char *text)
{
    switch (column) {
    case CSV_ID:
        return !*text || dlg_uuid_parse(&user->id, text, DLG_NTS) == DLG_OK;
    case CSV_NAME:
        take_name(text, user);
        return true;
    case CSV_FIRST_NAME:
        user->first_name = text;
        return true;
    case CSV_SECOND_NAME:
        user->second_name = text;
        return true;
    case CSV_BIRTHDATE:
        user->birthdate = text;
        return true;
    case CSV_BIOGRAPHY:
        user->biography = text;
        return true;
    case CSV_CITY:
        user->city = text;
        return true;
    default:
        return true;
    }
}

/* A version 8 UUID (RFC 9562) of the row's number and content. */
static void derive_id(const struct csv_users *users, dlg_uuid *id)
{
    uint64_t number = htole64(users->rows);
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof id->bytes);
    crypto_generichash_update(&state, (const unsigned char *)"dlgctl user", 11);
    crypto_generichash_update(&state, (const unsigned char *)&number, sizeof number);
    crypto_generichash_update(&state, (const unsigned char *)users->bytes, users->size);
    crypto_generichash_final(&state, id->bytes, sizeof id->bytes);
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | 0x80);
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
}

static enum csv_result row_take_user(struct csv_users *users, dlg_user *user)
{
    static const dlg_uuid nil;
    users->rows++;
    if (users->has_nul)
        return bad(users, "it contains NUL");
    if (users->fields != users->columns) {
        snprintf(users->message, sizeof users->message, "it has %d fields instead of %d", users->fields,
                 users->columns);
        return bad(users, users->message);
    }
    dlg_uuid derived;
    derive_id(users, &derived);
    *user = (dlg_user)DLG_USER_INIT;
    for (int i = 0; i < users->columns; i++)
        if (!take_field(user, users->column[i], row_field(users, i)))
            return bad(users, "its id is no UUID");
    if (dlg_uuid_compare(&user->id, &nil) == 0)
        user->id = derived;
    return CSV_USER;
}

/* The columns of a header that are lost: most often a name that somebody has misspelt. True when there are some. */
static bool name_unknown(struct csv_users *users)
{
    size_t used = 0;
    for (int i = 0; i < users->columns && used < sizeof users->message; i++)
        if (users->column[i] == CSV_IGNORED)
            used += (size_t)snprintf(users->message + used, sizeof users->message - used, "%s\"%s\"",
                                     used ? ", " : "unknown columns: ", row_field(users, i));
    if (used >= sizeof users->message)
        memcpy(users->message + sizeof users->message - sizeof "...", "...", sizeof "...");
    users->problem = users->message;
    return used > 0;
}

enum csv_result csv_users_next(struct csv_users *users, dlg_user *user)
{
    enum csv_result result = read_row(users);
    if (result == CSV_USER && !users->begun) {
        if (users->fields > CSV_FIELDS)
            return bad(users, "it has more than 64 fields");
        bool header = take_header(users);
        if (header && name_unknown(users))
            return CSV_COLUMNS;
        if (header)
            result = read_row(users);
    }
    return result == CSV_USER ? row_take_user(users, user) : result;
}
