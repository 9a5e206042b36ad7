"""mactcpsocket: each call on a connection does what Python's own socket does, and fails as it does."""

from __future__ import annotations

import errno
import gc
import io
import socket as python
import threading
import time
import weakref

import mactcpsocket as socket
import pytest
from socket_support import connected, errno_of
from support import DEADLINE, closed_port, deaf_port, raised_in_thread, read_peer, reset, run_child, until


# ---- Data --------------------------------------------------------------------------------------


def test_names_of_both_sides(role: str) -> None:
    with connected(role) as (mine, peer):
        assert mine.getsockname() == peer.getpeername()
        assert mine.getpeername() == peer.getsockname()
        assert (mine.family, mine.type, mine.proto) == (python.AF_INET, python.SOCK_STREAM, 6 if role == "client" else 0)
        assert "laddr=" in repr(mine) and "raddr=" in repr(mine)


def test_send_and_receive(role: str) -> None:
    with connected(role) as (mine, peer):
        assert mine.send(b"hello") == 5
        assert mine.send(b"") == 0
        mine.sendall(memoryview(b" world"))
        assert read_peer(peer, 11) == b"hello world"
        peer.sendall(b"abcdefgh")
        until(lambda: mine.recv(8, socket.MSG_PEEK) == b"abcdefgh")
        assert mine.recv(3) == b"abc"
        assert mine.recv(0) == b""
        assert mine.recv(1, socket.MSG_PEEK) == b"d"
        buffer = bytearray(4)
        assert mine.recv_into(buffer, 2) == 2 and buffer == b"de\0\0"
        assert mine.recv_into(memoryview(buffer)[2:]) == 2 and buffer == b"defg"
        assert mine.recv(100) == b"h"
        peer.shutdown(python.SHUT_WR)
        assert [mine.recv(10), mine.recv(10), mine.recv_into(buffer)] == [b"", b"", 0]


def test_receive_all_that_was_asked_for(role: str) -> None:
    with connected(role) as (mine, peer):
        end = raised_in_thread(lambda: [peer.sendall(bytes([number])) for number in range(200)])
        assert mine.recv(100, socket.MSG_WAITALL) == bytes(range(100))
        buffer = bytearray(100)
        assert mine.recv_into(buffer, 100, socket.MSG_WAITALL) == 100 and buffer == bytes(range(100, 200))
        assert end() is None
        peer.sendall(b"short")
        peer.close()
        assert mine.recv(100, socket.MSG_WAITALL) == b"short"


def test_what_came_before_the_time_out_is_not_lost(role: str) -> None:
    """A receive that asks for all returns a part then, as Python's does."""
    with connected(role) as (mine, peer):
        mine.settimeout(0.05)
        peer.sendall(b"abc")
        until(lambda: mine.recv(10, socket.MSG_PEEK) == b"abc")
        assert mine.recv(10, socket.MSG_WAITALL) == b"abc"
        with pytest.raises(TimeoutError):
            mine.recv(10, socket.MSG_WAITALL)


def test_what_came_before_an_interrupt_is_not_lost() -> None:
    """A signal handler raises while a receive that asks for all waits for the rest."""
    program = """
    import mactcpsocket
    class Alarm(Exception): pass
    def ring(*_): raise Alarm
    signal.signal(signal.SIGALRM, ring)
    with listener() as server:
        mine = mactcpsocket.create_connection(server.getsockname())
        peer = accept(server)
    with mine, peer:
        peer.sendall(b"abc")
        until(lambda: mine.recv(10, socket.MSG_PEEK) == b"abc")
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            mine.recv(10, socket.MSG_WAITALL)
        except Alarm:
            assert mine.recv(10) == b"abc"
        else:
            raise SystemExit("not interrupted")
    """
    run_child(program)


def test_large_data_in_small_receives(role: str) -> None:
    data = bytes(range(256)) * 2000
    with connected(role) as (mine, peer):
        end = raised_in_thread(lambda: peer.sendall(data))
        received = bytearray()
        while len(received) < len(data):
            received += mine.recv(7)
        assert received == data and end() is None


