"""What a history is recorded on: a plain server, a Citus cluster, dialogsd with Redis, a primary with a synchronous
standby, and a server behind pgbouncer."""

import os
import shutil
import sys

from servers import (Clock, Program, Server, Standby, accepts, conninfo, free_port, has_citus, make_home,
                     make_namespace, plugin_settings, run, unprivileged, wait_for)

HERE = os.path.dirname(os.path.abspath(__file__))
SHARDS = 8


def uuid_of(round_number, user):
    """As api.c makes it."""
    return f"68697374-{round_number:04x}-4000-8000-0000000000{user:02x}"


class World:
    """Servers, and where clients find them; `names` are of the faults to come, which may need more.

    `victim` is the application_name of the client whose sessions are stalled."""

    kind, victim = "plain", "history_writer"
    standbys = ""  # synchronous_standby_names, in calm

    def __init__(self, options, names):
        self.options, self.home, self.servers, self.programs = options, make_home(), [], []
        sets_clocks = any(name == "all" or name.startswith("server_clock") for name in names)
        self.clock = options.clock if sets_clocks else None
        self.namespace = make_namespace()
        self.host = "127.0.0.1" if isinstance(self.namespace, str) else self.namespace.host
        self.writer_clock, self.follower_clock = (
            options.clock and Clock(options.clock, os.path.join(self.home, name)) for name in ("writer", "follower"))
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def add_server(self, name, *settings):
        self.servers.append(Server(self.home, name, self.host, settings, self.clock))
        return self.servers[-1]

    def begin(self):
        self.add_server("server")
        self.install()

    @property
    def server(self):
        """The one that clients are given: the server, or the coordinator."""
        return self.servers[0]

    def conninfo(self, application="history"):
        """How clients connect."""
        return self.server.conninfo(application)

    def install(self):
        """The tables, by the first client."""
        run([self.options.client, "open", "--db", self.conninfo(), "--log", os.path.join(self.home, "install.log"),
             "--set", "feed=on"])

    def close(self):
        for program in reversed(self.programs):
            program.stop()
        for server in reversed(self.servers):
            server.stop()
        if not isinstance(self.namespace, str):
            self.namespace.close()
        if self.options.keep:
            self.keep_logs(os.path.join(self.options.keep, self.kind))
        shutil.rmtree(self.home, ignore_errors=True)

    def keep_logs(self, directory):
        """What the servers have said: why one has ended, for example."""
        os.makedirs(directory, exist_ok=True)
        for name in os.listdir(self.home):
            if name.endswith(".log"):
                shutil.copy(os.path.join(self.home, name), directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- Who works on it

    def client(self, role, *words, **more):
        """One process of the recorder: its role, more words for it, and how it is run."""
        name = more.setdefault("name", role)
        where = ["--db", self.conninfo("history_" + name)]
        return {"role": role, "command": [self.options.client, role, *where, *words], **more}

    def python(self, role, *words):
        """One process of the recorder for the Python package."""
        name = "python_" + role
        command = [sys.executable, os.path.join(HERE, "binding.py"), role, "--db", self.conninfo("history_" + name), "--set",
                   "feed=on", *words]
        return {"role": role, "name": name, "command": command, "environment": {"PYTHONPATH": self.options.python}}

    def clients(self):
        inside = not isinstance(self.namespace, str)
        return [self.client("writer", "--threads", "4", "--pause-us", "40000", name="writer"),
                self.client("writer", "--threads", "4", "--pause-us", "40000", name="writer_inside", inside=inside),
                self.client("sender", "--pause-us", "20000", name="writer_clock", clock=self.writer_clock),
                self.client("sender", "--pause-us", "40000"),
                self.client("reader", "--pause-us", "30000"),
                self.client("follower", "--threads", "8", "--pause-us", "60000"),
                self.client("follower", "--threads", "4", "--pause-us", "60000", name="follower_clock",
                            clock=self.follower_clock),
                self.client("feed", "--threads", "4", "--pause-us", "100000", "--set", "feed=on"),
                *self.python_clients()]

    def python_clients(self):
        if not self.options.python:
            return []
        return [self.python("writer", "--threads", "4", "--pause-us", "60000"),
                self.python("reader", "--threads", "4", "--pause-us", "200000"),
                self.python("follower", "--threads", "4", "--pause-us", "100000"),
                self.python("feed", "--threads", "4", "--pause-us", "100000")]

    # ---- What is in the table

    def rows(self, round_number):
        """id, author, recipient, time, text of the round's messages, read by the administrator."""
        return self.server.sql(
            "SELECT id, get_byte(uuid_send(user_id), 15), get_byte(uuid_send(to_user_id), 15), "
            "(extract(epoch FROM create_date) * 1000000)::bigint, text FROM dialogs "
            f"WHERE user_id BETWEEN '{uuid_of(round_number, 0)}' AND '{uuid_of(round_number, 255)}'").replace("|", "\t")

    def writing(self):
        """Whether transactions that write are still under way somewhere."""
        return any(server.sql("SELECT count(*) FROM pg_locks l WHERE l.locktype = 'relation' AND "
                              "l.mode = 'RowExclusiveLock' AND (l.relation::regclass::text ~ '^(public.)?dialogs')") != "0"
                   for server in self.servers)


class CitusWorld(World):
    kind = "citus"

    def begin(self):
        for number in range(3):
            self.add_server(f"node{number}", "shared_preload_libraries='citus,pg_stat_statements'",
                            "citus.node_conninfo='sslmode=disable'", f"citus.local_hostname='{self.host}'",
                            "citus.recover_2pc_interval=600s", "citus.defer_shard_delete_interval=2s",
                            "synchronous_commit=local", *plugin_settings())
            self.servers[-1].sql("SET client_min_messages=error; CREATE EXTENSION citus")
        self.server.sql("CREATE EXTENSION pg_stat_statements")
        self.server.sql(f"SELECT citus_set_coordinator_host('{self.host}', {self.server.port})")
        for worker in self.workers:
            self.server.sql(f"SELECT citus_add_node('{self.host}', {worker.port})")
        self.install()
        self.server.sql(f"SET citus.shard_count = {SHARDS}", "SELECT create_distributed_table('dialogs', 'to_user_id')",
                        "SELECT create_distributed_table('users', 'id', colocate_with := 'dialogs')")

    @property
    def workers(self):
        return self.servers[1:]

    def clients(self):
        found = super().clients()
        found[2]["command"] += ["--set", "route=coordinator"]
        return found

    def shards(self, worker, round_number):
        """The shards of the round's users that a worker has now."""
        users = ", ".join(f"('{uuid_of(round_number, user)}'::uuid)" for user in range(self.options.users))
        return self.server.sql("SELECT DISTINCT s.shardid FROM citus_shards s JOIN (VALUES "
                               f"{users}) u (id) ON s.shardid = get_shard_id_for_distribution_column('dialogs', u.id) "
                               f"WHERE nodeport = {worker.port} ORDER BY 1").split()

    def move(self, shard, source, target):
        return (f"SELECT citus_move_shard_placement({shard}, '{self.host}', {source.port}, '{self.host}', {target.port}, "
                "shard_transfer_mode := 'force_logical')")


class HttpWorld(World):
    """Two processes of dialogsd, which tell each other of messages through Redis where that is installed."""

    kind, victim = "http", "dialogsd0"

    def begin(self):
        super().begin()
        self.redis = None
        bus = []
        if shutil.which("redis-server"):
            port = free_port()
            self.redis = Program(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--daemonize",
                                  "no", "--dir", self.home], port, accepts, os.path.join(self.home, "redis.log"))
            self.programs.append(self.redis)
            bus = ["--redis", f"redis://127.0.0.1:{port}"]
        self.services = [self.add_service(number, bus) for number in range(2)]
        wait_for(lambda: self.server.try_sql("SELECT count(*) > 0 FROM users") == "t", "dialogsd makes no demo users")

    def add_service(self, number, bus):
        port = free_port()
        command = [self.options.dialogsd, "--db", self.server.conninfo(f"dialogsd{number}"), "--port", str(port),
                   "--data", self.home, "--log", "off", "--demo", "--catch-up", "3", "--heartbeat", "1", "--set",
                   "hash_operations=1", "--set", "hash_memory_kib=8192", "--set", f"token_key_file={self.home}/token.keys", "--send-rate", "0", *bus]
        self.programs.append(Program(command, port, accepts, os.path.join(self.home, f"dialogsd{number}.log")))
        return self.programs[-1]

    def add_users(self, round_number):
        self.server.sql(f"""INSERT INTO users (id, password_hash)
            SELECT (left('{uuid_of(round_number, 0)}', -2) || lpad(to_hex(n), 2, '0'))::uuid,
            (SELECT password_hash FROM users LIMIT 1) FROM generate_series(0, {self.options.users - 1}) n
            ON CONFLICT DO NOTHING""")

    def web(self, role, service, *words):
        return {"role": role, "name": role, "command": [sys.executable, os.path.join(HERE, "web.py"), role, "--port",
                                                        str(self.services[service].port), *words]}

    def clients(self):
        return [self.web("writer", 0), self.web("writer", 1), self.web("reader", 0), self.web("streamer", 0),
                self.web("streamer", 1), self.client("writer", name="writer"),
                self.client("follower", "--threads", "4", "--pause-us", "60000")]


