"""What a supervisor such as systemd sees of dialogsd, and gives it: supervised.py DIALOGSD"""

import os
import shutil
import signal
import socket
import sys

from service import call, free_port, make_home, wait_for


def start(program, home, listening, count, notify, operators=None):
    pid = os.fork()
    if pid:
        return pid
    os.dup2(os.open("/dev/null", os.O_RDWR), 1)
    environment = dict(os.environ, NOTIFY_SOCKET=notify)
    if listening:
        os.dup2(listening.fileno(), 3)
        environment.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=count)
        if operators:
            os.dup2(operators.fileno(), 4)
            environment.update(LISTEN_FDNAMES="dialogsd.socket:admin")
    else:
        os.closerange(3, 10)
    os.execve(program, [program, "--data", os.path.join(home, "data"), "--log", "off", "--port", str(free_port())], environment)


def ready(port):
    try:
        return call(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def activated(program, home):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind("\0dialogsd-test-" + os.path.basename(home))
    notify.settimeout(20)
    name = "@" + notify.getsockname()[1:].decode()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        early = socket.create_connection(("127.0.0.1", port))  # before anybody serves
        early.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        pid = start(program, home, listening, "1", name)
    assert notify.recv(100) == b"READY=1"
    early.settimeout(20)
    assert early.recv(100).startswith(b"HTTP/1.1 200")
    wait_for(lambda: ready(port), 60, "dialogsd did not become ready")
    os.kill(pid, signal.SIGTERM)
    assert notify.recv(100) == b"STOPPING=1"
    assert os.waitpid(pid, 0)[1] == 0


def two_sockets(program, home):
    """One for clients, and one for operators, which has /metrics to itself."""
    with socket.create_server(("127.0.0.1", 0)) as clients, socket.create_server(("127.0.0.1", 0)) as operators:
        port, admin = clients.getsockname()[1], operators.getsockname()[1]
        pid = start(program, home, clients, "2", "", operators)
    wait_for(lambda: ready(admin), 60, "dialogsd did not become ready")
    assert [call(port, "GET", path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 404]
    assert [call(admin, "GET", path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
    assert [call(admin, "GET", path)[0] for path in ("/user/search?first_name=&last_name=", "/", "/events")] == [404] * 3
    os.kill(pid, signal.SIGTERM)
    assert os.waitpid(pid, 0)[1] == 0


def a_port_for_operators(program, home):
    port, admin = free_port(), free_port()
    pid = os.fork()
    if not pid:
        os.dup2(os.open("/dev/null", os.O_RDWR), 1)
        os.execv(program, [program, "--data", os.path.join(home, "data"), "--log", "off", "--port", str(port),
                           "--admin-port", str(admin), "--connections", "3"])
    wait_for(lambda: ready(admin), 60, "dialogsd did not become ready")
    taken = []
    for _ in range(3):
        plug = socket.create_connection(("127.0.0.1", port))
        plug.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        taken.append(plug)
    assert b"dialogsd_connections " in call(admin, "GET", "/metrics")[2]  # however many clients there are
    for plug in taken:
        plug.close()
    os.kill(pid, signal.SIGTERM)
    assert os.waitpid(pid, 0)[1] == 0


def refused(program, home):
    """A socket that does not listen, and too many of them."""
    with socket.socket() as silent:
        assert os.waitstatus_to_exitcode(os.waitpid(start(program, home, silent, "1", ""), 0)[1]) == 1
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert os.waitstatus_to_exitcode(os.waitpid(start(program, home, listening, "2", ""), 0)[1]) == 1


place = make_home()
try:
    activated(sys.argv[1], place)
    two_sockets(sys.argv[1], place)
    a_port_for_operators(sys.argv[1], place)
    refused(sys.argv[1], place)
finally:
    shutil.rmtree(place, ignore_errors=True)
print("the supervisor is content")