def out_of_band(peer: python.socket) -> bytes:
    try:
        return peer.recv(1, python.MSG_OOB)
    except OSError:
        return b""


def test_urgent_data(role: str) -> None:
    with connected(role) as (mine, peer):
        mine.sendall(b"in line, then U", socket.MSG_OOB)
        until(lambda: out_of_band(peer) == b"U")
        peer.send(b"!", python.MSG_OOB)
        assert mine.recv(10) == b"!", "in line"


def test_files(role: str) -> None:
    with connected(role) as (mine, peer):
        with mine.makefile("rwb") as file:
            file.write(b"GET\r\n")
            file.flush()
            assert read_peer(peer, 5) == b"GET\r\n"
            peer.sendall(b"one\r\ntwo\r\n" + bytes(100_000))
            assert file.readline() == b"one\r\n" and file.readline() == b"two\r\n"
            assert file.read(100_000) == bytes(100_000)
        with mine.makefile("w", encoding="utf-8", newline="\n") as text:
            print("grün", file=text)
        assert read_peer(peer, 6) == "grün\n".encode()
        with mine.makefile("rb", buffering=0) as raw:
            assert isinstance(raw, python.SocketIO)
            peer.sendall(b"xy")
            assert raw.read(1) == b"x"
        reader = mine.makefile("r", encoding="ascii")
        mine.close()
        peer.sendall(b"z\n")
        peer.close()
        assert reader.readline() == "yz\n", "a file keeps the socket open"
        reader.close()
        assert errno_of(mine.recv, 1) == errno.EBADF


@pytest.mark.parametrize("mode", ["a", "r+", "", "x"])
def test_modes_of_files(mode: str) -> None:
    with connected("client") as (mine, _):
        with pytest.raises(ValueError):
            mine.makefile(mode)
        with pytest.raises(ValueError):
            mine.makefile("r", buffering=0)


def test_time_outs(role: str) -> None:
    with connected(role) as (mine, peer):
        mine.settimeout(0.05)
        start = time.monotonic()
        with pytest.raises(TimeoutError, match="timed out"):
            mine.recv(1)
        assert 0.05 <= time.monotonic() - start < DEADLINE
        with pytest.raises(socket.timeout):
            while True:
                mine.sendall(bytes(1_000_000))
        mine.settimeout(None)
        peer.sendall(b"x")
        assert mine.recv(1) == b"x"


def test_the_number_of_the_time_out() -> None:
    mine = socket.socket()
    assert mine.gettimeout() is None and mine.timeout is None and mine.getblocking() is True
    mine.settimeout(2)
    assert mine.gettimeout() == 2.0
    mine.setblocking(True)
    assert mine.gettimeout() is None
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError):
            mine.settimeout(wrong)
    with pytest.raises(TypeError):
        mine.settimeout("5")  # type: ignore[arg-type]
    for call in (lambda: mine.settimeout(0), lambda: mine.setblocking(False)):
        with pytest.raises(io.UnsupportedOperation):
            call()
    assert socket.getdefaulttimeout() is None
    socket.setdefaulttimeout(3)
    try:
        assert socket.socket().gettimeout() == 3
    finally:
        socket.setdefaulttimeout(None)


# ---- Ends --------------------------------------------------------------------------------------


def test_shutdown(role: str) -> None:
    with connected(role) as (mine, peer):
        mine.sendall(b"last")
        mine.shutdown(socket.SHUT_WR)
        assert read_peer(peer) == b"last"
        with pytest.raises(BrokenPipeError):
            mine.send(b"x")
        peer.sendall(b"answer")
        assert mine.recv(6) == b"answer"
        mine.shutdown(socket.SHUT_RDWR)
        assert mine.recv(6) == b""
        assert errno_of(mine.shutdown, 9) == errno.EINVAL


