"""HTTP services: dialogsd and its rivals, each a process of its own on a free port."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request

from servers import free_port

DIALOGSD = os.environ["BENCH_DIALOGSD"]
PASSWORD = "string"


class Service:
    """A process that serves on `port` until the end of the with block."""

    def __init__(self, command, port=None, ready="/", **environment):
        self.command, self.port, self.ready = [str(word) for word in command], port, ready
        self.environment = dict(os.environ, **environment)

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=self.environment)
        if not self.port:
            self.port = int(self.process.stdout.readline())
        self.wait()
        return self

    def wait(self):
        for _ in range(300):
            try:
                return self.get(self.ready)
            except urllib.error.HTTPError as error:
                if error.code == 404:  # it answers
                    return None
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"{self.command[0]} does not serve")

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()

    def get(self, path, headers=None):
        with urllib.request.urlopen(urllib.request.Request(self.url(path), headers=headers or {}), timeout=60) as reply:
            return reply.read()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def peak_mib(self):
        """The most memory that the process has had at a time."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

    def memory_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def dialogsd(server, *flags):
    port = free_port()
    return Service([DIALOGSD, "--db", server.conninfo, "--port", port, "--log", "off", "--demo",
                    "--data", server.home, "--set", "hash_operations=1", "--set", "hash_memory_kib=8192", *flags], port,
                   "/readyz", DLG_TOKEN_KEY_FILE=os.path.join(server.home, "token.keys"))


def fastify(server):
    script = os.path.join(os.environ["BENCH_DIR"], "rivals/fastify.mjs")
    return Service(["node", script, server.conninfo, free_port()])


def constant(size):
    program = os.path.join(os.environ["BENCH_DIR"], "bench_constant")
    return Service([program, os.cpu_count(), size])


def add_users(server, count):
    """Users 1 to `count`, with the password of the demo users, who must be there."""
    server.sql(f"""INSERT INTO users (id, password_hash)
        SELECT lpad(to_hex(n), 32, '0')::uuid, (SELECT password_hash FROM users LIMIT 1)
        FROM generate_series(1, {count}) n ON CONFLICT DO NOTHING""")


def login(service, user):
    body = json.dumps({"id": user, "password": PASSWORD}).encode()
    request = urllib.request.Request(service.url("/login"), body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return "Authorization: Bearer " + json.load(reply)["token"]
