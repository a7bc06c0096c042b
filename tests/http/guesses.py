"""Somebody guesses passwords as fast as they can, and nobody else is kept out: guesses.py DIALOGSD"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
import uuid

from service import Dialogsd, call, free_port, make_home, wait_for

ANNA = "387ac1c1-6581-4ace-a113-707c8585fe28"
BORIS = "aa45b640-d501-4101-83f2-de96b672129f"
QUICK = ("--set", "hash_memory_kib=8", "--set", "hash_operations=1")
HERE, THERE, ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"  # all of them are this machine


def post(service, path, body, source=HERE, headers=None):
    """Status, headers, body of a call that comes from this address."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120, source_address=(source, 0))
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


def login(service, user, password, source=HERE, forwarded=None):
    headers = {"X-Forwarded-For": forwarded} if forwarded else None
    return post(service, "/login", {"id": user, "password": password}, source, headers)


def answers(port):
    try:
        return call(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


class Attack:
    """In a with block: some threads that call `work` without rest."""

    def __init__(self, work, threads=4, least=50):
        self.work, self.ending, self.trouble = work, False, []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        self.count, self.least = 0, least

    def run(self):
        try:
            while not self.ending:
                self.work()
                self.count += 1
        except Exception as error:  # pylint: disable=broad-except
            self.trouble.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        for thread in self.threads:
            thread.join()
        assert not self.trouble, self.trouble
        assert self.count >= self.least, f"only {self.count} attempts were made"


def expect(status, answer):
    assert answer[0] == status, f"{answer[0]} instead of {status}: {answer[2]}"
    return answer


def what_is_no_password_is_no_attempt(program):
    with Dialogsd(program, *QUICK, "--login-attempts", "3", "--login-attempts-per-address", "3") as service:
        for _ in range(10):
            for password in ("", "a" * 1025, "a" * 2000):
                expect(400, login(service, ANNA, password))
            expect(400, login(service, "nobody", "string"))
            expect(400, login(service, ANNA, 7))
        expect(200, login(service, ANNA, "string"))


def a_registration_that_is_refused_does_not_count(program):
    with Dialogsd(program, *QUICK, "--registrations", "2") as service:
        for _ in range(5):
            expect(400, post(service, "/user/register", {"password": "x" * 8, "birthdate": "yesterday"}))
            expect(400, post(service, "/user/register", {"password": ""}))
        for _ in range(2):
            expect(200, post(service, "/user/register", {"password": "x" * 8}))
        expect(429, post(service, "/user/register", {"password": "x" * 8}))


def guesses_from_elsewhere_lock_nobody_out(program):
    with Dialogsd(program, *QUICK) as service:
        statuses = set()
        with Attack(lambda: statuses.add(login(service, ANNA, "guess", THERE)[0])):
            for _ in range(100):
                expect(200, login(service, ANNA, "string"))
        assert statuses == {401, 429}, statuses
        expect(429, login(service, ANNA, "string", THERE))
        expect(200, login(service, BORIS, "string", THERE))


def guesses_from_many_places_are_counted_by_user(program):
    with Dialogsd(program, *QUICK, "--proxied", "--login-attempts-per-user", "20") as service:
        expect(200, login(service, ANNA, "string", forwarded="192.0.2.1"))
        statuses = [login(service, ANNA, "guess", forwarded=f"203.0.113.{i}")[0] for i in range(25)]
        assert statuses == [401] * 20 + [429] * 5, statuses
        _, headers, body = expect(429, login(service, ANNA, "string", forwarded="192.0.2.9"))
        assert 3000 < int(headers["Retry-After"]) <= 3601, headers["Retry-After"]
        assert "from several addresses" in body["message"], body
        expect(200, login(service, ANNA, "string", forwarded="192.0.2.1"))  # known there


def an_hour_has_a_limit_of_its_own(program):
    with Dialogsd(program, *QUICK, "--login-attempts", "0", "--login-attempts-per-hour", "7") as service:
        for _ in range(7):
            expect(401, login(service, ANNA, "guess"))
        _, headers, _ = expect(429, login(service, ANNA, "string"))
        assert 3000 < int(headers["Retry-After"]) <= 3601, headers["Retry-After"]


def a_network_of_ipv6_is_one_address(program):
    with Dialogsd(program, *QUICK, "--proxied", "--login-attempts-per-address", "5") as service:
        for i in range(5):
            expect(404, login(service, str(uuid.uuid4()), "guess", forwarded=f"2001:db8:1:2:{i}::{i}"))
        expect(429, login(service, ANNA, "string", forwarded="2001:db8:1:2::abcd"))
        expect(200, login(service, ANNA, "string", forwarded="2001:db8:1:3::abcd"))
        for i in range(5):  # addresses of IPv4 inside of IPv6 are not one network
            expect(404, login(service, str(uuid.uuid4()), "guess", forwarded=f"::ffff:192.0.2.{i}"))
        expect(200, login(service, ANNA, "string", forwarded="::ffff:192.0.2.9"))


def made_up_users_do_not_reset_a_limit(program):
    limits = ("--login-attempts-per-address", "0", "--login-attempts", "5")
    with Dialogsd(program, *QUICK, *limits) as service:
        for _ in range(5):
            expect(401, login(service, ANNA, "guess", THERE))
        with Attack(lambda: expect(404, login(service, str(uuid.uuid4()), "guess", ELSEWHERE))):
            for _ in range(50):
                expect(429, login(service, ANNA, "string", THERE))
                expect(200, login(service, ANNA, "string"))


def a_crowd_of_right_logins_delays_others_by_one_each(program):
    """A hundred hashes are always asked for from one address, and few of them run before somebody else's."""
    patient = ("--set", "timeout_ms=120000", "--registrations", "0")
    with Dialogsd(program, "--set", "hash_threads=1", "--set", "hash_operations=2", *patient) as service:
        crowd = [post(service, "/user/register", {"password": "one of many"}, THERE)[2]["user_id"] for _ in range(10)]
        turn, statuses, served = iter(range(1000000)), set(), []

        def work():
            status, headers, _ = login(service, crowd[next(turn) % 10], "one of many", THERE)
            statuses.add(status)
            if status == 200:
                served.append(status)
            time.sleep(int(headers.get("Retry-After", 0)) / 5)

        with Attack(work, threads=100, least=10):
            wait_for(lambda: len(served) >= 3, 60, "the crowd is not served")
            before = len(served)
            for source in (HERE, ELSEWHERE) * 5:
                expect(200, login(service, ANNA, "string", source))
            passed = len(served) - before
        assert statuses == {200, 429}, statuses
        assert passed < 10 * 10, f"{passed} logins of the crowd went before 10 of others"


def short_passwords_are_refused(program):
    """Not where they are there already: the demo users' have six characters."""
    home = make_home()
    try:
        with Dialogsd(program, *QUICK, home=home) as service:
            expect(200, post(service, "/user/register", {"password": "1"}))
        with Dialogsd(program, *QUICK, "--set", "password_minimum=8", home=home) as service:
            expect(200, login(service, ANNA, "string"))
            for password in ("1", "1234567", "\U0001f511" * 7):
                _, _, body = expect(400, post(service, "/user/register", {"password": password}))
                assert "at least 8 characters" in body["message"], body
            for password in ("12345678", "\U0001f511" * 8):
                expect(200, post(service, "/user/register", {"password": password}))
        port = free_port()
        command = [program, "--port", str(port), "--data", os.path.join(home, "data"), "--log", "off"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # without --demo
            wait_for(lambda: answers(port), 60, "dialogsd did not become ready")
            status = call(port, "POST", "/user/register", json.dumps({"password": "1234567"}))[0]
            process.terminate()
        assert status == 400, status
    finally:
        shutil.rmtree(home, ignore_errors=True)


def keyboards_may_spell_differently(program):
    """Composed or not, with a no-break space or a plain one; and hashes from before that was so."""
    spellings = [unicodedata.normalize(form, "пароль \u0439 \u00e9") for form in ("NFC", "NFD")]
    spellings += [each.replace(" ", "\u00a0") for each in spellings]
    with Dialogsd(program, *QUICK, "--login-attempts", "0") as service:
        for password in spellings:
            user = expect(200, post(service, "/user/register", {"password": password}))[2]["user_id"]
            for other in spellings:
                expect(200, login(service, user, other))
            for other in (spellings[0].upper(), spellings[1] + " ", "\uff50" + spellings[0][1:]):
                expect(401, login(service, user, other))
        strange = "a\u0007b" * 4  # the standard has no form for it
        user = expect(200, post(service, "/user/register", {"password": strange}))[2]["user_id"]
        expect(200, login(service, user, strange))
        file = os.path.join(service.home, "password")
        with open(file, "w", encoding="utf-8") as out:
            out.write(spellings[1] + "\n")
        tool = os.path.join(os.path.dirname(program), "dlgctl")
        command = [tool, "--data", os.path.join(service.home, "data"), "--set", "hash_memory_kib=8", "user", "passwd",
                   "--password-file", file, ANNA]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        expect(200, login(service, ANNA, spellings[1]))
        expect(401, login(service, ANNA, spellings[1] + "x"))


def the_log_says_whose_login_failed(program):
    home = make_home()
    path = os.path.join(home, "access.log")
    try:
        with Dialogsd(program, *QUICK, "--login-attempts", "2", "--log", path, home=home) as service:
            stranger = str(uuid.uuid4())
            for user, password, status in ((ANNA, "guess-1", 401), (ANNA.upper(), "guess-2", 401),
                                           (ANNA, "guess-3", 429), (stranger, "guess-4", 404),
                                           (BORIS, "string", 200), ("x" * 3000, "guess-5", 400),
                                           ('", "forged": "', "guess-6", 400)):
                expect(status, login(service, user, password))
        with open(path, encoding="utf-8") as file:
            text = file.read()
        lines = [json.loads(line) for line in text.splitlines()]
        logins = [(line["status"], line.get("attempted")) for line in lines if line["path"] == "/login"]
        assert logins == [(401, ANNA), (401, ANNA), (429, ANNA), (404, stranger), (200, BORIS), (400, None),
                          (400, None)], logins
        assert "guess" not in text and "forged" not in text
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main(program):
    for test in (what_is_no_password_is_no_attempt, a_registration_that_is_refused_does_not_count,
                 guesses_from_elsewhere_lock_nobody_out, guesses_from_many_places_are_counted_by_user,
                 an_hour_has_a_limit_of_its_own, a_network_of_ipv6_is_one_address,
                 made_up_users_do_not_reset_a_limit,
                 a_crowd_of_right_logins_delays_others_by_one_each, the_log_says_whose_login_failed,
                 short_passwords_are_refused, keyboards_may_spell_differently):
        test(program)
        print(f"{test.__name__}: good", flush=True)


main(*sys.argv[1:])
