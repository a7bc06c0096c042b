#include "import/csv_users.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum roster_column column;
} names[] = {
    {"id", ROSTER_ID},
    {"name", ROSTER_NAME},
    {"first_name", ROSTER_FIRST_NAME},
    {"second_name", ROSTER_SECOND_NAME},
    {"last_name", ROSTER_SECOND_NAME},
    {"surname", ROSTER_SECOND_NAME},
    {"birthdate", ROSTER_BIRTHDATE},
    {"birth_date", ROSTER_BIRTHDATE},
    {"birthday", ROSTER_BIRTHDATE},
    {"biography", ROSTER_BIOGRAPHY},
    {"about", ROSTER_BIOGRAPHY},
    {"city", ROSTER_CITY},
};

/* ---- Fields, as libcsv finds them ---- */

/* Rows end with a newline only; a carriage return before it is space at the end of a field. */
static int is_newline(unsigned char c)
{
    return c == '\n';
}

static int is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void add_field(void *bytes, size_t length, void *payload)
{
    struct roster *roster = payload;
    if (roster->size + length + 1 > roster->room) {
        size_t room = (roster->size + length + 1) * 2;
        char *grown = realloc(roster->bytes, room);
        roster->no_memory |= !grown;
        if (!grown)
            return;
        roster->bytes = grown;
        roster->room = room;
    }
    if (roster->fields < ROSTER_FIELDS)
        roster->starts[roster->fields] = roster->size;
    roster->fields++;
    roster->has_nul |= length > 0 && memchr(bytes, '\0', length);
    if (length > 0)
        memcpy(roster->bytes + roster->size, bytes, length);
    roster->bytes[roster->size + length] = '\0';
    roster->size += length + 1;
}

static void end_row(int terminator, void *payload)
{
    (void)terminator;
    ((struct roster *)payload)->complete = true;
}

static bool parser_start(struct roster *roster)
{
    if (csv_init(&roster->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return false;
    csv_set_term_func(&roster->parser, is_newline);
    csv_set_space_func(&roster->parser, is_blank);
    return true;
}

static void forget_row(struct roster *roster)
{
    roster->size = 0;
    roster->fields = 0;
    roster->complete = false;
    roster->has_nul = false;
}

bool roster_init(struct roster *roster, FILE *file)
{
    memset(roster, 0, sizeof *roster);
    lines_init(&roster->lines, file, ROSTER_ROW_LIMIT);
    return parser_start(roster);
}

void roster_free(struct roster *roster)
{
    csv_free(&roster->parser);
    lines_free(&roster->lines);
    free(roster->bytes);
}

/* ---- Rows ---- */

static enum roster_result bad(struct roster *roster, const char *problem)
{
    roster->problem = problem;
    return ROSTER_BAD;
}

/* The parser cannot go on in the middle of a row that is none. */
static enum roster_result bad_row(struct roster *roster, const char *problem)
{
    csv_free(&roster->parser);
    if (!parser_start(roster))
        return ROSTER_FAILED;
    return bad(roster, problem);
}

/* Some editors put a byte order mark at the beginning. */
static void skip_mark(struct lines *lines)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (lines->number != 1 || lines->length < 3 || memcmp(lines->bytes, mark, 3) != 0)
        return;
    lines->length -= 3;
    memmove(lines->bytes, lines->bytes + 3, lines->length);
}

static bool is_empty(const struct lines *lines)
{
    for (size_t i = 0; i < lines->length; i++)
        if (!is_blank((unsigned char)lines->bytes[i]) && !is_newline((unsigned char)lines->bytes[i]))
            return false;
    return true;
}

static enum roster_result read_end(struct roster *roster)
{
    if (ferror(roster->lines.file) || errno == ENOMEM)
        return ROSTER_FAILED;
    if (csv_fini(&roster->parser, add_field, end_row, roster) != 0)
        return bad_row(roster, "a quote is not closed");
    return roster->complete ? ROSTER_USER : ROSTER_END;
}

/* Reads lines until there is a whole row. */
static enum roster_result read_row(struct roster *roster)
{
    struct lines *lines = &roster->lines;
    forget_row(roster);
    roster->line = 0;
    size_t size = 0;
    while (!roster->complete) {
        if (!lines_next(lines))
            return read_end(roster);
        skip_mark(lines);
        if (size == 0 && is_empty(lines))
            continue;
        roster->line = size == 0 ? lines->number : roster->line;
        size += lines->length;
        if (lines->cut || size > ROSTER_ROW_LIMIT)
            return bad_row(roster, "the row is too long; is a quote not closed?");
        if (csv_parse(&roster->parser, lines->bytes, lines->length, add_field, end_row, roster) != lines->length)
            return bad_row(roster, "a quote stands where none may be");
        if (roster->no_memory) {
            errno = ENOMEM;
            return ROSTER_FAILED;
        }
    }
    return ROSTER_USER;
}

static char *field(const struct roster *roster, int index)
{
    return roster->bytes + roster->starts[index];
}

static enum roster_column column_of(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i].name) == 0)
            return names[i].column;
    return ROSTER_IGNORED;
}

