"""The life of streams, of the interpreter, and of processes."""

from __future__ import annotations

import gc
import os
import socket
import weakref

import mactcp
import pytest
from support import DEADLINE, opened, raised_in_thread, run_child

# ---- Streams -----------------------------------------------------------------------------------


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_dropping_the_last_reference_aborts() -> None:
    stream, peer = opened("client")
    with peer:
        del stream
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_dropping_after_both_sides_have_closed_is_graceful() -> None:
    stream, peer = opened("client")
    with peer:
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(mactcp.error):
            stream.Rcv(DEADLINE)
        stream.Send(b"last")
        stream.Close()
        del stream
        assert peer.recv(10) == b"last" and peer.recv(10) == b""


def test_a_stream_whose_asr_refers_to_it_is_collected() -> None:
    """And its descriptor with it."""
    gc.collect()
    before = descriptors()

    class Program:
        def __init__(self) -> None:
            self.stream, self.peer = opened("client")
            self.stream.asr = self.asr

        def asr(self, event: int, detail: int) -> None:
            self.stream.Status()

    program = Program()
    gone = weakref.ref(program.stream)
    with program.peer:
        pass
    del program
    assert gone() is not None, "a cycle"
    gc.collect()
    assert gone() is None
    assert descriptors() <= before

    udp = mactcp.UDPCreate(2048, 0)
    udp.asr = lambda event, udp=udp: None  # type: ignore[misc]
    port, reference = udp.port, weakref.ref(udp)
    del udp
    gc.collect()
    assert reference() is None and mactcp.UDPCreate(2048, port)


def test_weak_references() -> None:
    stream = mactcp.TCPCreate(4096)
    called: list[object] = []
    reference = weakref.ref(stream, called.append)
    assert reference() is stream
    del stream
    assert reference() is None and called == [reference]


def test_an_event_that_comes_while_a_stream_goes() -> None:
    """What is called when a stream's last reference goes lets events in: none finds the stream that is going."""
    program = """
    import weakref
    called = []
    def busy(_):
        # Long enough for the events to come; the main thread takes them while it loops.
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end: pass
        called.append(_)
    class Routine:
        def __call__(self, *event): pass
        def __del__(self): busy(None)
    for _ in range(50):
        stream, peer = opened("client", asr=Routine())
        reference = weakref.ref(stream, busy)
        peer.send(b"x")
        reset(peer)
        del stream
    assert len(called) == 100, len(called)
    udp = mactcp.UDPCreate(2048, 0)
    udp.asr = Routine()
    reference = weakref.ref(udp, busy)
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", udp.port))
    del udp
    assert len(called) == 102, len(called)
    """
    run_child(program)


def test_a_passive_open_that_is_waited_for_again_and_again() -> None:
    """Each wait leaves no more behind than one does."""
    program = """
    def rss():
        return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    stream = mactcp.TCPCreate(4096)
    stream.PassiveOpen(0)
    def waits(count):
        for _ in range(count):
            try: stream.wait(1e-9)
            except mactcp.error as error: assert error.code == const.commandTimeout
    waits(1000)
    before = rss()
    waits(50_000)
    grown = rss() - before
    # Twenty bytes for each.
    print(grown if grown > 1_000_000 else "flat")
    with socket.create_connection(("127.0.0.1", stream.GetSockName()[1])):
        stream.wait(DEADLINE)
    """
    assert run_child(program) == "flat\n"


def test_a_stream_that_a_thread_is_blocked_in_lives() -> None:
    stream, peer = opened("client")
    received: list[object] = []
    end = raised_in_thread(lambda stream=stream: received.append(stream.Rcv(DEADLINE)))  # type: ignore[misc]
    del stream
    gc.collect()
    peer.send(b"x")
    assert end() is None and received == [(b"x", 0, 0)]
    peer.close()


