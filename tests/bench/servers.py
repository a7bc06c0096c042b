"""Real servers for the benchmarks: one plain PostgreSQL, or a Citus cluster, in a private directory, with the
settings that a durable database has (fsync and synchronous_commit on)."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise SystemExit("no PostgreSQL server found; apt install postgresql")
    return os.path.dirname(found[-1])


BIN = binaries()


def has_citus():
    return os.path.exists(os.path.join(os.path.dirname(BIN), "lib", "citus.so"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged(command):
    """PostgreSQL does not run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env"] + command if os.geteuid() == 0 else command


class Server:
    def __init__(self, home, name, citus):
        self.home, self.data, self.port = home, os.path.join(home, name), free_port()
        self.run(["initdb", "-D", self.data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "-k"])
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="ascii") as conf:
            conf.write(f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{home}'\n"
                       "shared_buffers=256MB\nmax_connections=300\nmax_wal_size=4GB\nautovacuum=off\n"
                       "wal_level=logical\nmax_worker_processes=32\nssl=off\n")
            if citus:
                conf.write("shared_preload_libraries='citus'\n")
        self.run(["pg_ctl", "-w", "-D", self.data, "-l", self.data + ".log", "start"])
        if citus:
            self.sql("CREATE EXTENSION citus")

    def run(self, command):
        command = [os.path.join(BIN, command[0])] + command[1:]
        subprocess.run(unprivileged(command), check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def sql(self, text):
        done = subprocess.run([os.path.join(BIN, "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo],
                              input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{text}: {done.stderr}")
        return done.stdout.strip()

    @property
    def conninfo(self):
        return f"host=127.0.0.1 port={self.port} user=bench dbname=postgres sslmode=disable"

    def stop(self):
        self.run(["pg_ctl", "-D", self.data, "-m", "immediate", "stop"])


class Servers:
    """A plain server, or a coordinator with workers; everything is gone after the with block."""

    def __init__(self, workers=0):
        self.home = tempfile.mkdtemp(prefix="dlgbench")
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.home, account.pw_uid, account.pw_gid)
        os.chmod(self.home, 0o711)
        self.all, self.workers = [], workers

    def start(self, name, citus):
        self.all.append(Server(self.home, name, citus))
        return self.all[-1]

    def add_worker(self, number):
        worker = self.start(f"worker{number}", True)
        self.first.sql(f"SELECT citus_add_node('127.0.0.1', {worker.port})")

    def distribute(self):
        self.first.sql("SET citus.shard_count = 32; SELECT create_distributed_table('dialogs', 'to_user_id');"
                       "SELECT create_distributed_table('users', 'id', colocate_with := 'dialogs')")

    def __enter__(self):
        try:
            self.first = self.start("first", self.workers > 0)
            if self.workers:
                self.first.sql(f"SELECT citus_set_coordinator_host('127.0.0.1', {self.first.port})")
            for number in range(self.workers):
                self.add_worker(number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.all:
            server.stop()
        shutil.rmtree(self.home, ignore_errors=True)
