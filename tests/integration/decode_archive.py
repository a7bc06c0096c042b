"""Reads an archive by what docs/archive.md says of it, and prints what is in it, a line for each row, sorted."""

import hashlib
import sys
import uuid

import msgpack


def moment(value):
    """Microseconds since 1970."""
    return "-" if value is None else str(value.seconds * 1000000 + value.nanoseconds // 1000)


def text(value):
    return "-" if value is None else value.encode().hex()


def name(value):
    assert isinstance(value, bytes) and len(value) == 16
    return str(uuid.UUID(bytes=value))


def line(record):
    kind, *members = record
    if kind == 1:
        user, password_hash, *texts, created = members
        assert len(texts) == 5
        return " ".join(["user", name(user), text(password_hash), *map(text, texts), moment(created)])
    assert kind == 2
    number, author, recipient, body, created, edited = members
    return " ".join(["message", str(number), name(author), name(recipient), text(body), moment(created), moment(edited)])


def main(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data.startswith(b"\x84\xa5magic\xafdialogs-archive")
    assert data[-34:-32] == b"\xc4\x20"
    assert data[-32:] == hashlib.blake2b(data[:-34], digest_size=32).digest()
    unpacker = msgpack.Unpacker(timestamp=0, max_buffer_size=0)
    unpacker.feed(data)
    header = unpacker.unpack()
    assert header["magic"] == "dialogs-archive" and header["format"] == 1
    assert header["library"] and moment(header["created"])
    lines = []
    counts = {1: 0, 2: 0}
    for record in unpacker:
        if record[0] == 0:
            assert record[1:] == [counts[1], counts[2]]
            break
        counts[record[0]] += 1
        lines.append(line(record))
    assert unpacker.unpack() == data[-32:]
    assert unpacker.tell() == len(data)
    print("\n".join(sorted(lines)))


main(sys.argv[1])
