/* user_commands.c - the commands user add, user passwd, user show and login. */
#include "commands/user_commands.h"

#include "cli/password_prompt.h"
#include "cli/safe_text.h"
#include "cli/time_format.h"
#include "show/show.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_OPTION                                                                    \
    "  --password-file FILE  the first line of FILE is the password (-: standard input)\n" \
    "                        Without it dlgctl asks on the terminal or reads a line of standard input.\n"

static int get_password(const struct dlgctl *ctl, struct password *password, const char *file, bool fresh)
{
    const char *problem = password_read(password, file, fresh);
    if (!problem)
        return DLGCTL_OK;
    password_wipe(password);
    return dlgctl_complain(ctl, "no password: %s", problem);
}

/* ---- user add ---- */

enum { ADD_ID = 1, ADD_FIRST, ADD_SECOND, ADD_BIRTHDATE, ADD_BIOGRAPHY, ADD_CITY, ADD_PASSWORD };

static const struct option add_options[] = {
    {"id", required_argument, NULL, ADD_ID},
    {"first-name", required_argument, NULL, ADD_FIRST},
    {"second-name", required_argument, NULL, ADD_SECOND},
    {"birthdate", required_argument, NULL, ADD_BIRTHDATE},
    {"biography", required_argument, NULL, ADD_BIOGRAPHY},
    {"city", required_argument, NULL, ADD_CITY},
    {"password-file", required_argument, NULL, ADD_PASSWORD},
    {0},
};

struct add {
    dlg_user user;
    const char *password_file;
};

static int read_add(struct dlgctl *ctl, int argc, char **argv, struct add *add)
{
    const char **const texts[] = {
        [ADD_FIRST] = &add->user.first_name,    [ADD_SECOND] = &add->user.second_name,
        [ADD_BIRTHDATE] = &add->user.birthdate, [ADD_BIOGRAPHY] = &add->user.biography,
        [ADD_CITY] = &add->user.city,           [ADD_PASSWORD] = &add->password_file,
    };
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, add_options)) != -1) {
        if (option == DLGCTL_BAD)
            return DLGCTL_USAGE;
        if (option != ADD_ID)
            *texts[option] = optarg;
        else if (dlgctl_uuid(ctl, optarg, &add->user.id) != DLGCTL_OK)
            return DLGCTL_USAGE;
    }
    return optind == argc ? DLGCTL_OK : dlgctl_misuse(ctl, "user add takes options only");
}

static int run_add(struct dlgctl *ctl, int argc, char **argv)
{
    struct add add = {.user = DLG_USER_INIT};
    if (read_add(ctl, argc, argv, &add) != DLGCTL_OK)
        return DLGCTL_USAGE;
    struct password password;
    if (get_password(ctl, &password, add.password_file, true) != DLGCTL_OK)
        return DLGCTL_FAILED;
    int status = dlgctl_open(ctl);
    if (status == DLGCTL_OK) {
        dlg_uuid id;
        dlg_error *error = NULL;
        char text[DLG_UUID_TEXT_SIZE];
        if (dlg_user_create(&id, ctl->client, &add.user, password.text, password.length, &error) == DLG_OK) {
            dlg_uuid_format(text, &id);
            puts(text);
        } else {
            status = dlgctl_fail(ctl, error);
        }
    }
    password_wipe(&password);
    return status;
}

/* ---- user passwd, login ---- */

enum { PASSWORD_FILE = 1 };

static const struct option password_options[] = {{"password-file", required_argument, NULL, PASSWORD_FILE}, {0}};

typedef int (*with_password)(struct dlgctl *ctl, const dlg_uuid *user, const struct password *password);

/* One user and a password, for both. */
static int run_with_password(struct dlgctl *ctl, int argc, char **argv, bool fresh, with_password act)
{
    const char *file = NULL;
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, password_options)) != -1) {
        if (option == DLGCTL_BAD)
            return DLGCTL_USAGE;
        file = optarg;
    }
    dlg_uuid user;
    if (argc - optind != 1)
        return dlgctl_misuse(ctl, "%s takes the id of one user", ctl->command->name);
    if (dlgctl_uuid(ctl, argv[optind], &user) != DLGCTL_OK)
        return DLGCTL_USAGE;
    struct password password;
    if (get_password(ctl, &password, file, fresh) != DLGCTL_OK)
        return DLGCTL_FAILED;
    int status = dlgctl_open(ctl);
    if (status == DLGCTL_OK)
        status = act(ctl, &user, &password);
    password_wipe(&password);
    return status;
}

