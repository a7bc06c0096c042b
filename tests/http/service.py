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


class Dialogsd:
    """In a with block; `options` are more options of the command line."""

    def __init__(self, program, *options):
        self.home = tempfile.mkdtemp(prefix="dialogsd-py-")
        os.chmod(self.home, 0o755)
        self.port = free_port()
        self.command = [program, "--port", str(self.port), "--data", os.path.join(self.home, "data"), "--demo", "--log",
                        "off", *options]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not self.ready():
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit("dialogsd did not become ready")
            time.sleep(0.1)
        return self

    def ready(self):
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None, headers=None):
        """Status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(60)
        shutil.rmtree(self.home, ignore_errors=True)
        assert code == 0, f"dialogsd ended with {code}"
