"""Behind a real HAProxy and a real nginx the client's address is the one that the proxy saw: proxies.py DIALOGSD"""

import http.client
import json
import os
import shutil
import subprocess
import sys

from service import Dialogsd, call, free_port, make_home, wait_for

HAPROXY = """
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
frontend front
    bind 127.0.0.1:{port}
    option forwardfor
    default_backend back
backend back
    server one 127.0.0.1:{to}
"""

NGINX = """
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{to};
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""

FORGED = [(), ("198.51.100.{i}",), ("198.51.100.{i}, 203.0.113.{i}",), ("198.51.100.{i}", "203.0.113.{i}"),
          ("2001:db8:{i}::1",), ("unknown",), ("",), ("198.51.100.{i},",)]


def register(port, source, lines):
    """The status of a registration from this address, with these lines of X-Forwarded-For."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    body = json.dumps({"password": "long enough"})
    try:
        connection.putrequest("POST", "/user/register")
        for line in lines:
            connection.putheader("X-Forwarded-For", line)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        return connection.getresponse().status
    finally:
        connection.close()


def answers(port):
    try:
        return call(port, "GET", "/healthz")[0] == 200
    except OSError:
        return False


def forged_addresses_are_not_believed(port, first):
    """Of three clients; each may register twice, whatever else it says."""
    for client in range(first, first + 3):
        lines = [[line.format(i=i + 10 * client) for line in FORGED[i]] for i in range(len(FORGED))]
        statuses = [register(port, f"127.0.0.{client}", each) for each in lines]
        assert statuses == [200, 200] + [429] * (len(FORGED) - 2), f"client {client}: {statuses}"


def behind(home, service, name, first, template, *command):
    port, path = free_port(), os.path.join(home, name + ".conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(template.format(home=home, port=port, to=service.port))
    proxy = subprocess.Popen([*command, path], stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(port), 20, f"{name} does not answer")
        forged_addresses_are_not_believed(port, first)
        print(f"{name}: good", flush=True)
    finally:
        proxy.terminate()
        proxy.wait(30)


def main(program):
    home = make_home()
    try:
        with Dialogsd(program, "--registrations", "2", "--proxied", "--set", "hash_memory_kib=8", home=home) as service:
            behind(home, service, "haproxy", 11, HAPROXY, "haproxy", "-db", "-f")
            behind(home, service, "nginx", 21, NGINX, "nginx", "-p", home, "-e", "stderr", "-c")
    finally:
        shutil.rmtree(home, ignore_errors=True)


main(*sys.argv[1:])
