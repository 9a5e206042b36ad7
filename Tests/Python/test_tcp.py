"""Conversations of a stream with a socket of Python's: each as client and as server."""

from __future__ import annotations

import array
import random
import socket
import threading
import time

import mactcp
import MACTCPconst as const
import pytest
from support import (
    DEADLINE, LOOPBACK, accept, code_of, fill, listener, opened, raised_in_thread, read, read_all, read_peer, until,
)  # fmt: skip

Pair = tuple[mactcp.TCPStream, socket.socket]


def test_words_both_ways(pair: Pair) -> None:
    stream, peer = pair
    stream.Send(b"from the stream")
    assert read_peer(peer, 15) == b"from the stream"
    peer.sendall(b"from the socket")
    data, urgent, mark = stream.Rcv(DEADLINE)
    assert (data, urgent, mark) == (b"from the socket", 0, 0)
    assert [type(part) for part in (data, urgent, mark)] == [bytes, int, int]


@pytest.mark.parametrize("data", [
    b"x", bytearray(b"xy"), memoryview(b"xyz"), array.array("i", [1, 2, 3]), memoryview(b"abcdef")[1:3],
    memoryview(b"abcd").cast("B", (2, 2)),
], ids=lambda data: type(data).__name__)  # fmt: skip
def test_any_bytes_like_object_is_sent(data: bytes) -> None:
    stream, peer = opened("client")
    with peer:
        stream.Send(data)
        assert read_peer(peer, memoryview(data).nbytes) == memoryview(data).tobytes()


def test_all_bytes_arrive_in_order(pair: Pair) -> None:
    """Ten megabytes each way at once, in pieces of all sizes."""
    stream, peer = pair
    peer.setblocking(True)
    data = random.Random(7).randbytes(10_000_000)

    def send(call: object) -> None:
        sizes, position = random.Random(8), 0
        while position < len(data):
            size = sizes.choice((1, 100, 1460, 65_536, 300_000))
            call(data[position : position + size])  # type: ignore[operator]
            position += size

    def send_peer() -> None:
        send(peer.sendall)
        peer.shutdown(socket.SHUT_WR)

    def send_stream() -> None:
        send(stream.Send)
        stream.Close()

    echoes: list[bytes] = []
    ends = [
        raised_in_thread(send_peer),
        raised_in_thread(send_stream),
        raised_in_thread(lambda: echoes.append(read_peer(peer))),
    ]
    assert read_all(stream) == data
    assert [end() for end in ends] == [None] * 3
    assert echoes == [data]


def test_a_receive_returns_what_has_come(pair: Pair) -> None:
    """It does not wait for more, and returns at most 64 KiB."""
    stream, peer = pair
    peer.sendall(bytes(3))
    until(lambda: stream.Status().amtUnreadData == 3)
    assert stream.Rcv(DEADLINE) == (bytes(3), 0, 0)
    end = raised_in_thread(lambda: peer.sendall(bytes(200_000)))
    count = 0
    while count < 200_000:
        data = stream.Rcv(DEADLINE)[0]
        assert 0 < len(data) <= 65_536
        count += len(data)
    assert end() is None


@pytest.mark.parametrize("timeout", [0.05, 0.001, 1e-9])
def test_time_out_of_a_receive(pair: Pair, timeout: float) -> None:
    """It passes when it should, and the stream goes on."""
    stream, peer = pair
    start = time.monotonic()
    assert code_of(stream.Rcv, timeout) == const.commandTimeout
    assert timeout <= time.monotonic() - start < timeout + DEADLINE
    peer.send(b"late")
    assert stream.Rcv(DEADLINE)[0] == b"late"


@pytest.mark.parametrize("forever", [0, 0.0, None, float("inf"), 1e300, 10**15, -0.0])
def test_time_outs_that_are_for_ever(pair: Pair, forever: float | None) -> None:
    stream, peer = pair
    received: list[object] = []
    end = raised_in_thread(lambda: received.append(stream.Rcv(forever)))
    assert not received
    peer.send(b"at last")
    assert end() is None and received == [(b"at last", 0, 0)]


def test_time_out_of_a_send(pair: Pair) -> None:
    """What was taken stays taken, and the stream goes on."""
    stream, peer = pair
    data = random.Random(9).randbytes(30_000_000)
    assert code_of(stream.Send, data, 0, 0, 0.05) == const.commandTimeout
    received: list[bytes] = []
    end = raised_in_thread(lambda: received.append(read_peer(peer)))
    stream.Send(b"the end")
    stream.Close()
    assert end() is None
    body, tail = received[0][:-7], received[0][-7:]
    assert tail == b"the end" and 0 < len(body) < len(data) and data.startswith(body)


