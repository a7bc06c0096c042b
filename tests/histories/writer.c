/* The writer: sends with and without a key, in bursts, and in answer to what it has just read. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BURST = 30,
    TEXT = 40,
    FATE_POSSIBLY_WRITTEN = 1,
    RETRY_SOON_US = 300000,
    RETRY_LATE_US = 14000000,  /* an orphan of the first attempt may have arrived by then */
    RETRY_LIMIT_US = 120000000 /* after that, an ambiguous send stays one */
};

struct sending {
    struct recorder *recorder;
    int author, recipient, number, attempt, burst;
    int64_t answers; /* the id of the message that this one answers; 0: none */
    bool keyed;
    char text[TEXT];
};

/* ---- The log -------------------------------------------------------------------------------- */

static void log_begin(const struct sending *sending)
{
    journal_write(
        sending->recorder->journal,
        "\"t\":\"send\",\"n\":%d,\"try\":%d,\"f\":%d,\"to\":%d,\"key\":%d,\"pipe\":%d,\"ans\":%lld,\"b\":%lld",
        sending->number, sending->attempt, sending->author, sending->recipient, sending->keyed, sending->burst,
        (long long)sending->answers, (long long)journal_now_us());
}

static void log_end(const struct sending *sending, const struct outcome *outcome)
{
    long long now = journal_now_us();
    if (outcome->code == 0)
        journal_write(sending->recorder->journal,
                      "\"t\":\"sent\",\"n\":%d,\"try\":%d,\"e\":%lld,\"c\":0,\"dup\":%d,\"id\":%lld,\"at\":%lld",
                      sending->number, sending->attempt, now, outcome->duplicate, (long long)outcome->id,
                      (long long)outcome->created_us);
    else
        journal_write(sending->recorder->journal,
                      "\"t\":\"sent\",\"n\":%d,\"try\":%d,\"e\":%lld,\"c\":%d,\"fate\":%d,\"why\":\"%s\"",
                      sending->number, sending->attempt, now, outcome->code, outcome->fate, outcome->reason);
}

/* ---- Single sends --------------------------------------------------------------------------- */

static struct sending new_sending(struct worker *worker, int author, int recipient)
{
    struct recorder *recorder = worker->recorder;
    struct sending sending = {.recorder = recorder, .author = author, .recipient = recipient};
    sending.number = atomic_fetch_add(&recorder->next_message, 1);
    snprintf(sending.text, sizeof sending.text, "%d.%d", recorder->process, sending.number);
    return sending;
}

static struct message message_of(const struct sending *sending)
{
    return (struct message){sending->author, sending->recipient, sending->text, sending->keyed ? sending->text : NULL};
}

static void send_once(struct sending *sending, struct outcome *outcome)
{
    struct message message = message_of(sending);
    log_begin(sending);
    api_send(sending->recorder->api, &message, outcome);
    log_end(sending, outcome);
    sending->attempt++;
}

/* With a key, until the answer says what has become of the message. */
static void send_until_known(struct sending *sending)
{
    struct outcome outcome;
    int64_t began_us = journal_now_us();
    send_once(sending, &outcome);
    while (sending->keyed && outcome.code != 0 && journal_now_us() - began_us < RETRY_LIMIT_US) {
        if (outcome.fate != FATE_POSSIBLY_WRITTEN && recorder_ending(sending->recorder))
            return;
        bool late = outcome.fate == FATE_POSSIBLY_WRITTEN && !sending->burst && sending->number % 2;
        sleep_us(late ? RETRY_LATE_US : RETRY_SOON_US);
        send_once(sending, &outcome);
    }
}

static void send_single(struct worker *worker, int author, int recipient)
{
    struct sending sending = new_sending(worker, author, recipient);
    sending.keyed = worker_random(worker, 2);
    send_until_known(&sending);
}

/* ---- Answers -------------------------------------------------------------------------------- */

static void send_answer(struct worker *worker, int author, int recipient)
{
    struct recorder *recorder = worker->recorder;
    struct range range = {.user = author, .peer = recipient, .limit = 1 + worker_random(worker, 20)};
    struct view view = {0};
    char begin[160];
    int64_t began_us = journal_now_us();
    api_list(recorder->api, &range, &view);
    snprintf(begin, sizeof begin, "\"t\":\"list\",\"u\":%d,\"w\":%d,\"b\":%lld,\"e\":%lld", author, recipient,
             (long long)began_us, (long long)journal_now_us());
    journal_write_view(recorder->journal, begin, &view);
    if (view.outcome.code != 0 || view.count == 0)
        return;
    struct sending sending = new_sending(worker, author, recipient);
    sending.answers = view.entries[view.count - 1].id;
    sending.keyed = worker_random(worker, 2);
    send_until_known(&sending);
}

/* ---- Bursts --------------------------------------------------------------------------------- */

struct burst {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int pending;
};

struct burst_item {
    struct sending sending;
    struct burst *burst;
    struct outcome outcome;
};

static void on_sent(const struct outcome *outcome, void *payload)
{
    struct burst_item *item = payload;
    log_end(&item->sending, outcome);
    item->sending.attempt++;
    item->outcome = *outcome;
    pthread_mutex_lock(&item->burst->lock);
    if (--item->burst->pending == 0)
        pthread_cond_signal(&item->burst->done);
    pthread_mutex_unlock(&item->burst->lock);
}

static void wait_for_burst(struct burst *burst)
{
    pthread_mutex_lock(&burst->lock);
    while (burst->pending > 0)
        pthread_cond_wait(&burst->done, &burst->lock);
    pthread_mutex_unlock(&burst->lock);
}

/* Many sends to one recipient without waiting for answers: they keep their order. */
static void send_burst(struct worker *worker, int author, int recipient)
{
    struct burst burst = {.pending = 2 + worker_random(worker, BURST - 1)};
    struct burst_item items[BURST];
    int count = burst.pending, keyed = worker_random(worker, 2);
    pthread_mutex_init(&burst.lock, NULL);
    pthread_cond_init(&burst.done, NULL);
    for (int i = 0; i < count; i++) {
        items[i] = (struct burst_item){.sending = new_sending(worker, author, recipient), .burst = &burst};
        items[i].sending.keyed = keyed;
        items[i].sending.burst = items[0].sending.number + 1;
        struct message message = message_of(&items[i].sending);
        log_begin(&items[i].sending);
        api_send_async(worker->recorder->api, &message, on_sent, &items[i]);
    }
    wait_for_burst(&burst);
    for (int i = 0; i < count; i++)
        if (keyed && items[i].outcome.code != 0)
            send_until_known(&items[i].sending);
    pthread_cond_destroy(&burst.done);
    pthread_mutex_destroy(&burst.lock);
}

/* ---- The role ------------------------------------------------------------------------------- */

static void send_something(struct worker *worker, bool answers)
{
    int users = worker->recorder->users;
    int author = worker_random(worker, users), recipient = worker_random(worker, users);
    int dice = worker_random(worker, 10);
    if (dice == 0)
        send_burst(worker, author, recipient);
    else if (dice < 4 && answers)
        send_answer(worker, author, recipient);
    else
        send_single(worker, author, recipient);
}

void write_messages(struct worker *worker)
{
    do
        send_something(worker, true);
    while (worker_pause(worker));
}

/* What its client reads would tell it of the time of others. */
void send_messages(struct worker *worker)
{
    do
        send_something(worker, false);
    while (worker_pause(worker));
}
