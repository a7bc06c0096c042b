"""Contests on one plain PostgreSQL: pgbench, bare libpq, COPY, message-db."""

import os
import time

import measure
from loads import DRAW, INSERT, SECONDS, TEXT, USER, fill, fill_dialog, libpq, ours, pgbench, prepare
from measure import Contest
from servers import Servers

COPIED = 200000
PACE = 100  # of the lone sender: well below what a commit takes


def copy_rate(server):
    """Rows a second of one COPY into a table with the same indexes, in one transaction."""
    def run():
        server.sql("DROP TABLE IF EXISTS copied; CREATE TABLE copied (LIKE dialogs INCLUDING ALL)")
        began = time.monotonic()
        server.sql("COPY copied FROM '" + path + "' (FORMAT binary)")
        return COPIED / (time.monotonic() - began)

    path = os.path.join(server.home, "rows")
    server.sql(f"""COPY (SELECT 2000000000000000 + g AS id, {USER.format("1 + (random() * 1999)::int")},
        {USER.format("1 + (random() * 1999)::int")}, '{TEXT}'::text, now(), NULL::timestamptz
        FROM generate_series(1, {COPIED}) g) TO '{path}' (FORMAT binary)""")
    return run


def sends(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        yield from wanted([
            Contest("send_vs_pgbench", "messages/s, 64 clients, durable", ">= 6", ours(server, "send"),
                    pgbench(server, DRAW.format(2000) + INSERT, 64), "pgbench, one INSERT per transaction"),
            Contest("send_vs_copy", "messages/s, 1,024 under way, durable", ">= 0.5",
                    ours(server, "send", concurrency=1024), copy_rate(server), f"COPY of {COPIED:,} rows at once"),
            Contest("send_latency_vs_libpq", f"p50 us of a lone sender, {PACE}/s", "<= 1.15",
                    ours(server, "send", "p50", concurrency=0, pace=PACE), libpq(server, "send", 1, PACE, key="p50"),
                    "bare libpq, prepared INSERT"),
            Contest("send_latency_p99_vs_libpq", f"p99 us of a lone sender, {PACE}/s", "-",
                    ours(server, "send", "p99", concurrency=0, pace=PACE), libpq(server, "send", 1, PACE, key="p99"),
                    "bare libpq, prepared INSERT")])


def lists(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill(server, 20, 50000)
        yield from wanted([
            Contest("list_vs_libpq", "pages of 50/s, 16 clients", ">= 0.9", ours(server, "list", concurrency=16, users=20),
                    libpq(server, "list", 16, users=20), "bare libpq, both halves in a pipeline")])


def depth(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        pages = {}
        for partner, messages in ((2, 10**2), (3, 10**4), (4, 10**6)):
            fill_dialog(server, partner, messages)
            pages[messages] = ours(server, "list", "p50", concurrency=0, partner=partner)
        yield from wanted([
            Contest("page_depth", "p50 us of a page of 50 of 10^6 messages", "<= 1.3", pages[10**6], pages[10**2],
                    "of 10^2 messages"),
            Contest("page_depth_10000", "p50 us of a page of 50 of 10^4 messages", "<= 1.3", pages[10**4],
                    pages[10**2], "of 10^2 messages")])


# A category of its own for each recipient: writers of one category wait for each other, so this is the better way.
WRITE = ("SELECT message_store.write_message(gen_random_uuid()::varchar, 'inbox' || :b || '-' || :a, 'Sent', "
         f"jsonb_build_object('text', '{TEXT}'));\n")
RANGE = (f"SELECT id, text, create_date FROM dialogs WHERE user_id = {USER.format(':a')} AND to_user_id = "
         f"{USER.format(':b')} ORDER BY create_date DESC, id DESC LIMIT 50;\n")
READ = "SELECT * FROM message_store.get_stream_messages('dialog-' || least(:a, :b) || '+' || greatest(:a, :b), 0, 50);\n"


def message_db(wanted):
    with Servers() as servers, Servers() as theirs:
        server, rival = servers.first, theirs.first
        prepare(server)
        fill(server, 20, 50000)
        measure.install_message_db(rival)
        rival.sql(f"""SET search_path = message_store; INSERT INTO messages (id, stream_name, position, type, data)
            SELECT gen_random_uuid(), stream, row_number() OVER (PARTITION BY stream) - 1, 'Sent',
                   jsonb_build_object('text', '{TEXT}')
            FROM generate_series(1, 50000) g, LATERAL (SELECT 1 + g % 20 AS a, 1 + (g / 20) % 20 AS b) p,
                 LATERAL (SELECT 'dialog-' || least(a, b) || '+' || greatest(a, b) AS stream) s;
            ANALYZE messages""")
        yield from wanted([
            Contest("send_vs_messagedb", "messages/s, 64 clients, durable", ">= 6", ours(server, "send"),
                    pgbench(rival, DRAW.format(2000) + WRITE, 64), "message-db, write_message"),
            Contest("list_vs_messagedb", "pages of 50/s, 16 clients", ">= 3", ours(server, "list", concurrency=16, users=20),
                    pgbench(rival, DRAW.format(20) + READ, 16), "message-db, get_stream_messages"),
            # What no client can beat: the same number of rows of one range of an index, by the rival's own generator.
            Contest("list_limit_vs_messagedb", "50 rows of one index range/s, pgbench, 16 clients", "-",
                    pgbench(server, DRAW.format(20) + RANGE, 16), pgbench(rival, DRAW.format(20) + READ, 16),
                    "message-db, get_stream_messages")])


GROUPS = {
    sends: ["send_vs_pgbench", "send_vs_copy", "send_latency_vs_libpq", "send_latency_p99_vs_libpq"],
    lists: ["list_vs_libpq"],
    depth: ["page_depth", "page_depth_10000"],
    message_db: ["send_vs_messagedb", "list_vs_messagedb", "list_limit_vs_messagedb"],
}
