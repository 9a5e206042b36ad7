"""The asr: which events it is told of, in which order, on which thread, and what may happen inside it."""

from __future__ import annotations

import gc
import socket
import sys
import threading
import time
import weakref

import mactcp
import MACTCPconst as const
import pytest
from support import (
    DEADLINE, LOOPBACK, Child, Events, closed_port, opened, raised_in_thread, read_all, read_peer, reset, run_child,
    until,
)  # fmt: skip


def test_a_conversation_in_order() -> None:
    """PassiveOpenDone, data, the peer's close, the end: each once."""
    events = Events()
    stream = mactcp.TCPCreate(4096)
    stream.asr = events
    assert stream.asr is events
    stream.PassiveOpen(0)
    with socket.create_connection(("127.0.0.1", stream.GetSockName()[1])) as peer:
        events.wait_for(const.PassiveOpenDone, 0)
        peer.sendall(b"one")
        events.wait_for(const.TCPDataArrival, 0)
        assert stream.Rcv(DEADLINE)[0] == b"one"
        peer.shutdown(socket.SHUT_WR)
        events.wait_for(const.TCPClosing, 0)
        stream.Close()
        events.wait_for(const.TCPTerminate, const.ULPClose)
    assert events.seen == [
        (const.PassiveOpenDone, 0), (const.TCPDataArrival, 0), (const.TCPClosing, 0),
        (const.TCPTerminate, const.ULPClose),
    ]  # fmt: skip
    assert events.threads == {threading.main_thread().ident}


def test_closing_comes_after_all_data_was_delivered(role: str) -> None:
    events = Events()
    stream, peer = opened(role, asr=events)
    with peer:
        peer.sendall(b"unread")
        peer.shutdown(socket.SHUT_WR)
        events.wait_for(const.TCPDataArrival, 0)
        assert (const.TCPClosing, 0) not in events.seen
        assert read_all(stream) == b"unread"
        events.wait_for(const.TCPClosing, 0)


def test_data_arrival_comes_once_until_a_receive(role: str) -> None:
    events = Events()
    stream, peer = opened(role, asr=events)
    with peer:
        for number in range(1, 4):
            peer.sendall(b"x")
            until(lambda number=number: stream.Status().amtUnreadData == number)  # type: ignore[misc]
        events.wait_for(const.TCPDataArrival, 0)
        assert events.seen.count((const.TCPDataArrival, 0)) == 1
        while stream.Status().amtUnreadData:
            stream.Rcv(DEADLINE)
        peer.sendall(b"y")
        until(lambda: events.seen.count((const.TCPDataArrival, 0)) == 2)


def test_reset_by_the_peer(role: str) -> None:
    events = Events()
    stream, peer = opened(role, asr=events)
    reset(peer)
    events.wait_for(const.TCPTerminate, const.RemoteAbort)
    assert [event for event in events.seen if event[0] == const.TCPTerminate] == [(const.TCPTerminate, const.RemoteAbort)]
    with pytest.raises(mactcp.error) as caught:
        stream.Rcv(DEADLINE)
    assert caught.value.code == const.connectionTerminated


def test_abort_by_this_side(role: str) -> None:
    events = Events()
    stream, peer = opened(role, asr=events)
    with peer:
        stream.Abort()
        events.wait_for(const.TCPTerminate, const.ULPAbort)


@pytest.mark.parametrize("call", ["Rcv", "wait", "Read"])
def test_it_runs_while_the_main_thread_is_blocked(call: str) -> None:
    """Blocked on another stream, without a time-out: only the asr can end the wait."""
    stream, peer = opened("client")
    with peer:
        other, helper = opened("client")
        waiting = mactcp.TCPCreate(4096)
        udp = mactcp.UDPCreate(2048, 0)
        waiting.PassiveOpen(0)
        port = waiting.GetSockName()[1]
        ran: list[int] = []
        ends: list[socket.socket] = []

        def asr(event: int, detail: int) -> None:
            ran.append(threading.get_ident())
            if call == "Rcv":
                helper.send(b"x")
            elif call == "wait":
                ends.append(socket.create_connection(("127.0.0.1", port)))
            else:
                udp.Write(LOOPBACK, udp.port, b"x")

        stream.asr = asr
        timer = threading.Timer(0.05, lambda: peer.send(b"event"))
        timer.start()
        if call == "Rcv":
            assert other.Rcv(DEADLINE)[0] == b"x"
        elif call == "wait":
            waiting.wait(DEADLINE)
        else:
            assert udp.Read(DEADLINE) == b"x"
        timer.join()
        assert ran == [threading.main_thread().ident]
        for end in (helper, *ends):
            end.close()


