"""What ours and the rivals do: the same text, the same users, the same dialogs."""

import os

import measure

TEXT = "Shall we meet at the station at six? I have the tickets, and there is a train at twenty past."
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))

USER = "lpad(to_hex({0}::int), 32, '0')::uuid"
DRAW = "\\set a random(1, {0})\n\\set b random(1, {0})\n"
INSERT = (f"INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ({USER.format(':a')}, "
          f"{USER.format(':b')}, '{TEXT}', now());\n")
CLASSIC = ('SELECT user_id::text AS "From", to_user_id::text AS "To", text AS "Text" FROM dialogs WHERE '
           f"(user_id = {USER.format(':a')} AND to_user_id = {USER.format(':b')}) OR "
           f"(user_id = {USER.format(':b')} AND to_user_id = {USER.format(':a')}) ORDER BY create_date;\n")


def user(number):
    """A user's id, as the load generators make it."""
    return f"00000000-0000-0000-0000-{number:012x}"


def ours(server, work, key="rate", **options):
    """A figure of our own load generator."""
    return lambda: measure.client(server.conninfo, work, seconds=SECONDS, **options)[key]


def libpq(server, work, clients, pace=0, users=2000, limit=50, key="rate"):
    """A figure of the load over bare libpq."""
    return lambda: measure.program("libpq", server.conninfo, work, clients, SECONDS, pace, users, limit)[key]


def pgbench(server, script, clients):
    return lambda: measure.pgbench(server, script, clients, int(SECONDS))


def prepare(server):
    """Tables, by the library itself."""
    measure.client(server.conninfo, "list", concurrency=1, count=1)


def fill(server, users, messages):
    """As many messages from each user to each, a millisecond apart."""
    server.sql(f"""INSERT INTO dialogs (id, user_id, to_user_id, text, create_date)
        SELECT 1000000000000000 + g, {USER.format(f"1 + g % {users}")}, {USER.format(f"1 + (g / {users}) % {users}")},
               '{TEXT}', now() - interval '1 day' + g * interval '1 ms'
        FROM generate_series(1, {messages}) g; ANALYZE dialogs""")


def fill_dialog(server, partner, messages):
    """One dialog of user 1, both in turns."""
    server.sql(f"""INSERT INTO dialogs (id, user_id, to_user_id, text, create_date)
        SELECT {partner}::bigint << 48 | g, u, v, '{TEXT}', now() - interval '1 day' + g * interval '1 ms'
        FROM generate_series(1, {messages}) g, LATERAL (SELECT {USER.format("1")} AS a, {USER.format(partner)} AS b) p,
             LATERAL (SELECT CASE g % 2 WHEN 0 THEN a ELSE b END AS u, CASE g % 2 WHEN 0 THEN b ELSE a END AS v) q;
        ANALYZE dialogs""")