def test_the_peer_closes_first(pair: Pair) -> None:
    """What it sent is received first, then connectionClosing each time; this side can still send."""
    stream, peer = pair
    peer.sendall(b"last words")
    peer.shutdown(socket.SHUT_WR)
    assert read_all(stream) == b"last words"
    assert code_of(stream.Rcv, DEADLINE) == const.connectionClosing
    until(lambda: stream.Status().connectionState == 14, "Close Wait")
    stream.Send(b"answer")
    assert read_peer(peer, 6) == b"answer"
    stream.Close()
    assert peer.recv(1) == b""


def test_this_side_closes_first(pair: Pair) -> None:
    """It still receives, and a second Close raises."""
    stream, peer = pair
    stream.Send(b"bye")
    stream.Close()
    assert read_peer(peer) == b"bye"
    assert stream.Status().connectionState == 12, "FIN Wait 2"
    assert code_of(stream.Send, b"more") == const.connectionClosing
    assert code_of(stream.Close) == const.connectionClosing
    peer.sendall(b"all the rest")
    peer.close()
    assert read_all(stream) == b"all the rest"
    until(lambda: stream.Status().connectionState == 0, "Closed")


def test_close_waits_for_the_acknowledgement_of_all(pair: Pair) -> None:
    stream, peer = pair
    sent = fill(stream)
    end = raised_in_thread(stream.Close)
    assert stream.Status().amtUnackedData > 0
    assert len(read_peer(peer)) >= sent
    assert end() is None


def test_abort(pair: Pair) -> None:
    """Both directions die, the peer is reset, and the stream can be opened again."""
    stream, peer = pair
    peer.sendall(b"dropped")
    until(lambda: stream.Status().amtUnreadData == 7)
    stream.Abort()
    with pytest.raises(ConnectionResetError):
        peer.recv(1)
    for call in (lambda: stream.Rcv(DEADLINE), lambda: stream.Send(b"x"), stream.Close, stream.Abort, stream.GetSockName):
        assert code_of(call) == const.connectionDoesntExist
    with listener() as server:
        stream.ActiveOpen(0, LOOPBACK, server.getsockname()[1])
        with accept(server) as second:
            second.sendall(b"new")
            assert stream.Rcv(DEADLINE)[0] == b"new"


def test_one_stream_many_connections() -> None:
    """A stream carries one connection after the other, by either open."""
    stream = mactcp.TCPCreate(4096)
    for number in range(20):
        if number % 2:
            stream.PassiveOpen(0)
            peer = socket.create_connection(("127.0.0.1", stream.GetSockName()[1]), timeout=DEADLINE)
            stream.wait()
        else:
            with listener() as server:
                stream.ActiveOpen(0, LOOPBACK, server.getsockname()[1])
                peer = accept(server)
        with peer:
            peer.sendall(b"%d" % number)
            peer.shutdown(socket.SHUT_WR)
            assert read_all(stream) == b"%d" % number
            stream.Close()
            assert peer.recv(1) == b""


def test_open_from_a_port_of_ones_choice() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stream = mactcp.TCPCreate(4096)
    with listener() as server:
        stream.ActiveOpen(port, LOOPBACK, server.getsockname()[1])
        with accept(server) as peer:
            assert peer.getpeername() == ("127.0.0.1", port)
            assert stream.GetSockName() == (LOOPBACK, port)


def test_negative_addresses() -> None:
    """The ints of old programs were signed: the same bits mean the same address."""
    own = mactcp.IPAddr()
    host = own if own > 0x7FFFFFFF else 0xC0000201
    assert mactcp.TCPCreate(4096)
    with socket.create_server(("", 0)) as server:
        stream = mactcp.TCPCreate(4096)
        stream.ActiveOpen(0, own - (1 << 32) if own > 0x7FFFFFFF else own, server.getsockname()[1])
        assert stream.Status().remoteHost == own
    import macdnr

    assert macdnr.AddrToStr(host - (1 << 32)) == macdnr.AddrToStr(host)
    assert macdnr.AddrToStr(-1) == "255.255.255.255"


