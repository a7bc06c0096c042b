"""What goes wrong in a run. Each fault is a class with a name: it acts, holds, and heals what it did.

A further fault is a further class in ALL. `missing` says why it cannot be had here, `heal` is called in any case."""

import signal
import time

from servers import free_port, now_us, send_signal, wait_for

STALL = 21       # seconds; more than a request's time (10), and than any constant that might hide the fault
SHORT = 8
EVERYWHERE = ("plain", "citus", "http", "failover", "pooled")


class Fault:
    name, on = "", EVERYWHERE
    touches = {"server", "writer"}  # faults with nothing in common may act at the same time

    def missing(self, _world):
        return None

    def act(self, run):
        raise NotImplementedError

    def heal(self, run):
        pass


def needs_namespace(world):
    return world.namespace if isinstance(world.namespace, str) else None


def needs_clock(world):
    return None if world.options.clock else "no --clock"


# ---- Servers and sessions -----------------------------------------------------------------------


class StalledBackend(Fault):
    """SIGSTOP to the sessions that insert for one client, for longer than it waits: they insert when they go on."""

    name, touches = "stalled_backend", {"writer"}

    stopped = ()

    def act(self, run):
        wait_for(lambda: self.find(run.world), "stalled_backend: nobody inserts")
        send_signal(self.stopped, signal.SIGSTOP)
        time.sleep(STALL)

    def find(self, world):
        """After another fault it takes a moment until somebody inserts again."""
        self.stopped = []
        for server in world.servers:
            pids = server.sql("SELECT pid FROM pg_stat_activity WHERE query ILIKE 'insert%dialogs%' AND application_name = "
                              f"'{world.victim}'").split()
            self.stopped += [int(pid) for pid in pids]
        return self.stopped

    def heal(self, run):
        send_signal(self.stopped, signal.SIGCONT)


class StandbyAway(Fault):
    """A synchronous standby that does not answer: commits are made, and not visible, until it is given up."""

    name, on = "standby_away", ("plain", "http", "failover", "pooled")

    def act(self, run):
        run.world.server.set("synchronous_standby_names", "away")
        time.sleep(STALL)

    def heal(self, run):
        run.world.server.set("synchronous_standby_names", run.world.standbys)


class KillServer(Fault):
    """kill -9 of a server, any node of a cluster; it is started again."""

    name, touches = "kill_server", {"server", "writer", "shards", "clock"}

    def act(self, run):
        self.server = run.random.choice(run.world.servers)
        self.server.kill()
        time.sleep(run.random.uniform(0.5, 3))

    def heal(self, run):
        self.server.start()


class FrozenServer(Fault):
    """SIGSTOP to all processes of a server."""

    name, touches = "frozen_server", {"server", "writer", "shards"}

    def act(self, run):
        server = run.random.choice(run.world.servers)
        self.pids = server.pids()
        send_signal(self.pids, signal.SIGSTOP)
        time.sleep(SHORT)

    def heal(self, run):
        send_signal(self.pids, signal.SIGCONT)


class KilledWriter(Fault):
    """kill -9 of a writer in the middle of its work; another one takes its place."""

    name, touches = "killed_writer", {"writer"}

    def act(self, run):
        victim = next(recorder for recorder in run.recorders if recorder.name == "writer" and recorder.process.poll() is None)
        run.note(f'{{"t":"killed","p":{victim.number}}}')
        victim.process.kill()
        victim.process.wait()
        run.start(next(spec for spec in run.world.clients() if spec["name"] == "writer"))
        time.sleep(3)


# ---- The network --------------------------------------------------------------------------------


class OneWayPartition(Fault):
    """What a writer sends is lost, what it is sent arrives; its kernel repeats later what the library has given up."""

    name, on, touches = "one_way_partition", ("plain", "citus"), {"namespace"}
    chains, seconds = ("OUTPUT",), 26

    def missing(self, world):
        return needs_namespace(world)

    def act(self, run):
        run.world.namespace.drop(*self.chains)
        time.sleep(self.seconds)

    def heal(self, run):
        run.world.namespace.heal()


class Partition(OneWayPartition):
    """A writer is cut off, in both directions."""

    name, chains, seconds = "partition", ("INPUT", "OUTPUT"), 14


# ---- Clocks -------------------------------------------------------------------------------------


class ClockFault(Fault):
    """Sets a clock for a while."""

    on, touches, seconds, settle = ("plain", "citus"), {"clock"}, {}, SHORT

    def missing(self, world):
        return needs_clock(world)

    def act(self, run):
        for clock, seconds in self.seconds.items():
            getattr(run.world, clock).set(seconds)
        time.sleep(self.settle)

    def heal(self, run):
        for clock in self.seconds:
            getattr(run.world, clock).set(0)


