"""The contests, by the servers that they need. Each group yields Contest objects while its servers are up."""

import os

import measure
from measure import Contest
from servers import Servers

TEXT = "Shall we meet at the station at six? I have the tickets, and there is a train at twenty past."
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))

USER = "lpad(to_hex(:{0}::int), 32, '0')::uuid"
DRAW = "\\set a random(1, {0})\n\\set b random(1, {0})\n"
INSERT = (f"INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ({USER.format('a')}, {USER.format('b')}, "
          f"'{TEXT}', now());\n")
CLASSIC = ('SELECT user_id::text AS "From", to_user_id::text AS "To", text AS "Text" FROM dialogs WHERE '
           f"(user_id = {USER.format('a')} AND to_user_id = {USER.format('b')}) OR "
           f"(user_id = {USER.format('b')} AND to_user_id = {USER.format('a')}) ORDER BY create_date;\n")


def ours(server, work, concurrency, users, limit=50, skew="uniform", settings=(), key="rate"):
    return lambda: measure.client([server.conninfo, work, concurrency, SECONDS, users, limit, skew], settings)[key]


def pgbench(server, script, clients):
    return lambda: measure.pgbench(server, script, clients, int(SECONDS))


def prepare(server):
    """Tables, by the library itself."""
    measure.client([server.conninfo, "list", 1, 0.1, 2, 1, "uniform"])


def fill(server, users, messages):
    """The same small dialogs everywhere."""
    server.sql(f"""INSERT INTO dialogs (id, user_id, to_user_id, text, create_date)
        SELECT 1000000000000000 + g, lpad(to_hex(1 + g % {users}), 32, '0')::uuid, lpad(to_hex(1 + (g / {users}) % {users}), 32, '0')::uuid,
               '{TEXT}', now() - interval '1 day' + g * interval '1 ms'
        FROM generate_series(1, {messages}) g; ANALYZE dialogs""")


def plain(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        yield from wanted([
            Contest("send_vs_pgbench", "messages/s, 64 clients, durable", ">= 6", ours(server, "send", 64, 2000),
                    pgbench(server, DRAW.format(2000) + INSERT, 64), "pgbench, one INSERT per transaction")])


def cluster(wanted):
    with Servers(workers=2) as servers, Servers() as plain_servers:
        server, alone = servers.first, plain_servers.first
        for each in (server, alone):
            prepare(each)
        servers.distribute()
        for each in (server, alone):
            fill(each, 100, 50000)
        yield from wanted([
            Contest("cluster_list_vs_classic", "dialogs/s, 16 clients", ">= 15", ours(server, "list", 16, 100),
                    pgbench(server, DRAW.format(100) + CLASSIC, 16), "the classic query through the coordinator"),
            Contest("cluster_list_vs_plain", "dialogs/s, 16 clients", ">= 0.5", ours(server, "list", 16, 100),
                    ours(alone, "list", 16, 100), "our own list on plain PostgreSQL"),
            Contest("cluster_send_vs_coordinator", "messages/s, 64 clients, durable", ">= 8",
                    ours(server, "send", 64, 2000), pgbench(server, DRAW.format(2000) + INSERT, 64),
                    "single INSERTs through the coordinator, pgbench"),
        ])
        yield from skews(wanted, server)


def skews(wanted, server):
    yield from wanted([
        Contest(f"cluster_skew_{skew}", "messages/s, 64 clients, durable", "-",
                ours(server, "send", 64, 2000, skew=skew), ours(server, "send", 64, 2000), "our own uniform load")
        for skew in ("sender", "recipient")])


def cluster_cpu(wanted):
    def cpu(server, work):
        return ours(server, work, 64, 1000, limit=10, key="cpu_us")

    with Servers(workers=5) as five, Servers(workers=2) as two:
        for each in (five, two):
            prepare(each.first)
            each.distribute()
        yield from wanted([
            Contest("cluster_cpu_5_vs_2", "CPU us per send in the client", "<= 1.1", cpu(five.first, "send"),
                    cpu(two.first, "send"), "2 workers"),
            Contest("cluster_cpu_list_5_vs_2", "CPU us per list in the client", "<= 1.1", cpu(five.first, "list"),
                    cpu(two.first, "list"), "2 workers")])


# Names first, so that a run of one contest starts only what that one needs.
GROUPS = {
    plain: ["send_vs_pgbench"],
    cluster: ["cluster_list_vs_classic", "cluster_list_vs_plain", "cluster_send_vs_coordinator", "cluster_skew_sender",
              "cluster_skew_recipient"],
    cluster_cpu: ["cluster_cpu_5_vs_2", "cluster_cpu_list_5_vs_2"],
}
NEEDS_CITUS = {cluster, cluster_cpu}
