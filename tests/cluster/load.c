#include "load.h"

#include "base/clock.h"
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPIENTS = 64, PAGE = 20 };

/* A writer's messages to recipient r are numbered from 0; `acknowledged[r]` of them are known to be stored. */
struct writer {
    struct load *load;
    pthread_t thread;
    dlg_uuid author;
    atomic_uint acknowledged[RECIPIENTS];
    unsigned uncertain[RECIPIENTS]; /* sends that failed, and may be stored or not */
};

struct load {
    dlg_client *client;
    int writers, readers;
    struct writer *writer;
    pthread_t *reader;
    dlg_uuid recipients[RECIPIENTS];
    atomic_bool stop;
    pthread_mutex_t lock; /* of the result */
    struct load_result result;
};

static void note_error(struct load *load, const char *what, const dlg_error *error)
{
    pthread_mutex_lock(&load->lock);
    if (load->result.failed++ == 0)
        snprintf(load->result.error, sizeof load->result.error, "%s: %s: %s", what,
                 dlg_code_name(dlg_error_code(error)), dlg_error_message(error));
    pthread_mutex_unlock(&load->lock);
}

static void note_send(struct load *load, int64_t took_us)
{
    pthread_mutex_lock(&load->lock);
    load->result.sent++;
    if (took_us > load->result.pause_us)
        load->result.pause_us = took_us;
    pthread_mutex_unlock(&load->lock);
}

static void *write_on(void *argument)
{
    struct writer *writer = argument;
    struct load *load = writer->load;
    for (unsigned turn = 0; !atomic_load(&load->stop); turn++) {
        unsigned to = turn % RECIPIENTS;
        char text[64];
        snprintf(text, sizeof text, "%u", atomic_load(&writer->acknowledged[to]) + writer->uncertain[to]);
        dlg_error *error = NULL;
        int64_t began_us = clock_monotonic_us();
        if (dlg_send(NULL, load->client, &writer->author, &load->recipients[to], text, DLG_NTS, NULL, &error) ==
            DLG_OK) {
            note_send(load, clock_monotonic_us() - began_us);
            atomic_fetch_add(&writer->acknowledged[to], 1);
        } else {
            note_error(load, "send", error);
            writer->uncertain[to]++;
        }
        dlg_error_free(error);
    }
    return NULL;
}

/* Pages are in order, and the newest one shows what had been acknowledged before it was asked for. */
static bool page_is_right(const dlg_page *page, unsigned acknowledged)
{
    size_t count = dlg_page_count(page);
    long last = -1;
    for (size_t i = 0; i < count; i++) {
        long number = atol(dlg_page_at(page, i)->text);
        if (number <= last)
            return false;
        last = number;
    }
    return last + 1 >= (long)acknowledged;
}

/* For the first page that is wrong: what had been acknowledged, and what it shows. */
static void note_page(struct load *load, const dlg_page *page, unsigned acknowledged)
{
    char *to = load->result.error;
    size_t left = sizeof load->result.error;
    if (load->result.unseen++ || *to)
        return;
    int length = snprintf(to, left, "%u were acknowledged, a page shows", acknowledged);
    for (size_t i = 0; length > 0 && (size_t)length < left && i < dlg_page_count(page); i++) {
        to += length;
        left -= (size_t)length;
        length = snprintf(to, left, " %s", dlg_page_at(page, i)->text);
    }
}

static void *read_on(void *argument)
{
    struct load *load = argument;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = PAGE;
    unsigned seed = (unsigned)clock_monotonic_us();
    while (!atomic_load(&load->stop)) {
        struct writer *writer = &load->writer[rand_r(&seed) % load->writers];
        int to = rand_r(&seed) % RECIPIENTS;
        unsigned acknowledged = atomic_load(&writer->acknowledged[to]);
        dlg_page *page = NULL;
        dlg_error *error = NULL;
        if (dlg_list(&page, load->client, &writer->author, &load->recipients[to], &options, &error) != DLG_OK)
            note_error(load, "list", error);
        bool right = !page || page_is_right(page, acknowledged);
        pthread_mutex_lock(&load->lock);
        load->result.listed++;
        if (!right)
            note_page(load, page, acknowledged);
        pthread_mutex_unlock(&load->lock);
        dlg_page_free(page);
        dlg_error_free(error);
    }
    return NULL;
}

