/* The command line, the environment, and a private server of dialogsd's own. */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `dialogsd ARGUMENTS` by the shell; what it printed, to be freed, and its exit code. */
static char *run(const char *environment, const char *arguments, int *code)
{
    char command[1024], *text = NULL;
    size_t size = 0;
    snprintf(command, sizeof command, "%s '%s' %s 2>&1", environment, DIALOGSD, arguments);
    FILE *output = popen(command, "re");
    assert_non_null(output);
    if (getdelim(&text, &size, EOF, output) < 0 && text)
        *text = '\0';
    int status = pclose(output);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return text ? text : strdup("");
}

static void expect(const char *environment, const char *arguments, int code, const char *says)
{
    int ended;
    char *text = run(environment, arguments, &ended);
    if (ended != code || !strstr(text, says))
        fail_msg("%s dialogsd %s: ended with %d, and said: %s", environment, arguments, ended, text);
    free(text);
}

static void help_tells_every_option_and_setting(void **state)
{
    (void)state;
    int code;
    char *text = run("", "--help", &code);
    static const char *const options[] = {
        "--port", "--listen", "--db",           "--data",    "--threads",        "--log",
        "--demo", "--set",    "--check-config", "DIALOGSD_", "/var/lib/dialogsd"};
    assert_int_equal(code, 0);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        assert_non_null(strstr(text, options[i]));
    for (size_t i = 0; i < dlg_setting_count(); i++)
        assert_non_null(strstr(text, dlg_setting_at(i)->name));
    free(text);
    expect("", "-h", 0, "--port PORT");
    expect("", "--version", 0, dlg_version());
}

static void good_configurations(void **state)
{
    (void)state;
    static const char good[] = "the configuration is good";
    expect("", "--check-config", 0, good);
    expect("", "--port 1 --port=65535 --set timeout_ms=5 --set=text_limit=100 --check-config", 0, good);
    expect("", "--cors '*' --check-config", 0, good);
    expect("", "--cors 'null, https://a.example:8443, http://[::1]:3000, capacitor://localhost' --check-config", 0,
           good);
    expect("DIALOGSD_PORT=8080 DIALOGSD_TIMEOUT_MS=5 DIALOGSD_DEMO=1 DIALOGSD_BODY_LIMIT=5000", "--check-config", 0,
           good);
}