class FailoverWorld(World):
    """A primary and its synchronous standby; clients know both."""

    kind, standbys = "failover", "*"

    def begin(self):
        super().begin()
        self.generation = 0
        self.add_standby()

    def conninfo(self, application="history"):
        ports = sorted(server.port for server in self.servers)
        return conninfo([self.host] * len(ports), ports, application)

    def add_standby(self, port=None):
        """Commits wait for it from then on."""
        self.generation += 1
        self.servers.append(Standby(self.server, f"standby{self.generation}", port))
        wait_for(lambda: self.server.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") != "0",
                 "the standby does not follow")
        self.server.set("synchronous_standby_names", self.standbys)

    def fail_over(self):
        """The primary is gone for good, and the standby takes its place; the port that is free now."""
        gone = self.servers.pop(0)
        gone.kill()
        self.server.promote()
        return gone.port


class PooledWorld(World):
    """A server behind pgbouncer, in session mode."""

    kind = "pooled"

    def begin(self):
        self.add_server("server")
        self.port = free_port()
        users, ini = os.path.join(self.home, "users.txt"), os.path.join(self.home, "pgbouncer.ini")
        with open(users, "w", encoding="ascii") as file:
            file.write('"hist" ""\n')
        with open(ini, "w", encoding="ascii") as file:
            file.write(f"[databases]\npostgres = host={self.host} port={self.server.port}\n[pgbouncer]\nlisten_addr = *\n"
                       f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\n"
                       "pool_mode = session\nmax_client_conn = 500\ndefault_pool_size = 150\n")
        program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
        self.pooler = Program(unprivileged([program, "-q", ini], {}), self.port, accepts,
                              os.path.join(self.home, "pgbouncer.log"))
        self.programs.append(self.pooler)
        self.install()

    def conninfo(self, application="history"):
        return conninfo([self.host], [self.port], application)


WORLDS = {world.kind: world for world in (World, CitusWorld, HttpWorld, FailoverWorld, PooledWorld)}


def missing(kind, options):
    """Why there can be no such world here, or None."""
    if kind == "citus" and not has_citus():
        return "citus extension not installed"
    if kind == "http" and not options.dialogsd:
        return "dialogsd is not built"
    if kind == "pooled" and not shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin"):
        return "pgbouncer is not installed"
    return None


