"""UDP streams against Python's sockets."""

from __future__ import annotations

import socket
import time

import mactcp
import MACTCPconst as const
import pytest
from support import DEADLINE, LOOPBACK, code_of, raised_in_thread


@pytest.fixture
def peer() -> socket.socket:
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.settimeout(DEADLINE)
        peer.bind(("127.0.0.1", 0))
        yield peer  # type: ignore[misc]


@pytest.mark.parametrize("size", [0, 1, 1000, 10_000, 65_507])
def test_datagrams_both_ways(peer: socket.socket, size: int) -> None:
    """Also empty ones, and the largest."""
    udp = mactcp.UDPCreate(200_000, 0)
    data = bytes(index % 251 for index in range(size))
    udp.Write(LOOPBACK, peer.getsockname()[1], data)
    assert peer.recvfrom(70_000) == (data, ("127.0.0.1", udp.port))
    peer.sendto(data, ("127.0.0.1", udp.port))
    assert udp.Read(DEADLINE) == data
    peer.sendto(data, ("127.0.0.1", udp.port))
    assert udp.ReadFrom(DEADLINE) == (data, LOOPBACK, peer.getsockname()[1])


def test_a_datagram_that_is_too_large() -> None:
    udp = mactcp.UDPCreate(2048, 0)
    assert code_of(udp.Write, LOOPBACK, udp.port, bytes(65_508)) == const.invalidLength


def test_they_come_one_by_one_and_in_order(peer: socket.socket) -> None:
    udp = mactcp.UDPCreate(100_000, 0)
    for number in range(50):
        peer.sendto(b"%d" % number, ("127.0.0.1", udp.port))
    assert [udp.Read(DEADLINE) for _ in range(50)] == [b"%d" % number for number in range(50)]


def test_time_out() -> None:
    udp = mactcp.UDPCreate(2048, 0)
    start = time.monotonic()
    assert code_of(udp.Read, 0.03) == const.commandTimeout
    assert 0.03 <= time.monotonic() - start < DEADLINE


@pytest.mark.parametrize("forever", [-1, -1.0, 0, None, float("inf")])
def test_time_outs_that_are_for_ever(forever: float | None) -> None:
    udp = mactcp.UDPCreate(2048, 0)
    read: list[bytes] = []
    end = raised_in_thread(lambda: read.append(udp.Read(forever)))
    assert not read
    udp.Write(LOOPBACK, udp.port, b"at last")
    assert end() is None and read == [b"at last"]


def test_a_port_of_ones_choice() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    udp = mactcp.UDPCreate(2048, port)
    assert udp.port == port and type(udp.port) is int
    del udp
    assert mactcp.UDPCreate(2048, port).port == port, "it is free when the stream is gone"


def test_with_releases() -> None:
    with mactcp.UDPCreate(2048, 0) as udp:
        port = udp.port
    for call in (lambda: udp.Read(1), lambda: udp.Write(LOOPBACK, 1, b"x")):
        assert code_of(call) == const.invalidStreamPtr
    assert mactcp.UDPCreate(2048, port).port == port


def test_a_negative_address(peer: socket.socket) -> None:
    own = mactcp.IPAddr()
    with socket.socket(type=socket.SOCK_DGRAM) as everywhere:
        everywhere.bind(("", 0))
        everywhere.settimeout(DEADLINE)
        udp = mactcp.UDPCreate(2048, 0)
        udp.Write(own - (1 << 32) if own > 0x7FFFFFFF else own, everywhere.getsockname()[1], b"x")
        assert everywhere.recv(10) == b"x"


def test_release_ends_a_read() -> None:
    udp = mactcp.UDPCreate(2048, 0)
    end = raised_in_thread(lambda: udp.Read(0))
    with udp:
        pass
    error = end()
    assert isinstance(error, mactcp.error) and error.code in (const.invalidStreamPtr, const.connectionTerminated)
