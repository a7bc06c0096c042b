"""What a run works on: PostgreSQL servers, Redis, dialogsd, a network namespace, and clocks that can be set."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_LIMIT = 120


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise SystemExit("no PostgreSQL server found; apt install postgresql")
    return os.path.dirname(found[-1])


BIN = binaries()
AS_SERVER = {"user": "postgres"} if os.geteuid() == 0 else {}


def has_citus():
    return os.path.exists(os.path.join(os.path.dirname(BIN), "lib", "citus.so"))


def plugin_settings():
    """Recent minor releases admit output plugins by name; to split a shard takes Citus's own."""
    if "output_plugin_libraries" in run([os.path.join(BIN, "postgres"), "--describe-config"], **AS_SERVER):
        return ["output_plugin_libraries='pgoutput, test_decoding, citus'"]
    return []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def now_us():
    return time.monotonic_ns() // 1000


def wait_for(what, trouble, limit=START_LIMIT):
    end = time.monotonic() + limit
    while not what():
        if time.monotonic() >= end:
            raise TimeoutError(trouble)
        time.sleep(0.05)


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **more)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def make_home():
    home = tempfile.mkdtemp(prefix="dlghist")
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(home, account.pw_uid, account.pw_gid)
    os.chmod(home, 0o711)
    return home


# ---- Clocks -------------------------------------------------------------------------------------


class Clock:
    """The wall clock of processes that start with `environment`; their monotonic clock stays right.

    Those of one server read one clock, as they do on a real machine. `library` is that of set_clock.c."""

    def __init__(self, library, path):
        self.library, self.path, self.offset = library, path, 0
        with open(path, "wb") as file:
            file.write(bytes(8))

    def set(self, offset):
        """Takes effect at once: who reads it has the file mapped."""
        self.offset = offset
        file = os.open(self.path, os.O_WRONLY)
        os.pwrite(file, round(offset * 1000000).to_bytes(8, sys.byteorder, signed=True), 0)
        os.close(file)

    @property
    def environment(self):
        return {"LD_PRELOAD": self.library, "HISTORY_CLOCK": self.path}


# ---- A namespace --------------------------------------------------------------------------------


