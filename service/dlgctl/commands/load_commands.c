/* load_commands.c - the commands load users, load messages and load --generate: what they are told to do. */
#include "commands/load_commands.h"

#include "cli/time_format.h"
#include "import/load_rows.h"

#include <string.h>

enum {
    LOAD_PASSWORD = 1,
    LOAD_PASSWORD_FILE,
    LOAD_STRICT,
    LOAD_IDS,
    LOAD_AMONG,
    LOAD_SEPARATOR,
    LOAD_PARAGRAPHS,
    LOAD_SKEW,
    LOAD_SEED,
    LOAD_FROM,
    LOAD_UNTIL,
    LOAD_GENERATE,
    LOAD_USERS
};

#define STRICT_OPTIONS                           \
    {                                            \
        "strict", no_argument, NULL, LOAD_STRICT \
    }
#define USER_OPTIONS                                                                                                \
    {"password", no_argument, NULL, LOAD_PASSWORD}, {"password-file", required_argument, NULL, LOAD_PASSWORD_FILE}, \
    {                                                                                                               \
        "ids", required_argument, NULL, LOAD_IDS                                                                    \
    }
#define TRAFFIC_OPTIONS                                                                         \
    {"skew", required_argument, NULL, LOAD_SKEW}, {"seed", required_argument, NULL, LOAD_SEED}, \
        {"from", required_argument, NULL, LOAD_FROM},                                           \
    {                                                                                           \
        "until", required_argument, NULL, LOAD_UNTIL                                            \
    }

static const struct option users_options[] = {STRICT_OPTIONS, USER_OPTIONS, {0}};
static const struct option messages_options[] = {
    STRICT_OPTIONS,
    TRAFFIC_OPTIONS,
    {"among", required_argument, NULL, LOAD_AMONG},
    {"separator", required_argument, NULL, LOAD_SEPARATOR},
    {"paragraphs", no_argument, NULL, LOAD_PARAGRAPHS},
    {0},
};
static const struct option generate_options[] = {
    USER_OPTIONS,
    TRAFFIC_OPTIONS,
    {"generate", required_argument, NULL, LOAD_GENERATE},
    {"users", required_argument, NULL, LOAD_USERS},
    {0},
};

static int read_time_option(const struct load *load, const char *name, int64_t *us)
{
    if (time_parse(optarg, us))
        return DLGCTL_OK;
    return dlgctl_misuse(load->ctl, "%s takes a date or a time like 2026-01-31T10:20:30 (UTC), not \"%s\"", name,
                         optarg);
}

static int read_skew(struct load *load)
{
    if (population_skew_parse(optarg, &load->skew))
        return DLGCTL_OK;
    return dlgctl_misuse(load->ctl, "--skew takes uniform, sender, recipient or zipf, not \"%s\"", optarg);
}

static void set_form(struct load *load, enum text_form form)
{
    load->form = form;
    load->separator = form == TEXT_SEPARATED ? optarg : NULL;
}

static int take_option(struct load *load, int option)
{
    switch (option) {
    case LOAD_PASSWORD:
        load->ask_password = true;
        return DLGCTL_OK;
    case LOAD_PASSWORD_FILE:
        load->password_file = optarg;
        return DLGCTL_OK;
    case LOAD_STRICT:
        load->strict = true;
        return DLGCTL_OK;
    case LOAD_IDS:
        load->ids_path = optarg;
        return DLGCTL_OK;
    case LOAD_AMONG:
        load->among_path = optarg;
        return DLGCTL_OK;
    case LOAD_SEPARATOR:
        set_form(load, TEXT_SEPARATED);
        return DLGCTL_OK;
    case LOAD_PARAGRAPHS:
        set_form(load, TEXT_PARAGRAPHS);
        return DLGCTL_OK;
    case LOAD_SKEW:
        return read_skew(load);
    case LOAD_SEED:
        load->seeded = true;
        return dlgctl_number(load->ctl, "--seed", optarg, 0, INT64_MAX, &load->seed);
    case LOAD_FROM:
        return read_time_option(load, "--from", &load->from_us);
    case LOAD_UNTIL:
        return read_time_option(load, "--until", &load->until_us);
    case LOAD_GENERATE:
        return dlgctl_number(load->ctl, "--generate", optarg, 0, INT64_C(1000000000000), &load->messages);
    case LOAD_USERS:
        return dlgctl_number(load->ctl, "--users", optarg, 1, 1000000000, &load->users);
    default:
        return DLGCTL_USAGE;
    }
}

