#include "bulk/archive_writer.h"

#include "base/error.h"
#include "bulk/archive_scan.h"

#include <errno.h>
#include <limits.h>
#include <msgpack.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLUSH_SIZE = 64 * 1024 };

struct archive_writer {
    int fd;
    bool waits; /* for room, before it writes: a pipe, a socket */
    const struct patience *patience;
    bool failed; /* no memory for what was packed */
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    crypto_generichash_state hash;
    dlg_progress done;
};

/* ---- Bytes out ---- */

static int pack_bytes(void *data, const char *bytes, size_t size)
{
    struct archive_writer *writer = data;
    if (msgpack_sbuffer_write(&writer->buffer, bytes, size) != 0)
        writer->failed = true;
    return writer->failed ? -1 : 0;
}

static int write_all(const struct archive_writer *writer, const char *bytes, size_t size, dlg_error **error)
{
    int code = DLG_OK;
    while (code == DLG_OK && size > 0) {
        if (writer->waits)
            code = patience_await(writer->patience, writer->fd, POLLOUT, error);
        if (code != DLG_OK)
            break;
        ssize_t written = write(writer->fd, bytes, writer->waits && size > PIPE_BUF ? PIPE_BUF : size);
        if (written >= 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (errno != EINTR && errno != EAGAIN) {
            code = error_set(error, DLG_E_FILE, "cannot write the archive: %s", strerror(errno));
        }
    }
    return code;
}

static int flush(struct archive_writer *writer, dlg_error **error)
{
    if (writer->failed)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    crypto_generichash_update(&writer->hash, (const unsigned char *)writer->buffer.data, writer->buffer.size);
    int code = write_all(writer, writer->buffer.data, writer->buffer.size, error);
    writer->done.bytes += writer->buffer.size;
    msgpack_sbuffer_clear(&writer->buffer);
    return code;
}

/* After each record, which began at `start` of the buffer. */
static int finish_record(struct archive_writer *writer, size_t start, dlg_error **error)
{
    if (writer->buffer.size - start > ARCHIVE_OBJECT_LIMIT)
        return error_set(error, DLG_E_TOO_LARGE, "a row is larger than %d bytes, the limit of an archive: shorten it",
                         ARCHIVE_OBJECT_LIMIT);
    return writer->failed || writer->buffer.size >= FLUSH_SIZE ? flush(writer, error) : DLG_OK;
}

/* ---- Values ---- */

static void pack_text(msgpack_packer *packer, const char *text, size_t length)
{
    msgpack_pack_str(packer, length);
    msgpack_pack_str_body(packer, text, length);
}

static void pack_optional(msgpack_packer *packer, const char *text)
{
    if (text)
        pack_text(packer, text, strlen(text));
    else
        msgpack_pack_nil(packer);
}

static void pack_uuid(msgpack_packer *packer, const dlg_uuid *uuid)
{
    msgpack_pack_bin(packer, sizeof uuid->bytes);
    msgpack_pack_bin_body(packer, uuid->bytes, sizeof uuid->bytes);
}

/* PostgreSQL's two infinities are the ends of the range. */
static void pack_time(msgpack_packer *packer, int64_t us)
{
    enum { SECOND_US = 1000000 };
    int64_t below = us % SECOND_US < 0;
    msgpack_timestamp time = {.tv_sec = us / SECOND_US - below,
                              .tv_nsec = (uint32_t)(us % SECOND_US + below * SECOND_US) * 1000};
    if (us == INT64_MAX || us == INT64_MIN)
        time = (msgpack_timestamp){.tv_sec = us};
    msgpack_pack_timestamp(packer, &time);
}

/* ---- Records ---- */

static void pack_header(msgpack_packer *packer, int64_t created_us)
{
    msgpack_pack_map(packer, 4);
    pack_optional(packer, "magic");
    pack_optional(packer, ARCHIVE_MAGIC);
    pack_optional(packer, "format");
    msgpack_pack_int(packer, ARCHIVE_FORMAT);
    pack_optional(packer, "created");
    pack_time(packer, created_us);
    pack_optional(packer, "library");
    pack_optional(packer, dlg_version());
}

/* A regular file has room; what is no file at all says so when it is written. */
static bool is_awaited(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && !S_ISREG(status.st_mode);
}

void archive_writer_wait(struct archive_writer *writer, const struct patience *patience)
{
    writer->patience = patience;
}

struct archive_writer *archive_writer_new(int fd, int64_t created_us)
{
    static const struct patience endless = {.deadline_us = INT64_MAX};
    struct archive_writer *writer = aligned_alloc(_Alignof(struct archive_writer), sizeof *writer);
    if (!writer)
        return NULL;
    memset(writer, 0, sizeof *writer);
    writer->fd = fd;
    writer->waits = is_awaited(fd);
    writer->patience = &endless;
    writer->done.version = DLG_PROGRESS_VERSION;
    msgpack_sbuffer_init(&writer->buffer);
    msgpack_packer_init(&writer->packer, writer, pack_bytes);
    crypto_generichash_init(&writer->hash, NULL, 0, ARCHIVE_HASH_SIZE);
    pack_header(&writer->packer, created_us);
    return writer;
}

void archive_writer_free(struct archive_writer *writer)
{
    if (writer)
        msgpack_sbuffer_destroy(&writer->buffer);
    free(writer);
}

int archive_writer_user(struct archive_writer *writer, const dlg_user *user, const char *password_hash,
                        dlg_error **error)
{
    msgpack_packer *packer = &writer->packer;
    size_t start = writer->buffer.size;
    msgpack_pack_array(packer, ARCHIVE_USER_SIZE);
    msgpack_pack_int(packer, ARCHIVE_USER);
    pack_uuid(packer, &user->id);
    pack_optional(packer, password_hash);
    pack_optional(packer, user->first_name);
    pack_optional(packer, user->second_name);
    pack_optional(packer, user->birthdate);
    pack_optional(packer, user->biography);
    pack_optional(packer, user->city);
    pack_time(packer, user->created_us);
    writer->done.users++;
    return finish_record(writer, start, error);
}

int archive_writer_message(struct archive_writer *writer, const dlg_message *message, dlg_error **error)
{
    msgpack_packer *packer = &writer->packer;
    size_t start = writer->buffer.size;
    msgpack_pack_array(packer, ARCHIVE_MESSAGE_SIZE);
    msgpack_pack_int(packer, ARCHIVE_MESSAGE);
    msgpack_pack_int64(packer, message->id);
    pack_uuid(packer, &message->author);
    pack_uuid(packer, &message->recipient);
    pack_text(packer, message->text, message->length);
    pack_time(packer, message->created_us);
    if (message->updated_us)
        pack_time(packer, message->updated_us);
    else
        msgpack_pack_nil(packer);
    writer->done.messages++;
    return finish_record(writer, start, error);
}

int archive_writer_end(struct archive_writer *writer, dlg_error **error)
{
    msgpack_packer *packer = &writer->packer;
    msgpack_pack_array(packer, ARCHIVE_END_SIZE);
    msgpack_pack_int(packer, ARCHIVE_END);
    msgpack_pack_uint64(packer, writer->done.users);
    msgpack_pack_uint64(packer, writer->done.messages);
    int code = flush(writer, error);
    if (code != DLG_OK)
        return code;
    unsigned char hash[ARCHIVE_HASH_SIZE];
    crypto_generichash_final(&writer->hash, hash, sizeof hash);
    msgpack_pack_bin(packer, sizeof hash);
    msgpack_pack_bin_body(packer, hash, sizeof hash);
    return flush(writer, error);
}

void archive_writer_progress(const struct archive_writer *writer, dlg_progress *progress)
{
    *progress = writer->done;
    progress->bytes += writer->buffer.size;
}
