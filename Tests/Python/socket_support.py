"""What the tests of mactcpsocket share: `socket` is it, `python` is Python's own."""

from __future__ import annotations

import contextlib
import socket as python
from collections.abc import Callable, Iterator

import mactcpsocket as socket
import pytest
from support import DEADLINE


@contextlib.contextmanager
def connected(role: str) -> Iterator[tuple[socket.socket, python.socket]]:
    """A socket over MacTCP and one of Python's, connected."""
    if role == "client":
        with python.create_server(("127.0.0.1", 0)) as server:
            mine = socket.create_connection(server.getsockname(), timeout=DEADLINE)
            peer, _ = server.accept()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            peer = python.create_connection(listening.getsockname())
            listening.settimeout(DEADLINE)
            mine, address = listening.accept()
            assert address == peer.getsockname()
    mine.settimeout(DEADLINE)
    peer.settimeout(DEADLINE)
    with mine, peer:
        yield mine, peer


def errno_of(call: Callable[..., object], *arguments: object) -> int | None:
    with pytest.raises(OSError) as caught:
        call(*arguments)
    return caught.value.errno
