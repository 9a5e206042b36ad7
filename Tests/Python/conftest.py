"""The fixtures of the tests."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Iterator

import mactcp
import pytest

pytest.register_assert_rewrite("support", "socket_support")

from support import opened  # noqa: E402

# A shell starts what runs in its background with SIGINT ignored, and ignored it stays for the programs that are tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["client", "server"])
def role(request: pytest.FixtureRequest) -> str:
    """Which side of the conversation the stream is."""
    return str(request.param)


@pytest.fixture
def pair(role: str) -> Iterator[tuple[mactcp.TCPStream, socket.socket]]:
    """A stream as client and as server, connected with a socket of Python's."""
    stream, peer = opened(role)
    with peer:
        yield stream, peer


@pytest.fixture(scope="session", autouse=True)
def only_new_objects() -> None:
    """Collections of garbage do not look at what pytest and the modules have made."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_behind(only_new_objects: None) -> Iterator[None]:
    """Streams are released where their test ends."""
    yield
    gc.collect()
