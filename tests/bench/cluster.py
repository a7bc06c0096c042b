"""Contests on real Citus clusters."""

from loads import CLASSIC, DRAW, INSERT, fill, ours, pgbench, prepare
from measure import Contest
from servers import Servers


def against_coordinator(wanted):
    with Servers(workers=2) as servers, Servers() as plain_servers:
        server, alone = servers.first, plain_servers.first
        for each in (server, alone):
            prepare(each)
        servers.distribute()
        for each in (server, alone):
            fill(each, 100, 50000)
        yield from wanted([
            Contest("cluster_list_vs_classic", "dialogs/s, 16 clients", ">= 15",
                    ours(server, "list", concurrency=16, users=100), pgbench(server, DRAW.format(100) + CLASSIC, 16),
                    "the classic query through the coordinator"),
            Contest("cluster_list_vs_plain", "dialogs/s, 16 clients", ">= 0.5",
                    ours(server, "list", concurrency=16, users=100), ours(alone, "list", concurrency=16, users=100),
                    "our own list on plain PostgreSQL"),
            Contest("cluster_send_vs_coordinator", "messages/s, 64 clients, durable", ">= 8", ours(server, "send"),
                    pgbench(server, DRAW.format(2000) + INSERT, 64), "single INSERTs through the coordinator, pgbench"),
        ])
        yield from wanted([
            Contest(f"cluster_skew_{skew}", "messages/s, 64 clients, durable", "-", ours(server, "send", skew=skew),
                    ours(server, "send"), "our own uniform load")
            for skew in ("sender", "recipient")])


def more_workers(wanted):
    def cpu(servers, work):
        return ours(servers.first, work, "cpu_us", concurrency=512, users=1000, limit=10)

    with Servers(workers=5) as five, Servers(workers=2) as two:
        for each in (five, two):
            prepare(each.first)
            each.distribute()
        yield from wanted([
            Contest("cluster_cpu_5_vs_2", "CPU us per send in the client, 512 under way", "<= 1.1", cpu(five, "send"), cpu(two, "send"),
                    "2 workers"),
            Contest("cluster_cpu_list_5_vs_2", "CPU us per list in the client, 512 under way", "<= 1.1", cpu(five, "list"),
                    cpu(two, "list"), "2 workers")])


GROUPS = {
    against_coordinator: ["cluster_list_vs_classic", "cluster_list_vs_plain", "cluster_send_vs_coordinator",
                          "cluster_skew_sender", "cluster_skew_recipient"],
    more_workers: ["cluster_cpu_5_vs_2", "cluster_cpu_list_5_vs_2"],
}