def test_descriptors_and_memory_stay_flat() -> None:
    """Over 10,000 streams of each kind, and hundreds of connections, in a process of its own."""
    program = """
    def rss():
        return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    def descriptors():
        return len(os.listdir("/proc/self/fd"))
    def streams(count):
        for number in range(count):
            stream = mactcp.TCPCreate(4096)
            stream.asr = print
            stream.Status()
            if number % 10 == 0:
                stream.PassiveOpen(0)
            mactcp.UDPCreate(2048, 0).asr = print
    def connections(count):
        with listener() as server:
            for number in range(count):
                stream = mactcp.TCPCreate(8192)
                if number % 2: stream.asr = lambda event, detail, stream=stream: None
                stream.ActiveOpen(0, LOOPBACK, server.getsockname()[1])
                with accept(server) as peer:
                    peer.sendall(b"x")
                    stream.Rcv(10)
                    stream.Send(bytes(100))
                    read_peer(peer, 100)
                try: stream.Send(bytes(0))
                except mactcp.error: pass
                if number % 3: stream.Abort()
    def answers(count):
        for _ in range(count):
            macdnr.StrToAddr("1.2.3.4").cname
            try: macdnr.StrToAddr("..").wait()
            except macdnr.error: pass
    def all(count):
        streams(count); connections(count // 20); answers(count)
        gc.collect()
    all(2000)
    before = rss(), descriptors()
    all(10000)
    # A stream goes when its last notice is out of the way.
    until(lambda: descriptors() <= before[1])
    grown = rss() - before[0]
    # A hundred bytes for each of the streams would be two megabytes.
    print(grown if grown > 1_500_000 else "flat")
    """
    assert run_child(program) == "flat\n"


# ---- The interpreter's end ---------------------------------------------------------------------

EXITS = {
    "idle, open and listening streams": """
        idle, udp, listening = mactcp.TCPCreate(4096), mactcp.UDPCreate(2048, 0), mactcp.TCPCreate(4096)
        listening.PassiveOpen(0)
        stream, peer = opened("client", asr=Events())
        peer.send(b"unread")
    """,
    "threads blocked in every call": """
        stream, peer = opened("client")
        full, deaf = opened("server")
        closing, unread = opened("client")
        fill(full); fill(closing)
        waiting, udp = mactcp.TCPCreate(4096), mactcp.UDPCreate(2048, 0)
        waiting.PassiveOpen(0)
        for call, *arguments in [
            (stream.Rcv, 0), (stream.Rcv, 1000), (full.Send, bytes(10_000_000)), (closing.Close,),
            (waiting.wait,), (udp.Read, -1), (udp.Read, 1000),
        ]:
            threading.Thread(target=call, args=arguments, daemon=True).start()
        until(lambda: threading.active_count() == 8)
    """,
    "events that nobody has been told": """
        pairs = [opened("client", asr=Events()) for _ in range(20)]
        for stream, peer in pairs: reset(peer)
    """,
    "an asr that is running in the main thread": """
        stream, peer = opened("client")
        def asr(event, detail): sys.exit(0)
        stream.asr = asr
        sys.unraisablehook = lambda info: os.write(1, b"%s\\n" % info.exc_type.__name__.encode())
        peer.send(b"x")
        try: mactcp.TCPCreate(4096) and stream.Rcv(0.2) and opened("client")[0].Rcv(0.1)
        except mactcp.error: pass
    """,
    "an atexit function and a destructor that use it": """
        import atexit
        class Last:
            def __init__(self): self.stream, self.peer = opened("client")
            def __del__(self):
                try: self.stream.Send(b"x"); self.stream.Abort()
                except mactcp.error: pass
        last = Last()
        atexit.register(lambda: last.stream.Send(b"at exit"))
    """,
    "a destructor that is the first to use it": """
        class Last:
            def __del__(self, mactcp=mactcp):
                try: stream = mactcp.TCPCreate(4096); stream.asr = print; stream.PassiveOpen(0)
                except mactcp.error as error: assert error.name == "ipLoadErr", error
        sys.modules["last"] = Last()
    """,
    "a resolver with queries under way": """
        result = macdnr.StrToAddr("1.2.3.4")
        macdnr.AddrToName(0x7F000001)
    """,
    "a stream in a module's variable that outlives the module": """
        import types
        module = types.ModuleType("kept")
        module.stream, module.peer = opened("server", asr=lambda event, detail: module)
        sys.modules["kept"] = module
    """,
}


@pytest.mark.parametrize("what", EXITS)
def test_exit_with(what: str) -> None:
    """Status 0, nothing on standard error, no hang."""
    run_child(EXITS[what])