static int read_options(struct load *load, struct dlgctl *ctl, int argc, char **argv, const struct option *options)
{
    *load = (struct load){.ctl = ctl, .from_us = INT64_MIN, .until_us = INT64_MIN};
    int option;
    while ((option = dlgctl_option(ctl, argc, argv, options)) != -1)
        if (take_option(load, option) != DLGCTL_OK)
            return DLGCTL_USAGE;
    if (load->ask_password && load->password_file)
        return dlgctl_misuse(ctl, "--password and --password-file exclude each other");
    return DLGCTL_OK;
}

static int run_file(struct dlgctl *ctl, int argc, char **argv, const struct option *options, int (*run)(struct load *))
{
    struct load load;
    if (read_options(&load, ctl, argc, argv, options) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (argc - optind != 1)
        return dlgctl_misuse(ctl, "%s takes one file, or - for standard input", ctl->command->name);
    load.path = argv[optind];
    return run(&load);
}

static int run_users(struct dlgctl *ctl, int argc, char **argv)
{
    return run_file(ctl, argc, argv, users_options, load_users);
}

static int run_messages(struct dlgctl *ctl, int argc, char **argv)
{
    return run_file(ctl, argc, argv, messages_options, load_messages);
}

static int run_generate(struct dlgctl *ctl, int argc, char **argv)
{
    struct load load;
    if (read_options(&load, ctl, argc, argv, generate_options) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (argc != optind || load.users == 0)
        return dlgctl_misuse(ctl, "load takes `users FILE`, `messages FILE`, or --generate N and --users M");
    return load_generate(&load);
}

#define PASSWORD_HELP                                                                                    \
    "  --password            ask for one password for all of them; without it none of them can log in\n" \
    "  --password-file FILE  the first line of FILE is that password\n"                                  \
    "  --ids FILE            write the users' ids to FILE, one in a line\n"
#define STRICT_HELP "  --strict              stop at the first bad row; without it bad rows are counted and skipped\n"
#define COLUMNS_HELP "                        an unknown column of the header is an error, too\n"
#define TRAFFIC_HELP                                                                                           \
    "  --skew SKEW           who writes to whom: uniform (default), sender (few write to very many),\n"        \
    "                        recipient (very many write to few), zipf (few write to few)\n"                    \
    "  --seed N              the same N makes the same rows; without it they differ every time\n"              \
    "  --from TIME           the messages' times begin here (default: 30 days before the end)\n"               \
    "  --until TIME          and end here (default: now; with --seed 2026-01-01, to be the same every time)\n" \
    "                        TIME is UTC: 2026-01-31 or 2026-01-31T10:20:30\n"

#define CHUNK_HELP                                                                                            \
    "Rows go in by batches, and each batch is a commit. Ctrl-C stops between two and says what was loaded.\n" \
    "Existing rows are skipped: "
#define SEED_HELP CHUNK_HELP "repeating a load with the same --seed, --from and --until goes on where it stopped.\n\n"

const struct command load_commands[] = {
    {"load users", "[OPTION]... FILE", "Loads users from CSV.",
     "FILE is UTF-8; - is standard input. A header row names the columns in any order: id, name (\"Last First\"),\n"
     "first_name, second_name, birthdate, biography, city. Others are named and ignored. Without a header row the\n"
     "columns are Last First, birthdate and city.\n" CHUNK_HELP
     "repeating a load of the same file goes on where it stopped.\n\n" PASSWORD_HELP STRICT_HELP COLUMNS_HELP,
     run_users},
    {"load messages", "[OPTION]... FILE", "Loads messages from a text file. Their users are chosen at random.",
     "FILE is UTF-8; - is standard input. Each line is a message.\n" SEED_HELP
     "  --separator TEXT      lines that are TEXT separate messages (fortune files: %)\n"
     "  --paragraphs          empty lines separate messages\n"
     "  --among FILE          choose among the users whose ids are in FILE, as `load users --ids` writes it\n"
     "                        (default: the first 1,000 of the database); the first are the busiest with a "
     "skew\n" TRAFFIC_HELP STRICT_HELP,
     run_messages},
    {"load", "--generate N --users M [OPTION]...", "Makes up M users and N messages between them and loads both.",
     "`load users` and `load messages` load files.\n" SEED_HELP "  --generate N          how many messages\n"
     "  --users M             how many users\n" TRAFFIC_HELP PASSWORD_HELP,
     run_generate},
    {0},
};