def test_a_passive_open_waits() -> None:
    """It returns at once, gives its port, and is done when somebody has connected."""
    stream = mactcp.TCPCreate(4096)
    assert stream.PassiveOpen(0) is None  # type: ignore[func-returns-value]
    assert stream.isdone() == 0 and type(stream.isdone()) is int
    assert code_of(stream.wait, 0.01) == const.commandTimeout
    assert stream.isdone() == 0
    host, port = stream.GetSockName()
    assert type(host) is int and 0 < port < 65536
    with socket.create_connection(("127.0.0.1", port)):
        until(stream.isdone)
        assert stream.wait() is None  # type: ignore[func-returns-value]
        assert stream.GetSockName() == (LOOPBACK, port)
        assert stream.wait() is None, "again"  # type: ignore[func-returns-value]


def test_several_passive_opens_on_one_port_are_served_oldest_first() -> None:
    streams = [mactcp.TCPCreate(4096) for _ in range(5)]
    streams[0].PassiveOpen(0)
    port = streams[0].GetSockName()[1]
    for stream in streams[1:]:
        stream.PassiveOpen(port)
    peers = []
    for number, stream in enumerate(streams):
        peers.append(socket.create_connection(("127.0.0.1", port)))
        stream.wait(DEADLINE)
        assert [each.isdone() for each in streams] == [1] * (number + 1) + [0] * (4 - number)
        assert stream.Status().remotePort == peers[-1].getsockname()[1]
    for peer in peers:
        peer.close()


def test_an_abort_cancels_a_passive_open() -> None:
    stream = mactcp.TCPCreate(4096)
    stream.PassiveOpen(0)
    port = stream.GetSockName()[1]
    end = raised_in_thread(stream.wait)
    stream.Abort()
    error = end()
    assert isinstance(error, mactcp.error) and error.code == const.connectionTerminated
    assert stream.isdone() == 1
    assert code_of(stream.wait) == const.connectionTerminated, "each time, until the next open"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    stream.PassiveOpen(0)
    assert stream.isdone() == 0


def test_a_stream_of_two_threads() -> None:
    """One thread sends while the other receives; two that receive get everything between them."""
    stream, peer = opened("client")
    with peer:
        echo = raised_in_thread(lambda: peer.sendall(read_peer(peer, 500_000)))
        send = raised_in_thread(lambda: [stream.Send(bytes(1000)) for _ in range(500)])
        counts = [0, 0]
        lock = threading.Lock()

        def receive(number: int) -> None:
            while True:
                with lock:
                    if sum(counts) == 500_000:
                        return
                try:
                    size = len(stream.Rcv(0.1)[0])
                except mactcp.error as error:
                    assert error.code == const.commandTimeout
                    continue
                with lock:
                    counts[number] += size

        ends = [raised_in_thread(lambda number=number: receive(number)) for number in (0, 1)]  # type: ignore[misc]
        assert [end() for end in (send, echo, *ends)] == [None] * 4
        assert sum(counts) == 500_000


def test_calls_let_other_threads_run() -> None:
    """Two streams talk to each other in two threads of one process."""
    server = mactcp.TCPCreate(4096)
    server.PassiveOpen(0)
    client = mactcp.TCPCreate(4096)

    def serve() -> None:
        server.wait(DEADLINE)
        for _ in range(200):
            server.Send(read(server, 1))

    end = raised_in_thread(serve)
    client.ActiveOpen(0, LOOPBACK, server.GetSockName()[1])
    for number in range(200):
        client.Send(bytes([number]))
        assert client.Rcv(DEADLINE)[0] == bytes([number])
    assert end() is None


def test_with_closes_and_releases(role: str) -> None:
    stream, peer = opened(role)
    with peer:
        with stream as inside:
            assert inside is stream
            stream.Send(b"all of it")
            peer_end = raised_in_thread(lambda: peer.shutdown(socket.SHUT_WR))
        assert peer_end() is None
        assert read_peer(peer) == b"all of it"
    assert code_of(stream.Rcv, 1) == const.invalidStreamPtr
    assert code_of(stream.PassiveOpen, 0) == const.invalidStreamPtr
    with stream:
        pass


def test_with_aborts_after_an_exception(role: str) -> None:
    stream, peer = opened(role)
    with peer:
        with pytest.raises(ZeroDivisionError), stream:
            1 / 0
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_with_around_a_passive_open_gives_it_up() -> None:
    with mactcp.TCPCreate(4096) as stream:
        stream.PassiveOpen(0)
        port = stream.GetSockName()[1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
