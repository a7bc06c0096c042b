#include "ops/config.h"

#include "common/data_dir.h"
#include "common/log_level.h"
#include "ops/config_file.h"
#include "ops/origins.h"
#include "ops/redis_url.h"
#include "ops/service_log.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum kind { NUMBER, TEXT, SWITCH, ACTION, SETTING };

/* Of the library: half of its own default. */
#define QUEUE_BYTES "33554432"

/* One row per flag; `--help` and the names in the environment are made of the same. */
struct option {
    const char *name;
    const char *argument; /* NULL: the flag takes none */
    enum kind kind;
    size_t offset;
    const char *initial; /* NULL: found out when the service starts */
    int64_t least;
    int64_t most; /* ACTION: the action */
    const char *purpose;
};

#define AT(field) offsetof(struct config, field)

/*
 * RFC 9325: TLS 1.2 and 1.3, keys that are forgotten (ECDHE), ciphers that authenticate (AEAD). No RSA key transport,
 * no CBC, no finite fields.
 */
#define TLS_PRIORITIES                                                                        \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:" \
    "+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:-GROUP-DH-ALL"

static const struct option options[] = {
    {"config", "FILE", TEXT, AT(file), NULL, 0, 0,
     "a file of NAME = VALUE lines: options without their dashes, and settings of the library"},
    {"port", "PORT", NUMBER, AT(port), "5000", 1, 65535, "the TCP port to listen on"},
    {"listen", "ADDRESS", TEXT, AT(listen), "127.0.0.1", 0, 0,
     "the address to listen on; 0.0.0.0 or :: for all of this machine"},
    {"admin-port", "PORT", NUMBER, AT(admin_port), "0", 0, 65535,
     "a port of its own for /healthz, /readyz and /metrics, which is then found there only; 0: none"},
    {"admin-listen", "ADDRESS", TEXT, AT(admin_listen), "127.0.0.1", 0, 0, "the address of --admin-port"},
    {"db", "CONNINFO", TEXT, AT(db), NULL, 0, 0,
     "the database: a conninfo of libpq, or embedded:DIR for a private server; default: a private one under --data"},
    {"data", "DIR", TEXT, AT(data), NULL, 0, 0,
     "the directory of the private server, and, when it is given, of the signing keys; default: /var/lib/dialogsd for "
     "root, else ~/.local/state/dialogs"},
    {"threads", "N", NUMBER, AT(threads), NULL, 1, 256, "threads that serve HTTP; default: one for each processor"},
    {"log", "FILE", TEXT, AT(log), "-", 0, 0, "where the access log goes: a file, - for stdout, or off"},
    {"log-level", "LEVEL", TEXT, AT(log_level), "error", 0, 0,
     "how much the library tells on stderr: off, error, warning, info or debug"},
    {"demo", NULL, SWITCH, AT(demo), NULL, 0, 0,
     "create the two users of the examples when they are missing, and take passwords of one character"},
    {"pages", "DIR", TEXT, AT(pages), NULL, 0, 0, "the files of the API page; default: those installed with dialogsd"},
    {"cors", "ORIGINS", TEXT, AT(cors), NULL, 0, 0,
     "sites whose pages may use the service, such as https://a.example,https://b.example, or *; default: none"},
    {"redis", "URL", TEXT, AT(redis), NULL, 0, 0,
     "the Redis of all replicas: redis://[:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH; default: no replicas"},
    {"tls-certificate", "FILE", TEXT, AT(tls_certificate), NULL, 0, 0,
     "serve https only, with this chain of certificates (PEM); SIGHUP reads it anew"},
    {"tls-key", "FILE", TEXT, AT(tls_key), NULL, 0, 0, "the certificate's key (PEM)"},
    {"tls-priorities", "TEXT", TEXT, AT(tls_priorities), TLS_PRIORITIES, 0, 0,
     "which versions and ciphers TLS may use, as GnuTLS writes it"},
    {"hsts", "SECONDS", NUMBER, AT(hsts_s), "0", 0, 63072000,
     "with TLS, or --proxied: tell browsers to use https only for so long (Strict-Transport-Security); 0: do not"},
    {"proxied", NULL, SWITCH, AT(proxied), NULL, 0, 0,
     "a proxy stands in front: the last address in X-Forwarded-For is the client's"},
    {"body-limit", "BYTES", NUMBER, AT(body_limit), NULL, 1024, 1073741824,
     "longest body of a request; default: enough for the longest message"},
    {"header-limit", "BYTES", NUMBER, AT(header_limit), "16384", 4096, 1048576,
     "memory of a connection; the head of a request must fit into it"},
    {"connections", "N", NUMBER, AT(connections), "4096", 1, 1000000, "most connections at a time"},
    {"connections-per-address", "N", NUMBER, AT(connections_per_address), NULL, 0, 1000000,
     "most connections of one address, or of one /64 of IPv6; 0: no limit; default: a quarter of --connections, at "
     "least "
     "64, and no limit with --proxied"},
    {"streams-per-user", "N", NUMBER, AT(streams_per_user), "32", 1, 1000000,
     "most streams of events of one user at a time"},
    {"memory", "MIB", NUMBER, AT(memory_mib), NULL, 64, 1048576,
     "the memory to stay within: one half for bodies, answers and events, others get 503; default: 256, or 64 KiB for "
     "each of --connections when that is more"},
    {"requests", "N", NUMBER, AT(requests), "1000", 1, 1000000,
     "most requests that wait for the database at a time; others get 503 at once"},
    {"wait-target", "MS", NUMBER, AT(wait_target_ms), "100", 0, 3600000,
     "how long requests may wait for the database on average; when they wait longer, fewer may wait; 0: no target"},
    {"login-attempts", "N", NUMBER, AT(login_attempts), "10", 0, 1000000,
     "most wrong passwords for one user from one address in a minute; 0: no limit"},
    {"login-attempts-per-hour", "N", NUMBER, AT(login_attempts_per_hour), "30", 0, 1000000,
     "the same in an hour; 0: no limit"},
    {"login-attempts-per-user", "N", NUMBER, AT(login_attempts_per_user), "100", 0, 1000000,
     "most wrong passwords for one user in an hour from all addresses where the user has not logged in before; 0: no "
     "limit"},
    {"login-attempts-per-address", "N", NUMBER, AT(login_attempts_per_address), "100", 0, 1000000,
     "most wrong passwords from one address in a minute; 0: no limit"},
    {"logins-per-address", "N", NUMBER, AT(logins_per_address), "32", 0, 1000000,
     "most logins and registrations of one address that wait at a time; others get 429 and 503 at once; 0: no limit"},
    {"registrations", "N", NUMBER, AT(registrations), NULL, 0, 1000000,
     "most registrations from one address in a minute; 0: no limit; default: 60, and no limit with --demo"},
    {"searches-per-address", "N", NUMBER, AT(searches_per_address), "256", 0, 1000000,
     "most searches for users of one address that wait at a time; others get 503 at once; 0: no limit"},
    {"send-rate", "N", NUMBER, AT(send_rate), "0", 0, 1000000, "most messages of one user in a minute; 0: no limit"},
    {"idle-timeout", "SECONDS", NUMBER, AT(idle_timeout_s), "60", 1, 86400,
     "how long a connection may be silent before it is closed"},
    {"request-timeout", "SECONDS", NUMBER, AT(request_timeout_s), "30", 1, 86400,
     "how long one request may take to arrive"},
    {"drain-timeout", "SECONDS", NUMBER, AT(drain_timeout_s), "10", 0, 86400,
     "how long requests under way may take after SIGTERM"},
    {"heartbeat", "SECONDS", NUMBER, AT(heartbeat_s), "15", 1, 3600, "how long a stream of events may be silent"},
    {"catch-up", "SECONDS", NUMBER, AT(catch_up_s), "30", 0, 86400,
     "how often a stream looks for messages that other programs wrote into the database; 0: never"},
    {"set", "NAME=VALUE", SETTING, 0, NULL, 0, 0, "a setting of the library (listed below); may be given many times"},
    {"check-config", NULL, ACTION, 0, NULL, 0, CONFIG_CHECK, "check file, environment and options, then stop"},
    {"routes", NULL, ACTION, 0, NULL, 0, CONFIG_ROUTES, "print the calls that are served, then stop"},
    {"version", NULL, ACTION, 0, NULL, 0, CONFIG_VERSION, "print the version, then stop"},
    {"help", NULL, ACTION, 0, NULL, 0, CONFIG_HELP, "print this, then stop"},
};

