/* server_files.h - what a test server has on the disk. */
#ifndef TEST_SERVER_FILES_H
#define TEST_SERVER_FILES_H

#include "embedded/account.h"
#include "embedded/postgres.h"
#include "server.h"

struct server_files {
    struct postgres postgres; /* these two are the caller's to fill */
    struct account account;
    char directory[64]; /* the socket, the certificate, the log */
    char data[80];
    char certificate[80];
    char preload[80]; /* a copy that the server's user can read; "" when there is none */
};

bool server_files_make(struct server_files *files, const struct test_server_options *options);

/* See disk.c. */
bool server_files_limit_space(const struct server_files *files, int64_t bytes);

/* The server's first process, as it wrote it down; 0 when it did not. */
pid_t server_files_process(const struct server_files *files);

void server_files_show_log(const struct server_files *files);

/* After the server's end. */
void server_files_remove(const struct server_files *files);

#endif