struct load *load_start(dlg_client *client, int writers, int readers)
{
    struct load *load = calloc(1, sizeof *load);
    load->client = client;
    load->writers = writers;
    load->readers = readers;
    load->writer = calloc((size_t)writers, sizeof *load->writer);
    load->reader = calloc((size_t)readers + 1, sizeof *load->reader);
    pthread_mutex_init(&load->lock, NULL);
    for (int i = 0; i < RECIPIENTS; i++)
        dlg_uuid_random(&load->recipients[i]);
    for (int i = 0; i < writers; i++) {
        load->writer[i].load = load;
        dlg_uuid_random(&load->writer[i].author);
        pthread_create(&load->writer[i].thread, NULL, write_on, &load->writer[i]);
    }
    for (int i = 0; i < readers; i++)
        pthread_create(&load->reader[i], NULL, read_on, load);
    return load;
}

void load_look(struct load *load, struct load_result *result)
{
    pthread_mutex_lock(&load->lock);
    *result = load->result;
    pthread_mutex_unlock(&load->lock);
}

void load_stop(struct load *load, struct load_result *result)
{
    atomic_store(&load->stop, true);
    for (int i = 0; i < load->writers; i++)
        pthread_join(load->writer[i].thread, NULL);
    for (int i = 0; i < load->readers; i++)
        pthread_join(load->reader[i], NULL);
    load_look(load, result);
}

/* Messages of one dialog that are missing, doubled, out of order, or too many. */
static uint64_t dialog_wrong(struct load *load, dlg_client *client, const struct writer *writer, int to)
{
    unsigned acknowledged = atomic_load(&writer->acknowledged[to]);
    unsigned attempts = acknowledged + writer->uncertain[to];
    dlg_iterator *walk = NULL;
    const dlg_message *message = NULL;
    if (dlg_iterate(&walk, client, &writer->author, &load->recipients[to], NULL, NULL) != DLG_OK)
        return attempts;
    uint64_t wrong = 0;
    unsigned found = 0;
    long last = -1;
    while (dlg_iterator_next(&message, walk, NULL) == DLG_OK && message) {
        long number = atol(message->text);
        wrong += number <= last || number >= (long)attempts;
        last = number;
        found++;
    }
    dlg_iterator_free(walk);
    wrong += found < acknowledged ? acknowledged - found : 0;
    wrong += found > attempts ? found - attempts : 0;
    return wrong;
}

uint64_t load_count_wrong(struct load *load, dlg_client *client)
{
    uint64_t wrong = 0;
    for (int i = 0; i < load->writers; i++)
        for (int to = 0; to < RECIPIENTS; to++)
            wrong += dialog_wrong(load, client, &load->writer[i], to);
    return wrong;
}

void load_free(struct load *load)
{
    pthread_mutex_destroy(&load->lock);
    free(load->writer);
    free(load->reader);
    free(load);
}

void load_judge(struct load *load, dlg_client *client, struct load_result *result)
{
    load_stop(load, result);
    uint64_t wrong = load_count_wrong(load, client);
    if (result->failed || result->unseen || wrong)
        fail_msg("%llu requests failed, %llu pages were wrong, %llu messages are wrong in the end; first: %s",
                 (unsigned long long)result->failed, (unsigned long long)result->unseen, (unsigned long long)wrong,
                 result->error);
}

void load_finish(struct load *load, dlg_client *client, const char *what)
{
    struct load_result result;
    load_judge(load, client, &result);
    printf("%s: %llu sent, %llu listed, longest pause of a writer %.2f s\n", what, (unsigned long long)result.sent,
           (unsigned long long)result.listed, (double)result.pause_us / 1e6);
    load_free(load);
    dlg_close(NULL, client, 0);
}
