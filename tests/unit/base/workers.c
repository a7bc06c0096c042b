#include "base/workers.h"

#include "base/clock.h"
#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS = 1000 };

struct task {
    struct job job;
    atomic_int runs;
    atomic_int cancels;
    atomic_int thread; /* that it ran on */
    sem_t *gate;       /* NULL, or what a run waits for */
    sem_t told;
};

static void run_task(struct job *job, bool cancelled)
{
    struct task *task = (struct task *)(void *)job;
    atomic_fetch_add(cancelled ? &task->cancels : &task->runs, 1);
    task->thread = gettid();
    while (!cancelled && task->gate && sem_wait(task->gate) != 0)
        ; /* a signal came */
}

static void prepare(struct task *tasks, size_t count, sem_t *gate)
{
    for (size_t i = 0; i < count; i++)
        tasks[i] = (struct task){.job.run = run_task, .gate = gate};
}

static void wait_for_load(struct workers *workers, size_t load)
{
    while (workers_load(workers) != load)
        usleep(100);
}

static void every_job_runs_once(void **state)
{
    (void)state;
    static struct task tasks[JOBS];
    prepare(tasks, JOBS, NULL);
    struct workers *workers = workers_new(4, JOBS);
    for (size_t i = 0; i < JOBS; i++)
        assert_true(workers_submit(workers, &tasks[i].job));
    workers_stop(workers, false);
    assert_int_equal(workers_load(workers), 0);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(tasks[i].runs, 1);
        assert_int_equal(tasks[i].cancels, 0);
    }
    workers_free(workers);
}

static int count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    assert_non_null(directory);
    int count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* The first test: no thread of an earlier one is about to vanish. */
static void threads_start_when_needed(void **state)
{
    (void)state;
    struct task tasks[3];
    sem_t gate;
    sem_init(&gate, 0, 0);
    prepare(tasks, 3, NULL);
    tasks[1].gate = &gate;
    int before = count_threads();
    struct workers *workers = workers_new(8, 8);
    assert_int_equal(count_threads(), before);
    assert_true(workers_submit(workers, &tasks[0].job));
    wait_for_load(workers, 0);
    assert_true(workers_submit(workers, &tasks[1].job));
    while (tasks[1].runs == 0)
        usleep(100);
    assert_int_equal(tasks[1].thread, tasks[0].thread); /* it was idle */
    assert_true(workers_submit(workers, &tasks[2].job));
    wait_for_load(workers, 1);
    assert_int_not_equal(tasks[2].thread, tasks[0].thread);
    assert_int_not_equal(tasks[2].thread, gettid());
    sem_post(&gate);
    workers_free(workers);
    sem_destroy(&gate);
}

static void refuses_when_full(void **state)
{
    (void)state;
    struct task tasks[7];
    sem_t gate;
    sem_init(&gate, 0, 0);
    prepare(tasks, 7, &gate);
    struct workers *workers = workers_new(2, 3);
    for (size_t i = 0; i < 5; i++)
        assert_true(workers_submit(workers, &tasks[i].job));
    assert_int_equal(workers_load(workers), 5);
    assert_false(workers_submit(workers, &tasks[5].job));
    assert_int_equal(workers_load(workers), 5);
    sem_post(&gate);
    wait_for_load(workers, 4);
    assert_true(workers_submit(workers, &tasks[5].job));
    assert_false(workers_submit(workers, &tasks[6].job));
    for (int i = 0; i < 5; i++)
        sem_post(&gate);
    workers_stop(workers, false);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(tasks[i].runs, 1);
    assert_int_equal(tasks[6].runs + tasks[6].cancels, 0);
    workers_free(workers);
    sem_destroy(&gate);
}

/* Runs as a cancelled job too: lets the running one go, so that stopping can end. */
static void open_gate(struct job *job, bool cancelled)
{
    struct task *task = (struct task *)(void *)job;
    sem_t *gate = task->gate;
    task->gate = NULL;
    run_task(job, cancelled);
    sem_post(gate);
}

static void tell_task(struct job *job)
{
    sem_post(&((struct task *)(void *)job)->told);
}

/* Whoever hears that a job is done may submit another at once. */
static void the_place_of_a_job_is_free_when_it_is_told(void **state)
{
    (void)state;
    struct task task;
    struct workers *workers = workers_new(1, 0);
    for (int i = 0; i < 2000; i++) {
        task = (struct task){.job = {.run = run_task, .tell = tell_task}};
        sem_init(&task.told, 0, 0);
        assert_true(workers_submit(workers, &task.job));
        while (sem_wait(&task.told) != 0)
            ; /* a signal came */
        assert_int_equal(task.runs, 1);
        sem_destroy(&task.told);
    }
    workers_free(workers);
}

static void stop_cancels_those_that_wait(void **state)
{
    (void)state;
    struct task tasks[4];
    sem_t gate;
    sem_init(&gate, 0, 0);
    prepare(tasks, 4, &gate);
    tasks[3].job.run = open_gate;
    struct workers *workers = workers_new(1, 8);
    assert_true(workers_submit(workers, &tasks[0].job));
    while (tasks[0].runs == 0)
        usleep(100);
    for (size_t i = 1; i < 4; i++)
        assert_true(workers_submit(workers, &tasks[i].job));
    workers_stop(workers, true);
    assert_int_equal(tasks[0].runs, 1);
    assert_int_equal(tasks[0].cancels, 0);
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(tasks[i].runs, 0);
        assert_int_equal(tasks[i].cancels, 1);
    }
    assert_int_equal(workers_load(workers), 0);
    workers_free(workers);
    sem_destroy(&gate);
}