class WriterClockBack(ClockFault):
    """A writer's clock steps back by 20 s after it has connected."""

    name, seconds, settle = "writer_clock_back", {"writer_clock": -20}, STALL + 3


class FollowerClockAhead(ClockFault):
    """A follower's clock steps ahead by 30 s."""

    name, seconds = "follower_clock_ahead", {"follower_clock": 30}


class WriterClockAhead(ClockFault):
    """A writer's clock steps ahead by 50 s, and a follower's by 30 s."""

    name, seconds = "writer_clock_ahead", {"writer_clock": 50, "follower_clock": 30}


class WriterClockFar(ClockFault):
    """A writer's clock steps ahead by 600 s."""

    name, seconds = "writer_clock_far", {"writer_clock": 600}


class ServerClockAhead(ClockFault):
    """A server's clock steps ahead by 30 s, and stays there; then one more client opens.

    It is one that is behind: a long run does not set the clocks further apart than followers are given time for."""

    name, touches, step = "server_clock_ahead", {"server", "clock"}, 30

    def choose(self, run):
        clocks = [server.clock for server in run.world.servers]
        behind = min(clock.offset for clock in clocks)
        return run.random.choice([clock for clock in clocks if clock.offset < behind + self.step / 2])

    def act(self, run):
        clock = self.choose(run)
        began = now_us()
        clock.set(clock.offset + self.step)
        run.note(f'{{"t":"step","by":{self.step},"b":{began},"e":{now_us()}}}')
        time.sleep(2)
        run.start(run.world.client("writer", name="writer_new"))
        time.sleep(self.settle)


class ServerClockBack(ServerClockAhead):
    """A server's clock steps back by 1.5 s, and stays there; then one more client opens. More is not promised."""

    name, step = "server_clock_back", -1.5

    def choose(self, run):
        return run.random.choice(run.world.servers).clock


# ---- Citus --------------------------------------------------------------------------------------


class LockedShard(Fault):
    """A shard's table is locked against writing for 22 s, longer than clients of the coordinator wait.

    One: were all of a worker locked, hardly anybody would write anything that followers see before it."""

    name, on, touches = "locked_shard", ("citus",), {"shards"}

    def act(self, run):
        worker = max(run.world.workers, key=lambda one: len(run.world.shards(one, run.number)))
        table = f"dialogs_{run.random.choice(run.world.shards(worker, run.number))}"
        lock = worker.session("SET citus.override_table_visibility = off", "SET citus.enable_manual_changes_to_shards = on",
                              "SET lock_timeout = '20s'", f"BEGIN; LOCK TABLE {table} IN SHARE MODE; SELECT pg_sleep(22)")
        said = lock.communicate()[0]
        if lock.returncode:
            raise RuntimeError(f"locked_shard: {said}")


class Moves(Fault):
    """A shard moves to the other worker and back, under load."""

    name, on, touches = "moves", ("citus",), {"shards"}

    def act(self, run):
        target, source = sorted(run.world.workers, key=lambda worker: len(run.world.shards(worker, run.number)))
        shard = run.random.choice(run.world.shards(source, run.number))
        run.world.server.sql(run.world.move(shard, source, target))
        run.world.server.sql(run.world.move(shard, target, source))


class HalfMove(Fault):
    """A move whose COMMIT PREPARED did not reach the node that the shard left.

    The coordinator's own commit is held by a synchronous standby that is not there; only the session of the move waits for
    it. Meanwhile Citus's sessions on the source are ended. Then the commit goes on, and cannot tell the source."""

    name, on, touches = "half_move", ("citus",), {"shards"}

    def act(self, run):
        world, coordinator = run.world, run.world.server
        target, source = sorted(world.workers, key=lambda worker: len(world.shards(worker, run.number)))
        shard = run.random.choice(world.shards(source, run.number))
        coordinator.set("synchronous_standby_names", "away")
        move = coordinator.session("SET synchronous_commit = on", world.move(shard, source, target))
        try:
            self.wait_until_prepared(coordinator, source, target, move)
            source.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                       "WHERE application_name LIKE 'citus_internal%' AND pid <> pg_backend_pid()")
        finally:
            self.release(coordinator)
        said = move.communicate()[0]
        if move.returncode or source.sql("SELECT count(*) FROM pg_prepared_xacts") == "0":
            raise RuntimeError(f"half_move: the source knows of the move: {said}")
        time.sleep(SHORT)

    def wait_until_prepared(self, coordinator, source, target, move):
        """Both nodes have prepared what the session's commit waits to make true."""
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        prepared = "SELECT count(*) FROM pg_prepared_xacts"

        def ready():
            if move.poll() is not None:
                raise RuntimeError(f"half_move: {move.stdout.read()}")
            return coordinator.sql(waits) != "0" and source.sql(prepared) != "0" and target.sql(prepared) != "0"
        wait_for(ready, "the move does not come to its commit")

    def release(self, coordinator):
        coordinator.set("synchronous_standby_names", "")

    def heal(self, run):
        self.release(run.world.server)
        run.world.server.sql("SELECT recover_prepared_transactions()")


