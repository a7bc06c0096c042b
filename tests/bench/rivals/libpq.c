/*
 * libpq.c - what a careful programmer writes by hand over libpq: prepared statements with binary parameters and
 * results, and for lists both halves of the dialog in one pipeline. Each client is a thread with a connection of its
 * own.
 */
#include "../clock.h"

#include <endian.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSERT \
    "INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ($1::uuid, $2::uuid, $3::text, now())"
#define HALF                                                                                                     \
    "SELECT id, text, create_date, update_date FROM dialogs WHERE user_id = $1::uuid AND to_user_id = $2::uuid " \
    "ORDER BY create_date DESC, id DESC LIMIT $3::bigint"

enum { UUID = 16 };

static const char text[] =
    "Shall we meet at the station at six? I have the tickets, and there is a train at twenty past.";

struct rival {
    const char *conninfo;
    int users;
    int limit;
    double end;
};

struct caller {
    const struct rival *rival;
    PGconn *conn;
    pthread_t thread;
    unsigned seed;
    long done;
};

static void give_up(PGconn *conn)
{
    fprintf(stderr, "%s", PQerrorMessage(conn));
    exit(1);
}

static void user_of(char uuid[UUID], int n)
{
    uint32_t wire = htobe32((uint32_t)n);
    memset(uuid, 0, UUID);
    memcpy(uuid + UUID - sizeof wire, &wire, sizeof wire);
}

static void draw(struct caller *caller, char uuid[UUID])
{
    user_of(uuid, 1 + (int)((unsigned)rand_r(&caller->seed) % (unsigned)caller->rival->users));
}

static void prepare(struct caller *caller)
{
    caller->conn = PQconnectdb(caller->rival->conninfo);
    if (PQstatus(caller->conn) != CONNECTION_OK)
        give_up(caller->conn);
    PQclear(PQexec(caller->conn, "SET plan_cache_mode = force_generic_plan"));
    PQclear(PQprepare(caller->conn, "insert", INSERT, 0, NULL));
    PQclear(PQprepare(caller->conn, "half", HALF, 0, NULL));
}

static int insert(void *payload)
{
    struct caller *caller = payload;
    char from[UUID], to[UUID];
    draw(caller, from);
    draw(caller, to);
    const char *values[] = {from, to, text};
    const int lengths[] = {UUID, UUID, sizeof text - 1}, formats[] = {1, 1, 1};
    PGresult *result = PQexecPrepared(caller->conn, "insert", 3, values, lengths, formats, 1);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        give_up(caller->conn);
    PQclear(result);
    return 0;
}

static void ask_half(struct caller *caller, const char *from, const char *to)
{
    int64_t limit = (int64_t)htobe64((uint64_t)caller->rival->limit);
    const char *values[] = {from, to, (const char *)&limit};
    const int lengths[] = {UUID, UUID, sizeof limit}, formats[] = {1, 1, 1};
    if (!PQsendQueryPrepared(caller->conn, "half", 3, values, lengths, formats, 1))
        give_up(caller->conn);
}

static int take_half(struct caller *caller)
{
    PGresult *result = PQgetResult(caller->conn);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        give_up(caller->conn);
    int rows = PQntuples(result);
    PQclear(result);
    PQclear(PQgetResult(caller->conn)); /* the NULL after each */
    return rows;
}

static void list(struct caller *caller)
{
    char ann[UUID], ben[UUID];
    draw(caller, ann);
    draw(caller, ben);
    ask_half(caller, ann, ben);
    ask_half(caller, ben, ann);
    if (!PQpipelineSync(caller->conn))
        give_up(caller->conn);
    take_half(caller);
    take_half(caller);
    PQclear(PQgetResult(caller->conn));
}

static void *list_all(void *payload)
{
    struct caller *caller = payload;
    while (clock_now() < caller->rival->end) {
        list(caller);
        caller->done++;
    }
    return NULL;
}

static double list_rate(struct rival *rival, struct caller *callers, int count, double seconds)
{
    long done = 0;
    rival->end = clock_now() + seconds;
    for (int i = 0; i < count; i++) {
        callers[i].done = 0;
        pthread_create(&callers[i].thread, NULL, list_all, &callers[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(callers[i].thread, NULL);
        done += callers[i].done;
    }
    return (double)done / seconds;
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: bench_libpq CONNINFO send|list CLIENTS SECONDS PACE USERS LIMIT\n");
        return 2;
    }
    struct rival rival = {.conninfo = argv[1], .users = atoi(argv[6]), .limit = atoi(argv[7])};
    int count = atoi(argv[3]);
    double seconds = atof(argv[4]);
    struct caller *callers = calloc((size_t)count, sizeof *callers);
    for (int i = 0; i < count; i++) {
        callers[i] = (struct caller){.rival = &rival, .seed = (unsigned)i};
        prepare(&callers[i]);
    }
    if (strcmp(argv[2], "send") == 0) {
        clock_pace(insert, callers, atof(argv[5]), seconds);
    } else {
        for (int i = 0; i < count; i++)
            PQenterPipelineMode(callers[i].conn);
        list_rate(&rival, callers, count, 0.5);
        printf("{\"rate\": %.1f}\n", list_rate(&rival, callers, count, seconds));
    }
    for (int i = 0; i < count; i++)
        PQfinish(callers[i].conn);
    free(callers);
    return 0;
}
