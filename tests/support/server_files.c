#include "server_files.h"

#include "embedded/directory.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const struct server_files *files, const char *what)
{
    fprintf(stderr, "test server in %s: %s\n", files->directory, what);
    return false;
}

static bool write_file(const struct server_files *files, const char *name, const char *mode, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", files->data, name);
    FILE *file = fopen(path, mode);
    bool written = file && fputs(text, file) >= 0;
    if (file && fclose(file) != 0)
        written = false;
    return written || complain(files, strerror(errno));
}

static bool write_access(const struct server_files *files, const struct test_server_options *options)
{
    char text[512];
    const char *method = options->role ? "scram-sha-256" : "trust";
    snprintf(text, sizeof text, "local all %s trust\nlocal all all %s\n%s all all 127.0.0.1/32 %s\n",
             POSTGRES_SUPERUSER, method, options->tls ? "hostssl" : "host", method);
    return write_file(files, "pg_hba.conf", "we", text);
}

static bool write_settings(const struct server_files *files, const struct test_server_options *options)
{
    char text[1024];
    snprintf(text, sizeof text,
             "listen_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\nfsync = %s\n"
             "max_wal_size = '256MB'\nshared_buffers = '32MB'\nssl = %s\n"
             "ssl_cert_file = '%s'\nssl_key_file = '%s/server.key'\n",
             files->directory, options->fsync ? "on" : "off", options->tls ? "on" : "off", files->certificate,
             files->directory);
    const char *more = options->configuration ? options->configuration : "";
    char language[128] = "";
    const char *messages = getenv("TEST_LC_MESSAGES");
    if (messages)
        snprintf(language, sizeof language, "lc_messages = '%s'\n", messages);
    return write_file(files, "postgresql.conf", "ae", text) && write_file(files, "postgresql.conf", "ae", language) &&
           write_file(files, "postgresql.conf", "ae", more);
}

static bool make_certificate(const struct server_files *files)
{
    char key[128];
    snprintf(key, sizeof key, "%s/server.key", files->directory);
    const char *arguments[] = {"/usr/bin/openssl",
                               "req",
                               "-x509",
                               "-newkey",
                               "ec",
                               "-pkeyopt",
                               "ec_paramgen_curve:prime256v1",
                               "-nodes",
                               "-days",
                               "2",
                               "-subj",
                               "/CN=localhost",
                               "-addext",
                               "subjectAltName=DNS:localhost,IP:127.0.0.1",
                               "-keyout",
                               key,
                               "-out",
                               files->certificate,
                               NULL};
    return template_run(arguments, &files->account);
}

static bool copy_preload(struct server_files *files, const char *from)
{
    snprintf(files->preload, sizeof files->preload, "%s/preload.so", files->directory);
    const char *arguments[] = {"/usr/bin/install", "-m", "755", from, files->preload, NULL};
    return template_run(arguments, NULL);
}

bool server_files_make(struct server_files *files, const struct test_server_options *options)
{
    char place[] = "/tmp/dialogs-test-XXXXXX";
    if (!mkdtemp(place))
        return complain(files, strerror(errno));
    snprintf(files->directory, sizeof files->directory, "%s", place);
    if (geteuid() == 0 && chown(place, files->account.uid, files->account.gid) < 0)
        return complain(files, strerror(errno));
    snprintf(files->data, sizeof files->data, "%s/data", place);
    snprintf(files->certificate, sizeof files->certificate, "%s/server.crt", place);
    return template_copy(&files->postgres, &files->account, files->data) &&
           (!options->tls || make_certificate(files)) && (!options->preload || copy_preload(files, options->preload)) &&
           write_access(files, options) && write_settings(files, options);
}

/* Written in one piece, for the processes that have it mapped. */
bool server_files_limit_space(const struct server_files *files, int64_t bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/space", files->directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool written = fd >= 0 && fchmod(fd, 0666) == 0 && pwrite(fd, &bytes, sizeof bytes, 0) == sizeof bytes;
    if (!written)
        complain(files, strerror(errno));
    if (fd >= 0)
        close(fd);
    return written;
}

/* Numbers in postmaster.pid: line 1 is the process, line 7 the key and the id of its shared memory. */
static bool read_pid_file(const struct server_files *files, pid_t *process, int *memory)
{
    char path[160], line[256];
    snprintf(path, sizeof path, "%s/postmaster.pid", files->data);
    FILE *file = fopen(path, "re");
    *process = 0;
    *memory = -1;
    for (int number = 1; file && fgets(line, sizeof line, file); number++) {
        if (number == 1)
            *process = (pid_t)strtol(line, NULL, 10);
        if (number == 7)
            sscanf(line, "%*d %d", memory);
    }
    if (file)
        fclose(file);
    return *process > 0;
}

pid_t server_files_process(const struct server_files *files)
{
    pid_t process;
    int memory;
    return read_pid_file(files, &process, &memory) ? process : 0;
}

void server_files_show_log(const struct server_files *files)
{
    char path[128], line[512];
    snprintf(path, sizeof path, "%s/log", files->directory);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        fputs(line, stderr);
    if (file)
        fclose(file);
}

/* A killed server leaves a piece of shared memory behind, which only its successor would remove. */
void server_files_remove(const struct server_files *files)
{
    pid_t process;
    int memory;
    if (!*files->directory)
        return;
    if (read_pid_file(files, &process, &memory) && memory >= 0)
        shmctl(memory, IPC_RMID, NULL);
    directory_remove(AT_FDCWD, files->directory);
}