/* The first row names the columns if it has a name of one; returns whether it did. */
static bool take_header(struct roster *roster)
{
    static const enum roster_column customary[] = {ROSTER_NAME, ROSTER_BIRTHDATE, ROSTER_CITY};
    bool header = false;
    int count = roster->fields < ROSTER_FIELDS ? roster->fields : ROSTER_FIELDS;
    for (int i = 0; i < count; i++) {
        roster->column[i] = column_of(field(roster, i));
        header |= roster->column[i] != ROSTER_IGNORED;
    }
    roster->begun = true;
    roster->columns = header ? roster->fields : 3;
    if (!header)
        memcpy(roster->column, customary, sizeof customary);
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

static bool take_field(dlg_user *user, enum roster_column column, char *text)
{
    switch (column) {
    case ROSTER_ID:
        return !*text || dlg_uuid_parse(text, DLG_NTS, &user->id) == DLG_OK;
    case ROSTER_NAME:
        take_name(text, user);
        return true;
    case ROSTER_FIRST_NAME:
        user->first_name = text;
        return true;
    case ROSTER_SECOND_NAME:
        user->second_name = text;
        return true;
    case ROSTER_BIRTHDATE:
        user->birthdate = text;
        return true;
    case ROSTER_BIOGRAPHY:
        user->biography = text;
        return true;
    case ROSTER_CITY:
        user->city = text;
        return true;
    default:
        return true;
    }
}

/* A version 8 UUID (RFC 9562) of the row's number and content. */
static void derive_id(const struct roster *roster, dlg_uuid *id)
{
    uint64_t number = htole64(roster->rows);
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof id->bytes);
    crypto_generichash_update(&state, (const unsigned char *)"dlgctl user", 11);
    crypto_generichash_update(&state, (const unsigned char *)&number, sizeof number);
    crypto_generichash_update(&state, (const unsigned char *)roster->bytes, roster->size);
    crypto_generichash_final(&state, id->bytes, sizeof id->bytes);
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | 0x80);
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
}

static enum roster_result take_user(struct roster *roster, dlg_user *user)
{
    static const dlg_uuid nil;
    roster->rows++;
    if (roster->has_nul)
        return bad(roster, "it contains NUL");
    if (roster->fields != roster->columns) {
        snprintf(roster->message, sizeof roster->message, "it has %d fields instead of %d", roster->fields,
                 roster->columns);
        return bad(roster, roster->message);
    }
    dlg_uuid derived;
    derive_id(roster, &derived);
    *user = (dlg_user)DLG_USER_INIT;
    for (int i = 0; i < roster->columns; i++)
        if (!take_field(user, roster->column[i], field(roster, i)))
            return bad(roster, "its id is no UUID");
    if (dlg_uuid_compare(&user->id, &nil) == 0)
        user->id = derived;
    return ROSTER_USER;
}

enum roster_result roster_next(struct roster *roster, dlg_user *user)
{
    enum roster_result result = read_row(roster);
    if (result == ROSTER_USER && !roster->begun) {
        if (roster->fields > ROSTER_FIELDS)
            return bad(roster, "it has more than 64 fields");
        if (take_header(roster))
            result = read_row(roster);
    }
    return result == ROSTER_USER ? take_user(roster, user) : result;
}
