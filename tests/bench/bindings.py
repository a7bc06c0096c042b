"""Contests of the Python package with psycopg 3, and the same SQL."""

import json
import os
import subprocess

from loads import SECONDS, fill, prepare
from measure import Contest
from servers import Servers

CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_client.py")


def rate(library, work, mode, server):
    """Each round in a process of its own, by Debian's Python, whose psycopg it is."""
    def run():
        command = ["/usr/bin/python3", CLIENT, library, work, mode, server.conninfo, str(SECONDS)]
        environment = dict(os.environ, PYTHONPATH=os.environ["BENCH_PYTHON"])
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        return json.loads(done.stdout)["rate"]

    return run


def python(wanted):
    def contest(name, work, mode, aim, unit):
        return Contest(name, unit, aim, rate("dialogs", work, mode, server), rate("psycopg", work, mode, server),
                       "psycopg 3, the same SQL")

    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill(server, 20, 50000)
        yield from wanted([
            contest("python_send_vs_psycopg", "send", "alone", ">= 1.0", "messages/s, durable"),
            contest("python_send_threads_vs_psycopg", "send", "threads", ">= 3", "messages/s, 64 threads, durable"),
            contest("python_send_asyncio_vs_psycopg", "send", "asyncio", ">= 3", "messages/s, 64 tasks, durable"),
            contest("python_list_vs_psycopg", "list", "alone", ">= 1.5", "pages of 50/s")])


GROUPS = {python: ["python_send_vs_psycopg", "python_send_threads_vs_psycopg", "python_send_asyncio_vs_psycopg",
                   "python_list_vs_psycopg"]}
