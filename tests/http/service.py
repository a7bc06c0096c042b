"""A dialogsd with its private server and the demo users, for tests in Python."""

import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_home():
    home = tempfile.mkdtemp(prefix="dialogsd-py-")
    os.chmod(home, 0o755)
    return home


def wait_for(what, seconds, trouble):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, trouble
        time.sleep(0.05)


def call(port, method, path, body=None, headers=None):
    """Status, headers, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Dialogsd:
    """In a with block; `options` are more options of the command line. Several may share a home, and so a database."""

    def __init__(self, program, *options, home=None):
        self.own = not home
        self.home = home or make_home()
        self.port = free_port()
        self.command = [program, "--port", str(self.port), "--data", os.path.join(self.home, "data"), "--demo", "--log",
                        "off", *options]

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(self.ready, 60, "dialogsd did not become ready")

    def ready(self):
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None, headers=None):
        return call(self.port, method, path, body, headers)

    def stop(self):
        self.process.terminate()
        said = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 0, f"dialogsd ended with {self.process.returncode}: {said}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self.own:
            shutil.rmtree(self.home, ignore_errors=True)
