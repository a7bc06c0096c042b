"""HTTP/1.1 as RFC 9112 has it, without mercy: what a stream of bytes asks for, and what a stream of bytes answers."""

import json
import re
from dataclasses import dataclass, field

import msgpack

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIRST_LINE = re.compile(rb"(" + TOKEN + rb") ([^\x00-\x20\x7f]+) HTTP/1\.(\d)")
HEADER = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
HOST = re.compile(rb"[-._~%!$&'()*+,;=:\[\]0-9A-Za-z]*")
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n\x00]*)?")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [ -~]*")
LONGEST_HEAD = 5000  # what is longer may be refused for its length


class Malformed(Exception):
    """`args[0]`: where: "head", "length", "body"."""


class Incomplete(Exception):
    """There is no end to it yet."""


class Unsure(Exception):
    """The service is not able to see what is wrong, or is free to refuse."""


@dataclass
class Request:
    method: bytes
    target: bytes
    last: bool  # nothing is answered behind it


@dataclass
class Asked:
    requests: list = field(default_factory=list)
    end: str = "clean"  # or: incomplete, head, length, body, unsure
    rest: bytes = b""   # what comes behind the last whole request


def take_line(data, at):
    end = data.find(b"\n", at)
    if end < 0:
        raise Incomplete
    if end > 0 and data[end - 1] == 0:
        raise Unsure
    if end == at or data[end - 1] != 13:
        raise Malformed("head")
    return data[at:end - 1], end + 1


def take_headers(data, at, where="head"):
    headers = []
    while True:
        line, at = take_line(data, at)
        if not line:
            return headers, at
        match = HEADER.fullmatch(line)
        if not match:
            raise Malformed(where)
        headers.append((match.group(1).lower(), match.group(2)))


def values_of(headers, name):
    return [value for known, value in headers if known == name]


def check_headers(headers, minor):
    """The length of the body; -1: it is chunked."""
    hosts, lengths = values_of(headers, b"host"), values_of(headers, b"content-length")
    codings = values_of(headers, b"transfer-encoding")
    if lengths and not codings and not re.fullmatch(rb"\d{1,18}", lengths[0]):
        raise Malformed("length")
    if len(hosts) > 1 or (not hosts and minor) or (hosts and not HOST.fullmatch(hosts[0].strip(b" \t"))):
        raise Malformed("head")
    if len(lengths) + len(codings) > 1 or (codings and (codings[0].lower() != b"chunked" or not minor)):
        raise Malformed("head")
    return -1 if codings else int(lengths[0]) if lengths else 0


def take_chunks(data, at):
    size = 1
    while size:
        try:
            line, at = take_line(data, at)
        except Malformed:
            raise Malformed("body") from None
        match = SIZE_LINE.fullmatch(line)
        if not match:
            raise Malformed("body")
        size = int(match.group(1), 16)
        at += size
        if size and at + 2 > len(data):
            raise Incomplete
        if size and data[at:at + 2] != b"\r\n":
            raise Malformed("body")
        at += 2 if size else 0
    try:
        return take_headers(data, at, "body")[1]
    except Malformed:
        raise Malformed("body") from None


def take_request(data, at):
    start = at
    if data[at:at + 1] in (b"\0", b"\n"):
        raise Unsure
    line, at = take_line(data, at)
    match = FIRST_LINE.fullmatch(line)
    if not match:
        raise Malformed("head")
    minor = min(int(match.group(3)), 1)
    headers, at = take_headers(data, at)
    if at - start > LONGEST_HEAD:
        raise Unsure
    length = check_headers(headers, minor)
    if length >= 0 and at + length > len(data):
        raise Incomplete
    at = take_chunks(data, at) if length < 0 else at + length
    tokens = {token.strip(b" \t").lower() for value in values_of(headers, b"connection") for token in value.split(b",")}
    last = length < 0 or b"close" in tokens or (not minor and b"keep-alive" not in tokens)
    return Request(match.group(1), match.group(2), last), at


def read_requests(data):
    asked, at = Asked(), 0
    while True:
        while data[at:at + 2] == b"\r\n":
            at += 2
        asked.rest = data[at:]
        if at == len(data):
            return asked
        try:
            request, at = take_request(data, at)
            asked.requests.append(request)
        except Incomplete:
            asked.end = "incomplete"
            return asked
        except Unsure:
            asked.end = "unsure"
            return asked
        except Malformed as trouble:
            asked.end = trouble.args[0]
            return asked


# ---- Answers ----

@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes
    whole: bool

    def closes(self):
        return b"close" in self.headers.get(b"connection", b"").lower()


def take_answer_body(data, at, headers):
    """The body, where it ends, whether it is whole."""
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = b""
        while True:
            end = data.find(b"\r\n", at)
            if end < 0:
                return body, len(data), False
            size = int(data[at:end], 16)
            if end + 2 + size + 2 > len(data):
                return body, len(data), False
            body += data[end + 2:end + 2 + size]
            assert data[end + 2 + size:end + 4 + size] == b"\r\n", "a chunk does not end"
            at = end + 4 + size
            if not size:
                return body, at, True
    if b"content-length" in headers:
        end = at + int(headers[b"content-length"])
        return data[at:end], end, end <= len(data)
    return data[at:], len(data), True


def read_answers(data, methods, most):
    """The first so many; `methods` of the requests, as far as they are known."""
    answers, at = [], 0
    while at < len(data) and len(answers) < most:
        lines, end = take_answer_head(data, at)
        status = int(STATUS_LINE.fullmatch(lines[0]).group(1))
        headers = {}
        for line in lines[1:]:
            match = HEADER.fullmatch(line)
            assert match, f"a header of an answer: {line}"
            headers[match.group(1).lower()] = match.group(2)
        at = end
        if status == 100:
            continue
        body, whole = b"", True
        method = methods[len(answers)] if len(answers) < len(methods) else b""
        if method != b"HEAD" and status not in (204, 304):
            body, at, whole = take_answer_body(data, at, headers)
        answers.append(Answer(status, headers, body, whole))
    return answers


def take_answer_head(data, at):
    end = data.find(b"\r\n\r\n", at)
    assert end > 0, f"no end of a head: {data[at:at + 200]}"
    lines = data[at:end].split(b"\r\n")
    assert STATUS_LINE.fullmatch(lines[0]), f"no line of a status: {lines[0][:200]}"
    return lines, end + 4


def read_error(answer):
    """The error in the body, as documented; None for the words of HTML of the library of HTTP."""
    kind = answer.headers.get(b"content-type", b"")
    if not kind and answer.body.startswith(b"<html>"):
        return None
    assert kind in (b"application/json", b"application/vnd.msgpack"), f"an error of the type {kind}"
    error = msgpack.unpackb(answer.body) if kind.endswith(b"msgpack") else json.loads(answer.body)
    assert set(error) - {"fate"} == {"message", "request_id", "code"}, f"an error with the fields {set(error)}"
    assert isinstance(error["message"], str) and isinstance(error["code"], int), error
    assert error["request_id"].encode() == answer.headers.get(b"x-request-id"), error
    assert error.get("fate", "written") in ("not_written", "possibly_written", "written"), error
    return error
