#!/usr/bin/env python3
"""The `mactcp` tool against foreign programs on loopback: netcat, curl, and Python's own sockets.

    Tests/Interop/run.py PATH_TO_MACTCP [NAME ...]

Each case is a function; its documentation says what must hold. Nothing sleeps to wait: cases wait for output, for the
end of a process, or for a port to listen.
"""
import array
import fcntl
import filecmp
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import traceback

TOOL = ""
LIMIT = 120  # seconds that any one step may take before it counts as hung
LOOPBACK = "127.0.0.1"
SIZES = {"empty": 0, "one byte": 1, "odd": 65_537, "64 MB": 1 << 26}
LARGE = {"1 GB": 1 << 30}


def start(*arguments, **options):
    return subprocess.Popen(list(arguments), **options)


def finish(process, status=0):
    code = process.wait(LIMIT)
    assert code == status, f"{process.args[0]} ended with {code}, not {status}"


def listen(*arguments, **options):
    """`mactcp listen` on a port of its own choice; the process and the port."""
    process = start(TOOL, "listen", "0", "--local-address", LOOPBACK, *arguments,
                    stderr=subprocess.PIPE, **options)
    ready, _, _ = select.select([process.stderr], [], [], LIMIT)
    assert ready, "mactcp listen says nothing"
    line = process.stderr.readline().decode()
    assert "listening on" in line, line
    return process, int(line.rsplit(":", 1)[1])


def netcat_listening(**options):
    """`nc -l` on a free port; the process and the port, once it listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    process = start("nc", "-N", "-l", LOOPBACK, str(port), **options)
    deadline = time.monotonic() + LIMIT
    while not is_listening(port):
        assert process.poll() is None and time.monotonic() < deadline, "nc does not listen"
        os.sched_yield()
    return process, port


def is_listening(port):
    with open("/proc/net/tcp") as table:
        return any(f":{port:04X} 00000000:0000 0A" in row for row in table)


def make(folder, size):
    """A file whose blocks all differ."""
    path = os.path.join(folder, f"original-{size}")
    block = os.urandom(min(size, 1 << 20))
    with open(path, "wb") as file:
        for index in range(0, size, 1 << 20):
            part = index.to_bytes(8, "big") + block[8:] if len(block) > 8 else block
            file.write(part[: size - index])
    return path


def same(original, copy):
    assert os.path.getsize(original) == os.path.getsize(copy), "sizes differ"
    assert filecmp.cmp(original, copy, shallow=False), "contents differ"


def each_size(case, sizes=SIZES):
    with tempfile.TemporaryDirectory() as folder:
        for name, size in sizes.items():
            original, copy = make(folder, size), os.path.join(folder, "copy")
            try:
                case(original, copy)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from error
            same(original, copy)
            os.remove(original)


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
    """Python sends MSG_OOB: the tool gets every byte in order, and is notified of urgent data."""
    tool, port = listen("--events", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with socket.create_connection((LOOPBACK, port), LIMIT) as peer:
        peer.sendall(b"abc")
        peer.send(b"XYZ", socket.MSG_OOB)
        peer.sendall(b"def")
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
    output, events = tool.communicate(timeout=LIMIT)
    assert tool.returncode == 0 and output == b"abcXYZdef", (tool.returncode, output, events)
    assert b"urgent" in events.lower(), events


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


def refused():
    """A refused connection is told in one sentence and with the exit status of sysexits."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
        result = subprocess.run([TOOL, "connect", LOOPBACK, str(port)], capture_output=True,
                                stdin=subprocess.DEVNULL, timeout=LIMIT)
    expected = f"mactcp: connection refused by {LOOPBACK}:{port} (openFailed, -23015)\n"
    assert result.returncode == 69 and result.stderr.decode() == expected, result


def status_as_json():
    """`--status --json` gives Status blocks with the members of MacTCP's status, one object per line."""
    tool, port = listen("--status", "--json", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with socket.create_connection((LOOPBACK, port), LIMIT) as peer:
        peer.sendall(b"x" * 1000)
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
    _, lines = tool.communicate(timeout=LIMIT)
    blocks = [json.loads(line) for line in lines.decode().splitlines() if line.startswith("{")]
    names = {"remoteHost", "remotePort", "localHost", "localPort", "tosFlags", "precedence",
             "connectionState", "sendWindow", "rcvWindow", "amtUnackedData", "amtUnreadData",
             "sendUnacked", "sendNext", "congestionWindow", "rcvNext", "srtt", "lastRTT",
             "sendMaxSegSize"}
    assert any(names <= set(block) for block in blocks), lines


def interrupted():
    """Ctrl-C in a transfer ends the tool with 130, a word of what was transferred, and resets the peer."""
    with socket.create_server((LOOPBACK, 0)) as server:
        tool = start(TOOL, "connect", LOOPBACK, str(server.getsockname()[1]),
                     stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        connection, _ = server.accept()
        with connection:
            tool.stdin.write(b"begin")
            tool.stdin.flush()
            assert connection.recv(5) == b"begin"
            tool.send_signal(signal.SIGINT)
            try:
                assert connection.recv(1) == b"", "more data comes"
                raise AssertionError("the connection was closed, not reset")
            except ConnectionResetError:
                pass
        _, message = tool.communicate(timeout=LIMIT)
        assert tool.returncode == 130 and b"5" in message, (tool.returncode, message)


def datagrams():
    """`mactcp udp send` and `udp listen` with Python's datagram sockets at the other end."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind((LOOPBACK, 0))
        peer.settimeout(LIMIT)
        result = subprocess.run([TOOL, "udp", "send", LOOPBACK, str(peer.getsockname()[1])],
                                input=b"one\ntwo\n", timeout=LIMIT, capture_output=True)
        assert result.returncode == 0, result
        assert [peer.recv(100), peer.recv(100)] == [b"one", b"two"]


CASES = [netcat_to_listen, listen_to_netcat, connect_to_netcat, netcat_to_connect, half_close,
         curl_from_listen, urgent_from_python, urgent_to_python, refused, status_as_json,
         interrupted, datagrams]


def main():
    global TOOL
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    TOOL = os.path.abspath(sys.argv[1])
    for program in ("nc", "curl"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: scripts/test installs it")
    cases = [case for case in CASES if not sys.argv[2:] or case.__name__ in sys.argv[2:]]
    failed = 0
    for case in cases:
        began = time.monotonic()
        try:
            case()
            outcome = "ok"
        except Exception:  # a case may fail in any way; the others still run
            traceback.print_exc()
            failed += 1
            outcome = "FAILED"
        print(f"{outcome:6} {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