enum { OPTIONS = sizeof options / sizeof *options, NAME_SIZE = 64 };

static bool assign_number(struct config *config, const struct option *option, const char *value, const char *from)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < option->least || number > option->most)
        return say("%s takes a number from %lld to %lld, not \"%s\"", from, (long long)option->least,
                   (long long)option->most, value);
    *(int64_t *)((char *)config + option->offset) = number;
    return true;
}

static bool assign_text(struct config *config, const struct option *option, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        return say("out of memory");
    char **text = (char **)((char *)config + option->offset);
    free(*text);
    *text = copy;
    return true;
}

static bool assign_switch(struct config *config, const struct option *option, const char *value, const char *from)
{
    bool on = strcmp(value, "1") == 0;
    if (!on && strcmp(value, "0") != 0)
        return say("%s takes 1 or 0, not \"%s\"", from, value);
    *(bool *)((char *)config + option->offset) = on;
    return true;
}

static bool set_library(struct config *config, const char *name, const char *value, const char *from)
{
    dlg_error *error = NULL;
    bool good = dlg_settings_set(config->settings, name, value, &error) == DLG_OK;
    if (!good)
        say("%s: %s; dialogsd --help lists the settings", from, dlg_error_message(error));
    dlg_error_free(error);
    return good;
}

