"""Requests of HTTP made at random from a grammar: mostly what clients send, with something odd in it."""

import json
import uuid

import msgpack

METHODS = ["GET", "POST"] * 4 + ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "M-SEARCH"]
VERSIONS = ["HTTP/1.0", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.1 ", "HTTP/11", ""]
ROUTES = [("POST", "/login"), ("POST", "/logout"), ("POST", "/user/register"), ("GET", "/user/get/{id}"),
          ("GET", "/user/search"), ("POST", "/dialog/{id}/send"), ("GET", "/dialog/{id}/list"), ("GET", "/events"),
          ("POST", "/events/ticket"), ("GET", "/metrics"), ("GET", "/healthz"), ("GET", "/readyz"),
          ("GET", "/swagger/index.html"), ("GET", "/swagger/openapi.json"), ("GET", "/"), ("GET", "/none")]
PARAMETERS = ["limit", "before", "after", "first_name", "last_name", "lastEventId", "ticket", "_", "", "li%6Dit"]
ODD_TEXT = ["", "0", "1", "-1", "1000", "1001", "999999", "%", "%4", "%zz", "%00", "%2e%2e", "+", "a+b", "%d0%98", "&",
            "=", "%ff%fe", "%F0%9F%98%80", "%ed%a0%80", "a" * 300, "null", "*", "%25", ";", "#", "'", '"', "%0d%0aX: y"]
TYPES = ["application/json", "application/vnd.msgpack", "application/x-msgpack", "application/json; charset=utf-8",
         "application/json; charset=latin1", "text/plain", "text/json", "application/xml", "", ";", "application/x+json",
         "application/json;;;=", 'application/json; charset="utf-8', "multipart/form-data; boundary=x"]
ACCEPTS = ["*/*", "application/json", "application/vnd.msgpack", "application/vnd.msgpack, application/json;q=0.1",
           "text/event-stream", "text/html", "application/json;q=0", "a/b;q=1e999", ",,,", ";q=", "text/*"]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS = {
    "X-Request-Id": ["a", "A.b-c_9", "x" * 64, "x" * 65, "x" * 2000, "a b", "", "\xff"],
    "traceparent": [TRACE, "ff" + TRACE[2:], "01" + TRACE[2:] + "-more", "00-" + "0" * 32 + TRACE[35:], "00-", "x" * 55],
    "X-Forwarded-For": ["1.2.3.4", "::1, 2001:db8::1", "unknown", ",", "[2001:db8::1]:80", "9" * 100],
    "Last-Event-ID": ["AQAABjZ", "", "x" * 500, "\xff"],
    "Origin": ["http://a.example", "null", ""],
    "Access-Control-Request-Method": ["POST", ""],
    "Access-Control-Request-Headers": ["a, b", "x" * 300],
    "Idempotency-Key": ["k", "", "x" * 255, "x" * 256, "\xe9\xff", "a b", '"k"'],
    "Connection": ["keep-alive", "close", "Upgrade", "close, x", "keep-alive, close", "TE"],
    "Upgrade": ["h2c", "websocket"],
    "Expect": ["100-continue", "200-ok"],
    "Cookie": ["a=b", "=", "a", 'a="b', "a=b; c=d;;; =", "x" * 300],
    "Content-Encoding": ["identity", "gzip", ""],
    "If-None-Match": ["*", '"x"'],
    "Range": ["bytes=0-1", "bytes=-"],
    "X-" + "n" * 200: ["v"],
    "X-A": ["b", "", "\tb \t", "c:d", "\x80"],
}
# In the place of a header: what two servers may read in two ways.
TROUBLE = [line + b"\r\n" for line in (
    b"X-A : b", b" X-A: b", b"X-A: b\r\n c", b"X-A: b\x00c", b"X-A: b\nX-B: c", b"X-A: b\rc", b"X-A", b": b", b"X-A: \x01",
    b"Host: y", b"Content-Length: 0", b"Content-Length: 2, 2", b"Content-Length: +2", b"Content-Length: 2 ",
    b"Content-Length: 0x2", b"Content-Length: 18446744073709551616", b"Content-Length: -1", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked ",
    b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding\x00: chunked", b"Transfer-Encoding: CHUNKED", b"X(A): b",
    b"\x00X-A: b", b"Content-Length\x00: 5", b"\x7f: b", b"X\xffA: b", b"\r", b"X-A: b\r")]
JSON_ODDS = [
    b"{}", b"[]", b"null", b"{", b'{"text":}', b'{"text":"\\ud800"}', b'{"text":"\\u0000"}', b'{"text":"a","text":"b"}',
    b'{"text":1e999}', b'{"text":"\xff\xfe"}', b"\xef\xbb\xbf{}", b"[" * 3000, b'{"a":' * 500,
    b'{"x":[' + b"1," * 1200 + b"1]}", b'{"text":"\x00"}', b"{} {}", b'{"text":"a"}x', b'{"":{"":{"":-0.0}}}', b"\x00" * 20,
    b'{"id":12345678901234567890123}']
MSGPACK_ODDS = [
    b"\xc1", b"\x80", b"\x90", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\x81\xa4text\xdb\xff\xff\xff\xff",
    b"\x81\xc4\x04text\xa1a", b"\x81\xa4text\xc4\x01\xff", b"\x82\xa4text\xa1a\xa4text\xa1b", b"\x81\x01\x02",
    b"\xc7\xff\xff", b"\x81" * 400, b"\x81\xa4text\xd9\x02\xed\xa0", b"\x81\xa2id\xc4\x10" + b"\x01" * 16,
    b"\x81\xa2id\xd6\xff\x00\x00\x00\x00"]


class Grammar:
    """What one connection says. `ids`: of users that exist; `token`: of one of them; `doomed`: a token to be revoked."""

    def __init__(self, random, ids, token, doomed):
        self.random, self.ids, self.token, self.doomed = random, ids, token, doomed

    def chance(self, of):
        return self.random.random() < of

    def pick(self, things):
        return self.random.choice(things)

    # ---- The first line ----

    def user(self):
        made = str(uuid.UUID(int=self.random.getrandbits(128)))
        known = self.ids[0]
        odd = [made, known.upper(), known[:-1], known + "%20", "{id}", "", "%00", "..", "x" * 300]
        return self.pick(self.ids * 8 + odd)

    def query(self):
        pairs = [self.pick(PARAMETERS) + self.pick(["=", "=", "=", "", "=="]) + self.pick(ODD_TEXT)
                 for _ in range(self.random.randrange(1, 4))]
        return "?" + self.pick(["&", "&", "&&", ";"]).join(pairs)

    def target(self, path):
        path = path.replace("{id}", self.user())
        if self.chance(0.1):
            path = self.pick([path + "/", "/" + path, path + "/x", path.replace("o", "%6f"), path.upper(), path[1:] or "x",
                              "http://h.example" + path, "HTTPS://h" + path, "//h" + path, path + "#f", path + "\xd0\x98",
                              "*", "/" + "y" * 1500])
        if self.chance(0.4):
            path += self.query()
        return path.encode("latin-1")

    def first_line(self):
        method, path = self.pick(ROUTES)
        if method == "GET" and self.chance(0.1):
            method = "HEAD"
        elif self.chance(0.1):
            method = self.pick(METHODS)
        version = "HTTP/1.1" if self.chance(0.93) else self.pick(VERSIONS)
        line = b" ".join([method.encode(), self.target(path), version.encode()]) + b"\r\n"
        return method, path, line

    # ---- Bodies ----

    def fields(self, path):
        text = self.pick(["hello", "", "x" * 5000, "\u0438\U0001f600", "\x01" * 50, 7, None, [1], "a\x00b"])
        if path == "/login":
            return {"id": self.user(), "password": self.pick(["secret-secret", "wrong-wrong", "", "x" * 20000, 5])}
        if path == "/user/register":
            born = self.pick(["1990-01-01", "", "x", "0000-00-00", "1990-01-01T10:00:00Z"])
            return {"first_name": text, "second_name": "F", "birthdate": born, "biography": text, "city": text,
                    "password": "secret-secret"}
        return {"text": text, **({"more": [{}, 1.5]} if self.chance(0.2) else {})}

    def body(self, path):
        packed = self.chance(0.4)
        if self.chance(0.2):
            body = self.pick(MSGPACK_ODDS if packed else JSON_ODDS)
        else:
            body = msgpack.packb(self.fields(path)) if packed else json.dumps(self.fields(path)).encode()
        if self.chance(0.2):
            body = self.mutate(body)
        return body, "application/vnd.msgpack" if packed else "application/json"

    def mutate(self, data):
        """Some bytes are changed, lost, doubled."""
        data = bytearray(data)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(data) + 1)
            what = self.random.randrange(5)
            if what == 0 and at < len(data):
                data[at] ^= 1 << self.random.randrange(8)
            elif what == 1:
                data[at:at] = self.pick([b"\x00", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"0", b"\xff", b"%"])
            elif what == 2:
                del data[at:at + self.random.randrange(1, 9)]
            elif what == 3:
                data[at:at] = data[at:at + self.random.randrange(1, 40)]
            else:
                del data[at + (len(data) - at) // 2:]
        return bytes(data)

    # ---- Framing ----

    def chunks(self, body):
        out = b""
        while body:
            size = min(len(body), self.random.randrange(1, 200))
            line = self.pick([b"%x", b"%X", b"00%x"]) % size
            line += self.pick([b"", b"", b"", b";a=b", b';a="b"', b";"])
            end = b"\r\n" if self.chance(0.99) else self.pick([b"\n", b"\r", b" \r\n", b"\x00\r\n", b"\r\r\n"])
            out += line + end + body[:size] + (b"\r\n" if self.chance(0.99) else self.pick([b"\n", b"", b"x\r\n"]))
            body = body[size:]
        end = self.pick([b"0", b"000", b"0;a=b"]) + b"\r\n"
        trailer = self.pick([b"", b"", b"", b"X-T: u\r\n", b"Content-Length: 5\r\n", b"Host: z\r\nX-T: u\r\n"])
        if self.chance(0.03):
            return out + self.pick([b"0\n\r\n", b"-1\r\n\r\n", b"g\r\n", end, end + b"X-T: u\n\r\n", end + b" x\r\n\r\n"])
        return out + end + trailer + b"\r\n"

    def frame(self, body, more):
        """The header and the body as it is sent."""
        if not body and not more:
            return b"", b""
        if self.chance(0.25):
            return b"Transfer-Encoding: chunked\r\n", self.chunks(body)
        length = len(body)
        if self.chance(0.04):
            length = self.pick([0, max(length - 3, 0), length + 5, 10 ** 9, 10 ** 17])
        return b"Content-Length: %d\r\n" % length, body

    # ---- The whole ----

    def headers(self, path, kind):
        lines = []
        if self.chance(0.98):
            hosts = [b"x"] * 40 + [b"", b"[::1]:5000", b"a.example:80", b" x \t", b"a b", b"a/b"]
            lines.append(b"Host: " + self.pick(hosts))
        if self.chance(0.8):
            known = self.doomed if path == "/logout" else self.token
            token = self.pick([known] * 24 + ["x", "", known[:-1], known + "=", "a.b.c.d", "\xff" * 40])
            scheme = self.pick(["Authorization: Bearer "] * 4 + ["authorization:bearer  ", "AUTHORIZATION: Basic "])
            lines.append((scheme + token).encode("latin-1"))
        if kind:
            lines.append(b"Content-Type: " + (kind if self.chance(0.9) else self.pick(TYPES)).encode())
        if self.chance(0.5):
            lines.append(b"Accept: " + self.pick(ACCEPTS).encode())
        for _ in range(self.random.randrange(4)):
            name, values = self.pick(list(HEADERS.items()))
            lines.append(name.encode() + self.pick([b": ", b":", b":\t "]) + self.pick(values).encode("latin-1"))
        if self.chance(0.01):
            lines += [b"X-%d: %s" % (i, b"v" * self.random.randrange(100)) for i in range(self.random.randrange(300))]
        self.random.shuffle(lines)
        lines = [line + b"\r\n" for line in lines]
        if self.chance(0.08):
            lines.insert(self.random.randrange(len(lines) + 1), self.pick(TROUBLE))
        return lines

    def request(self):
        method, path, line = self.first_line()
        if method == "GET" and path == "/metrics" and self.chance(0.8):
            line = b"GET /healthz HTTP/1.1\r\n"  # metrics are long, and always the same
        body, kind = self.body(path) if method == "POST" or self.chance(0.05) else (b"", "")
        lines = self.headers(path, kind)
        header, framed = self.frame(body, method == "POST")
        if header:
            lines.insert(self.random.randrange(len(lines) + 1), header)
        return line + b"".join(lines) + b"\r\n" + framed

    def conversation(self):
        """A few requests behind each other."""
        data = b"".join(self.request() + (b"\r\n" if self.chance(0.03) else b"") for _ in range(self.pick([1, 1, 1, 2,
                                                                                                           3, 5])))
        if self.chance(0.12):
            data = self.mutate(data)
        if self.chance(0.05):
            data = data[:self.random.randrange(len(data) + 1)]
        return data

    def pieces(self, data):
        """As they are written: at once, or cut somewhere."""
        if self.chance(0.5) or len(data) < 2:
            return [data]
        cuts = sorted(self.random.randrange(len(data)) for _ in range(self.random.randrange(1, 6)))
        return [piece for piece in (data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])) if piece]
