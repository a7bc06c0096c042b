#include "bulk/loader.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "base/versioned.h"
#include "bulk/copy_batch.h"
#include "client/client.h"
#include "dialogs/messages.h"
#include "dialogs/users.h"
#include "pg/sqlstate.h"
#include "pg/statement.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Large enough that a commit costs little beside its rows, small enough to be repeated lightly. */
enum { COPY_BATCH_ROWS = 10000, COPY_BATCH_BYTES = 8 * 1024 * 1024 };

struct dlg_loader {
    dlg_client *client;
    struct row_stream stream;
    struct copy_batch batch;
    bool insert;                     /* the last batch met rows that were there already */
    bool collects;                   /* conflicts are told by loader_conflicts(), not by each flush */
    struct copy_conflicts conflicts; /* not told yet */
    dlg_progress done;
    loader_tick tick; /* while it waits; or NULL */
    void *payload;
};

static int connect_loader(dlg_loader *loader, dlg_error **error)
{
    PGconn *connection = client_connect(loader->client, error);
    if (!connection)
        return dlg_error_code(*error);
    row_stream_open(&loader->stream, connection);
    return DLG_OK;
}

int dlg_loader_open(dlg_loader **loader, dlg_client *client, dlg_error **error)
{
    if (!client || !loader)
        return error_set(error, DLG_E_ARGUMENT,
                         "dlg_loader_open() needs a client and the address of a pointer for the loader");
    dlg_loader *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    made->client = client;
    made->done.version = DLG_PROGRESS_VERSION;
    copy_batch_init(&made->batch);
    dlg_error *failure = NULL;
    ADMIN_PLACE(place);
    int code = client_may_wait(client, &failure);
    if (code == DLG_OK)
        code = admin_enter(&client->admin, &place, &failure);
    if (code == DLG_OK)
        code = connect_loader(made, &failure);
    if (code != DLG_OK) {
        free(made);
        return error_give(error, failure);
    }
    *loader = made;
    return DLG_OK;
}

void dlg_loader_free(dlg_loader *loader)
{
    if (!loader)
        return;
    if (engine_is_forked(&loader->client->engine))
        row_stream_forget(&loader->stream);
    else
        row_stream_close(&loader->stream);
    copy_batch_free(&loader->batch);
    free(loader);
}

int dlg_loader_progress(dlg_progress *progress, const dlg_loader *loader)
{
    int code = loader ? versioned_check(&versioned_progress, progress, NULL) : DLG_E_ARGUMENT;
    if (code == DLG_OK)
        versioned_write(&versioned_progress, progress, &loader->done);
    return code;
}

/* ---- Sending a batch ---- */

/*
 * One attempt, with a second one by INSERT when COPY failed: a row may be there already. How an error
 * of COPY says so is not the same everywhere: from another node of Citus it has no SQLSTATE of its own.
 */
static enum copy_batch_outcome attempt(dlg_loader *loader, struct copy_batch_result *result, dlg_error **error)
{
    struct row_stream *stream = &loader->stream;
    *result = (struct copy_batch_result){0};
    if (!stream->conn && connect_loader(loader, error) != DLG_OK)
        return dlg_error_code(*error) == DLG_E_UNAVAILABLE ? COPY_BATCH_AGAIN : COPY_BATCH_REFUSED;
    enum copy_batch_outcome outcome = copy_batch_write(&loader->batch, stream, loader->insert, result, error);
    if (outcome == COPY_BATCH_DONE || outcome == COPY_BATCH_STOPPED || loader->insert ||
        PQstatus(stream->conn) != CONNECTION_OK)
        return outcome;
    loader->insert = true;
    return copy_batch_write(&loader->batch, stream, true, result, error);
}

/* With attempts on new connections: the old one may be lost, or lead to a server that was primary once. */
static enum copy_batch_outcome attempt_until_done(dlg_loader *loader, struct copy_batch_result *result,
                                                  dlg_error **error)
{
    enum copy_batch_outcome outcome = attempt(loader, result, error);
    /* From the first failure on, and in time alone: a node that comes back refuses at once until it is there. */
    int64_t deadline_us = clock_monotonic_us() + client_settings(loader->client)->open_timeout_ms * 1000;
    bool committing = result->committing;
    for (unsigned repeats = 0; outcome == COPY_BATCH_AGAIN && clock_monotonic_us() < deadline_us; repeats++) {
        row_stream_close(&loader->stream);
        admin_pause(&loader->client->admin, backoff_us(repeats, BACKOFF_LEAST_US, BACKOFF_MOST_US));
        outcome = attempt(loader, result, error);
        committing = committing || result->committing;
    }
    if (outcome == COPY_BATCH_STOPPED)
        row_stream_close(&loader->stream);
    if (outcome != COPY_BATCH_DONE)
        error_set_fate(*error, committing ? DLG_FATE_POSSIBLY_WRITTEN : DLG_FATE_NOT_WRITTEN);
    return outcome;
}