static bool set_pair(struct config *config, const char *pair)
{
    const char *equals = strchr(pair, '=');
    char name[NAME_SIZE];
    if (!equals || equals == pair || (size_t)(equals - pair) >= sizeof name)
        return say("--set takes NAME=VALUE, not \"%s\"", pair);
    memcpy(name, pair, (size_t)(equals - pair));
    name[equals - pair] = '\0';
    return set_library(config, name, equals + 1, "--set");
}

static bool option_assign(struct config *config, const struct option *option, const char *value, const char *from)
{
    switch (option->kind) {
    case NUMBER:
        return assign_number(config, option, value, from);
    case TEXT:
        return assign_text(config, option, value);
    case SWITCH:
        return assign_switch(config, option, value, from);
    case SETTING:
        return set_pair(config, value);
    case ACTION:
        break;
    }
    config->action = (enum config_action)option->most;
    return true;
}

/* "body-limit" is DIALOGSD_BODY_LIMIT in the environment. */
static void environment_name(const char *name, char *to)
{
    int length = snprintf(to, NAME_SIZE, "DIALOGSD_%s", name);
    for (int i = 0; i < length && i < NAME_SIZE - 1; i++)
        to[i] = to[i] == '-' ? '_' : (char)toupper((unsigned char)to[i]);
}

/* In the environment, or in a file. */
static bool is_settable(const struct option *option)
{
    return option->kind != ACTION && option->kind != SETTING;
}

static bool read_environment(struct config *config)
{
    char variable[NAME_SIZE];
    const char *value;
    for (size_t i = 0; i < OPTIONS; i++) {
        environment_name(options[i].name, variable);
        if (is_settable(&options[i]) && (value = getenv(variable)) &&
            !option_assign(config, &options[i], value, variable))
            return false;
    }
    for (size_t i = 0; i < dlg_setting_count(); i++) {
        const char *name = dlg_setting_at(i)->name;
        environment_name(name, variable);
        if ((value = getenv(variable)) && !set_library(config, name, value, variable))
            return false;
    }
    return true;
}

static const struct option *option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

