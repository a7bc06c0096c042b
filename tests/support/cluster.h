/*
 * cluster.h - a real Citus cluster for one test program: a coordinator (node 0) and workers (from node 1 on), each a
 * test_server with trust on 127.0.0.1. It is gone, with its files, when the test program is, however that ends.
 *
 *   int main(void)
 *   {
 *       if (!test_cluster_available())
 *           return test_cluster_skip();
 *       ...
 *   }
 *   struct test_cluster *cluster = test_cluster_start(2, NULL);
 *   assert_non_null(cluster);
 *   ... test_cluster_conninfo(cluster, 0) ...
 *   test_server_kill(test_cluster_server(cluster, 1));
 *   test_cluster_free(cluster);
 *
 * What fails says why on the error stream. SQL is a format of printf, and runs as a superuser.
 */
#ifndef TEST_CLUSTER_H
#define TEST_CLUSTER_H

#include "server.h"

#include <stdint.h>

enum { TEST_CLUSTER_NODES = 16 }; /* most nodes, with the coordinator */

struct test_cluster_options {
    const char *wal_level; /* of every node; NULL: logical, without which shards cannot move under load */
    /*
     * The address of workers in Citus's metadata; NULL: 127.0.0.1. A name below .test, or an address 192.0.2.*,
     * leads the nodes to each other and the test program nowhere.
     */
    const char *worker_host;
    const char *configuration; /* more lines for each node's postgresql.conf, or NULL */
    bool disks;                /* test_server_limit_space() works for the nodes; not with `worker_host` */
    bool clocks; /* a node's clock is as FAKETIME says when it starts (faketime(1): "+5s"); where libfaketime is */
    bool fsync;
};

struct test_cluster;

/* Whether this machine's PostgreSQL has the Citus extension. */
bool test_cluster_available(void);

/* Says that tests were skipped, and why; what main() returns then, and ctest takes for "skipped". */
int test_cluster_skip(void);

/* Starts a coordinator and this many workers, registered. NULL options: all false and NULL. NULL when it fails. */
struct test_cluster *test_cluster_start(int workers, const struct test_cluster_options *options);

/* Starts another worker; its node, or -1. Until it is registered the cluster does not know it. */
int test_cluster_add(struct test_cluster *cluster);
bool test_cluster_register(struct test_cluster *cluster, int node);

/* How many nodes were started so far, with the coordinator. */
int test_cluster_count(const struct test_cluster *cluster);

/* A node's server: to stop, kill, restart, freeze or move it. */
struct test_server *test_cluster_server(const struct test_cluster *cluster, int node);

/* How to connect to a node, by TCP. */
const char *test_cluster_conninfo(const struct test_cluster *cluster, int node);

/* Tells the cluster the present port of a worker that was moved, and waits until every node knows it. */
bool test_cluster_announce(struct test_cluster *cluster, int node);

/* Citus's number of a node, and the other way round; -1: not registered, or no such group. */
int test_cluster_group(const struct test_cluster *cluster, int node);
int test_cluster_node(const struct test_cluster *cluster, int group);

/* Runs SQL on a node. */
bool test_cluster_execute(const struct test_cluster *cluster, int node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first value of what a query on a node returns, to be freed; "" for NULL; NULL: it failed, or has no rows. */
char *test_cluster_value(const struct test_cluster *cluster, int node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same as a number; INT64_MIN: it failed, has no rows, or is no number. */
int64_t test_cluster_number(const struct test_cluster *cluster, int node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Distributes the tables, which are there, into so many shards, as an administrator does it by hand. */
bool test_cluster_distribute(const struct test_cluster *cluster, int shards);

/* Ends all nodes and removes their files. NULL is fine. */
void test_cluster_free(struct test_cluster *cluster);

#endif