class Isolate(Fault):
    """A user gets a shard of their own, under load."""

    name, on, touches = "isolate", ("citus",), {"shards"}

    def act(self, run):
        user = f"68697374-{run.number:04x}-4000-8000-0000000000{run.random.randrange(run.options.users):02x}"
        run.world.server.sql(f"SELECT isolate_tenant_to_new_shard('dialogs', '{user}', 'CASCADE', "
                             "shard_transfer_mode := 'force_logical')")
        time.sleep(2)


class MovedPort(Fault):
    """A worker stops, and comes back on another port."""

    name, on, touches = "moved_port", ("citus",), {"server", "writer", "shards", "clock"}

    def act(self, run):
        self.worker = run.random.choice(run.world.workers)
        self.old = self.worker.port
        self.worker.stop()
        self.worker.port = free_port()

    def heal(self, run):
        self.worker.start()
        run.world.server.sql(f"SELECT citus_update_node(nodeid, '{run.world.host}', {self.worker.port}) FROM pg_dist_node "
                             f"WHERE nodeport = {self.old}")
        time.sleep(2)


class ShardMapCost(Fault):
    """No fault of the network: the sessions of the library must not make the server compile their queries."""

    name, on, touches = "shard_map_cost", ("citus",), {"nothing"}
    QUERY = ("SELECT count(*) || ' statements with ' || coalesce(sum(jit_functions), 0) || ' functions' "
             "FROM pg_stat_statements WHERE jit_functions > 0 AND query ~ 'pg_dist'")

    def act(self, run):
        time.sleep(SHORT)
        found = run.world.server.sql(self.QUERY)
        if not found.startswith("0 "):
            raise RuntimeError(f"shard_map_cost: PostgreSQL has compiled {found} of the map's query")


# ---- Standbys and poolers -----------------------------------------------------------------------


class Failover(Fault):
    """kill -9 of the primary for good; its standby is promoted, and gets a standby of its own."""

    name, on, touches = "failover", ("failover",), {"server", "writer"}

    def act(self, run):
        self.port = run.world.fail_over()
        time.sleep(SHORT)

    def heal(self, run):
        run.world.add_standby(self.port)


class KillPooler(Fault):
    """kill -9 of pgbouncer; it is started again."""

    name, on, touches = "kill_pooler", ("pooled",), {"server", "writer"}

    def act(self, run):
        run.world.pooler.kill()
        time.sleep(2)

    def heal(self, run):
        run.world.pooler.start()


# ---- The service --------------------------------------------------------------------------------


class KillDialogsd(Fault):
    """kill -9 of one of the processes of dialogsd; it is started again."""

    name, on, touches = "kill_dialogsd", ("http",), {"dialogsd"}

    def act(self, run):
        self.service = run.random.choice(run.world.services)
        self.service.kill()
        time.sleep(2)

    def heal(self, run):
        self.service.start()


class FrozenDialogsd(Fault):
    """SIGSTOP to one of the processes of dialogsd."""

    name, on, touches = "frozen_dialogsd", ("http",), {"dialogsd"}

    def act(self, run):
        self.service = run.random.choice(run.world.services)
        self.service.process.send_signal(signal.SIGSTOP)
        time.sleep(SHORT)

    def heal(self, run):
        self.service.process.send_signal(signal.SIGCONT)


class RestartRedis(Fault):
    """Redis is killed, and comes back empty."""

    name, on, touches = "restart_redis", ("http",), {"redis"}

    def missing(self, world):
        return None if world.redis else "redis-server is not installed"

    def act(self, run):
        run.world.redis.kill()
        time.sleep(3)

    def heal(self, run):
        run.world.redis.start()


ALL = [StalledBackend, StandbyAway, KillServer, FrozenServer, KilledWriter, OneWayPartition, Partition,
       WriterClockBack, FollowerClockAhead, WriterClockAhead, WriterClockFar, ServerClockAhead, ServerClockBack,
       LockedShard, Moves, HalfMove, Isolate, MovedPort, ShardMapCost, Failover, KillPooler, KillDialogsd,
       FrozenDialogsd, RestartRedis]