class Namespace:
    """A network of its own, from which the servers are reached by one cable. Needs root, iproute2 and iptables."""

    def __init__(self):
        number = os.getpid()
        self.name, self.cable = f"dlgh{number}", f"dlgh{number}"
        net = f"10.213.{number // 64 % 256}.{number % 64 * 4}"
        base, last = net.rsplit(".", 1)
        self.host, self.inside = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"
        run(["ip", "netns", "add", self.name])
        try:
            self.connect()
        except BaseException:
            self.close()
            raise

    def connect(self):
        run(["ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name])
        run(["ip", "addr", "add", f"{self.host}/30", "dev", self.cable])
        run(["ip", "link", "set", self.cable, "up"])
        run(self.command("ip", "addr", "add", f"{self.inside}/30", "dev", "eth0"))
        run(self.command("ip", "link", "set", "eth0", "up"))
        run(self.command("iptables", "-L", "-n"))

    def command(self, *words):
        return ["ip", "netns", "exec", self.name, *words]

    def drop(self, *chains):
        for chain in chains:
            run(self.command("iptables", "-w", "-A", chain, "-j", "DROP"))

    def heal(self):
        run(self.command("iptables", "-w", "-F"))

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)


def make_namespace():
    """A namespace, or the reason why there is none."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "iptables"):
        if not shutil.which(program):
            return f"{program} is not installed"
    try:
        return Namespace()
    except RuntimeError as error:
        return f"no network namespace: {error}"


# ---- Processes ----------------------------------------------------------------------------------


def unprivileged(command, environment):
    """PostgreSQL does not run as root."""
    words = ["env", *(f"{name}={value}" for name, value in environment.items())] + command
    if os.geteuid() == 0:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env"] + words
    return words


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def is_alive(pid):
    """A zombie has given back what it had."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def send_signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Server:
    """A PostgreSQL server that accepts everybody from this machine. `clock`: the library by which it can be set, or None."""

    def __init__(self, home, name, host="127.0.0.1", settings=(), clock=None, port=None):
        self.home, self.name, self.host, self.port = home, name, host, port or free_port()
        self.data, self.process = os.path.join(home, name), None
        self.clock = clock and Clock(clock, os.path.join(home, name + ".clock"))
        self.make(settings)
        self.start()

    def make(self, settings):
        self.run(["initdb", "-D", self.data, "-U", "hist", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        self.configure("postgresql.conf", [
            f"listen_addresses='{','.join({'127.0.0.1', self.host})}'", f"unix_socket_directories='{self.home}'", "ssl=off",
            "fsync=off", "full_page_writes=off", "max_connections=200", "wal_level=logical", "max_worker_processes=32",
            "shared_buffers=64MB", "autovacuum=off", "log_min_messages=error", *settings])
        self.configure("pg_hba.conf", ["host all all 10.213.0.0/16 trust", "host replication all 127.0.0.1/32 trust"])

    def configure(self, name, lines):
        with open(os.path.join(self.data, name), "a", encoding="ascii") as file:
            file.writelines(line + "\n" for line in lines)

    def run(self, command):
        run(unprivileged([os.path.join(BIN, command[0])] + command[1:], {}), stdin=subprocess.DEVNULL)

    # ---- Life

    def start(self):
        command = [os.path.join(BIN, "postgres"), "-D", self.data, "-p", str(self.port)]
        with open(self.data + ".log", "ab") as log:
            self.process = subprocess.Popen(unprivileged(command, self.clock.environment if self.clock else {}),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.answers, f"{self.name} does not start; see {self.data}.log")

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} has ended; see {self.data}.log")
        return self.try_sql("SELECT 1") == "1"

    def pids(self):
        return [self.process.pid] + children(self.process.pid)

    def kill(self):
        """SIGKILL to all its processes at once; what was committed is kept.

        None of them is left, or the next server would be refused their shared memory."""
        send_signal(self.pids(), signal.SIGSTOP)
        pids = self.pids()
        send_signal(pids, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not any(map(is_alive, pids)), f"processes of {self.name} do not end")

    def stop(self):
        if self.process and self.process.poll() is None:
            send_signal(self.pids(), signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
            self.process.wait()

    # ---- SQL

    def psql(self, database="postgres"):
        return [os.path.join(BIN, "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-p", str(self.port), "-U",
                "hist", "-d", database]

    def sql(self, *statements):
        words = [word for statement in statements for word in ("-c", statement)]
        return run(self.psql() + words, stdin=subprocess.DEVNULL, env={**os.environ, "PGCONNECT_TIMEOUT": "20"}).strip()

    def try_sql(self, *statements):
        """None when it fails."""
        try:
            return self.sql(*statements)
        except RuntimeError:
            return None

    def session(self, *statements):
        """Statements in a session of their own that goes on by itself; wait() for it."""
        words = [word for statement in statements for word in ("-c", statement)]
        return subprocess.Popen(self.psql() + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def set(self, name, value):
        self.sql(f"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()")

    def conninfo(self, application="history"):
        return conninfo([self.host], [self.port], application)


class Standby(Server):
    """A copy of a server that follows it."""

    def __init__(self, source, name, port=None):
        self.source = source
        super().__init__(source.home, name, source.host, port=port)

    def make(self, settings):
        self.run(["pg_basebackup", "-D", self.data, "-R", "-c", "fast", "-h", "127.0.0.1", "-p", str(self.source.port), "-U",
                  "hist"])

    def promote(self):
        self.sql("SELECT pg_promote(true, 60)")


def conninfo(hosts, ports, application):
    return (f"host={','.join(hosts)} port={','.join(map(str, ports))} user=hist dbname=postgres sslmode=disable "
            f"application_name={application}")


class Program:
    """A program that serves on a port, such as Redis; started again on the same port after a kill."""

    def __init__(self, command, port, ready, log):
        self.command, self.port, self.ready, self.log, self.process = command, port, ready, log, None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.serves, f"{self.command[0]} does not serve")

    def serves(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.command[0]} has ended with {self.process.returncode}")
        return self.ready(self.port)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait()


def accepts(port):
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