def test_it_runs_while_the_main_thread_computes() -> None:
    """Between byte codes: a loop without calls sees it."""
    stream, peer = opened("client")
    seen = False

    def asr(event: int, detail: int) -> None:
        nonlocal seen
        seen = True

    with peer:
        stream.asr = asr
        peer.send(b"x")
        end = time.monotonic() + DEADLINE
        while not seen and time.monotonic() < end:
            pass
        assert seen


def test_it_runs_while_the_main_thread_sleeps_elsewhere_briefly() -> None:
    """time.sleep and the like do not run byte codes: the asr comes when they return."""
    events = Events()
    stream, peer = opened("client", asr=events)
    with peer:
        peer.send(b"x")
        until(lambda: stream.Status().amtUnreadData)
        events.wait_for(const.TCPDataArrival, 0)


def test_it_runs_on_the_main_thread_when_others_call() -> None:
    events = Events()
    stream, peer = opened("server", asr=events)
    with peer:
        end = raised_in_thread(lambda: (stream.Send(b"x"), stream.Rcv(DEADLINE), stream.Abort()))
        peer.send(b"y")
        events.wait_for(const.TCPTerminate, const.ULPAbort)
        assert end() is None
        assert events.threads == {threading.main_thread().ident}


def test_further_calls_from_inside() -> None:
    """A server that lives in its asr alone: it echoes, and listens again. Nested calls do not begin a second asr."""
    server = mactcp.TCPCreate(4096)
    depth = deepest = served = 0

    def asr(event: int, detail: int) -> None:
        nonlocal depth, deepest, served
        depth += 1
        deepest = max(deepest, depth)
        if event == const.TCPDataArrival:
            server.Send(server.Rcv(DEADLINE)[0])
            server.Status()
        elif event == const.TCPClosing:
            server.Close()
        elif event == const.TCPTerminate:
            served += 1
            server.PassiveOpen(port)
        depth -= 1

    server.PassiveOpen(0)
    port = server.GetSockName()[1]
    server.asr = asr
    for number in range(5):
        client = mactcp.TCPCreate(4096)
        client.ActiveOpen(0, LOOPBACK, port)
        client.Send(b"hello")
        assert client.Rcv(DEADLINE)[0] == b"hello"
        client.Close()
        until(lambda number=number: served == number + 1)  # type: ignore[misc]
        until(lambda: not server.isdone(), "the next passive open")
    assert deepest == 1


