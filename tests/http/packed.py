"""Every call in msgpack, read and written by another implementation: packed.py DIALOGSD"""

import io
import json
import sys
import uuid
from datetime import datetime, timezone

import msgpack
from service import Dialogsd

ANNA = uuid.UUID("387ac1c1-6581-4ace-a113-707c8585fe28")
BORIS = uuid.UUID("aa45b640-d501-4101-83f2-de96b672129f")
TYPE = "application/vnd.msgpack"


def unpack(body):
    return msgpack.unpackb(body, raw=False, timestamp=3, strict_map_key=True)


class Client:
    def __init__(self, service):
        self.service, self.token = service, None

    def call(self, method, path, body=None, expect=200, accept=TYPE, content=TYPE):
        headers = {"Accept": accept}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = content
            body = body if isinstance(body, bytes) else msgpack.packb(body)
        status, answered, data = self.service.call(method, path, body, headers)
        assert status == expect, (method, path, status, data)
        if data and accept == TYPE:
            assert answered["Content-Type"] == TYPE, answered["Content-Type"]
        return data


def same_message(packed, plain):
    """The two forms of one message say the same."""
    assert set(packed) == set(plain), (packed, plain)
    for name in ("from", "to"):
        assert isinstance(packed[name], bytes) and str(uuid.UUID(bytes=packed[name])) == plain[name]
    assert packed["text"] == plain["text"]
    assert isinstance(packed["id"], int) and str(packed["id"]) == plain["id"]
    created = datetime.strptime(plain["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    assert packed["created_at"] == created, (packed["created_at"], created)


def users(client):
    made = unpack(client.call("POST", "/user/register", {"first_name": "Zoë", "second_name": "Packed", "password": "p",
                                                         "birthdate": "1815-12-10", "city": "", "unknown": [1.5, {"a": None}]}))
    assert set(made) == {"user_id"} and len(made["user_id"]) == 16
    path = f"/user/get/{uuid.UUID(bytes=made['user_id'])}"
    user = unpack(client.call("GET", path))
    assert user["id"] == made["user_id"] and user["first_name"] == "Zoë" and user["birthdate"] == "1815-12-10"
    plain = json.loads(client.call("GET", path, accept="application/json"))
    assert set(plain) == set(user) and plain["second_name"] == user["second_name"]
    found = {name: value for name, value in user.items() if name != "biography"}
    assert unpack(client.call("GET", "/user/search?first_name=Zo&last_name=P")) == [found]
    assert unpack(client.call("GET", "/user/search?first_name=Nobody&last_name=")) == []
    token = unpack(client.call("POST", "/login", {"id": made["user_id"], "password": "p"}))["token"]
    assert token.startswith("v4.public.")


def dialogs(client):
    client.token = unpack(client.call("POST", "/login", {"id": ANNA.bytes, "password": "string"}))["token"]
    texts = ["short", "x" * 300, "ü" * 30000 + "é", "\U0001f600 \u0001 \"quoted\"\n"]
    for text in texts:
        assert client.call("POST", f"/dialog/{BORIS}/send", {"text": text}) == b""
    path = f"/dialog/{BORIS}/list"
    packed, plain = unpack(client.call("GET", path)), json.loads(client.call("GET", path, accept="application/json"))
    assert [message["text"] for message in packed] == texts
    for one, other in zip(packed, plain, strict=True):
        same_message(one, other)
    assert len(unpack(client.call("GET", path + "?limit=2"))) == 2
    for number in range(400):
        client.call("POST", f"/dialog/{BORIS}/send", {"text": str(number)})
    parts = list(msgpack.Unpacker(io.BytesIO(client.call("GET", path)), raw=False, timestamp=3))
    assert len(parts) > 1 and sum(parts, [])[len(texts):][-1]["text"] == "399"
    assert [message["text"] for message in sum(parts, [])] == texts + [str(number) for number in range(400)]


def errors(client):
    for method, path, body, status, code in (
            ("POST", "/login", {"id": uuid.uuid4().bytes, "password": "x"}, 404, 11),
            ("POST", "/login", {"id": b"short", "password": "x"}, 400, 1),
            ("POST", "/login", b"\xc1", 400, 1),
            ("POST", "/login", b"\x80\x80", 400, 1),
            ("POST", "/login", b"", 400, 1),
            ("POST", "/login", b"\x90", 400, 1),
            ("POST", "/login", b"\x82\xa2id\x01\xa2id\x01", 400, 1),
            ("POST", "/login", b"\x81\xa2id\xa2\xff\xff", 400, 1),
            ("POST", "/login", b"\xdf\xff\xff\xff\xff", 400, 1),
            ("POST", "/login", b"\x91" * 10000, 400, 1),
            ("POST", "/login", b"\x91" * 100000, 413, 18),
            ("GET", "/nowhere", None, 404, 404),
            ("GET", f"/dialog/{BORIS}/list?after=nonsense", None, 401, 15)):
        error = unpack(client.call(method, path, body, expect=status))
        assert error["code"] == code and error["message"] and error["request_id"], (path, body, error)


def forms(client):
    for accept, packed in (("application/x-msgpack", True), ("application/json;q=0.5, application/vnd.msgpack", True),
                           ("application/vnd.msgpack, application/json", False), ("application/vnd.msgpack, */*", True),
                           ("application/json, application/vnd.msgpack;q=0.9", False), ("*/*", False),
                           ("application/json, application/vnd.msgpack", False), ("application/vnd.msgpack;q=0, */*", False)):
        body = client.call("GET", "/healthz", accept=accept)
        assert (unpack(body) if packed else json.loads(body))["status"] == "ok", accept
    body = {"id": str(ANNA), "password": "string"}
    client.call("POST", "/login", json.dumps(body).encode(), content="application/json")
    client.call("POST", "/login", body, content="application/x-msgpack; charset=binary", accept="application/json")


with Dialogsd(sys.argv[1]) as service:
    for part in (users, dialogs, errors, forms):
        part(Client(service))
print("both forms agree")
