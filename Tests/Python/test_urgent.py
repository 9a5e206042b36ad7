"""Urgent data and marks, both ways."""

from __future__ import annotations

import fcntl
import socket
import struct

import mactcp
import MACTCPconst as const
from support import DEADLINE, Events, opened, read_peer, until

Pair = tuple[mactcp.TCPStream, socket.socket]
SIOCATMARK = 0x8905


def at_mark(peer: socket.socket) -> bool:
    return bool(struct.unpack("i", fcntl.ioctl(peer, SIOCATMARK, bytes(4)))[0])


def test_urgent_data_from_a_socket(pair: Pair) -> None:
    """It has both flags when one receive takes all of it; what follows has none."""
    stream, peer = pair
    peer.send(b"URGENT", socket.MSG_OOB)
    assert stream.Rcv(DEADLINE) == (b"URGENT", 1, 1)
    peer.send(b"plain")
    assert stream.Rcv(DEADLINE) == (b"plain", 0, 0)


def test_urgent_data_never_comes_together_with_what_follows(pair: Pair) -> None:
    stream, peer = pair
    peer.send(b"!", socket.MSG_OOB)
    peer.send(b"after")
    until(lambda: stream.Status().amtUnreadData == 6)
    assert stream.Rcv(DEADLINE) == (b"!", 1, 1)
    assert stream.Rcv(DEADLINE) == (b"after", 0, 0)


def test_urgent_data_that_takes_several_receives(role: str) -> None:
    """The first receive has the urgent flag, the last one the mark; those between have none."""
    stream, peer = opened(role, size=262_144)
    with peer:
        peer.sendall(bytes(150_000))
        peer.send(b"!", socket.MSG_OOB)
        until(lambda: stream.Status().amtUnreadData == 150_001)
        flags, count = [], 0
        while count < 150_001:
            data, urgent, mark = stream.Rcv(DEADLINE)
            count += len(data)
            flags.append((urgent, mark))
        assert len(flags) >= 3
        assert flags == [(1, 0)] + [(0, 0)] * (len(flags) - 2) + [(0, 1)]


def test_a_pending_receive_gets_the_flag(pair: Pair) -> None:
    from support import raised_in_thread

    stream, peer = pair
    received: list[object] = []
    end = raised_in_thread(lambda: received.append(stream.Rcv(DEADLINE)))
    peer.send(b"!", socket.MSG_OOB)
    assert end() is None and received == [(b"!", 1, 1)]


def test_urgent_data_to_a_socket_in_line(pair: Pair) -> None:
    """The mark is where MacTCP says: at the last urgent byte."""
    stream, peer = pair
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    stream.Send(b"before")
    stream.Send(b"URGENT", urgent=1)
    stream.Send(b"after", push=1)
    data, mark = b"", None
    while len(data) < 17:
        if mark is None and at_mark(peer):
            mark = len(data)
        # A read stops at the mark.
        data += peer.recv(100)
    assert data == b"beforeURGENTafter"
    assert mark == len(b"beforeURGEN")


def test_urgent_data_to_a_socket_out_of_band(pair: Pair) -> None:
    stream, peer = pair
    stream.Send(b"URGENT", 0, 1)

    def out_of_band() -> bytes:
        try:
            return peer.recv(1, socket.MSG_OOB)
        except OSError:
            return b""

    found: list[bytes] = []
    until(lambda: found.append(out_of_band()) or found[-1])
    assert found[-1] == b"T"
    assert read_peer(peer, 5) == b"URGEN"


def test_the_asr_is_told(role: str) -> None:
    """TCPUrgent when urgent data is known and no receive is pending; the receive has the flag too."""
    events = Events()
    stream, peer = opened(role, asr=events)
    with peer:
        peer.send(b"!", socket.MSG_OOB)
        events.wait_for(const.TCPUrgent, 0)
        assert stream.Rcv(DEADLINE) == (b"!", 1, 1)


def test_flags_are_any_integers(pair: Pair) -> None:
    stream, peer = pair
    stream.Send(b"a", True, 0)
    stream.Send(b"b", 7, False)
    stream.Send(b"c", -1, -1)
    assert read_peer(peer, 2) == b"ab"
