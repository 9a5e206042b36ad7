"""mactcpsocket: each call does what Python's own socket does, and fails as it does."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import socket as python
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import mactcpsocket as socket
import pytest
from support import DEADLINE, closed_port, deaf_port, raised_in_thread, read_peer, reset, run_child, until


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
        assert 0.05 <= time.monotonic() - start < 1
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
        assert time.monotonic() - start < 1
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


# ---- Servers -----------------------------------------------------------------------------------


def test_a_server_takes_many_at_once() -> None:
    """As many as its backlog wait; each is served once, in the order in which it came."""
    with socket.create_server(("127.0.0.1", 0), backlog=20) as server:
        server.settimeout(DEADLINE)
        assert server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        clients = [python.create_connection(server.getsockname()) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        for number, client in enumerate(clients):
            with server.accept()[0] as mine:
                assert mine.recv(10) == b"%d" % number
            client.close()


def test_a_server_that_goes_on_and_on() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2) as server:
        address = server.getsockname()

        def serve() -> None:
            for _ in range(200):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(connection.recv(100))

        end = raised_in_thread(serve)
        for number in range(200):
            with python.create_connection(address, timeout=DEADLINE) as client:
                client.sendall(b"%d" % number)
                assert client.recv(100) == b"%d" % number
        assert end() is None


def test_several_threads_accept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ends = [raised_in_thread(lambda: server.accept()[0].close()) for _ in range(8)]
        clients = [python.create_connection(server.getsockname()) for _ in range(8)]
        assert [end() for end in ends] == [None] * 8
        for client in clients:
            client.close()


def test_accept_times_out_and_goes_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.03)
        with pytest.raises(TimeoutError):
            server.accept()
        with python.create_connection(server.getsockname()):
            server.settimeout(DEADLINE)
            server.accept()[0].close()


def test_close_ends_an_accept() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    end = raised_in_thread(server.accept)
    until(lambda: threading.active_count() > 1)
    server.close()
    error = end()
    assert isinstance(error, OSError) and error.errno == errno.EBADF
    with pytest.raises(ConnectionRefusedError):
        python.create_connection(address)


def test_a_server_at_one_address_does_not_serve_others() -> None:
    import macdnr
    import mactcp

    own = macdnr.AddrToStr(mactcp.IPAddr())
    if own == "127.0.0.1":
        pytest.skip("this host has no other address than 127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        with python.create_connection((own, server.getsockname()[1]), timeout=DEADLINE) as stranger:
            with python.create_connection(server.getsockname()) as client:
                server.settimeout(DEADLINE)
                mine, address = server.accept()
                assert address == client.getsockname()
                mine.close()
            with pytest.raises(ConnectionResetError):
                stranger.recv(1)


def test_connect_from_a_bound_port() -> None:
    port = closed_port()
    with python.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), source_address=("127.0.0.1", port)) as mine:
            peer, address = server.accept()
            assert address == ("127.0.0.1", port) == mine.getsockname()
            peer.close()


# ---- Datagrams ---------------------------------------------------------------------------------


def test_datagrams() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as mine, python.socket(type=python.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(DEADLINE)
        mine.settimeout(DEADLINE)
        mine.bind(("", 0))
        port = mine.getsockname()[1]
        assert mine.sendto(b"hello", peer.getsockname()) == 5
        assert peer.recvfrom(10) == (b"hello", ("127.0.0.1", port))
        assert mine.sendto(b"", 0, peer.getsockname()) == 0
        assert peer.recv(10) == b""
        peer.sendto(b"answer", ("127.0.0.1", port))
        assert mine.recvfrom(3) == (b"ans", peer.getsockname()), "the rest is gone"
        peer.sendto(b"more", ("127.0.0.1", port))
        buffer = bytearray(10)
        assert mine.recvfrom_into(buffer) == (4, peer.getsockname()) and buffer[:4] == b"more"
        mine.connect(peer.getsockname())
        assert mine.getpeername() == peer.getsockname() and mine.send(b"x") == 1 and peer.recv(1) == b"x"
        with python.socket(type=python.SOCK_DGRAM) as stranger:
            stranger.sendto(b"dropped", ("127.0.0.1", port))
        peer.sendto(b"kept", ("127.0.0.1", port))
        assert mine.recv(10) == b"kept"
        mine.settimeout(0.02)
        with pytest.raises(TimeoutError):
            mine.recv(1)


def test_what_datagrams_have_not() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as mine:
        assert errno_of(mine.send, b"x") == errno.EDESTADDRREQ
        for call in (mine.listen, mine.accept, lambda: mine.shutdown(2)):
            assert errno_of(call) == errno.EOPNOTSUPP
        assert errno_of(mine.bind, ("127.0.0.1", 0)) == errno.EADDRNOTAVAIL
        assert errno_of(mine.sendto, bytes(70_000), ("127.0.0.1", 9)) == errno.EMSGSIZE
    with connected("client") as (stream, peer):
        assert errno_of(stream.sendto, b"x", peer.getsockname()) == errno.EOPNOTSUPP
        assert errno_of(stream.recvfrom, 1) == errno.EOPNOTSUPP


# ---- Names -------------------------------------------------------------------------------------


def test_addresses_that_need_no_server() -> None:
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert socket.gethostbyname("localhost") == "127.0.0.1"
    assert socket.gethostbyname("") == "0.0.0.0"
    assert socket.gethostbyname(b"10.1.2.3") == "10.1.2.3"
    assert socket.getfqdn("localhost") == python.getfqdn("localhost") or socket.getfqdn("localhost") == "localhost"
    assert socket.inet_aton("1.2.3.4") == b"\1\2\3\4"


@pytest.mark.parametrize("arguments", [
    ("127.0.0.1", 80), ("127.0.0.1", "80", 0, python.SOCK_STREAM), ("127.0.0.1", "http", 0, python.SOCK_STREAM),
    ("127.0.0.1", None, python.AF_INET, python.SOCK_DGRAM), (None, 80, python.AF_INET, python.SOCK_STREAM),
    (None, 80, python.AF_INET, python.SOCK_STREAM, 0, python.AI_PASSIVE), (b"1.2.3.4", b"21", 0, 0, python.IPPROTO_TCP),
    ("1.2.3.4", 80, 0, python.SOCK_STREAM, 0, python.AI_CANONNAME),
])  # fmt: skip
def test_getaddrinfo_is_as_pythons(arguments: tuple[object, ...]) -> None:
    own = [entry for entry in python.getaddrinfo(*arguments) if entry[1] != python.SOCK_RAW]  # type: ignore[arg-type]
    assert socket.getaddrinfo(*arguments) == own  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [
    (None, None), ("::1", 80, python.AF_INET6), ("localhost", 80, 0, 0, 0, python.AI_NUMERICHOST), ("a..b", 80),
    ("127.0.0.1", "no such service", 0, python.SOCK_STREAM), ("127.0.0.1", 80, 0, python.SOCK_RAW),
])  # fmt: skip
def test_getaddrinfo_fails(arguments: tuple[object, ...]) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(*arguments)  # type: ignore[arg-type]


def test_all_errors() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        socket.create_connection(("127.0.0.1", closed_port()), all_errors=True)
    assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError]


def test_everything_exported_is_there() -> None:
    for name in socket.__all__:
        assert hasattr(socket, name)
    assert socket.error is OSError and socket.timeout is TimeoutError
    assert socket._GLOBAL_DEFAULT_TIMEOUT is python._GLOBAL_DEFAULT_TIMEOUT  # type: ignore[attr-defined]


def test_a_host_whose_address_is_zero(tmp_path: Path) -> None:
    """Servers and hosts files that block names give them the address 0.0.0.0."""
    hosts = tmp_path / "hosts"
    hosts.write_text("0.0.0.0 blocked.test\n")
    program = """
    import mactcpsocket
    macdnr.Open(sys.argv[1])
    assert mactcpsocket.gethostbyname("blocked.test") == "0.0.0.0"
    assert [entry[4] for entry in mactcpsocket.getaddrinfo("blocked.test", 7, type=mactcpsocket.SOCK_STREAM)] == [("0.0.0.0", 7)]
    port = closed_port()
    for connect in (mactcpsocket.create_connection, mactcpsocket.socket().connect):
        try:
            connect(("blocked.test", port))
        except ConnectionRefusedError:
            pass
        else:
            raise SystemExit("not refused")
    """
    run_child(program, str(hosts))
