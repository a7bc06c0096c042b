/* The signing keys: what is wrong with them is said, and what is nonsense is refused. */
#include "check.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Another file of keys, with this mode, in the place of the process's own. */
static void replace_keys(const struct process *process, mode_t mode)
{
    char command[400];
    snprintf(command, sizeof command, "cp %s/keys %s/new && chmod %o %s/new && mv %s/new %s/keys",
             world.process.directory, process->directory, mode, process->directory, process->directory,
             process->directory);
    assert_int_equal(system(command), 0);
}

static void set_mode(const struct process *process, mode_t mode)
{
    char path[96];
    snprintf(path, sizeof path, "%s/keys", process->directory);
    assert_int_equal(chmod(path, mode), 0);
}

static void wait_for(int port, const char *metric, double value)
{
    for (int i = 0; i < 600 && metric_value(port, metric) != value; i++)
        pause_ms(50);
    assert_true(metric_value(port, metric) == value);
}

static json_t *readiness(int port)
{
    struct answer answer;
    call_expect(&answer, &(struct call){.port = port, .path = "/readyz"}, 200);
    json_t *json = answer_json(&answer);
    answer_free(&answer);
    return json;
}

/* The operator takes a stolen key away, and forgets the mode of the file. */
static void a_file_that_cannot_be_used_is_said(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    struct answer answer;
    process_start(&process, test_server_conninfo(world.server), NULL);
    process_wait_ready(&process);
    person_make(&person, process.port);
    struct call list = {.port = process.port, .path = dialog_path(&world.boris, "list"), .token = person.token};
    json_t *ready = readiness(process.port);
    assert_int_equal(json_integer_value(json_object_get(ready, "token_keys")), 1);
    assert_null(json_object_get(ready, "warning"));
    json_decref(ready);
    replace_keys(&process, 0644);
    wait_for(process.port, "dialogsd_token_key_file_good", 0);
    assert_true(process_says(&process, "other users may read the signing keys: run chmod 600"));
    ready = readiness(process.port);
    assert_non_null(json_object_get(ready, "warning"));
    json_decref(ready);
    call_expect(&answer, &list, 200); /* as is said */
    answer_free(&answer);
    set_mode(&process, 0600);
    wait_for(process.port, "dialogsd_token_key_file_good", 1);
    assert_true(process_says(&process, "1 signing keys were taken away"));
    assert_true(process_says(&process, "the file of the signing keys is good again; it has 1"));
    assert_true(metric_value(process.port, "dialogsd_token_keys_removed_total") == 1);
    ready = readiness(process.port);
    assert_int_equal(json_integer_value(json_object_get(ready, "token_keys_removed")), 1);
    assert_null(json_object_get(ready, "warning"));
    json_decref(ready);
    free(expect_error(&list, 401, -DLG_E_TOKEN));
    free(person.token);
    process_stop(&process);
}

static void one_that_others_may_read_is_refused_at_start(void **state)
{
    (void)state;
    struct process process;
    char keys[128];
    snprintf(keys, sizeof keys, "token_key_file=%s/loose", world.process.directory);
    FILE *file = fopen(keys + strlen("token_key_file="), "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(chmod(keys + strlen("token_key_file="), 0644), 0);
    process_start(&process, test_server_conninfo(world.server), (const char *const[]){"--set", keys, NULL});
    assert_int_equal(process_wait_end(&process, 30), 1);
    assert_true(process_says(&process, "other users may read the signing keys"));
    process_stop(&process);
}

static void a_key_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"token_key=garbage", "token_key=k4.secret.AAAA",
                                        "token_key=k4.public.c4JyMPeEQUKQyyACFxSwS_f6pyV0UXqNuZm4-0EQoFg"};
    for (size_t i = 0; i < 2 * sizeof wrong / sizeof *wrong; i++) {
        for (int embedded = 0; embedded < 2; embedded++) {
            struct process process;
            process_start(&process, embedded ? NULL : test_server_conninfo(world.server),
                          (const char *const[]){"--set", wrong[i / 2], i % 2 ? "--check-config" : NULL, NULL});
            assert_int_equal(process_wait_end(&process, 30), 1);
            assert_true(process_says(&process, "token_key is not a signing key"));
            process_stop(&process);
        }
    }
}

/* As when a container is made anew: the directory of the data is what stays. */
static void they_are_kept_with_the_data(void **state)
{
    (void)state;
    char data[] = "/tmp/dialogsd-keys-XXXXXX", path[96], command[128];
    struct process process;
    struct person person;
    struct answer answer;
    struct stat status;
    assert_non_null(mkdtemp(data));
    const char *const options[] = {"--data", data, "--set", "token_key_file=", NULL};
    process_start(&process, test_server_conninfo(world.server), options);
    process_wait_ready(&process);
    person_make(&person, process.port);
    process_stop(&process);
    snprintf(path, sizeof path, "%s/token.keys", data);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    process_start(&process, test_server_conninfo(world.server), options);
    process_wait_ready(&process);
    call_expect(&answer,
                &(struct call){.port = process.port, .path = dialog_path(&world.boris, "list"), .token = person.token},
                200);
    answer_free(&answer);
    free(person.token);
    process_stop(&process);
    snprintf(command, sizeof command, "rm -r %s", data);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_cannot_be_used_is_said),
        cmocka_unit_test(one_that_others_may_read_is_refused_at_start),
        cmocka_unit_test(a_key_that_is_none_is_refused),
        cmocka_unit_test(they_are_kept_with_the_data),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
