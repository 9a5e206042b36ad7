"""Opening and closing: half closed, both at once, by force, again and again, many at a time."""
import contextlib
import errno
import socket
import struct
import subprocess

from host import LIMIT, Host, open_from, open_to
from judge import Verdict, clean

PORT = 7000


def netcat_closes_first():
    """nc -N ends its side; the engine sees that, sends after it, and ends the connection."""
    with Host(capture=True) as host:
        host.listen(PORT, "manual")
        nc = subprocess.Popen(["nc", "-N", host.far, str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        nc.stdin.write(b"question")
        nc.stdin.close()
        connection = host.expect("incoming")["id"]
        assert host.receive_all(connection, 8) == b"question"
        host.expect_end(connection)
        assert host.status(connection)["state"] == "CLOSE-WAIT"
        for part in (b"an", b"sw", b"er"):
            host.send(connection, part)
            assert nc.stdout.read(2) == part
        host.ask("close", connection)
        assert nc.stdout.read() == b"" and nc.wait(LIMIT) == 0
        nc.stdout.close()
        assert host.expect("terminated", id=connection)["reason"] == "close"
    return clean(host)


def engine_closes_first():
    """The engine ends its side; nc, whose input is open, sends after it, and ends the connection."""
    with Host(capture=True) as host:
        host.listen(PORT, "manual")
        nc = subprocess.Popen(["nc", "-N", host.far, str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        connection = host.expect("incoming")["id"]
        host.send(connection, b"question")
        host.ask("close", connection)
        assert nc.stdout.read(8) == b"question"
        host.expect("finAcknowledged", id=connection)
        assert host.status(connection)["state"] == "FIN-WAIT-2"
        nc.stdin.write(b"answer")
        nc.stdin.flush()
        assert host.receive_all(connection, 6) == b"answer"
        nc.stdin.close()
        host.expect_end(connection)
        assert nc.wait(LIMIT) == 0
        nc.stdout.close()
        assert host.expect("terminated", id=connection)["reason"] == "close"
        assert host.status(connection)["state"] == "TIME-WAIT"
    return clean(host)


def engine_aborts():
    """An abort of the engine is ECONNRESET in Python."""
    with Host(capture=True) as host:
        host.listen(PORT, "manual")
        peer, connection = open_to(host)
        with peer:
            host.ask("abort", connection)
            try:
                data = peer.recv(1)
                raise AssertionError(f"{data} and no reset")
            except ConnectionResetError:
                pass
            assert host.expect("terminated", id=connection)["reason"] == "abort"
    return clean(host)


def peer_aborts():
    """A reset from Linux ends the engine's connection with its reason."""
    with Host(capture=True) as host:
        peer, connection = open_from(host)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        assert host.expect("terminated", id=connection)["reason"] == "remoteAbort"
    return clean(host)


def refusals():
    """A port that nobody listens on: ECONNREFUSED here, the connection's end there."""
    with Host(capture=True) as host:
        try:
            socket.create_connection((host.far, PORT), LIMIT).close()
            raise AssertionError("connected to nobody")
        except ConnectionRefusedError:
            pass
        with socket.socket() as probe:
            probe.bind((host.near, 0))
            connection = host.connect(probe.getsockname()[1], "manual")
            assert host.expect("terminated", id=connection)["reason"] == "remoteAbort"
    return clean(host)


def open_at_once(host, lost):
    """A socket and a connection that open to each other; `lost` is the share of packets that are lost, in and out,
    while the first of the two does."""
    peer = socket.socket()
    peer.bind((host.near, 0))
    peer.setblocking(False)

    def connect():
        assert peer.connect_ex((host.far, PORT)) == errno.EINPROGRESS

    host.ask("loss", *lost)
    if lost[0]:
        connect()
        while host.counters()["lostInbound"] == 0:
            pass
        host.ask("loss", 0, 0)
    connection = host.connect(peer.getsockname()[1], "manual", from_port=PORT)
    if lost[1]:
        host.ask("loss", 0, 0)
        connect()
    host.expect("opened", id=connection)
    peer.settimeout(LIMIT)
    return peer, connection


def simultaneous_open():
    """Both send a SYN before they get the other's: one connection comes of it (RFC 9293 §3.5, figure 7)."""
    for lost in [(0, 1), (1, 0)]:
        with Host(capture=True) as host:
            peer, connection = open_at_once(host, lost)
            with peer:
                host.send(connection, b"here")
                assert peer.recv(4) == b"here"
                peer.sendall(b"there")
                assert host.receive_all(connection, 5) == b"there"
        verdict = Verdict(host.path, host.far)
        assert not verdict.faults, verdict.faults
        # Who gets the other's SYN in SYN-SENT answers it with SYN,ACK.
        assert verdict.has("S") and verdict.has("AS") == (lost == (0, 1)), "that was another opening"


def simultaneous_close():
    """Both send a FIN before they get the other's: CLOSING, then TIME-WAIT (RFC 9293 §3.6, figure 13)."""
    with Host(capture=True) as host:
        peer, connection = open_from(host)
        with peer:
            host.ask("loss", 0, 1)
            host.ask("close", connection)
            assert host.status(connection)["state"] == "FIN-WAIT-1"
            while host.counters()["lostOutbound"] == 0:
                pass
            host.ask("loss", 0, 0)
            peer.shutdown(socket.SHUT_WR)
            host.expect("closing", id=connection)
            assert host.status(connection)["state"] == "CLOSING"
            assert peer.recv(1) == b""
            host.expect("terminated", id=connection, reason="close")
            assert host.status(connection)["state"] == "TIME-WAIT"


def engine_in_time_wait():
    """From the port of a connection that the engine has in TIME-WAIT Linux opens another (RFC 6191)."""
    with Host(capture=True) as host:
        host.listen(PORT, "manual")
        port = 0
        for number in range(20):
            with socket.socket() as peer:
                peer.settimeout(LIMIT)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                peer.bind((host.near, port))
                port = peer.getsockname()[1]
                # Sooner than its SYN would be sent again: it was taken as it came.
                peer.settimeout(0.5)
                peer.connect((host.far, PORT))
                connection = host.expect("incoming")["id"]
                host.ask("close", connection)
                assert peer.recv(1) == b""
            host.expect("terminated", id=connection, reason="close")
            host.ask("release", connection)
        assert host.counters()["timeWaitReused"] == 19
    return clean(host)


def kernel_in_time_wait():
    """From the port of a connection that Linux has in TIME-WAIT the engine opens another (RFC 6191): its time stamps
    and sequence numbers are later ones."""
    with Host(capture=True) as host, socket.create_server((host.near, 0)) as server:
        server.settimeout(LIMIT)
        for number in range(20):
            connection = host.connect(server.getsockname()[1], "manual", from_port=PORT)
            host.expect("opened", limit=0.5, id=connection)
            peer, _ = server.accept()
            peer.close()
            host.expect_end(connection)
            host.ask("close", connection)
            host.expect("terminated", id=connection, reason="close")
            host.ask("release", connection)
    return clean(host)


def connections_in_sequence():
    """200 connections, one after the other, each way."""
    with Host(capture=True) as host:
        host.listen(PORT, "echo")
        for number in range(200):
            with socket.create_connection((host.far, PORT), LIMIT) as peer:
                echo(peer, b"%d" % number)
        with socket.create_server((host.near, 0)) as server:
            server.settimeout(LIMIT)
            for number in range(200):
                host.connect(server.getsockname()[1], "echo")
                peer, _ = server.accept()
                with peer:
                    peer.settimeout(LIMIT)
                    echo(peer, b"%d" % number)
        assert host.counters()["applications"] == 0
    return clean(host)


def echo(peer, data):
    """Sends, ends, and gets all back."""
    peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
    received = b"".join(iter(lambda: peer.recv(65536), b""))
    assert received == data, f"{received[:80]} for {data[:80]}"


def connections_at_once():
    """100 connections that are open together, each way, all with data."""
    data = bytes(range(256)) * 40
    with Host(capture=True) as host:
        host.listen(PORT, "echo")
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(socket.create_connection((host.far, PORT), LIMIT)) for _ in range(100)]
            with socket.create_server((host.near, 0), backlog=100) as server:
                server.settimeout(LIMIT)
                for _ in range(100):
                    host.connect(server.getsockname()[1], "echo")
                for _ in range(100):
                    peer, _ = server.accept()
                    peer.settimeout(LIMIT)
                    peers.append(stack.enter_context(peer))
            for peer in peers:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
            for peer in peers:
                assert b"".join(iter(lambda: peer.recv(65536), b"")) == data
        assert host.counters()["applications"] == 0
    return clean(host)


CASES = [netcat_closes_first, engine_closes_first, engine_aborts, peer_aborts, refusals, simultaneous_open,
         simultaneous_close, engine_in_time_wait, kernel_in_time_wait, connections_in_sequence, connections_at_once]