/* What nobody waits for any more is not done, and what comes behind it is. */
static void late_jobs_are_skipped(void **state)
{
    (void)state;
    enum { LATE = 100 };
    struct task tasks[LATE + 2];
    sem_t gate;
    sem_init(&gate, 0, 0);
    prepare(tasks, LATE + 2, NULL);
    tasks[0].gate = &gate;
    struct workers *workers = workers_new(1, LATE + 1);
    assert_true(workers_submit(workers, &tasks[0].job));
    for (size_t i = 1; i <= LATE; i++) {
        tasks[i].job.deadline_us = clock_monotonic_us() + 1000;
        assert_true(workers_submit(workers, &tasks[i].job));
    }
    tasks[LATE + 1].job.deadline_us = clock_monotonic_us() + 3600 * INT64_C(1000000);
    assert_true(workers_submit(workers, &tasks[LATE + 1].job));
    usleep(5000);
    sem_post(&gate);
    workers_stop(workers, false);
    for (size_t i = 1; i <= LATE; i++)
        assert_true(tasks[i].runs == 0 && tasks[i].cancels == 1);
    assert_int_equal(tasks[LATE + 1].runs, 1);
    workers_free(workers);
    sem_destroy(&gate);
}

static void takes_nothing_once_stopped(void **state)
{
    (void)state;
    struct task task;
    prepare(&task, 1, NULL);
    struct workers *workers = workers_new(1, 1);
    workers_stop(workers, false);
    workers_stop(workers, true);
    assert_false(workers_submit(workers, &task.job));
    workers_free(workers);
    assert_int_equal(task.runs + task.cancels, 0);
    workers_free(NULL);
}

static void free_a_job(struct job *job, bool cancelled)
{
    (void)cancelled;
    free(job);
}

static void jobs_may_free_themselves(void **state)
{
    (void)state;
    struct workers *workers = workers_new(2, JOBS);
    for (size_t i = 0; i < JOBS; i++) {
        struct job *job = calloc(1, sizeof *job);
        assert_non_null(job);
        job->run = free_a_job;
        assert_true(workers_submit(workers, job));
    }
    workers_free(workers);
}

struct producer {
    struct workers *workers;
    struct task *tasks;
    int accepted;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    for (size_t i = 0; i < JOBS; i++)
        producer->accepted += workers_submit(producer->workers, &producer->tasks[i].job);
    return NULL;
}

static void stopping_while_others_submit_loses_none(void **state)
{
    (void)state;
    static struct task tasks[3][JOBS];
    struct producer producers[3];
    pthread_t threads[3];
    struct workers *workers = workers_new(2, 100);
    for (size_t i = 0; i < 3; i++) {
        prepare(tasks[i], JOBS, NULL);
        producers[i] = (struct producer){workers, tasks[i], 0};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    usleep(300);
    workers_stop(workers, true);
    int accepted = 0, done = 0;
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        accepted += producers[i].accepted;
        for (size_t j = 0; j < JOBS; j++) {
            assert_in_range(tasks[i][j].runs + tasks[i][j].cancels, 0, 1);
            done += tasks[i][j].runs + tasks[i][j].cancels;
        }
    }
    assert_int_equal(done, accepted);
    workers_free(workers);
}

static sigset_t seen;

static void see_signals(struct job *job, bool cancelled)
{
    (void)job;
    (void)cancelled;
    pthread_sigmask(SIG_BLOCK, NULL, &seen);
}

static void signals_stay_with_the_program(void **state)
{
    (void)state;
    sigset_t before, after;
    struct job job = {.run = see_signals};
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    struct workers *workers = workers_new(1, 1);
    assert_true(workers_submit(workers, &job));
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    workers_stop(workers, false);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGPIPE, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_true(sigismember(&seen, signals[i]));
        assert_int_equal(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
    workers_free(workers);
}

static void a_child_forgets(void **state)
{
    (void)state;
    struct task task;
    sem_t gate;
    sem_init(&gate, 0, 0);
    prepare(&task, 1, &gate);
    struct workers *workers = workers_new(1, 1);
    assert_true(workers_submit(workers, &task.job));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        workers_forget(workers);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    sem_post(&gate);
    workers_stop(workers, false);
    assert_int_equal(task.runs, 1);
    workers_free(workers);
    sem_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_start_when_needed),
        cmocka_unit_test(every_job_runs_once),
        cmocka_unit_test(refuses_when_full),
        cmocka_unit_test(the_place_of_a_job_is_free_when_it_is_told),
        cmocka_unit_test(stop_cancels_those_that_wait),
        cmocka_unit_test(late_jobs_are_skipped),
        cmocka_unit_test(takes_nothing_once_stopped),
        cmocka_unit_test(jobs_may_free_themselves),
        cmocka_unit_test(stopping_while_others_submit_loses_none),
        cmocka_unit_test(signals_stay_with_the_program),
        cmocka_unit_test(a_child_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