def test_exceptions_go_to_the_unraisable_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the call that was blocked goes on."""
    caught: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: caught.append(f"{type(info.exc_value).__name__} {info.exc_value}"))
    stream, peer = opened("client")

    def asr(event: int, detail: int) -> None:
        raise ValueError(f"event {event}")

    with peer:
        stream.asr = asr
        timer = threading.Timer(0.02, lambda: peer.send(b"x", socket.MSG_OOB))
        timer.start()
        other, helper = opened("client")
        threading.Timer(0.1, lambda: helper.send(b"y")).start()
        assert other.Rcv(DEADLINE)[0] == b"y"
        until(lambda: caught)
        assert caught[0].startswith("ValueError event ")
        helper.close()


def test_an_asr_with_the_wrong_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: caught.append(info.exc_type))
    stream, peer = opened("client")
    with peer:
        stream.asr = lambda: None  # type: ignore[misc, assignment]
        peer.send(b"x")
        until(lambda: caught)
        assert caught == [TypeError]


def test_what_asr_can_be() -> None:
    for stream in (mactcp.TCPCreate(4096), mactcp.UDPCreate(2048, 0)):
        assert stream.asr is None
        for wrong in (1, "print", b"", object()):
            with pytest.raises(TypeError):
                stream.asr = wrong  # type: ignore[assignment]
        with pytest.raises(AttributeError):
            del stream.asr
        stream.asr = print
        assert stream.asr is print
        stream.asr = None
        assert stream.asr is None  # type: ignore[unreachable]


def test_it_can_be_replaced_and_taken_away_from_inside() -> None:
    first, second = Events(), Events()
    stream, peer = opened("server")

    def asr(event: int, detail: int) -> None:
        first(event, detail)
        stream.asr = second

    with peer:
        stream.asr = asr
        peer.send(b"x")
        first.wait_for(const.TCPDataArrival, 0)
        stream.Rcv(DEADLINE)
        reset(peer)
        second.wait_for(const.TCPTerminate, const.RemoteAbort)
        assert len(first.seen) == 1


def test_it_may_drop_the_stream() -> None:
    holder: dict[str, mactcp.TCPStream] = {}
    holder["stream"], peer = opened("client")
    gone = weakref.ref(holder["stream"])
    holder["stream"].asr = lambda event, detail: holder.clear()
    with peer:
        peer.send(b"x")
        until(lambda: not holder)
        gc.collect()
        assert gone() is None


def test_events_of_a_dropped_stream_are_dropped() -> None:
    events = Events()
    stream, peer = opened("client", asr=events)
    with peer:
        del stream
        gc.collect()
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
    other, peer = opened("client")
    with peer:
        peer.send(b"x")
        other.Rcv(DEADLINE)
    assert not [event for event in events.seen if event[0] == const.TCPDataArrival]


def test_many_events() -> None:
    """Each of 300 connections tells its end, while the main thread does other things."""
    ends: list[int] = []
    pairs = [opened("client") for _ in range(300)]
    for stream, _ in pairs:
        stream.asr = lambda event, detail: ends.append(detail) if event == const.TCPTerminate else None
    for _, peer in pairs:
        reset(peer)
    until(lambda: len(ends) == 300)
    assert set(ends) == {const.RemoteAbort}


def test_udp_events() -> None:
    """UDPDataArrival once until a Read; UDPICMPReceived for a port that nobody has. One parameter."""
    events = Events()
    udp = mactcp.UDPCreate(4096, 0)
    udp.asr = events
    udp.Write(LOOPBACK, udp.port, b"to myself")
    events.wait_for(const.UDPDataArrival)
    assert udp.Read(DEADLINE) == b"to myself"
    udp.Write(LOOPBACK, closed_port(socket.SOCK_DGRAM), b"to nobody")
    events.wait_for(const.UDPICMPReceived)
    assert events.threads == {threading.main_thread().ident}


def test_keyboard_interrupt_inside_goes_to_the_program() -> None:
    """Ctrl-C is meant for the program, whatever it happens to run; the asr's other events still come."""
    program = """
    stream, peer = opened("client")
    events = Events()
    def asr(event, detail):
        events(event, detail)
        if event == const.TCPDataArrival:
            print("inside", flush=True)
            while True: pass
    other, helper = opened("client")
    stream.asr = asr
    try:
        peer.send(b"x")
        other.Rcv(0)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    reset(peer)
    events.wait_for(const.TCPTerminate, const.RemoteAbort)
    """
    with Child(program) as child:
        assert child.line() == "inside"
        child.interrupt()
        assert child.line() == "interrupted"
        child.end()


def test_many_streams_from_a_thread_while_the_main_thread_waits_for_it() -> None:
    """thread.join does not run byte codes: events wait, none is lost, and nothing hangs."""
    program = """
    seen = []
    def work():
        for _ in range(50):
            stream, peer = opened("client")
            stream.asr = lambda event, detail: seen.append(event)
            reset(peer)
            try: stream.Rcv(10)
            except mactcp.error: pass
            streams.append(stream)
    streams = []
    thread = threading.Thread(target=work)
    thread.start(); thread.join()
    until(lambda: seen.count(const.TCPTerminate) == 50)
    print("all")
    """
    assert run_child(program) == "all\n"
