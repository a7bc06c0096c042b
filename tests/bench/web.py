"""Contests over HTTP: dialogsd against Fastify with pg, and against its HTTP library alone."""

import json

import measure
import probes
from loads import SECONDS, TEXT, fill, prepare, user
from measure import Contest
from servers import Servers
from services import add_users, constant, dialogsd, fastify, login

CONNECTIONS = 64
USERS = 20
BODY = json.dumps({"text": TEXT})
LIKE = ("--set", "feed=off")  # the same tables and indexes as the rival has


def requests(service, path, headers, body=None, connections=CONNECTIONS):
    return lambda: measure.wrk(service.url(path), connections, int(SECONDS), headers, body)


def against_fastify(wanted):
    with Servers() as servers, Servers() as theirs:
        server, rival = servers.first, theirs.first
        for each in (server, rival):
            prepare(each)
            fill(each, USERS, USERS * USERS * 25)
        with dialogsd(server, *LIKE) as service, fastify(rival) as other:
            add_users(server, USERS)
            tokens = [login(service, user(n)) for n in range(1, USERS + 1)]
            names = [f"X-User: {user(n)}" for n in range(1, USERS + 1)]
            # Lists first: sends make the dialogs longer.
            yield from wanted([
                Contest("http_list_vs_fastify", f"lists of 50/s, {CONNECTIONS} connections", ">= 5",
                        requests(service, "/dialog/PARTNER/list", tokens), requests(other, "/dialog/PARTNER/list", names),
                        "Fastify and pg, the classic query")])
            yield from wanted([
                Contest("http_send_vs_fastify", f"sends/s, {CONNECTIONS} connections, durable", ">= 8",
                        requests(service, "/dialog/PARTNER/send", tokens, BODY),
                        requests(other, "/dialog/PARTNER/send", names, BODY), "Fastify and pg, one INSERT each")])


def against_constant(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill(server, USERS, USERS * USERS)  # two messages in each dialog
        with dialogsd(server, *LIKE) as service:
            add_users(server, USERS)
            tokens = [login(service, user(n)) for n in range(1, USERS + 1)]
            size = len(service.get(f"/dialog/{user(2)}/list", dict([tokens[0].split(": ", 1)])))
            with constant(size) as other:
                yield from wanted([
                    Contest("http_list_vs_constant", f"lists of 2/s, {CONNECTIONS} connections", ">= 0.35",
                            requests(service, "/dialog/PARTNER/list", tokens), requests(other, "/", tokens),
                            "the HTTP library alone, the same bytes")])


def connections(wanted):
    """What a request costs when many are connected: busy ones, and idle ones beside 64 busy."""
    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill(server, USERS, USERS * USERS)
        # One user or address does not get so much of the service's memory, nor of its connections.
        with dialogsd(server, *LIKE, "--connections", "20000", "--connections-per-address", "0", "--memory", "1024",
                      "--wait-target", "0", "--idle-timeout", "600") as service:
            add_users(server, USERS)
            tokens = [login(service, user(n)) for n in range(1, USERS + 1)]
            few = requests(service, "/dialog/PARTNER/list", tokens, connections=10)
            yield from wanted([
                Contest("http_1000_busy_vs_10", "lists/s, 1,000 busy connections", "-",
                        requests(service, "/dialog/PARTNER/list", tokens, connections=1000), few, "10 connections")])
            busy = requests(service, "/dialog/PARTNER/list", tokens)
            with probes.Idle(service.port, 10000) as idle:
                yield from wanted([
                    Contest("http_10000_idle_vs_10", "lists/s, 64 busy beside 10,000 idle connections", "-",
                            idle.with_all(busy), idle.with_few(busy), "64 busy beside 10 idle")])


GROUPS = {
    against_fastify: ["http_list_vs_fastify", "http_send_vs_fastify"],
    against_constant: ["http_list_vs_constant"],
    connections: ["http_1000_busy_vs_10", "http_10000_idle_vs_10"],
}
