#include "cluster.h"

#include "base/clock.h"
#include "embedded/postgres.h"
#include "embedded/subprocess.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOPBACK "127.0.0.1"

enum { SKIPPED = 77, TIME_LIMIT_US = 60 * 1000000, STEP_NS = 20000000, NOT_REGISTERED = -1 };

struct test_cluster {
    struct test_cluster_options options;
    char *configuration;
    int count;
    struct test_server *servers[TEST_CLUSTER_NODES];
    int groups[TEST_CLUSTER_NODES];
};

/* ---- Whether there is Citus ----------------------------------------------------------------- */

/* The directory of the server's shared files; the server is the one that test_server_start() takes. */
static bool find_shared(char *directory, size_t size)
{
    struct postgres postgres;
    struct subprocess_result result;
    char path[PATH_MAX + 16];
    int64_t deadline = clock_monotonic_us() + TIME_LIMIT_US;
    if (postgres_find(&postgres, 0, deadline, NULL) != DLG_OK)
        return false;
    snprintf(path, sizeof path, "%s/pg_config", postgres.binaries);
    const char *arguments[] = {path, "--sharedir", NULL};
    if (!subprocess_run(&(struct subprocess){.arguments = arguments}, deadline, &result))
        return false;
    snprintf(directory, size, "%.*s", (int)strcspn(result.output, "\r\n"), result.output);
    return true;
}

bool test_cluster_available(void)
{
    char shared[PATH_MAX], control[PATH_MAX + 32];
    if (!find_shared(shared, sizeof shared))
        return false;
    snprintf(control, sizeof control, "%s/extension/citus.control", shared);
    return access(control, R_OK) == 0;
}

int test_cluster_skip(void)
{
    puts("SKIP citus extension not installed");
    return SKIPPED;
}

/* ---- SQL ------------------------------------------------------------------------------------ */

/* The result of `sql` on a node, whatever its status; the connection's error is printed. */
static PGresult *query(const struct test_cluster *cluster, int node, const char *sql)
{
    PGconn *connection = PQconnectdb(test_server_conninfo_admin(cluster->servers[node]));
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fprintf(stderr, "test cluster, node %d: %s: %s", node, sql, PQerrorMessage(connection));
    PQfinish(connection);
    return result;
}

static char *format_sql(const char *format, va_list arguments)
{
    char *sql;
    if (vasprintf(&sql, format, arguments) >= 0)
        return sql;
    perror("test cluster");
    abort();
}

static char *query_value(const struct test_cluster *cluster, int node, const char *format, va_list arguments)
{
    char *sql = format_sql(format, arguments);
    PGresult *result = query(cluster, node, sql);
    char *value = PQntuples(result) > 0 && PQnfields(result) > 0 ? strdup(PQgetvalue(result, 0, 0)) : NULL;
    PQclear(result);
    free(sql);
    return value;
}

