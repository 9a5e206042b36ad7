"""Data between the tool and netcat, curl and Python's sockets."""
import array
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import termios
import time

from support import TOOL, LIMIT, LOOPBACK, SIZES, LARGE, start, finish, listen, run, netcat_listening, make, each_size


def netcat_to_listen():
    """nc connects and sends a file; `mactcp listen` stores it."""
    def case(original, copy):
        tool, port = listen("--output", copy, stdin=subprocess.DEVNULL)
        with open(original, "rb") as data:
            nc = start("nc", "-N", LOOPBACK, str(port), stdin=data, stdout=subprocess.DEVNULL)
            finish(nc)
        finish(tool)
    each_size(case, SIZES | LARGE)


def listen_to_netcat():
    """`mactcp listen` sends a file to whoever connects; nc stores it."""
    def case(original, copy):
        tool, port = listen("--input", original, stdout=subprocess.DEVNULL)
        with open(copy, "wb") as output:
            nc = start("nc", "-N", LOOPBACK, str(port), stdin=subprocess.DEVNULL, stdout=output)
            finish(nc)
        finish(tool)
    each_size(case, SIZES | LARGE)


def connect_to_netcat():
    """`mactcp connect` sends standard input; a listening nc stores it."""
    def case(original, copy):
        with open(copy, "wb") as output, open(original, "rb") as data:
            nc, port = netcat_listening(stdin=subprocess.DEVNULL, stdout=output)
            finish(start(TOOL, "connect", LOOPBACK, str(port), stdin=data,
                         stdout=subprocess.DEVNULL))
            finish(nc)
    each_size(case)


def netcat_to_connect():
    """A listening nc sends a file; `mactcp connect` writes it to standard output."""
    def case(original, copy):
        with open(copy, "wb") as output, open(original, "rb") as data:
            nc, port = netcat_listening(stdin=data, stdout=subprocess.DEVNULL)
            tool = start(TOOL, "connect", LOOPBACK, str(port), stdin=subprocess.PIPE, stdout=output)
            # A listening nc gives up what it has not sent when its peer closes first.
            deadline = time.monotonic() + LIMIT
            while os.path.getsize(copy) < os.path.getsize(original) and time.monotonic() < deadline:
                os.sched_yield()
            tool.stdin.close()
            finish(tool)
            finish(nc)
    each_size(case)


def half_close():
    """The peer closes its side first and still gets everything that the tool sends afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        original = make(folder, 3_000_000)
        tool, port = listen("--input", original, stdout=subprocess.PIPE)
        with socket.create_connection((LOOPBACK, port), LIMIT) as peer:
            peer.sendall(b"question")
            peer.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: peer.recv(1 << 20), b""))
        output, _ = tool.communicate(timeout=LIMIT)
        assert tool.returncode == 0 and output == b"question", (tool.returncode, output)
        with open(original, "rb") as file:
            assert answer == file.read(), "the answer differs"


def curl_from_listen():
    """curl fetches a page from `mactcp listen --keep`, twice."""
    with tempfile.TemporaryDirectory() as folder:
        body = os.urandom(1_000_000)
        page = os.path.join(folder, "page")
        with open(page, "wb") as file:
            file.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
            file.write(body)
        tool, port = listen("--keep", "--input", page, stdout=subprocess.PIPE)
        try:
            for _ in range(2):
                fetched = subprocess.run(
                    ["curl", "-sS", "--max-time", str(LIMIT), f"http://{LOOPBACK}:{port}/"],
                    check=True, capture_output=True, timeout=LIMIT).stdout
                assert fetched == body, "the page differs"
        finally:
            tool.send_signal(signal.SIGINT)
            requests, _ = tool.communicate(timeout=LIMIT)
        assert requests.count(b"GET / HTTP/1.1") == 2, requests


def urgent_from_python():
    """Python sends MSG_OOB: the tool gets every byte in order, is notified, and the mark ends the urgent data."""
    tool, port = listen("--events", "--json", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with socket.create_connection((LOOPBACK, port), LIMIT) as peer:
        peer.sendall(b"abc")
        peer.send(b"XYZ", socket.MSG_OOB)
        peer.sendall(b"def")
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
    output, events = tool.communicate(timeout=LIMIT)
    assert tool.returncode == 0 and output == b"abcXYZdef", (tool.returncode, output, events)
    events = [json.loads(line) for line in events.splitlines()]
    flagged = [event for event in events if event.get("urgent")]
    marks = [event["total"] for event in events if event.get("mark")]
    assert flagged or any(event.get("event") == "TCPUrgent" for event in events), events
    assert marks == [len("abcXYZ")], events


def urgent_to_python():
    """`mactcp connect --urgent`: Python finds the mark before the last urgent byte (SIOCATMARK)."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        tool = start(TOOL, "connect", LOOPBACK, str(port), "--urgent", "STOP",
                     stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            tool.stdin.write(b"normal")
            tool.stdin.close()
            poll = select.poll()
            poll.register(connection, select.POLLPRI)
            assert poll.poll(LIMIT * 1000), "no urgent data comes"
            before = b""
            while not at_mark(connection):
                part = connection.recv(64)
                assert part, "the mark never comes"
                before += part
            rest = b"".join(iter(lambda: connection.recv(64), b""))
            assert (before, rest) == (b"STO", b"Pnormal"), (before, rest)
        finish(tool)


def at_mark(connection):
    value = array.array("i", [0])
    fcntl.ioctl(connection, getattr(termios, "SIOCATMARK", 0x8905), value)
    return value[0] == 1


CASES = [netcat_to_listen, listen_to_netcat, connect_to_netcat, netcat_to_connect, half_close, curl_from_listen,
         urgent_from_python, urgent_to_python]