void loader_listen(dlg_loader *loader, loader_tick tick, void *payload)
{
    loader->tick = tick;
    loader->payload = payload;
}

static struct patience loader_patience(const dlg_loader *loader)
{
    struct patience patience = client_bulk_patience(loader->client);
    patience.tick = loader->tick;
    patience.payload = loader->payload;
    return patience;
}

static void keep_conflicts(dlg_loader *loader, const struct copy_conflicts *conflicts)
{
    if (!loader->conflicts.count)
        loader->conflicts = *conflicts;
    else
        loader->conflicts.count += conflicts->count;
    loader->done.conflicts += conflicts->count;
}

static void count_copied(dlg_loader *loader, const struct copy_batch_result *result)
{
    const struct copy_batch *batch = &loader->batch;
    size_t skipped = batch->users.count + batch->messages.count - result->written;
    loader->done.users += batch->users.count;
    loader->done.messages += batch->messages.count;
    loader->done.bytes += batch->users.size + batch->messages.size;
    loader->done.skipped += skipped - result->conflicts.count;
    loader->insert = skipped > 0;
    keep_conflicts(loader, &result->conflicts);
}

void loader_collect_conflicts(dlg_loader *loader)
{
    loader->collects = true;
}

int loader_conflicts(dlg_loader *loader, dlg_error **error)
{
    int code = copy_conflicts_error(&loader->conflicts, error);
    loader->conflicts = (struct copy_conflicts){0};
    return code;
}

int dlg_loader_flush(dlg_loader *loader, dlg_error **error)
{
    if (!loader)
        return error_set(error, DLG_E_ARGUMENT, "dlg_loader_flush() needs a loader");
    int code = client_may_wait(loader->client, error);
    if (code != DLG_OK || (!loader->batch.users.count && !loader->batch.messages.count))
        return code;
    dlg_error *failure = NULL;
    struct copy_batch_result result = {0};
    ADMIN_PLACE(place);
    code = admin_enter(&loader->client->admin, &place, error);
    if (code != DLG_OK)
        return code;
    loader->stream.patience = loader_patience(loader);
    enum copy_batch_outcome outcome = attempt_until_done(loader, &result, &failure);
    if (outcome != COPY_BATCH_DONE)
        return error_give(error, failure);
    dlg_error_free(failure);
    count_copied(loader, &result);
    copy_batch_clear(&loader->batch);
    return loader->collects ? DLG_OK : loader_conflicts(loader, error);
}

/* Before a row is taken, so that a failure leaves the row with the caller. */
static int make_room(dlg_loader *loader, dlg_error **error)
{
    const struct copy_batch *batch = &loader->batch;
    if (batch->users.count + batch->messages.count < COPY_BATCH_ROWS &&
        batch->users.size + batch->messages.size < COPY_BATCH_BYTES)
        return DLG_OK;
    return dlg_loader_flush(loader, error);
}

/* ---- Rows ---- */

static struct copy_buffer_value text_value(const char *text)
{
    return (struct copy_buffer_value){text, text ? strlen(text) : 0};
}

/* A moment that PostgreSQL can hold: from 4713 BC to 294276 AD. */
static bool time_fits(int64_t us)
{
    int64_t timestamp = timestamp_from_us(us);
    return timestamp >= INT64_C(-211813488000000000) && timestamp < INT64_C(9223371331200000000);
}

/* The same, or one of its two infinities. */
static bool time_restores(int64_t us)
{
    return us == INT64_MAX || us == INT64_MIN || time_fits(us);
}

int loader_restore_message(dlg_loader *loader, const dlg_message *message, dlg_error **error)
{
    if (!time_restores(message->created_us) || !time_restores(message->updated_us))
        return error_set(error, DLG_E_ARGUMENT, "message time is out of range");
    int code = make_room(loader, error);
    if (code != DLG_OK)
        return code;
    char id[8], created[8], updated[8];
    put_int64(id, message->id);
    put_int64(created, timestamp_from_us(message->created_us));
    put_int64(updated, timestamp_from_us(message->updated_us));
    const struct copy_buffer_value values[] = {
        {id, sizeof id},
        {message->author.bytes, sizeof message->author.bytes},
        {message->recipient.bytes, sizeof message->recipient.bytes},
        {message->text, message->length},
        {created, sizeof created},
        {message->updated_us ? updated : NULL, sizeof updated},
    };
    code = copy_buffer_add(&loader->batch.messages, values, error);
    if (code == DLG_OK && message->id < COPY_BATCH_SEQUENCE_END && message->id > loader->batch.sequence_id)
        loader->batch.sequence_id = message->id;
    return code;
}

