"""mactcpsocket: servers, datagrams, addresses and names do what those of Python's own socket do."""

from __future__ import annotations

import errno
import socket as python
import threading
from pathlib import Path

import mactcpsocket as socket
import pytest
from socket_support import connected, errno_of
from support import DEADLINE, closed_port, raised_in_thread, run_child, until


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
