"""dialogsd over TLS, and a certificate that is renewed while it runs: tls.py DIALOGSD"""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys

from service import Dialogsd, make_home, wait_for

ANNA, BORIS = "387ac1c1-6581-4ace-a113-707c8585fe28", "aa45b640-d501-4101-83f2-de96b672129f"


class Place:
    """A certificate of its own, and where dialogsd looks for it."""

    def __init__(self, home):
        self.chain, self.key = os.path.join(home, "chain.pem"), os.path.join(home, "key.pem")

    def renew(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout",
                        self.key, "-out", self.chain], check=True, stderr=subprocess.DEVNULL)

    def text(self):
        with open(self.chain, encoding="ascii") as file:
            return file.read()


class Secure(Dialogsd):
    """Every call trusts the certificate that the place has at first."""

    def __init__(self, program, place, home):
        super().__init__(program, "--tls-certificate", place.chain, "--tls-key", place.key, home=home)
        self.context = ssl.create_default_context(cadata=place.text())

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def shown(self):
        return ssl.get_server_certificate(("127.0.0.1", self.port))


def speaks(service):
    kind = {"Content-Type": "application/json"}
    status, _, body = service.call("POST", "/login", json.dumps({"id": ANNA, "password": "string"}), kind)
    assert status == 200, body
    bearer = {"Authorization": "Bearer " + json.loads(body)["token"], **kind}
    assert service.call("POST", f"/dialog/{BORIS}/send", json.dumps({"text": "secret"}), bearer)[0] == 200
    status, _, body = service.call("GET", f"/dialog/{BORIS}/list", headers=bearer)
    assert status == 200 and json.loads(body)[-1]["text"] == "secret"


def plain_is_no_answer(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/")


def old_versions_are_refused(service):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    try:
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as plain, old.wrap_socket(plain):
            raise AssertionError("less than TLS 1.2 was accepted")
    except (ssl.SSLError, OSError):
        pass


def client(ciphers):
    """A client of TLS 1.2 that has these ciphers alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    return context


def agrees(service, ciphers):
    try:
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as plain:
            with client(ciphers).wrap_socket(plain) as secure:
                return bool(secure.cipher())
    except (ssl.SSLError, OSError):
        return False


def ciphers_are_those_of_rfc_9325(service):
    """ECDHE and AEAD; the certificate has an elliptic key here, and one of RSA in rsa_keys()."""
    assert agrees(service, "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert agrees(service, "ECDHE-ECDSA-CHACHA20-POLY1305")
    assert not agrees(service, "ECDHE-ECDSA-AES128-SHA")  # CBC
    assert not agrees(service, "ECDHE-ECDSA-AES256-CCM8")
    assert "strict-transport-security" not in service.call("GET", "/healthz")[1]


def rsa_keys(program, home):
    place = Place(os.path.join(home, "rsa"))
    os.mkdir(os.path.join(home, "rsa"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", place.key, "-out", place.chain], check=True,
                   stderr=subprocess.DEVNULL)
    service = Secure(program, place, home)
    service.command += ["--hsts", "31536000"]
    service.start()
    assert agrees(service, "ECDHE-RSA-AES128-GCM-SHA256")
    assert not agrees(service, "AES128-GCM-SHA256")  # RSA key transport: no forward secrecy
    assert not agrees(service, "DHE-RSA-AES128-GCM-SHA256")
    assert not agrees(service, "ECDHE-RSA-AES256-SHA384")
    assert service.call("GET", "/healthz")[1]["Strict-Transport-Security"] == "max-age=31536000"
    service.stop()
    service.command += ["--tls-priorities", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA"]
    service.start()
    assert agrees(service, "AES128-GCM-SHA256")
    assert not agrees(service, "ECDHE-RSA-AES128-GCM-SHA256")
    service.stop()


def bad_priorities_do_not_start(program, place, home):
    done = subprocess.run([program, "--data", os.path.join(home, "data"), "--check-config", "--tls-certificate",
                           place.chain, "--tls-key", place.key, "--tls-priorities", "NORMAL:+NONSENSE"],
                          stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, timeout=60, check=False)
    assert done.returncode and '--tls-priorities' in done.stderr and "NONSENSE" in done.stderr, done.stderr


def is_renewed(service, place):
    before = service.shown()
    lasting = http.client.HTTPSConnection("127.0.0.1", service.port, timeout=20, context=service.context)
    lasting.request("GET", "/healthz")
    assert lasting.getresponse().read() is not None
    place.renew()
    service.process.send_signal(signal.SIGHUP)
    wait_for(lambda: service.shown().strip() == place.text().strip(), 20, "the new certificate is not shown")
    assert service.shown() != before
    lasting.request("GET", "/healthz")  # began with the old one, goes on
    assert lasting.getresponse().status == 200
    lasting.close()


def bad_files_change_nothing(service, place):
    before = service.shown()
    with open(place.chain, "w", encoding="ascii") as file:
        file.write("no certificate\n")
    service.process.send_signal(signal.SIGHUP)
    line = service.process.stderr.readline()
    while "cannot be used" not in line:
        line = service.process.stderr.readline()
    assert place.chain in line
    assert service.shown() == before


def wrong_pairs_do_not_start(program, home):
    one, other = Place(home), Place(os.path.join(home, "other"))
    os.mkdir(os.path.join(home, "other"))
    one.renew()
    other.renew()
    for arguments, words in ((["--tls-certificate", one.chain, "--tls-key", other.key], "is not that of"),
                             (["--tls-certificate", one.chain, "--tls-key", "/nowhere"], "/nowhere"),
                             (["--tls-certificate", one.chain], "go together")):
        done = subprocess.run([program, "--data", os.path.join(home, "data"), *arguments], stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, text=True, timeout=60, check=False)
        assert done.returncode and words in done.stderr, done.stderr


def main(program):
    home = make_home()
    try:
        place = Place(home)
        place.renew()
        service = Secure(program, place, home)
        service.start()
        speaks(service)
        plain_is_no_answer(service)
        old_versions_are_refused(service)
        ciphers_are_those_of_rfc_9325(service)
        bad_priorities_do_not_start(program, place, home)
        is_renewed(service, place)
        bad_files_change_nothing(service, place)
        service.stop()
        wrong_pairs_do_not_start(program, home)
        rsa_keys(program, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print("TLS is as it should be")


main(sys.argv[1])