static void bad_configurations(void **state)
{
    (void)state;
    static const struct {
        const char *environment, *arguments, *says;
    } cases[] = {
        {"", "--nope", "unknown option --nope"},
        {"", "-p 5", "unknown option -p"},
        {"", "--tls-certificate /nowhere --check-config", "go together"},
        {"", "extra", "unknown option extra"},
        {"", "--port", "--port needs a value"},
        {"", "--port 0 --check-config", "--port takes a number from 1 to 65535"},
        {"", "--port 70000", "65535"},
        {"", "--port five", "\"five\""},
        {"", "--demo=1", "--demo takes no value"},
        {"", "--set timeout_ms", "NAME=VALUE"},
        {"", "--set nothing=1", "nothing"},
        {"", "--set timeout_ms=0 --check-config", "timeout_ms"},
        {"", "--cors https://a.example/ --check-config", "\"https://a.example/\" would never match"},
        {"", "--cors https://a.example,https://b.example/x --check-config",
         "\"https://b.example/x\" would never match"},
        {"", "--cors https://A.example --check-config", "lower case"},
        {"", "--cors https://a.example:443 --check-config", "the scheme's own"},
        {"", "--cors http://a.example:080 --check-config", "1 to 65535"},
        {"", "--cors a.example --check-config", "SCHEME://HOST"},
        {"", "--cors 'https://*.a.example' --check-config", "would never match"},
        {"", "--cors 'https://a.example,*' --check-config", "stands alone"},
        {"", "--cors https://a.example, --check-config", "\"\" would never match"},
        {"", "--cors https://u@a.example --check-config", "would never match"},
        {"", "--cors http://[::1 --check-config", "]"},
        {"DIALOGSD_CORS=https://Ñ.example", "--check-config", "xn--"},
        {"DIALOGSD_PORT=tcp://10.0.0.1:5000", "--check-config", "DIALOGSD_PORT takes a number"},
        {"DIALOGSD_TIMEOUT_MS=soon", "--check-config", "timeout_ms"},
        {"DIALOGSD_DEMO=perhaps", "--check-config", "DIALOGSD_DEMO takes 1 or 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].environment, cases[i].arguments, 2, cases[i].says);
    expect("", "--db hots=1 --check-config", 1, "hots");
    expect("", "--tls-certificate /nowhere --tls-key /nowhere --check-config", 1, "/nowhere");
    expect("DIALOGSD_PROT=1", "--check-config", 0, "unknown option DIALOGSD_PROT ignored");
    expect("DIALOGSD_DEMOS=1", "--check-config", 0, "unknown option DIALOGSD_DEMOS ignored");
    expect("DIALOGSD_HELP=1", "--check-config", 0, "unknown option DIALOGSD_HELP ignored");
}

static char *write_file(const char *text)
{
    static char path[] = "/tmp/dialogsd-config-XXXXXX";
    snprintf(path, sizeof path, "/tmp/dialogsd-config-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *environment, *arguments;
        int code;
        const char *says;
    } cases[] = {
        {"# a comment\n\n port = 8080\nlog=\"off\"\ndemo = 1\ntimeout_ms = 500\nbody-limit=5000", "", "", 0, "is good"},
        {"port = 0\n", "", "", 2, ":1: port takes a number"},
        {"port = 80\n\nport 5\n", "", "", 2, ":3: a line is NAME = VALUE"},
        {"\ntimeout_ms = 0\n", "", "", 2, ":2: timeout_ms: "},
        {"nothing = 1\n", "", "", 2, ":1: nothing"},
        {"config = /etc/passwd\n", "", "", 2, ":1: config"},
        {"check-config = 1\n", "", "", 2, ":1: check-config"},
        {"port = 5\n", "DIALOGSD_PORT=x", "", 2, "DIALOGSD_PORT takes a number"},
        {"redis = nowhere\n", "", "", 2, "--redis takes redis://"},
        {"\xef\xbb\xbfport = 5\r\n", "", "", 0, "is good"},
        {"port = 5\n\xef\xbb\xbfport = 6\n", "", "", 2, ":2: "},
        {"redis = nowhere\n", "", "--redis redis://localhost", 0, "is good"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[256];
        const char *path = write_file(cases[i].text);
        snprintf(arguments, sizeof arguments, "--config %s --check-config %s", path, cases[i].arguments);
        expect(cases[i].environment, arguments, cases[i].code, cases[i].says);
        unlink(path);
    }
    expect("DIALOGSD_CONFIG=/no/such/file", "--check-config", 2, "cannot read the configuration /no/such/file");
}

static void flags_are_stronger_than_the_environment(void **state)
{
    (void)state;
    expect("DIALOGSD_PORT=nonsense", "--port 5 --check-config", 2, "DIALOGSD_PORT");
    expect("DIALOGSD_LISTEN=no.such.name.invalid", "--listen 203.0.113.1 --port 5999 --db x=y", 1,
           "no address 203.0.113.1");
}

static void what_cannot_be_started_says_why(void **state)
{
    (void)state;
    char arguments[256], says[64];
    struct process process;
    process_start(&process, NULL, NULL);
    assert_true(process_says(&process, "serving"));
    snprintf(arguments, sizeof arguments, "--port %d", process.port);
    snprintf(says, sizeof says, "port %d is in use", process.port);
    expect("", arguments, 1, says);
    expect("", arguments, 1, "--port");
    process_stop(&process);
    snprintf(arguments, sizeof arguments, "--port %d --db nonsense", free_port());
    expect("", arguments, 1, "nonsense");
    snprintf(arguments, sizeof arguments, "--port %d --db host=/nowhere --pages /nowhere", free_port());
    expect("", arguments, 1, "/nowhere");
    snprintf(arguments, sizeof arguments, "--port %d --log /nowhere/log", free_port());
    expect("", arguments, 1, "/nowhere/log");
    snprintf(arguments, sizeof arguments, "--port %d --data /dev/null/data", free_port());
    expect("", arguments, 1, "/dev/null");
}

/* Without --db there is a private server under --data, and its messages are there again the next time. */
static void a_private_server(void **state)
{
    (void)state;
    struct process process;
    struct person anna, boris;
    char data[128];
    process_start(&process, NULL, NULL);
    process_wait_ready(&process);
    person_make(&anna, process.port);
    person_make(&boris, process.port);
    person_send(process.port, &anna, &boris, "kept");
    kill(process.pid, SIGTERM);
    assert_int_equal(process_wait_end(&process, 30), 0);
    struct process again;
    char keys[160];
    snprintf(data, sizeof data, "%s/data", process.directory);
    snprintf(keys, sizeof keys, "token_key_file=%s/keys", process.directory);
    process_start(&again, NULL, (const char *const[]){"--data", data, "--set", keys, NULL});
    process_wait_ready(&again);
    json_t *list = person_list(again.port, &anna, &boris);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    free(anna.token);
    free(boris.token);
    process_stop(&again);
    process_stop(&process);
}

static void a_log_that_is_rotated(void **state)
{
    (void)state;
    struct process process;
    char old[128], rotated[128];
    struct answer answer;
    process_start(&process, NULL, NULL);
    process_wait_ready(&process);
    assert_true(process_logs(&process, "/readyz"));
    snprintf(old, sizeof old, "%s/log", process.directory);
    snprintf(rotated, sizeof rotated, "%s/log.1", process.directory);
    assert_int_equal(rename(old, rotated), 0);
    kill(process.pid, SIGHUP);
    for (int i = 0; i < 200 && access(old, F_OK) != 0; i++)
        pause_ms(20);
    call_expect(&answer, &(struct call){.port = process.port, .path = "/healthz"}, 200);
    answer_free(&answer);
    assert_true(process_logs(&process, "/healthz"));
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_tells_every_option_and_setting),
        cmocka_unit_test(good_configurations),
        cmocka_unit_test(bad_configurations),
        cmocka_unit_test(files),
        cmocka_unit_test(flags_are_stronger_than_the_environment),
        cmocka_unit_test(what_cannot_be_started_says_why),
        cmocka_unit_test(a_private_server),
        cmocka_unit_test(a_log_that_is_rotated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
