/* operator.h - what the tests of a cluster's administration share. */
#ifndef TEST_OPERATOR_H
#define TEST_OPERATOR_H

#include "cluster.h"

#include <dialogs.h>

/* A client of a node; with a setting when `name` is not NULL. Fails the test when there is none. */
dlg_client *operator_open(const struct test_cluster *cluster, int node, const char *name, const char *value);

/* Puts users and messages between them into the tables, directly. */
void operator_fill(const struct test_cluster *cluster, int users, int messages);

/*
 * The call gave this code, and a text with these words (NULL: any). Frees the error and makes it NULL. In `words`, a
 * bar separates several.
 */
void operator_expect(int code, int expected, dlg_error **error, const char *words);

/* Shards of `dialogs` on a node. */
int64_t operator_shards(const struct test_cluster *cluster, int node);

/* Moves a shard from one node to another, as an operator would by hand. */
void operator_move(const struct test_cluster *cluster, int from, int to);

/* One number that is the same for the same rows of `dialogs` and `users`. */
int64_t operator_content(const struct test_cluster *cluster);

/* The host and port of a worker, as the fixture registers it. */
#define OPERATOR_NODE(cluster, node) "127.0.0.1", test_server_port(test_cluster_server(cluster, node))

/* "127.0.0.1:PORT"; valid until the fourth call after it. */
const char *operator_name(const struct test_cluster *cluster, int node);

/* Distributes the tables into `shards`. */
void operator_distribute(dlg_client *client, int shards);

enum { OPERATOR_NEWCOMER = 3 };

/*
 * A cluster in which a rebalance has something to do: two workers with the tables in `shards`, and a third, the
 * newcomer, without any. With a client of its coordinator. False when it did not start.
 */
bool operator_start(const struct test_cluster_options *options, int users, int messages, int shards,
                    struct test_cluster **cluster, dlg_client **client);

/* Nothing runs, and what moves left behind is removed. */
void operator_assert_clean(const struct test_cluster *cluster, dlg_client *client);

/* Recent minor releases of PostgreSQL admit output plugins by name; splitting a shard uses Citus's own. */
void operator_admit_splits(const struct test_cluster *cluster);

/* The status; to be freed. */
dlg_cluster *operator_status(dlg_client *client);

/* The node's part of it. */
const dlg_cluster_node *operator_node(const dlg_cluster *status, const struct test_cluster *cluster, int node);

/* Waits until the number that the query gives is the one expected. */
void operator_wait(const struct test_cluster *cluster, int64_t expected, const char *sql);

#endif
