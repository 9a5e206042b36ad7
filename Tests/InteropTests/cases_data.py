"""Urgent data, windows that are shut, connections without traffic."""
import array
import contextlib
import fcntl
import select
import socket
import time

from host import LIMIT, Host, kernel, open_from, open_to
from judge import clean

PORT = 7000
SIOCATMARK = 0x8905


def urgent_to_the_engine():
    """MSG_OOB of Python: the engine tells of it, and its mark stands behind the last urgent byte."""
    with Host(capture=True) as host:
        host.listen(PORT, "manual")
        peer, connection = open_to(host)
        with peer:
            peer.send(b"abc")
            assert host.receive_all(connection, 3) == b"abc"
            peer.send(b"XYZ", socket.MSG_OOB)
            peer.send(b"def")
            host.expect("urgent", id=connection)
            received = []
            while sum(len(part["data"]) for part in received) < 6:
                answer = host.receive(connection)
                received.append(answer)
                if not answer["data"]:
                    host.expect("dataArrived", id=connection)
            urgent = [part for part in received if part["urgent"]]
            assert b"".join(part["data"] for part in urgent) == b"XYZ", received
            assert [part["mark"] for part in urgent][-1], received
            assert b"".join(part["data"] for part in received) == b"XYZdef", received
    return clean(host)


def at_mark(peer):
    value = array.array("i", [0])
    fcntl.ioctl(peer, SIOCATMARK, value)
    return value[0] != 0


def urgent_from_the_engine():
    """Urgent data of the engine: Linux takes the pointer for that of the last byte, and reads stop before it."""
    with Host(capture=True) as host:
        peer, connection = open_from(host)
        with peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            host.send(connection, b"abc")
            host.send(connection, b"XYZ", "urgent")
            host.send(connection, b"def")
            poll = select.poll()
            poll.register(peer, select.POLLPRI)
            assert poll.poll(LIMIT * 1000), "no POLLPRI"
            assert receive_until(peer, b"abcXY") == b"abcXY"
            assert at_mark(peer)
            assert receive_until(peer, b"Zdef") == b"Zdef"
            assert not at_mark(peer)
            # Without SO_OOBINLINE the byte before the pointer is out of band.
            # With a time limit Python would wait for data in band first.
            peer.settimeout(None)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 0)
            host.send(connection, b"!", "urgent")
            assert poll.poll(LIMIT * 1000), "no POLLPRI"
            assert peer.recv(10, socket.MSG_OOB) == b"!"
    return clean(host)


def receive_until(peer, wanted):
    """What comes, up to the length of what is wanted; no read goes beyond the mark."""
    data = b""
    while len(data) < len(wanted):
        part = peer.recv(64)
        assert part, data
        data += part
    return data


def engine_does_not_read():
    """The engine's window shuts, the kernel probes it, and all comes when the engine reads."""
    data = bytes(range(256)) * 4096
    with Host(receiveBuffer=65536, capture=True) as host:
        host.listen(PORT, "manual")
        peer, connection = open_to(host)
        with peer:
            sent = fill(peer, data)
            # A window of less than a segment counts as shut (RFC 9293 §3.8.6.2.2).
            assert host.status(connection)["receiveWindow"] < 1460
            received = host.receive_all(connection, 65536)
            peer.setblocking(True)
            received_more = exchange_rest(host, connection, peer, data, sent)
            assert received + received_more == data, "the bytes are not those that were sent"
    return clean(host)


def fill(peer, data):
    """Sends without blocking until the window is shut and the socket full; how much went."""
    peer.setblocking(False)
    sent = 0
    poll = select.poll()
    poll.register(peer, select.POLLOUT)
    # Half a second without room: probes of the window have come meanwhile.
    while sent < len(data) and poll.poll(500):
        with contextlib.suppress(BlockingIOError):
            sent += peer.send(data[sent:sent + 65536])
    return sent


def exchange_rest(host, connection, peer, data, sent):
    received = b""
    while 65536 + len(received) < len(data):
        if sent < len(data):
            with contextlib.suppress(BlockingIOError):
                sent += peer.send(data[sent:], socket.MSG_DONTWAIT)
        answer = host.receive(connection)
        received += answer["data"]
        if not answer["data"]:
            host.expect("dataArrived", id=connection)
    return received


def peer_does_not_read():
    """The kernel's window shuts, the engine probes it, and all comes when Python reads."""
    with Host(sendBuffer=1 << 20, capture=True) as host:
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            server.bind((host.near, 0))
            server.listen()
            connection = host.connect(server.getsockname()[1], "manual")
            peer, _ = server.accept()
        with peer:
            peer.settimeout(LIMIT)
            data = bytes(range(256)) * 1024
            for start in range(0, len(data), 16384):
                host.send(connection, data[start:start + 16384])
            time.sleep(1)  # the reader that sleeps
            assert host.counters()["zeroWindowProbes"] > 0
            host.ask("close", connection)
            assert b"".join(iter(lambda: peer.recv(65536), b"")) == data
    return clean(host)


def keepalive_of_the_kernel():
    """The engine answers the kernel's probes: the connection outlives them."""
    with Host(capture=True) as host:
        host.listen(PORT, "echo")
        with socket.create_connection((host.far, PORT), LIMIT) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
                peer.setsockopt(socket.IPPROTO_TCP, option, 1)
            ready, _, _ = select.select([peer], [], [], 3.5)
            assert not ready, "the connection did not outlive the probes"
            peer.sendall(b"x")
            assert peer.recv(1) == b"x"
    return clean(host)


def keepalive_of_the_engine():
    """The kernel answers the engine's probes; without answers the engine gives up."""
    # The kernel answers only two probes in a second unless it is told otherwise.
    with kernel(tcp_invalid_ratelimit=0), Host(capture=True) as host:
        peer, connection = open_from(host)
        with peer:
            host.ask("keepalive", connection, 200_000, 100_000, 3)
            host.stays_silent(1)
            probes = host.counters()["keepaliveProbes"]
            assert probes >= 2, f"{probes} probes"
            host.ask("loss", 1, 1)
            host.expect("terminated", id=connection)
            assert host.counters()["keepaliveProbes"] >= probes + 3
    return clean(host)


CASES = [urgent_to_the_engine, urgent_from_the_engine, engine_does_not_read, peer_does_not_read,
         keepalive_of_the_kernel, keepalive_of_the_engine]
