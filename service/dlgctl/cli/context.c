#include "cli/context.h"

#include "cli/safe_text.h"
#include "common/data_dir.h"
#include "common/log_level.h"
#include "common/private_environment.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAID_MOST = 4096 };

static const char common_options[] =
    "Options of every command:\n"
    "  --db CONNINFO      the database: a conninfo of libpq, or embedded:DIR for a private server in DIR\n"
    "  --data DIR         the data directory; without --db its private database is used\n"
    "                     (root: /var/lib/dialogsd; others: $XDG_STATE_HOME/dialogs or ~/.local/state/dialogs)\n"
    "  --set NAME=VALUE   a setting of the library; may be repeated; `dlgctl settings` lists them\n"
    "  --log-level LEVEL  how much the library tells on stderr: off (the default), error, warning, info or debug\n"
    "  --quiet            show no progress\n"
    "  --help             print this text\n"
    "  --version          print the version\n";

/* ---- Saying things ---- */

bool dlgctl_coloured(int fd)
{
    const char *no = getenv("NO_COLOR");
    return !(no && *no) && isatty(fd);
}

static void print_complaint(const struct dlgctl *ctl, const char *format, va_list arguments)
{
    bool colour = dlgctl_coloured(STDERR_FILENO);
    char text[SAID_MOST];
    vsnprintf(text, sizeof text, format, arguments);
    fprintf(stderr, "%s%s:%s ", colour ? "\033[31m" : "", ctl->program, colour ? "\033[0m" : "");
    safe_text_print(stderr, text, strlen(text), ""); /* it may quote what others wrote */
    fputc('\n', stderr);
}

int dlgctl_complain(const struct dlgctl *ctl, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_complaint(ctl, format, arguments);
    va_end(arguments);
    return DLGCTL_FAILED;
}

static int advise(const struct dlgctl *ctl)
{
    const char *name = ctl->command ? ctl->command->name : NULL;
    fprintf(stderr, "`%s%s%s --help` says how to use it.\n", ctl->program, name ? " " : "", name ? name : "");
    return DLGCTL_USAGE;
}

int dlgctl_misuse(const struct dlgctl *ctl, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_complaint(ctl, format, arguments);
    va_end(arguments);
    return advise(ctl);
}

int dlgctl_fail(const struct dlgctl *ctl, dlg_error *error)
{
    dlgctl_complain(ctl, "%s", dlg_error_message(error));
    dlg_error_free(error);
    return DLGCTL_FAILED;
}

/* ---- Help ---- */

int dlgctl_print_commands(const struct dlgctl *ctl, FILE *to, const char *word)
{
    int count = 0;
    size_t length = strlen(word);
    for (size_t i = 0; ctl->tables[i]; i++) {
        for (const struct command *command = ctl->tables[i]; command->name; command++) {
            if (length && (strncmp(command->name, word, length) != 0 || command->name[length] != ' '))
                continue;
            fprintf(to, "  %-20s %s\n", command->name, command->summary);
            count++;
        }
    }
    return count;
}

static void print_help(const struct dlgctl *ctl)
{
    const struct command *command = ctl->command;
    if (command) {
        printf("Usage: %s %s %s\n%s\n\n%s%s%s", ctl->program, command->name, command->arguments, command->summary,
               command->options, *command->options ? "\n" : "", common_options);
        return;
    }
    printf("Usage: %s [OPTION]... COMMAND [ARGUMENT]...\n"
           "Keeps one-to-one dialogs between users in PostgreSQL.\n\nCommands (`%s COMMAND --help` tells more):\n",
           ctl->program, ctl->program);
    dlgctl_print_commands(ctl, stdout, "");
    printf("\n%s\nExit status: 0 done, 1 failed, 2 wrong usage.\n", common_options);
}

/* ---- Options ---- */

enum { OPTION_DB = 0x100, OPTION_DATA, OPTION_SET, OPTION_LOG_LEVEL, OPTION_QUIET, OPTION_HELP, OPTION_VERSION };

static const struct option common[] = {
    {"db", required_argument, NULL, OPTION_DB},
    {"data", required_argument, NULL, OPTION_DATA},
    {"set", required_argument, NULL, OPTION_SET},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
};
enum { COMMON = sizeof common / sizeof *common, OWN_MOST = 16 };

static int set_setting(struct dlgctl *ctl, char *assignment)
{
    char *equals = strchr(assignment, '=');
    if (!equals)
        return dlgctl_misuse(ctl, "--set takes NAME=VALUE, not \"%s\"", assignment);
    dlg_error *error = NULL;
    *equals = '\0';
    int code = dlg_settings_set(ctl->settings, assignment, equals + 1, &error);
    *equals = '=';
    if (code == DLG_OK)
        return DLGCTL_OK;
    dlgctl_misuse(ctl, "--set: %s", dlg_error_message(error));
    dlg_error_free(error);
    return DLGCTL_USAGE;
}

static void library_log_complain(dlg_log_level level, const char *subsystem, const char *line, void *payload)
{
    dlgctl_complain(payload, "%s: %s: %s", dlg_log_level_name(level), subsystem, line);
}