static int change_password(struct dlgctl *ctl, const dlg_uuid *user, const struct password *password)
{
    dlg_error *error = NULL;
    int code = dlg_user_set_password(ctl->client, user, password->text, password->length, &error);
    return code == DLG_OK ? DLGCTL_OK : dlgctl_fail(ctl, error);
}

static int run_passwd(struct dlgctl *ctl, int argc, char **argv)
{
    return run_with_password(ctl, argc, argv, true, change_password);
}

static int print_token(struct dlgctl *ctl, const dlg_uuid *user, const struct password *password)
{
    dlg_error *error = NULL;
    char *token = NULL;
    if (dlg_auth(&token, ctl->client, user, password->text, password->length, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    puts(token);
    dlg_free(token);
    return DLGCTL_OK;
}

static int run_login(struct dlgctl *ctl, int argc, char **argv)
{
    return run_with_password(ctl, argc, argv, false, print_token);
}

/* ---- user show ---- */

/* `indent` is of the lines after the first; NULL: it has one line. */
static void print_field(const char *name, const char *value, const char *indent)
{
    if (!value || !*value)
        return;
    printf("%-12s ", name);
    safe_text_print(stdout, value, strlen(value), indent);
    putchar('\n');
}

static void print_user(const dlg_user *user)
{
    char id[DLG_UUID_TEXT_SIZE], created[TIME_TEXT_SIZE];
    dlg_uuid_format(id, &user->id);
    time_format_local(user->created_us, created);
    print_field("id", id, NULL);
    print_field("first name", user->first_name, NULL);
    print_field("second name", user->second_name, NULL);
    print_field("birthdate", user->birthdate, NULL);
    print_field("city", user->city, NULL);
    print_field("biography", user->biography, "             ");
    print_field("created", created, NULL);
}

static json_t *json_optional(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static int print_user_json(const dlg_user *user)
{
    char id[DLG_UUID_TEXT_SIZE], created[TIME_TEXT_SIZE];
    dlg_uuid_format(id, &user->id);
    time_format_utc(user->created_us, created);
    json_t *object =
        json_pack("{ss so so so so so ss}", "id", id, "first_name", json_optional(user->first_name), "second_name",
                  json_optional(user->second_name), "birthdate", json_optional(user->birthdate), "biography",
                  json_optional(user->biography), "city", json_optional(user->city), "created_at", created);
    return show_json(object);
}

enum { SHOW_JSON = 1 };

static const struct option show_options[] = {{"json", no_argument, NULL, SHOW_JSON}, {0}};

static int run_show(struct dlgctl *ctl, int argc, char **argv)
{
    bool json = false;
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, show_options)) != -1) {
        if (option == DLGCTL_BAD)
            return DLGCTL_USAGE;
        json = true;
    }
    dlg_uuid id;
    if (argc - optind != 1)
        return dlgctl_misuse(ctl, "user show takes the id of one user");
    if (dlgctl_uuid(ctl, argv[optind], &id) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    if (dlg_user_get(&users, ctl->client, &id, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    int status = DLGCTL_OK;
    if (json)
        status = print_user_json(dlg_users_at(users, 0));
    else
        print_user(dlg_users_at(users, 0));
    dlg_users_free(users);
    return status;
}

const struct command user_commands[] = {
    {"user add", "[OPTION]...", "Creates a user and prints the id.",
     "  --id ID               the user's id; without it the library makes one\n"
     "  --first-name TEXT\n"
     "  --second-name TEXT\n"
     "  --birthdate DATE      YYYY-MM-DD\n"
     "  --biography TEXT\n"
     "  --city TEXT\n" PASSWORD_OPTION,
     run_add},
    {"user passwd", "[OPTION]... USER", "Gives a user a new password.", PASSWORD_OPTION, run_passwd},
    {"user show", "[OPTION]... USER", "Shows a user.", "  --json  as a JSON object\n", run_show},
    {"login", "[OPTION]... USER", "Checks a user's password and prints a token.", PASSWORD_OPTION, run_login},
    {0},
};
