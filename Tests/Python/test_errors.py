"""What calls raise: wrong arguments, wrong states, and what the network answers."""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Callable

import mactcp
import MACTCPconst as const
import pytest
from support import (
    DEADLINE, LOOPBACK, closed_port, code_of, deaf_port, listener, opened, raised_in_thread, reset, until,
)  # fmt: skip

Pair = tuple[mactcp.TCPStream, socket.socket]

# ---- Arguments ---------------------------------------------------------------------------------

WRONG_NUMBERS = ["1", b"1", 1.0, None, [], object()]


@pytest.mark.parametrize("port", [-1, 65536, 1 << 31, 1 << 40])
def test_ports_out_of_range(port: int) -> None:
    """An OverflowError, as in Python's socket."""
    stream, udp = mactcp.TCPCreate(4096), mactcp.UDPCreate(2048, 0)
    calls: list[Callable[[], object]] = [
        lambda: stream.PassiveOpen(port),
        lambda: stream.ActiveOpen(port, LOOPBACK, 1),
        lambda: stream.ActiveOpen(0, LOOPBACK, port),
        lambda: mactcp.UDPCreate(2048, port),
        lambda: udp.Write(LOOPBACK, port, b""),
    ]
    for call in calls:
        with pytest.raises(OverflowError):
            call()


@pytest.mark.parametrize("host", [1 << 32, -(1 << 31) - 1, 1 << 70, -(1 << 70)])
def test_addresses_out_of_range(host: int) -> None:
    import macdnr

    stream, udp = mactcp.TCPCreate(4096), mactcp.UDPCreate(2048, 0)
    for call in (
        lambda: stream.ActiveOpen(0, host, 1),
        lambda: udp.Write(host, 1, b""),
        lambda: macdnr.AddrToStr(host),
        lambda: macdnr.AddrToName(host),
    ):
        with pytest.raises(OverflowError):
            call()


@pytest.mark.parametrize("wrong", WRONG_NUMBERS, ids=repr)
def test_what_is_no_integer(wrong: object) -> None:
    stream = mactcp.TCPCreate(4096)
    for call in (
        lambda: mactcp.TCPCreate(wrong),  # type: ignore[arg-type]
        lambda: mactcp.UDPCreate(2048, wrong),  # type: ignore[arg-type]
        lambda: stream.PassiveOpen(wrong),  # type: ignore[arg-type]
        lambda: stream.ActiveOpen(0, wrong, 1),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()


def test_objects_that_stand_for_integers() -> None:
    class Size:
        def __index__(self) -> int:
            return 4096

    assert mactcp.TCPCreate(Size()).isdone() == 1

    class Raises:
        def __index__(self) -> int:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mactcp.TCPCreate(Raises())


@pytest.mark.parametrize("size", [4095, 0, -1, -(1 << 60)])
def test_receive_buffers_that_are_too_small(size: int) -> None:
    assert code_of(mactcp.TCPCreate, size) == const.invalidLength
    assert code_of(mactcp.UDPCreate, min(size, 2047), 0) == const.invalidLength
    assert mactcp.UDPCreate(2048, 0).port > 0


@pytest.mark.parametrize("size", [1 << 31, 1 << 40, (1 << 63) - 1])
def test_receive_buffers_that_are_huge(size: int) -> None:
    """Refused with a code, or taken; never a crash, and not that much memory."""
    for create in (mactcp.TCPCreate, lambda size: mactcp.UDPCreate(size, 0)):
        with contextlib.suppress(mactcp.error):
            stream = create(size)
            if isinstance(stream, mactcp.TCPStream):
                stream.PassiveOpen(0)
    with pytest.raises(OverflowError):
        mactcp.TCPCreate(1 << 64)


@pytest.mark.parametrize("timeout", [math.nan, -1, -0.001, -math.inf, -1e300])
def test_time_outs_that_are_none(pair: Pair, timeout: float) -> None:
    """A ValueError, before anything is done."""
    stream, peer = pair
    idle = mactcp.TCPCreate(4096)
    for call in (
        lambda: stream.Rcv(timeout),
        lambda: stream.Send(b"x", timeout=timeout),
        lambda: idle.ActiveOpen(0, LOOPBACK, 1, timeout),
        lambda: idle.wait(timeout),
    ):
        with pytest.raises(ValueError):
            call()
    if timeout != -1:
        with pytest.raises(ValueError):
            mactcp.UDPCreate(2048, 0).Read(timeout)


@pytest.mark.parametrize("timeout", ["1", b"", [], object()])
def test_time_outs_of_wrong_type(pair: Pair, timeout: object) -> None:
    for call in (pair[0].Rcv, mactcp.UDPCreate(2048, 0).Read):
        with pytest.raises(TypeError):
            call(timeout)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["text", None, 1, [1], object()], ids=repr)