bool test_cluster_execute(const struct test_cluster *cluster, int node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *sql = format_sql(format, arguments);
    va_end(arguments);
    PGresult *result = query(cluster, node, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    free(sql);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

char *test_cluster_value(const struct test_cluster *cluster, int node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *value = query_value(cluster, node, format, arguments);
    va_end(arguments);
    return value;
}

int64_t test_cluster_number(const struct test_cluster *cluster, int node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *value = query_value(cluster, node, format, arguments);
    va_end(arguments);
    char *end = value;
    errno = 0;
    int64_t number = value ? strtoll(value, &end, 10) : 0;
    if (errno || end == value || *end)
        number = INT64_MIN;
    free(value);
    return number;
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

static const char *address(const struct test_cluster *cluster)
{
    return cluster->options.worker_host ? cluster->options.worker_host : LOOPBACK;
}

/* TLS among servers of one machine would only cost time. */
static bool write_configuration(struct test_cluster *cluster)
{
    static const char lines[] = "shared_preload_libraries = 'citus'\nwal_level = '%s'\nmax_connections = 60\n"
                                "max_worker_processes = 32\ncitus.node_conninfo = 'sslmode=disable'\n"
                                "citus.local_hostname = '" LOOPBACK "'\n%s\n";
    const char *wal_level = cluster->options.wal_level ? cluster->options.wal_level : "logical";
    const char *more = cluster->options.configuration ? cluster->options.configuration : "";
    return asprintf(&cluster->configuration, lines, wal_level, more) >= 0;
}

int test_cluster_add(struct test_cluster *cluster)
{
    struct test_server_options options = {.fsync = cluster->options.fsync,
                                          .configuration = cluster->configuration,
                                          .preload = cluster->options.worker_host ? TEST_NAMES
                                                     : cluster->options.disks     ? TEST_DISK
                                                     : cluster->options.clocks    ? TEST_CLOCK
                                                                                  : NULL};
    int node = cluster->count;
    if (node == TEST_CLUSTER_NODES) {
        fputs("test cluster: it is full\n", stderr);
        return -1;
    }
    cluster->servers[node] = test_server_start(&options);
    if (!cluster->servers[node])
        return -1;
    cluster->count++;
    cluster->groups[node] = NOT_REGISTERED;
    return test_cluster_execute(cluster, node, "SET client_min_messages = error; CREATE EXTENSION citus") ? node : -1;
}

bool test_cluster_register(struct test_cluster *cluster, int node)
{
    int port = test_server_port(cluster->servers[node]);
    if (!test_cluster_execute(cluster, 0, "SELECT citus_add_node('%s', %d)", address(cluster), port))
        return false;
    cluster->groups[node] = (int)test_cluster_number(cluster, node, "SELECT groupid FROM pg_dist_local_group");
    return cluster->groups[node] > 0;
}

/* Other nodes hear of it from the coordinator a little later. */
static bool wait_until_known(const struct test_cluster *cluster, int node)
{
    static const char sql[] = "SELECT (nodeport = %d AND (SELECT bool_and(metadatasynced) FROM pg_dist_node))::int "
                              "FROM pg_dist_node WHERE groupid = %d";
    struct timespec step = {.tv_nsec = STEP_NS};
    int64_t deadline = clock_monotonic_us() + TIME_LIMIT_US;
    while (test_cluster_number(cluster, 0, sql, test_server_port(cluster->servers[node]), cluster->groups[node]) != 1) {
        if (clock_monotonic_us() >= deadline) {
            fprintf(stderr, "test cluster: not all nodes know the new address of node %d\n", node);
            return false;
        }
        nanosleep(&step, NULL);
    }
    return true;
}

bool test_cluster_announce(struct test_cluster *cluster, int node)
{
    return test_cluster_execute(cluster, 0,
                                "SELECT citus_update_node(nodeid, '%s', %d) FROM pg_dist_node WHERE groupid = %d",
                                address(cluster), test_server_port(cluster->servers[node]), cluster->groups[node]) &&
           wait_until_known(cluster, node);
}

int test_cluster_count(const struct test_cluster *cluster)
{
    return cluster->count;
}

struct test_server *test_cluster_server(const struct test_cluster *cluster, int node)
{
    return cluster->servers[node];
}

const char *test_cluster_conninfo(const struct test_cluster *cluster, int node)
{
    return test_server_conninfo_tcp(cluster->servers[node]);
}

int test_cluster_group(const struct test_cluster *cluster, int node)
{
    return cluster->groups[node];
}

int test_cluster_node(const struct test_cluster *cluster, int group)
{
    for (int node = 0; node < cluster->count; node++)
        if (cluster->groups[node] == group)
            return node;
    return -1;
}

/* ---- The fixture ---------------------------------------------------------------------------- */

static bool start_coordinator(struct test_cluster *cluster)
{
    if (test_cluster_add(cluster) < 0)
        return false;
    cluster->groups[0] = 0;
    return test_cluster_execute(cluster, 0, "SELECT citus_set_coordinator_host('" LOOPBACK "', %d)",
                                test_server_port(cluster->servers[0]));
}

static bool start_nodes(struct test_cluster *cluster, int workers)
{
    if (!write_configuration(cluster) || !start_coordinator(cluster))
        return false;
    while (workers-- > 0) {
        int node = test_cluster_add(cluster);
        if (node < 0 || !test_cluster_register(cluster, node))
            return false;
    }
    return true;
}

struct test_cluster *test_cluster_start(int workers, const struct test_cluster_options *options)
{
    struct test_cluster *cluster = calloc(1, sizeof *cluster);
    if (!cluster)
        return NULL;
    if (options)
        cluster->options = *options;
    if (start_nodes(cluster, workers))
        return cluster;
    test_cluster_free(cluster);
    return NULL;
}

bool test_cluster_distribute(const struct test_cluster *cluster, int shards)
{
    return test_cluster_execute(cluster, 0,
                                "SET citus.shard_count = %d; "
                                "SELECT create_distributed_table('dialogs', 'to_user_id'); "
                                "SELECT create_distributed_table('users', 'id', colocate_with := 'dialogs')",
                                shards);
}

void test_cluster_free(struct test_cluster *cluster)
{
    if (!cluster)
        return;
    while (cluster->count > 0)
        test_server_free(cluster->servers[--cluster->count]);
    free(cluster->configuration);
    free(cluster);
}
