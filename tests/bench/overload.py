"""Contests of a service that is asked for ten times what it can do: what it does then, and how soon."""

import measure
from loads import SECONDS, fill, prepare, user
from measure import Contest, Limit
from servers import Servers
from services import add_users, dialogsd, login

USERS = 20
TIMES = 10
CONNECTIONS = 3500
PATH = "/dialog/PARTNER/list?limit=500"  # what costs the database enough that so many can be asked for on one machine


def storm(service, rate, tokens):
    """Requests at a rate that nothing slows down; every answer is either good, or 503 with Retry-After."""
    figures = measure.program("storm", service.port, CONNECTIONS, rate, SECONDS, PATH, "", *tokens)
    if figures["failed"] or figures["offered"] < 0.8 * rate:
        raise SystemExit(f"of {rate:.0f} requests a second: {figures}")
    return figures


def overload(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill(server, USERS, USERS * USERS * 600)
        with dialogsd(server, "--connections-per-address", "0") as service:
            add_users(server, USERS)
            tokens = [login(service, user(n)) for n in range(1, USERS + 1)]
            most = lambda: measure.wrk(service.url(PATH), 32, int(SECONDS), tokens)
            flood = lambda key: lambda: storm(service, TIMES * most(), tokens)[key]  # most() of now: others may use the machine
            what = f"of lists of 500 that are served, at {TIMES} x what can be"
            yield from wanted([
                Limit("overload_p99_ms", f"ms p99 {what}", 1000, flood("p99_ms")),
                Contest("overload_goodput", f"lists of 500 served/s, at {TIMES} x what can be", ">= 0.7", flood("served"),
                        most, "32 connections, at its own pace")])


GROUPS = {overload: ["overload_p99_ms", "overload_goodput"]}