def test_shutdown_does_not_wait_for_the_peer(role: str) -> None:
    """A peer that reads only when it is read from would never acknowledge."""
    with connected(role) as (mine, peer):
        mine.settimeout(0.05)
        with pytest.raises(TimeoutError):
            while True:
                mine.sendall(bytes(1_000_000))
        mine.shutdown(socket.SHUT_WR)
        peer.sendall(b"I do not read")
        assert mine.recv(100) == b"I do not read"


def test_close_returns_at_once_and_loses_nothing(role: str) -> None:
    data = bytes(range(256)) * 800
    with connected(role) as (mine, peer):
        mine.sendall(data)
        start = time.monotonic()
        mine.close()
        assert time.monotonic() - start < DEADLINE
        assert read_peer(peer) == data, "and then the end, not a reset"
        mine.close()
        assert repr(mine).endswith("closed>")


def test_close_after_the_peer_has_closed(role: str) -> None:
    with connected(role) as (mine, peer):
        peer.shutdown(python.SHUT_WR)
        assert mine.recv(1) == b""
        mine.sendall(b"bye")
        mine.close()
        assert read_peer(peer) == b"bye"


def test_calls_on_a_closed_socket() -> None:
    with connected("client") as (mine, _):
        mine.close()
        for call in (
            lambda: mine.send(b"x"), lambda: mine.recv(1), mine.getsockname, mine.getpeername, mine.listen, mine.accept,
            lambda: mine.connect(("127.0.0.1", 1)), lambda: mine.bind(("", 0)), lambda: mine.shutdown(2), mine.makefile,
            lambda: mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        ):  # fmt: skip
            assert errno_of(call) == errno.EBADF


def test_dropping_a_socket_closes_it() -> None:
    with connected("client") as (mine, peer):
        pass
    with python.create_server(("127.0.0.1", 0)) as server:
        mine = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        mine.sendall(b"not lost")
        gone = weakref.ref(mine)
        with pytest.warns(ResourceWarning, match="unclosed <mactcpsocket"):
            del mine
            gc.collect()
        with peer:
            peer.settimeout(DEADLINE)
            assert gone() is None and read_peer(peer) == b"not lost"


def test_dropping_a_socket_closes_it_where_warnings_are_errors() -> None:
    """Closed and not aborted: the peer reads to the end."""
    program = """
    import mactcpsocket, warnings
    warnings.simplefilter("error")
    raised = []
    sys.unraisablehook = lambda info: raised.append(info.exc_type)
    with listener() as server:
        mine = mactcpsocket.create_connection(server.getsockname())
        peer = accept(server)
    mine.sendall(bytes(1000))
    peer.sendall(b"unread")
    del mine
    assert read_peer(peer) == bytes(1000)
    peer.close()
    assert raised == [ResourceWarning], raised
    """
    run_child(program)


def test_a_process_that_ends_with_open_sockets() -> None:
    program = """
    import mactcpsocket, warnings
    warnings.simplefilter("ignore", ResourceWarning)
    server = mactcpsocket.create_server(("127.0.0.1", 0))
    near = mactcpsocket.create_connection(server.getsockname())
    far, _ = server.accept()
    near.sendall(bytes(100_000))
    closed, other = mactcpsocket.create_connection(server.getsockname()), server.accept()[0]
    closed.close()
    threading.Thread(target=far.recv, args=(1,), daemon=True).start()
    threading.Thread(target=server.accept, daemon=True).start()
    """
    run_child(program)


# ---- Errors ------------------------------------------------------------------------------------


def test_refused() -> None:
    address = ("127.0.0.1", closed_port())
    with pytest.raises(ConnectionRefusedError) as caught:
        socket.create_connection(address)
    assert caught.value.errno == errno.ECONNREFUSED
    mine = socket.socket()
    assert mine.connect_ex(address) == errno.ECONNREFUSED
    with python.create_server(("127.0.0.1", 0)) as server:
        assert mine.connect_ex(server.getsockname()) == 0, "it can be tried again"
        assert errno_of(mine.connect, server.getsockname()) == errno.EISCONN
        mine.close()


