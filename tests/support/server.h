/*
 * server.h - a real private PostgreSQL server for one test program, on a unix socket and on a free
 * port of 127.0.0.1. It is gone, with its files, when the test program is, however that ends.
 *
 *   struct test_server *server = test_server_start(NULL);
 *   assert_non_null(server);
 *   ... test_server_conninfo(server) ...
 *   test_server_free(server);
 *
 * What fails says why on the error stream. The servers speak the language of the environment variable TEST_LC_MESSAGES
 * (`TEST_LC_MESSAGES=ru_RU.UTF-8 ./dev test`), whose locale the system must have.
 */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct test_server_options {
    bool fsync;       /* off is faster, and as safe as long as the machine itself does not crash */
    bool tls;         /* TCP takes TLS only, with a certificate for localhost and 127.0.0.1 */
    const char *role; /* a role that owns the database, and has to give its password (SCRAM); NULL: none */
    const char *password;
    const char *configuration; /* lines for postgresql.conf, or NULL */
    const char *preload;       /* a shared object for the server's processes (LD_PRELOAD), or NULL */
};

struct test_server;

/* Starts a server and waits until it accepts connections. NULL options: all false and NULL. NULL when it fails. */
struct test_server *test_server_start(const struct test_server_options *options);

/* How to connect, as the role or else as a superuser: through the socket, or TCP. */
const char *test_server_conninfo(const struct test_server *server);
const char *test_server_conninfo_tcp(const struct test_server *server);

/* How to connect as a superuser, through the socket. */
const char *test_server_conninfo_admin(const struct test_server *server);

/* Parts of the same: the socket's directory, the port, and the certificate with `tls`. */
const char *test_server_directory(const struct test_server *server);
int test_server_port(const struct test_server *server);
const char *test_server_certificate(const struct test_server *server);

/* Runs SQL as a superuser. */
bool test_server_execute(const struct test_server *server, const char *sql);

bool test_server_stop(struct test_server *server);    /* fast: connections are ended, commits are kept */
bool test_server_kill(struct test_server *server);    /* SIGKILL to all its processes at once */
bool test_server_restart(struct test_server *server); /* same port, same data; also after a stop or a kill */
bool test_server_move(struct test_server *server);    /* the same on another port; conninfos are new */
bool test_server_freeze(struct test_server *server);  /* SIGSTOP to all its processes: it is silent, not gone */
bool test_server_thaw(struct test_server *server);

/* How many bytes the server's data may still grow by; 0: its disk is full. For servers that disk.c is preloaded into.
 */
bool test_server_limit_space(const struct test_server *server, int64_t bytes);

/* Ends the server and removes its files. NULL is fine. Also done when the program exits. */
void test_server_free(struct test_server *server);

#endif