def test_what_cannot_be_sent(pair: Pair, wrong: object) -> None:
    with pytest.raises((TypeError, BufferError)):
        pair[0].Send(wrong)  # type: ignore[arg-type]
    with pytest.raises((TypeError, BufferError)):
        mactcp.UDPCreate(2048, 0).Write(LOOPBACK, 1, wrong)  # type: ignore[arg-type]


def test_memory_that_is_not_in_one_piece(pair: Pair) -> None:
    with pytest.raises(BufferError):
        pair[0].Send(memoryview(b"abcdef")[::2])


def test_nothing_cannot_be_sent(pair: Pair) -> None:
    assert code_of(pair[0].Send, b"") == const.invalidLength


def test_a_buffer_is_free_again_after_the_call(pair: Pair) -> None:
    stream, _ = pair
    data = bytearray(1000)
    stream.Send(data)
    with pytest.raises(TypeError):
        stream.Send(data, "no number")  # type: ignore[arg-type]
    data.clear()


def test_numbers_of_arguments(pair: Pair) -> None:
    stream, _ = pair
    calls: list[Callable[[], object]] = [
        lambda: mactcp.MTU(1),  # type: ignore[call-arg]
        lambda: mactcp.TCPCreate(),  # type: ignore[call-arg]
        lambda: stream.Rcv(),  # type: ignore[call-arg]
        lambda: stream.Rcv(1, 2),  # type: ignore[call-arg]
        lambda: stream.Rcv(1, timeout=1),  # type: ignore[misc]
        lambda: stream.Rcv(seconds=1),  # type: ignore[call-arg]
        lambda: stream.Send(push=1),  # type: ignore[call-arg]
        lambda: stream.Send(b"x", 0, 0, 1, 0),  # type: ignore[call-arg]
        lambda: stream.Rcv(**{"\ud800": 1}),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


# ---- States ------------------------------------------------------------------------------------


def test_without_a_connection() -> None:
    stream = mactcp.TCPCreate(4096)
    for call in (
        lambda: stream.Send(b"x"),
        lambda: stream.Rcv(1),
        stream.Close,
        stream.Abort,
        stream.GetSockName,
    ):
        assert code_of(call) == const.connectionDoesntExist
    assert stream.wait() is None and stream.isdone() == 1  # type: ignore[func-returns-value]


def test_while_a_passive_open_is_pending() -> None:
    """Only wait, isdone, GetSockName and Abort are legal; the open is not disturbed by the others."""
    stream = mactcp.TCPCreate(4096)
    stream.PassiveOpen(0)
    for call in (
        lambda: stream.Send(b"x"), lambda: stream.Rcv(1), stream.Close, stream.Status,
        lambda: stream.PassiveOpen(0), lambda: stream.ActiveOpen(0, LOOPBACK, 1),
    ):  # fmt: skip
        assert code_of(call) in (const.connectionDoesntExist, const.connectionExists)
    with socket.create_connection(("127.0.0.1", stream.GetSockName()[1])) as peer:
        stream.wait(DEADLINE)
        peer.send(b"fine")
        assert stream.Rcv(DEADLINE)[0] == b"fine"


def test_a_stream_in_use_cannot_be_opened(pair: Pair) -> None:
    stream, peer = pair
    assert code_of(stream.PassiveOpen, 0) == const.connectionExists
    with listener() as server:
        assert code_of(stream.ActiveOpen, 0, LOOPBACK, server.getsockname()[1]) == const.connectionExists
    stream.Send(b"still there")
    assert peer.recv(100) == b"still there"


def test_a_port_in_use() -> None:
    with listener() as server:
        assert code_of(mactcp.TCPCreate(4096).PassiveOpen, server.getsockname()[1]) == const.duplicateSocket
    udp = mactcp.UDPCreate(2048, 0)
    assert code_of(mactcp.UDPCreate, 2048, udp.port) == const.duplicateSocket


def test_abort_from_another_thread_ends_what_is_blocked(pair: Pair) -> None:
    stream, _ = pair
    end = raised_in_thread(lambda: stream.Rcv(0))
    stream.Abort()
    error = end()
    # The receive may begin after the abort.
    assert isinstance(error, mactcp.error)
    assert error.code in (const.connectionTerminated, const.connectionDoesntExist)


# ---- What the network answers ------------------------------------------------------------------


def test_refused() -> None:
    stream = mactcp.TCPCreate(4096)
    port = closed_port()
    with pytest.raises(mactcp.error) as caught:
        stream.ActiveOpen(0, LOOPBACK, port)
    assert (caught.value.code, caught.value.cause) == (const.openFailed, "refused")
    assert f"127.0.0.1:{port}" in caught.value.message
    with listener() as server:
        stream.ActiveOpen(0, LOOPBACK, server.getsockname()[1])


def test_no_answer() -> None:
    """The open is taken back when its time is up, and the stream can be opened again."""
    stream = mactcp.TCPCreate(4096)
    with deaf_port() as port:
        with pytest.raises(mactcp.error) as caught:
            stream.ActiveOpen(0, LOOPBACK, port, 0.05)
        assert caught.value.code in (const.openFailed, const.commandTimeout) and caught.value.cause == "timedOut"
    with listener() as server:
        stream.ActiveOpen(0, LOOPBACK, server.getsockname()[1], DEADLINE)


def test_impossible_destinations() -> None:
    stream = mactcp.TCPCreate(4096)
    for host, port in [(LOOPBACK, 0), (0xFFFFFFFF, 80), (0xE0000001, 80)]:
        assert code_of(stream.ActiveOpen, 0, host, port, 0.5) != const.noErr
    udp = mactcp.UDPCreate(2048, 0)
    assert code_of(udp.Write, LOOPBACK, 0, b"x") == const.ipRouteErr


def test_a_connection_that_was_lost(pair: Pair) -> None:
    """What had arrived is received first, then connectionTerminated from every call; then it can be opened again."""
    stream, peer = pair
    peer.sendall(b"before")
    until(lambda: stream.Status().amtUnreadData == 6)
    reset(peer)
    received = b""
    with pytest.raises(mactcp.error) as caught:
        while True:
            received += stream.Rcv(DEADLINE)[0]
    assert received == b"before" and caught.value.code == const.connectionTerminated
    assert code_of(stream.Rcv, DEADLINE) == const.connectionTerminated
    assert code_of(stream.Send, b"x") == const.connectionTerminated
    stream.PassiveOpen(0)
    assert stream.isdone() == 0


def test_a_send_into_a_lost_connection(pair: Pair) -> None:
    stream, peer = pair
    end = raised_in_thread(lambda: stream.Send(bytes(50_000_000)))
    until(lambda: stream.Status().amtUnackedData > 0)
    reset(peer)
    error = end()
    assert isinstance(error, mactcp.error) and error.code == const.connectionTerminated
