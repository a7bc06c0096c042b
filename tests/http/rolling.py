"""Two dialogsd behind nginx, with Redis, restarted one after the other under load: rolling.py DIALOGSD [CONNINFO]

No request fails, and every message comes exactly once to every stream that hears of it."""

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
import uuid

from service import Dialogsd, call, free_port, make_home, wait_for

ANNA = "387ac1c1-6581-4ace-a113-707c8585fe28"
BORIS = "aa45b640-d501-4101-83f2-de96b672129f"
SENDERS = 4

NGINX = """
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    upstream dialogsd {{
        server 127.0.0.1:{one} max_fails=0;
        server 127.0.0.1:{two} max_fails=0;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://dialogsd;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_next_upstream error timeout http_503 non_idempotent;
        }}
    }}
}}
"""


class Process:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def answers(port):
    try:
        call(port, "GET", "/healthz")
        return True
    except http.client.HTTPException:
        return True  # Redis speaks no HTTP, but it speaks
    except OSError:
        return False


class Stream(threading.Thread):
    """Reads the events of a user, and comes back with the last id when the stream ends, as a browser does."""

    def __init__(self, port, token):
        super().__init__(daemon=True)
        self.port, self.token, self.last, self.heard, self.ending = port, token, None, [], False
        self.times, self.opened, self.trouble = {}, threading.Event(), []
        self.repeated = 0  # after a reconnect in a crowd, as docs/http.md says: ids tell

    def run(self):
        while not self.ending:
            try:
                self.listen()
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)

    def listen(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", **({"Last-Event-ID": self.last} if self.last else {})}
        connection.request("GET", "/events", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            self.trouble.append((answer.status, answer.read()))
            return
        fresh, connected = None, set()
        while line := answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                fresh = value
            elif name == "data":
                text = json.loads(value).get("text")
                if text is None:  # a cursor
                    continue
                assert text not in connected, "a message came twice over one connection"
                connected.add(text)
                self.repeated += text in self.times
                if text not in self.times:
                    self.heard.append(text)
                self.times.setdefault(text, time.monotonic())
            elif not line.strip():
                self.last = fresh or self.last
                self.opened.set()


class Sender(threading.Thread):
    def __init__(self, port, token, number):
        super().__init__(daemon=True)
        self.port, self.token, self.number = port, token, number
        self.sent, self.failed, self.ending = {}, [], False

    def run(self):
        while not self.ending:
            text = f"{self.number}-{len(self.sent)}"
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                       "Idempotency-Key": str(uuid.uuid4())}
            try:
                status, _, body = call(self.port, "POST", f"/dialog/{BORIS}/send", json.dumps({"text": text}), headers)
            except (OSError, http.client.HTTPException) as error:
                status, body = 0, str(error)
            if status != 200:
                self.failed.append((text, status, body))
            self.sent[text] = time.monotonic()
            time.sleep(0.005)


def login(port, user):
    status, _, body = call(port, "POST", "/login", json.dumps({"id": user, "password": "string"}),
                           {"Content-Type": "application/json"})
    assert status == 200, body
    return json.loads(body)["token"]


def roll(services, port):
    anna, boris = login(port, ANNA), login(port, BORIS)
    streams = [Stream(port, token) for token in (anna, boris, boris)] + [Stream(each.port, boris) for each in services]
    senders = [Sender(port, anna, number) for number in range(SENDERS)]
    for stream in streams:
        stream.start()
        assert stream.opened.wait(10)
    for sender in senders:
        sender.start()
    for service in services:
        time.sleep(1)
        service.stop()
        time.sleep(0.5)
        service.start()
    time.sleep(1)
    for sender in senders:
        sender.ending = True
        sender.join()
    sent = {text: at for sender in senders for text, at in sender.sent.items()}
    failed = [each for sender in senders for each in sender.failed]
    assert not failed, f"{len(failed)} of {len(sent)} requests failed, such as {failed[0]}"
    for stream in streams:
        wait_for(lambda each=stream: len(each.heard) >= len(sent), 40, f"{len(stream.heard)} of {len(sent)} came")
    time.sleep(0.5)
    for stream in streams:
        stream.ending = True
        assert len(stream.heard) == len(set(stream.heard)) == len(sent), "a message came twice"
        assert set(stream.heard) == set(sent)
    late = statistics.median(max(0, stream.times[text] - at) for stream in streams for text, at in sent.items())
    assert late < 0.1, f"half of the messages came more than {late:.3f} s after they were acknowledged"
    return len(sent), late


def main(program, database=None):
    home, redis_port, port = make_home(), free_port(), free_port()
    redis = Process("redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", home)
    wait_for(lambda: answers(redis_port), 20, "Redis does not answer")
    options = ("--redis", f"redis://127.0.0.1:{redis_port}", "--proxied", "--catch-up", "5",
               *(("--db", database) if database else ()))
    services = [Dialogsd(program, *options, home=home) for _ in range(2)]
    for service in services:
        service.start()
    with open(os.path.join(home, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(NGINX.format(home=home, one=services[0].port, two=services[1].port, port=port))
    nginx = Process("nginx", "-p", home, "-e", "stderr", "-c", os.path.join(home, "nginx.conf"))
    try:
        wait_for(lambda: answers(port), 20, "nginx does not answer")
        count, late = roll(services, port)
        print(f"{count} messages, none missed and none doubled, half of them within {late * 1000:.1f} ms")
    finally:
        nginx.stop()
        for service in services:
            if service.process.poll() is None:
                service.stop()
        redis.stop()
        shutil.rmtree(home, ignore_errors=True)


main(*sys.argv[1:])