def test_connect_with_a_time_out() -> None:
    with deaf_port() as port:
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", port), timeout=0.05)
        mine = socket.socket()
        mine.settimeout(0.05)
        assert mine.connect_ex(("127.0.0.1", port)) in (errno.EAGAIN, errno.ETIMEDOUT)


def test_reset(role: str) -> None:
    with connected(role) as (mine, peer):
        reset(peer)
        with pytest.raises(ConnectionResetError) as caught:
            mine.recv(1)
        assert caught.value.errno == errno.ECONNRESET
        with pytest.raises(ConnectionError):
            mine.sendall(b"x")


def test_not_connected() -> None:
    mine = socket.socket()
    for call in (lambda: mine.send(b"x"), lambda: mine.recv(1), mine.getpeername, lambda: mine.shutdown(2)):
        assert errno_of(call) == errno.ENOTCONN
    assert errno_of(mine.accept) == errno.EINVAL


def test_a_port_in_use() -> None:
    with python.create_server(("127.0.0.1", 0)) as server:
        assert errno_of(socket.create_server, ("", server.getsockname()[1])) == errno.EADDRINUSE


def test_what_there_is_not() -> None:
    mine = socket.socket()
    for call in (mine.fileno, mine.detach, mine.dup, lambda: socket.socket(fileno=0)):
        with pytest.raises(io.UnsupportedOperation, match="MacTCP stream"):
            call()
    assert errno_of(socket.socket, python.AF_INET6) == errno.EAFNOSUPPORT
    assert errno_of(socket.socket, python.AF_INET, python.SOCK_RAW) == errno.EPROTONOSUPPORT
    assert errno_of(socket.socket, python.AF_INET, python.SOCK_STREAM, python.IPPROTO_UDP) == errno.EPROTONOSUPPORT
    with pytest.raises(AttributeError, match="MacTCP has nothing like it"):
        socket.socketpair
    with pytest.raises(AttributeError, match="no attribute"):
        socket.no_such_thing
    with connected("client") as (mine, _):
        assert errno_of(mine.recv, 1, python.MSG_OOB) == errno.EOPNOTSUPP
        assert errno_of(mine.send, b"x", python.MSG_DONTROUTE) == errno.EOPNOTSUPP


@pytest.mark.parametrize("address", ["x", ("127.0.0.1",), ("127.0.0.1", "80"), (1, 80), ("::1", 80, 0, 0), None])
def test_what_is_no_address(address: object) -> None:
    for call in (socket.socket().connect, socket.socket().bind, socket.socket(type=socket.SOCK_DGRAM).connect):
        with pytest.raises(TypeError):
            call(address)  # type: ignore[arg-type]


def test_ports_out_of_range() -> None:
    for port in (-1, 65536):
        with pytest.raises(OverflowError):
            socket.socket().connect(("127.0.0.1", port))


def test_options() -> None:
    mine = socket.socket()
    for level, option, value in [
        (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_RCVBUF, 8192),
        (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1),
    ]:  # fmt: skip
        mine.setsockopt(level, option, value)
        assert mine.getsockopt(level, option) == value
        assert mine.getsockopt(level, option, 4) == value.to_bytes(4, __import__("sys").byteorder)
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, b"\0\0\0\0")
    assert mine.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    assert mine.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
    assert mine.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert errno_of(mine.setsockopt, socket.SOL_SOCKET, python.SO_BROADCAST, 1) == errno.ENOPROTOOPT
    assert errno_of(mine.getsockopt, socket.SOL_SOCKET, python.SO_LINGER, 8) == errno.ENOPROTOOPT
    assert errno_of(mine.setsockopt, socket.SOL_SOCKET, socket.SO_OOBINLINE, 0) == errno.EINVAL