int dlg_loader_message(dlg_loader *loader, const dlg_message_input *message, dlg_error **error)
{
    if (!loader)
        return error_set(error, DLG_E_ARGUMENT, "dlg_loader_message() needs a loader");
    dlg_message row;
    struct message_key key;
    int code = message_from_caller(&row, &key, message, error);
    if (code == DLG_OK)
        code = message_check(loader->client, &row.author, &row.recipient, row.text, &row.length, error);
    if (code != DLG_OK)
        return code;
    if (row.id && key.text)
        return error_set(error, DLG_E_ARGUMENT, "a message has an id or a key, not both");
    if (row.id < 0 || !time_fits(row.created_us) || !time_fits(row.updated_us))
        return error_set(error, DLG_E_ARGUMENT, "message id is negative, or message time is out of range");
    struct clock *clock = client_clock(loader->client);
    if (key.text)
        row.id = message_keyed_id(&row.author, &row.recipient, &key, 0);
    if (!row.id || !row.created_us) {
        int64_t moment = clock_next(clock);
        row.id = row.id ? row.id : clock_id(moment);
        row.created_us = row.created_us ? row.created_us : moment;
    }
    clock_observe(clock, row.created_us);
    return loader_restore_message(loader, &row, error);
}

/* "YYYY-MM-DD" as PostgreSQL counts days, from 2000-01-01. */
static bool date_days(const char *date, int32_t *days)
{
    struct tm time = {0};
    const char *end = strptime(date, "%Y-%m-%d", &time);
    if (!end || *end)
        return false;
    enum { DAY_S = 86400, DAYS_TO_2000 = 10957 };
    *days = (int32_t)(timegm(&time) / DAY_S) - DAYS_TO_2000;
    return true;
}

int loader_restore_user(dlg_loader *loader, const dlg_user *user, const char *password_hash, dlg_error **error)
{
    char born[4], created[8];
    int32_t days = 0;
    bool has_birthdate = user->birthdate && *user->birthdate;
    if (has_birthdate && !date_days(user->birthdate, &days))
        return error_set(error, DLG_E_ARGUMENT, "\"%s\" is not a date: write YYYY-MM-DD", user->birthdate);
    if (!time_restores(user->created_us))
        return error_set(error, DLG_E_ARGUMENT, "user time is out of range");
    int code = make_room(loader, error);
    if (code != DLG_OK)
        return code;
    put_int32(born, days);
    put_int64(created, timestamp_from_us(user->created_us));
    const struct copy_buffer_value values[] = {
        {user->id.bytes, sizeof user->id.bytes},
        text_value(password_hash ? password_hash : ""),
        text_value(user->first_name),
        text_value(user->second_name),
        {has_birthdate ? born : NULL, sizeof born},
        text_value(user->biography),
        text_value(user->city),
        {created, sizeof created},
    };
    return copy_buffer_add(&loader->batch.users, values, error);
}

/* The shape that crypto_pwhash_str() makes; above all this keeps a plain password out of the table. */
static bool is_hash(const char *text)
{
    size_t length = strnlen(text, crypto_pwhash_STRBYTES);
    return length < crypto_pwhash_STRBYTES && strncmp(text, "$argon2", 7) == 0;
}

int dlg_loader_user(dlg_loader *loader, const dlg_user *user, const char *password_hash, dlg_error **error)
{
    if (!loader || !user)
        return error_set(error, DLG_E_ARGUMENT, "dlg_loader_user() needs a loader and a user");
    dlg_user row;
    int code = user_from_caller(&row, user, error);
    if (code != DLG_OK)
        return code;
    if (password_hash && !is_hash(password_hash))
        return error_set(error, DLG_E_ARGUMENT, "malformed password hash: make one with dlg_password_hash()");
    row.first_name = row.first_name ? row.first_name : ""; /* names are searched, so that they are never NULL */
    row.second_name = row.second_name ? row.second_name : "";
    if (uuid_is_nil(&row.id))
        dlg_uuid_random(&row.id);
    if (!row.created_us)
        row.created_us = clock_next(client_clock(loader->client));
    return loader_restore_user(loader, &row, password_hash, error);
}
