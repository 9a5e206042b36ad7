"""Ctrl-C ends every blocking call within a tenth of a second, and leaves the stream as it is."""

from __future__ import annotations

import textwrap
import time

import pytest
from support import Child

# Each program blocks inside `block`. It tells before, and then when the interrupt came.
FRAME = """
def block(call, *arguments):
    print("ready", flush=True)
    try:
        call(*arguments)
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    else:
        raise SystemExit("the call was not interrupted")
"""

PROGRAMS = {
    "Rcv": """
        stream, peer = opened("client")
        block(stream.Rcv, 0)
        peer.sendall(b"nothing lost")
        assert stream.Rcv(10) == (b"nothing lost", 0, 0)
    """,
    "Rcv with a time-out": """
        stream, peer = opened("server")
        block(stream.Rcv, 1000)
        peer.send(b"!", socket.MSG_OOB)
        assert stream.Rcv(10) == (b"!", 1, 1)
    """,
    "wait": """
        stream = mactcp.TCPCreate(4096)
        stream.PassiveOpen(0)
        block(stream.wait)
        assert stream.isdone() == 0
        with socket.create_connection(("127.0.0.1", stream.GetSockName()[1])) as peer:
            stream.wait(10)
            stream.Send(b"x")
            assert peer.recv(1) == b"x"
    """,
    "ActiveOpen": """
        stream = mactcp.TCPCreate(4096)
        with deaf_port() as port:
            block(stream.ActiveOpen, 0, LOOPBACK, port)
        with listener() as server:
            stream.ActiveOpen(0, LOOPBACK, server.getsockname()[1])
            stream.Send(b"x")
            assert accept(server).recv(1) == b"x"
    """,
    "Send": """
        stream, peer = opened("client")
        data = os.urandom(40_000_000)
        block(stream.Send, data)
        received = []
        end = raised_in_thread(lambda: received.append(read_peer(peer)))
        stream.Send(b"the end")
        stream.Close()
        assert end() is None
        # What was taken stays taken.
        body, tail = received[0][:-7], received[0][-7:]
        assert tail == b"the end" and 0 < len(body) < len(data) and data.startswith(body)
    """,
    "Close": """
        stream, peer = opened("client")
        sent = fill(stream)
        block(stream.Close)
        assert len(read_peer(peer)) >= sent
        peer.sendall(b"answer"); peer.close()
        assert read_all(stream) == b"answer"
    """,
    "the end of a with": """
        stream, peer = opened("client")
        fill(stream)
        def leave():
            with stream: pass
        block(leave)
        assert repr(stream) == "<mactcp.TCPStream released>"
    """,
    "Read": """
        udp = mactcp.UDPCreate(4096, 0)
        block(udp.Read, -1)
        udp.Write(LOOPBACK, udp.port, b"nothing lost")
        assert udp.Read(10) == b"nothing lost"
    """,
    "Rcv while an asr is there": """
        stream, peer = opened("client")
        events = Events()
        stream.asr = events
        block(stream.Rcv, 0)
        peer.sendall(b"x")
        events.wait_for(const.TCPDataArrival, 0)
        assert stream.Rcv(10)[0] == b"x"
    """,
}


@pytest.mark.parametrize("call", PROGRAMS)
def test_interrupt(call: str) -> None:
    def interrupt() -> float:
        with Child(textwrap.dedent(FRAME) + textwrap.dedent(PROGRAMS[call])) as child:
            assert child.line() == "ready"
            child.wait_until_blocked()
            sent = time.monotonic()
            child.interrupt()
            taken = float(child.line()) - sent
            child.end()
            return taken

    # Once of three times will do: another program may have had the processor.
    assert any(interrupt() < 0.1 for _ in range(3))


def test_data_that_comes_with_the_interrupt_is_not_lost() -> None:
    """Hundreds of receives that a signal handler's exception meets at any moment: every byte is received once."""
    program = """
    class Alarm(Exception): pass
    received, alarms = [], 0
    def receive():
        # By one call of C: an alarm cannot come between receive and append.
        received.extend(map(stream.Rcv, [10]))
    def ring(_, frame):
        if frame.f_code is receive.__code__: raise Alarm
    signal.signal(signal.SIGALRM, ring)
    stream, peer = opened("client")
    count = 3000
    def send():
        for number in range(count):
            peer.sendall(number.to_bytes(4, "big"))
            if number % 7 == 0: time.sleep(0.0005)
    end = raised_in_thread(send)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    while sum(map(len, [part[0] for part in received])) < 4 * count:
        try:
            receive()
        except Alarm:
            alarms += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert end() is None
    data = b"".join(part[0] for part in received)
    assert data == b"".join(number.to_bytes(4, "big") for number in range(count))
    print(alarms > 0)
    """
    with Child(program) as child:
        assert child.end() == "True\n"


def test_a_signal_handler_that_does_not_raise_does_not_end_the_call() -> None:
    program = """
    rung = []
    signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    stream, peer = opened("client")
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    threading.Timer(0.2, lambda: peer.send(b"x")).start()
    assert stream.Rcv(10)[0] == b"x"
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert len(rung) > 3
    """
    with Child(program) as child:
        child.end()


HANDLERS = {
    "Rcv": """
        stream, peer = opened("client")
        send, receive = peer.send, lambda: stream.Rcv(10)[0]
    """,
    "Read": """
        udp = mactcp.UDPCreate(4096, 0)
        send, receive = lambda data: udp.Write(LOOPBACK, udp.port, data), lambda: udp.Read(10)
    """,
}


@pytest.mark.parametrize("call", HANDLERS)
def test_a_signal_handler_receives_what_the_call_it_interrupts_waits_for(call: str) -> None:
    """Also for a signal that does not end the sleep, because another thread took it."""
    program = """
    import _thread
    received = []
    signal.signal(signal.SIGUSR1, lambda *_: (send(b"one"), received.append(receive()), send(b"two")))
    threading.Timer(0.2, _thread.interrupt_main, [signal.SIGUSR1]).start()
    assert receive() == b"two" and received == [b"one"], received
    """
    with Child(textwrap.dedent(HANDLERS[call]) + textwrap.dedent(program)) as child:
        child.end()
