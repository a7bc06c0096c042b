#include "dialogs/credential.h"

#include "base/text.h"
#include "engine/complete.h"
#include "engine/submit.h"

#include <errno.h>
#include <string.h>

int password_check(const char *password, size_t *length, dlg_error **error)
{
    if (!password)
        return error_set(error, DLG_E_ARGUMENT, "no password given");
    if (*length == DLG_NTS)
        *length = strlen(password);
    if (*length == 0)
        return error_set(error, DLG_E_ARGUMENT, "the password is empty");
    if (*length > DLG_PASSWORD_LIMIT)
        return error_set(error, DLG_E_TOO_LARGE, "a password has at most %d bytes", DLG_PASSWORD_LIMIT);
    return DLG_OK;
}

/* Code points; of what is not UTF-8 bytes. */
static int64_t count_characters(const char *text, size_t length)
{
    int64_t count = 0;
    if (!text_is_valid(text, length))
        return (int64_t)length;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

int password_check_new(const dlg_settings *settings, const char *password, size_t *length, dlg_error **error)
{
    int code = password_check(password, length, error);
    if (code == DLG_OK && count_characters(password, *length) < settings->password_minimum)
        return error_set(error, DLG_E_ARGUMENT, "the password is too short; give at least %lld characters",
                         (long long)settings->password_minimum);
    return code;
}

static void compare(struct credential *credential, const dlg_settings *settings)
{
    const char *hash = *credential->hash ? credential->hash : NULL;
    errno = 0;
    credential->matches = password_verify(hash, credential->password, credential->length, settings);
    if (!credential->matches && errno == ENOMEM)
        error_set(&credential->error, DLG_E_MEMORY, "not enough memory to check a password");
    if (credential->matches && password_outdated(settings, credential->hash))
        credential->renewed =
            password_hash(settings, credential->password, credential->length, credential->hash, NULL) == DLG_OK;
}

static struct credential *credential_of(struct job *job)
{
    return (struct credential *)((char *)job - offsetof(struct credential, job));
}

static void credential_run(struct job *job, bool cancelled)
{
    struct credential *credential = credential_of(job);
    const dlg_settings *settings = credential->request->engine->settings;
    if (cancelled && atomic_load(&credential->request->engine->closing))
        error_set(&credential->error, DLG_E_CLOSED, "the client was closed before the request was done");
    else if (cancelled)
        error_set(&credential->error, DLG_E_TIMEOUT, "the deadline passed before the password's turn came");
    else if (credential->compare)
        compare(credential, settings);
    else
        password_hash(settings, credential->password, credential->length, credential->hash, &credential->error);
    sodium_memzero(credential->password, credential->length);
}

static void credential_tell(struct job *job)
{
    engine_resume(credential_of(job)->request);
}

void credential_start(struct credential *credential, struct request *request, bool compare_hash)
{
    credential->request = request;
    credential->compare = compare_hash;
    credential->job.run = credential_run;
    credential->job.tell = credential_tell;
    credential->job.deadline_us = request->deadline_us;
    engine_expect(request);
    if (workers_submit(client_of(request)->workers, &credential->job))
        return;
    request->outstanding--;
    dlg_error *error = NULL;
    if (atomic_load(&request->engine->closing))
        error_set(&error, DLG_E_CLOSED, "the client was closed before the request was done");
    else
        error_set(&error, DLG_E_OVERLOAD, "too many passwords are being checked: try again later");
    request_complete(request, error);
    request_release(request);
}

bool credential_failed(struct credential *credential)
{
    dlg_error *error = credential->error;
    if (!error)
        return false;
    credential->error = NULL;
    request_complete(credential->request, error);
    return true;
}

void credential_clear(struct credential *credential)
{
    if (credential->password)
        sodium_memzero(credential->password, credential->length);
    sodium_memzero(credential->hash, sizeof credential->hash);
    dlg_error_free(credential->error);
}
