"""A private server for the tests, and what they share."""

import os
import shutil
import socket
import tempfile
import uuid

import pytest

import dialogs

#: Passwords are hashed with the least effort.
QUICK = {"hash_memory_kib": 8, "hash_operations": 1}


@pytest.fixture(scope="session")
def conninfo():
    place = tempfile.mkdtemp(prefix="dialogs-test-", dir="/tmp")
    os.chmod(place, 0o711)  # as root the private server runs as somebody else
    name = f"embedded:{place}/data"
    try:
        with dialogs.open(name):  # keeps the server running between the tests
            yield name
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def db(conninfo):
    with dialogs.open(conninfo, **QUICK) as client:
        yield client


@pytest.fixture
def anna():
    return uuid.uuid4()


@pytest.fixture
def boris():
    return uuid.uuid4()


@pytest.fixture
def silent():
    """A server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"host=127.0.0.1 port={server.getsockname()[1]} user=nobody dbname=nothing"