/* Whether it is environment_name() of anything. */
static bool is_variable(const struct config *config, const char *variable)
{
    char name[NAME_SIZE];
    int length = snprintf(name, sizeof name, "%s", variable + strlen("DIALOGSD_"));
    for (char *at = name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    if (dlg_settings_get(config->settings, name))
        return true;
    for (char *at = name; *at; at++)
        *at = *at == '_' ? '-' : *at;
    const struct option *option = option_find(name, (size_t)length);
    return option && is_settable(option);
}

/* What may be meant for another version of dialogsd is no error, but it may also be a slip. */
static void name_strangers(const struct config *config)
{
    char variable[NAME_SIZE];
    for (char **entry = environ; *entry; entry++) {
        snprintf(variable, sizeof variable, "%.*s", (int)strcspn(*entry, "="), *entry);
        if (strncmp(variable, "DIALOGSD_", 9) == 0 && !is_variable(config, variable))
            say("unknown option %s ignored; dialogsd --help lists all", variable);
    }
}

static bool take_setting(void *payload, const char *name, const char *value, const char *place)
{
    struct config *config = payload;
    const struct option *option = option_find(name, strlen(name));
    if (option && is_settable(option) && option->offset != AT(file))
        return option_assign(config, option, value, place);
    return set_library(config, name, value, place);
}

/* The file goes before the environment, so it is looked for among the flags before they are read. */
static bool read_config_file(struct config *config, int count, char **arguments)
{
    static const char flag[] = "--config";
    const char *path = getenv("DIALOGSD_CONFIG");
    for (int i = 1; i < count; i++) {
        size_t length = sizeof flag - 1;
        if (strncmp(arguments[i], flag, length) == 0 && arguments[i][length] == '=')
            path = arguments[i] + length + 1;
        else if (strcmp(arguments[i], flag) == 0 && i + 1 < count)
            path = arguments[i + 1];
    }
    return !path || !*path || config_file_read(path, take_setting, config);
}

/* Takes "--name value", "--name=value" and "--name"; returns how many words were used, 0 when wrong. */
static int read_flag(struct config *config, int count, char **arguments)
{
    const char *word = strcmp(arguments[0], "-h") == 0 ? "--help" : arguments[0];
    const char *name = strncmp(word, "--", 2) == 0 ? word + 2 : "";
    size_t length = strcspn(name, "=");
    const struct option *option = option_find(name, length);
    if (!option)
        return say("unknown option %s; dialogsd --help lists all", word);
    const char *attached = name[length] ? name + length + 1 : NULL;
    if (!option->argument) {
        if (attached)
            return say("--%s takes no value", option->name);
        return option_assign(config, option, "1", word);
    }
    if (!attached && count < 2)
        return say("--%s needs a value: --%s %s", option->name, option->name, option->argument);
    char from[NAME_SIZE];
    snprintf(from, sizeof from, "--%s", option->name);
    if (!option_assign(config, option, attached ? attached : arguments[1], from))
        return 0;
    return attached ? 1 : 2;
}

static bool read_flags(struct config *config, int count, char **arguments)
{
    for (int at = 1; at < count;) {
        int used = read_flag(config, count - at, arguments + at);
        if (!used)
            return false;
        at += used;
    }
    return true;
}

int64_t config_setting(const struct config *config, const char *name)
{
    const char *value = dlg_settings_get(config->settings, name);
    return value ? strtoll(value, NULL, 10) : 0;
}

/* A message's text may arrive as six bytes of JSON for each of its own. */
static int64_t default_body_limit(const struct config *config)
{
    return 6 * config_setting(config, "text_limit") + 65536;
}

/* Behind a proxy all connections are of its address. */
static int64_t default_connections_per_address(const struct config *config)
{
    enum { PARTS = 4, LEAST = 64 };
    if (config->proxied)
        return 0;
    return config->connections / PARTS > LEAST ? config->connections / PARTS : LEAST;
}

static void on_library_log(dlg_log_level level, const char *subsystem, const char *line, void *payload)
{
    (void)payload;
    say("%s: %s: %s", dlg_log_level_name(level), subsystem, line);
}

static bool set_log_level(struct config *config)
{
    dlg_log_level level;
    if (!log_level_parse(config->log_level, &level))
        return say("--log-level takes off, error, warning, info or debug, not \"%s\"", config->log_level);
    return dlg_settings_log(config->settings, level, on_library_log, NULL, NULL) == DLG_OK;
}

/* Against guesses; the passwords of the examples are shorter. */
static bool fill_password_minimum(struct config *config)
{
    bool given = config_setting(config, "password_minimum") != 0;
    return given || set_library(config, "password_minimum", config->demo ? "1" : "8", "password_minimum");
}

static bool setting_is_given(const struct config *config, const char *setting, const char *variable)
{
    return *dlg_settings_get(config->settings, setting) || getenv(variable);
}

/*
 * Whoever gives a directory for data beside a database of their own expects it to have all that is to be kept: a
 * container that is made anew has lost its home, and with keys there everybody would be logged out.
 */
static bool keep_keys_in_data(struct config *config)
{
    char path[4096];
    if (setting_is_given(config, "token_key", "DLG_TOKEN_KEY") ||
        setting_is_given(config, "token_key_file", "DLG_TOKEN_KEY_FILE") || strncmp(config->db, "embedded:", 9) == 0)
        return true;
    config->own_data = true;
    snprintf(path, sizeof path, "%s/token.keys", config->data);
    return set_library(config, "token_key_file", path, "--data");
}

static bool fill_data(struct config *config)
{
    bool given = config->data != NULL;
    char *data = data_dir_find(config->data);
    if (!data)
        return say("no data directory: %s; give one with --data DIR", strerror(errno));
    free(config->data);
    config->data = data;
    config->own_data = !config->db;
    if (!config->db)
        return (config->db = data_dir_database(data)) || say("out of memory");
    return !given || keep_keys_in_data(config);
}

static bool fill_defaults(struct config *config)
{
    if (!fill_data(config))
        return false;
    if (!config->tls_certificate != !config->tls_key)
        return say("--tls-certificate and --tls-key go together: give both or none");
    if (config->cors && !origins_check(config->cors))
        return false;
    if (config->registrations < 0)
        config->registrations = config->demo ? 0 : 60;
    if (config->connections_per_address < 0)
        config->connections_per_address = default_connections_per_address(config);
    if (!config->memory_mib)
        config->memory_mib = config->connections > 4096 ? config->connections / 16 : 256;
    if (!config->threads)
        config->threads = get_nprocs() < 256 ? get_nprocs() : 256;
    if (!config->body_limit)
        config->body_limit = default_body_limit(config);
    config->timeout_ms = config_setting(config, "timeout_ms");
    return fill_password_minimum(config) && set_log_level(config);
}

bool config_read(struct config *config, int count, char **arguments)
{
    *config = (struct config){.settings = dlg_settings_new(), .registrations = -1, .connections_per_address = -1};
    if (!config->settings)
        return say("out of memory");
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].initial && !option_assign(config, &options[i], options[i].initial, options[i].name))
            return false;
    /* A database that is not there yet is waited for behind an open port. */
    if (!set_library(config, "open", "lazy", "open") || !set_library(config, "feed", "on", "feed") ||
        !set_library(config, "batch_scheduling", "on", "batch_scheduling") ||
        !set_library(config, "queue_bytes", QUEUE_BYTES, "queue_bytes"))
        return false;
    name_strangers(config);
    return read_config_file(config, count, arguments) && read_environment(config) &&
           read_flags(config, count, arguments) && fill_defaults(config) &&
           (!config->redis || !*config->redis || redis_url_check(config->redis));
}

