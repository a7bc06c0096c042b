/* dlgctl - keeps dialogs from the command line: finds the command that the words name, and runs it. */
#include "commands/archive_commands.h"
#include "commands/cluster_commands.h"
#include "commands/dialog_commands.h"
#include "commands/load_commands.h"
#include "commands/setup_commands.h"
#include "commands/user_commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct command *const tables[] = {
    setup_commands, user_commands, dialog_commands, load_commands, archive_commands, cluster_commands, NULL};

/* How many words of the line are the command's name; 0: it is not this one. */
static int matches(const struct command *command, int argc, char **argv)
{
    const char *second = strchr(command->name, ' ');
    size_t first = second ? (size_t)(second - command->name) : strlen(command->name);
    if (argc < 1 || strlen(argv[0]) != first || memcmp(argv[0], command->name, first) != 0)
        return 0;
    if (!second)
        return 1;
    return argc > 1 && strcmp(argv[1], second + 1) == 0 ? 2 : 0;
}

/* The longest name wins: "load users" before "load". */
static const struct command *find_command(const struct dlgctl *ctl, int argc, char **argv, int *words)
{
    const struct command *best = NULL;
    *words = 0;
    for (size_t i = 0; ctl->tables[i]; i++) {
        for (const struct command *command = ctl->tables[i]; command->name; command++) {
            int found = matches(command, argc, argv);
            if (found > *words) {
                *words = found;
                best = command;
            }
        }
    }
    return best;
}

/* The first word may be that of several commands. */
static int no_command(const struct dlgctl *ctl, int argc, char **argv)
{
    bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
    if (dlgctl_print_commands(ctl, help ? stdout : stderr, argv[0]) == 0)
        return dlgctl_misuse(ctl, "unknown command \"%s\"", argv[0]);
    if (help)
        return DLGCTL_OK;
    bool more = argc > 1 && *argv[1] != '-';
    return dlgctl_misuse(ctl, "there is no command \"%s%s%s\", but those above", argv[0], more ? " " : "",
                         more ? argv[1] : "");
}

static int run_command(struct dlgctl *ctl, int argc, char **argv)
{
    if (dlgctl_option(ctl, argc, argv, NULL) != -1)
        return DLGCTL_USAGE;
    argc -= optind;
    argv += optind;
    if (argc == 0)
        return dlgctl_misuse(ctl, "a command is missing");
    int words;
    ctl->command = find_command(ctl, argc, argv, &words);
    if (!ctl->command)
        return no_command(ctl, argc, argv);
    /* getopt(3) begins anew, and names the program in what it says */
    char **rest = argv + words - 1;
    char name[] = "dlgctl";
    rest[0] = name;
    optind = 0;
    return ctl->command->run(ctl, argc - words + 1, rest);
}

/* A reader that has seen enough (`dlgctl list ... | head`) needs no message. */
static int flush_output(const struct dlgctl *ctl, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE && status == DLGCTL_OK)
        dlgctl_complain(ctl, "the output could not be written: %s", strerror(errno));
    return DLGCTL_FAILED;
}

int main(int argc, char **argv)
{
    struct dlgctl ctl = {.program = "dlgctl", .tables = tables, .settings = dlg_settings_new()};
    if (!ctl.settings)
        return dlgctl_complain(&ctl, "out of memory");
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is a failed write */
    int status = run_command(&ctl, argc, argv);
    dlg_close(NULL, ctl.client, 0);
    dlg_settings_free(ctl.settings);
    return flush_output(&ctl, status);
}