def test_data_taken_before_the_end_arrives() -> None:
    """Send has returned: the kernel delivers it, if the stream was closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = """
        stream = mactcp.TCPCreate(4096)
        stream.ActiveOpen(0, LOOPBACK, int(sys.argv[1]))
        stream.Send(bytes(200_000))
        stream.Close()
        """
        received: list[bytes] = []

        def receive() -> None:
            peer, _ = server.accept()
            with peer:
                while data := peer.recv(65_536):
                    received.append(data)
                peer.close()

        end = raised_in_thread(receive)
        run_child(program, str(server.getsockname()[1]))
        error = end()
        # The process may have ended before this side closed: then the connection is reset, after its data.
        assert error is None or isinstance(error, ConnectionResetError)
        assert sum(map(len, received)) == 200_000


# ---- Forks and interpreters --------------------------------------------------------------------


def test_a_forked_child_cannot_use_it_and_does_no_harm() -> None:
    program = """
    stream, peer = opened("client", asr=Events())
    listening = mactcp.TCPCreate(4096)
    listening.PassiveOpen(0)
    udp = mactcp.UDPCreate(2048, 0)
    result = macdnr.StrToAddr("1.2.3.4")
    result.wait()
    import warnings
    # From 3.12 on Python warns of a fork with threads; what it warns of is tested here.
    warnings.simplefilter("ignore", DeprecationWarning)
    child = os.fork()
    if child == 0:
        calls = [
            mactcp.MTU, mactcp.GlobalInfo, lambda: mactcp.TCPCreate(4096), lambda: mactcp.UDPCreate(2048, 0),
            lambda: stream.Send(b"x"), lambda: stream.Rcv(1), stream.Status, stream.Close, stream.Abort,
            stream.GetSockName, listening.wait, lambda: udp.Read(1), lambda: udp.Write(LOOPBACK, 1, b"x"),
            lambda: stream.ActiveOpen(0, LOOPBACK, 1), lambda: listening.PassiveOpen(0),
            lambda: macdnr.StrToAddr("1.2.3.4"), lambda: result.ip0, macdnr.Close,
        ]
        for number, call in enumerate(calls):
            try: call()
            except (mactcp.error, macdnr.error) as error: assert "fork" in str(error), error
            else: print("no error", number)
        repr(stream), repr(udp), repr(result), stream.isdone()
        stream.asr = None
        with udp: pass
        with stream: pass
        del stream, listening, udp, result
        gc.collect()
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    # The parent's are as they were.
    stream.Send(b"x"); assert peer.recv(1) == b"x"
    peer.send(b"y"); assert stream.Rcv(10)[0] == b"y"
    with socket.create_connection(("127.0.0.1", listening.GetSockName()[1])): listening.wait(10)
    udp.Write(LOOPBACK, udp.port, b"z"); assert udp.Read(10) == b"z"
    """
    assert run_child(program) == ""


def test_a_child_that_was_forked_before_the_first_call_can_use_it() -> None:
    program = """
    child = os.fork()
    stream, peer = opened("client")
    peer.send(b"x")
    assert stream.Rcv(10)[0] == b"x"
    if child == 0: sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    run_child(program)


def test_subinterpreters_are_refused_clearly() -> None:
    program = """
    try: import _interpreters as interpreters
    except ImportError: import _xxsubinterpreters as interpreters
    import mactcp
    code = "try: import mactcp\\nexcept ImportError as error: print(error, flush=True)\\nelse: print('no error', flush=True)"
    one = interpreters.create("legacy") if sys.version_info >= (3, 13) else interpreters.create()
    (interpreters.exec if hasattr(interpreters, "exec") else interpreters.run_string)(one, code)
    interpreters.destroy(one)
    stream, peer = opened("client")
    """
    output = run_child(program)
    assert "subinterpreter" in output and "no error" not in output


def test_import_costs_no_thread_and_no_descriptor() -> None:
    program = """
    assert len(os.listdir("/proc/self/task")) == 1
    """
    run_child(program)


def test_streams_are_released_in_any_thread() -> None:
    ends = []
    for _ in range(50):
        stream, peer = opened("client", asr=lambda event, detail: None)
        holder = [stream]
        del stream
        ends.append((raised_in_thread(holder.clear), peer))
    for end, peer in ends:
        assert end() is None
        with peer, pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_the_port_of_a_released_stream_is_free() -> None:
    stream = mactcp.TCPCreate(4096)
    stream.PassiveOpen(0)
    port = stream.GetSockName()[1]
    del stream
    other = mactcp.TCPCreate(4096)
    other.PassiveOpen(port)
    assert other.GetSockName()[1] == port