void config_free(struct config *config)
{
    free(config->file);
    free(config->listen);
    free(config->db);
    free(config->data);
    free(config->log);
    free(config->log_level);
    free(config->pages);
    free(config->cors);
    free(config->redis);
    free(config->tls_certificate);
    free(config->tls_key);
    free(config->tls_priorities);
    free(config->admin_listen);
    dlg_settings_free(config->settings);
}

/* "  head   words", the words in lines of at most 100 columns below each other. */
static void print_entry(FILE *out, const char *head, int width, const char *words)
{
    enum { LINE = 100 };
    int column = fprintf(out, "  %-*s", width, head);
    while (*words) {
        int length = (int)strcspn(words, " ");
        if (column + 1 + length > LINE && column > width + 2)
            column = fprintf(out, "\n%*s", width + 2, "") - 1;
        column += fprintf(out, " %.*s", length, words);
        words += length + (words[length] == ' ');
    }
    fputc('\n', out);
}

/* The few of the library's settings that begin otherwise here. */
static const char *default_here(const dlg_setting *setting)
{
    static const char *const others[][2] = {{"open", "lazy"}, {"feed", "on"}, {"queue_bytes", QUEUE_BYTES}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(setting->name, others[i][0]) == 0)
            return others[i][1];
    return setting->default_value;
}

void config_help(FILE *out)
{
    char words[512];
    fputs("Usage: dialogsd [OPTION...]\n\n"
          "Serves dialogs between users over HTTP. The API page is at /swagger/index.html.\n\n"
          "Options (each is also a variable DIALOGSD_<NAME>, such as DIALOGSD_BODY_LIMIT):\n",
          out);
    for (size_t i = 0; i < OPTIONS; i++) {
        char flag[NAME_SIZE];
        const char *argument = options[i].argument ? options[i].argument : "";
        snprintf(flag, sizeof flag, "--%s%s%s", options[i].name, *argument ? " " : "", argument);
        snprintf(words, sizeof words, options[i].initial ? "%s [%s]" : "%s", options[i].purpose, options[i].initial);
        print_entry(out, flag, 30, words);
    }
    fputs("\nSettings of the library, for --set NAME=VALUE or DIALOGSD_<NAME> in the environment:\n", out);
    for (size_t i = 0; i < dlg_setting_count(); i++) {
        const dlg_setting *setting = dlg_setting_at(i);
        snprintf(words, sizeof words, "%s (%s) [%s]", setting->purpose, setting->range, default_here(setting));
        print_entry(out, setting->name, 30, words);
    }
}