static int take_log_level(struct dlgctl *ctl, const char *word)
{
    dlg_log_level level;
    if (!log_level_parse(word, &level))
        return dlgctl_misuse(ctl, "--log-level takes off, error, warning, info or debug, not \"%s\"", word);
    dlg_settings_log(ctl->settings, level, library_log_complain, ctl, NULL);
    return DLGCTL_OK;
}

/* One of the common options; DLGCTL_OK when it was taken. --help and --version end the process. */
static int take_common(struct dlgctl *ctl, int option)
{
    switch (option) {
    case OPTION_DB:
        ctl->database = optarg;
        return DLGCTL_OK;
    case OPTION_LOG_LEVEL:
        return take_log_level(ctl, optarg);
    case OPTION_DATA:
        ctl->data = optarg;
        return *optarg ? DLGCTL_OK : dlgctl_misuse(ctl, "--data takes the name of a directory");
    case OPTION_SET:
        return set_setting(ctl, optarg);
    case OPTION_QUIET:
        ctl->quiet = true;
        return DLGCTL_OK;
    case OPTION_HELP:
        print_help(ctl);
        exit(DLGCTL_OK);
    default:
        printf("dlgctl %s\n", dlg_version());
        exit(DLGCTL_OK);
    }
}

int dlgctl_option(struct dlgctl *ctl, int argc, char **argv, const struct option *own)
{
    struct option all[OWN_MOST + COMMON + 1] = {0};
    size_t count = 0;
    for (; own && own[count].name; count++)
        all[count] = own[count];
    memcpy(all + count, common, sizeof common);
    for (;;) {
        int option = getopt_long(argc, argv, ctl->command ? "h" : "+h", all, NULL);
        option = option == 'h' ? OPTION_HELP : option;
        if (option == DLGCTL_BAD)
            advise(ctl);
        if (option < OPTION_DB)
            return option;
        if (take_common(ctl, option) != DLGCTL_OK)
            return DLGCTL_BAD;
    }
}

int dlgctl_no_arguments(const struct dlgctl *ctl, int argc)
{
    return optind == argc ? DLGCTL_OK : dlgctl_misuse(ctl, "%s takes no arguments", ctl->command->name);
}

int dlgctl_bare(struct dlgctl *ctl, int argc, char **argv)
{
    return dlgctl_option(ctl, argc, argv, NULL) == -1 ? dlgctl_no_arguments(ctl, argc) : DLGCTL_USAGE;
}

int dlgctl_uuid(const struct dlgctl *ctl, const char *text, dlg_uuid *uuid)
{
    if (dlg_uuid_parse(uuid, text, DLG_NTS) == DLG_OK)
        return DLGCTL_OK;
    return dlgctl_misuse(ctl, "\"%s\" is not a user's id: it looks like 387ac1c1-6581-4ace-a113-707c8585fe28", text);
}

int dlgctl_number(const struct dlgctl *ctl, const char *name, const char *text, int64_t least, int64_t most,
                  int64_t *number)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most)
        return dlgctl_misuse(ctl, "%s takes a number from %lld to %lld, not \"%s\"", name, (long long)least,
                             (long long)most, text);
    *number = value;
    return DLGCTL_OK;
}

/* ---- The client ---- */

/* What to open without --db; to be freed. NULL after saying why. */
static char *private_database(const struct dlgctl *ctl)
{
    char *data = data_dir_find(ctl->data);
    char *conninfo = data && data_dir_make(data) == 0 ? data_dir_database(data) : NULL;
    if (!conninfo)
        dlgctl_complain(ctl, "the data directory %s cannot be used: %s; give another with --data, or --db",
                        data ? data : "of this user", strerror(errno));
    free(data);
    return conninfo;
}

static void say_waiting(int signal)
{
    static const char text[] = "dlgctl: waiting for the database\n";
    (void)signal;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return; /* nobody reads it */
}

/* A database that does not answer is waited for, as open_timeout_ms says; who waits is told. */
static int open_aloud(struct dlgctl *ctl, const char *conninfo, dlg_error **error)
{
    enum { SILENT_S = 2 };
    const struct sigaction aloud = {.sa_handler = say_waiting, .sa_flags = SA_RESTART};
    struct sigaction before;
    private_environment(conninfo);
    if (ctl->quiet)
        return dlg_open(&ctl->client, conninfo, ctl->settings, error);
    sigaction(SIGALRM, &aloud, &before);
    alarm(SILENT_S);
    int code = dlg_open(&ctl->client, conninfo, ctl->settings, error);
    alarm(0);
    sigaction(SIGALRM, &before, NULL);
    return code;
}

int dlgctl_open(struct dlgctl *ctl)
{
    char *own = ctl->database ? NULL : private_database(ctl);
    const char *conninfo = ctl->database ? ctl->database : own;
    if (!conninfo)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    int code = open_aloud(ctl, conninfo, &error);
    free(own);
    return code == DLG_OK ? DLGCTL_OK : dlgctl_fail(ctl, error);
}

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

void dlgctl_catch_stop(void)
{
    /* Not restarted, so that waiting for input ends; once only, so that the second one ends the process. */
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool dlgctl_stopped(void)
{
    return stopped != 0;
}
