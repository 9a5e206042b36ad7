"""The tool as a program: what it says, how it ends, what it does when it is interrupted."""
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import termios

from support import TOOL, LIMIT, LOOPBACK, start, finish, listen, run, fails, reset, unused_port, make


def refused():
    """A refused connection is told in one sentence and with the exit status of sysexits."""
    probe, port = unused_port()
    with probe:
        result = run("connect", LOOPBACK, str(port))
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
    """SIGINT, SIGTERM and SIGHUP end a transfer with 128 and their number, a word of what was transferred, and a reset."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with socket.create_server((LOOPBACK, 0)) as server:
            # Whoever runs this may have it ignored.
            tool = start(TOOL, "connect", LOOPBACK, str(server.getsockname()[1]),
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
            connection, _ = server.accept()
            with connection:
                tool.stdin.write(b"begin")
                tool.stdin.flush()
                assert connection.recv(5) == b"begin"
                tool.send_signal(number)
                try:
                    assert connection.recv(1) == b"", "more data comes"
                    raise AssertionError("the connection was closed, not reset")
                except ConnectionResetError:
                    pass
            _, message = tool.communicate(timeout=LIMIT)
            assert tool.returncode == 128 + number and b"5" in message, (tool.returncode, message)


def interrupted_inputs():
    """SIGINT ends what waits for its input, a FIFO without a writer too."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server((LOOPBACK, 0)) as server:
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        port = server.getsockname()[1]
        with socket.socket(type=socket.SOCK_DGRAM) as receiver:
            receiver.bind((LOOPBACK, 0))
            receiver.settimeout(LIMIT)
            sends = "udp", "send", LOOPBACK, str(receiver.getsockname()[1])
            tool = start_interruptible(*sends, stdin=subprocess.PIPE)
            tool.stdin.write(b"one\nhalf of two")
            tool.stdin.flush()
            assert receiver.recv(10) == b"one"
            stops(tool, b"1 datagrams sent")
            first = os.path.join(folder, "first")
            with open(first, "wb") as file:
                file.write(b"first")
            tool = start_interruptible(*sends, "--file", first, "--file", fifo, stdin=subprocess.DEVNULL)
            assert receiver.recv(10) == b"first"
            stops(tool, b"1 datagrams sent")
        tool = start_interruptible("connect", LOOPBACK, str(port), "--input", fifo, stdin=subprocess.DEVNULL)
        connection, _ = server.accept()
        with connection:
            stops(tool, b"0 bytes sent")


def start_interruptible(*arguments, **options):
    # Whoever runs this may have it ignored.
    return start(TOOL, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                 preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)


def stops(tool, word):
    tool.send_signal(signal.SIGINT)
    message = tool.stderr.read()
    finish(tool, 130)
    assert b"interrupted" in message and word in message, message


def input_from_fifo():
    """`--input FIFO` waits for a writer, and sends what it writes to its end."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server((LOOPBACK, 0)) as server:
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        tool = start(TOOL, "connect", LOOPBACK, str(server.getsockname()[1]), "--input", fifo,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        connection, _ = server.accept()
        with connection:
            data = os.urandom(300_000)
            with open(fifo, "wb") as writer:
                writer.write(data[:1])
                writer.flush()
                assert connection.recv(1) == data[:1]
                writer.write(data[1:])
            assert b"".join(iter(lambda: connection.recv(1 << 20), b"")) == data[1:]
        finish(tool)


def narrow_terminal():
    """What is rubbed out again never wraps: on a terminal of 30 columns no progress line is longer than 29."""
    terminal, other = os.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    tool = start(TOOL, "demo", "--bytes", "16M", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=other)
    os.close(other)
    shown = b""
    try:
        while part := os.read(terminal, 1 << 16):
            shown += part
    except OSError:  # What Linux says when nobody has the other side any more.
        pass
    os.close(terminal)
    finish(tool)
    lines = [line for line in shown.replace(b"\x1b[J", b"\r").split(b"\r") if line]
    assert lines and all(len(line) <= 29 and line.startswith(b"[") for line in lines), shown


def keep_after_reset():
    """`--keep` goes on after a peer that resets, and after an input file that is gone for one peer."""
    with tempfile.TemporaryDirectory() as folder:
        page = make(folder, 3_000_000)
        tool, port = listen("--keep", "--input", page, stdout=subprocess.DEVNULL)
        try:
            connection = socket.create_connection((LOOPBACK, port), LIMIT)
            connection.recv(1)
            reset(connection)
            assert len(fetch(port)) == 3_000_000, "the second peer does not get the file"
            os.rename(page, page + "-moved")
            try:
                assert fetch(port) == b"", "data comes from nowhere"
            except ConnectionResetError:
                pass
            os.rename(page + "-moved", page)
            assert len(fetch(port)) == 3_000_000, "the last peer does not get the file"
        finally:
            tool.send_signal(signal.SIGINT)
            _, messages = tool.communicate(timeout=LIMIT)
        assert tool.returncode == 130 and page.encode() in messages, (tool.returncode, messages)


def fetch(port):
    with socket.create_connection((LOOPBACK, port), LIMIT) as peer:
        peer.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: peer.recv(1 << 20), b""))


def exit_codes():
    """What goes wrong has the exit status of sysexits and a sentence."""
    fails(64, "the host is empty", "connect", "", "7")
    fails(64, "", "connect", LOOPBACK, "0")
    fails(66, "/nowhere: No such file", "connect", LOOPBACK, "7", "--input", "/nowhere")
    fails(66, "/: Is a directory", "listen", "0", "--input", "/")
    fails(68, "::1 is an IPv6 address; only IPv4 is supported", "connect", "::1", "7")
    fails(73, "/nowhere/file: No such file", "connect", LOOPBACK, "7", "--output", "/nowhere/file")
    result = run("listen", "0", "--local-address", LOOPBACK, "--timeout", "0.05")
    assert result.returncode == 75 and b"\nmactcp: " in result.stderr, result


def unwritable_output():
    """Results that cannot be printed are a failure: a full device, and a standard output that is closed."""
    with open("/dev/full", "wb") as full:
        for arguments in (["info", "--json"], ["demo", "--bytes", "1K"], ["--help"]):
            fails(74, "cannot write standard output: No space left", *arguments, stdout=full)
    result = subprocess.run(["sh", "-c", 'exec "$0" info --json >&-', TOOL], capture_output=True,
                            stdin=subprocess.DEVNULL, timeout=LIMIT)
    assert result.returncode == 74 and b"cannot write standard output" in result.stderr, result


def output_file():
    """A file stays what it is until there is a connection, is then replaced, and is never its own input."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        with open(copy, "wb") as file:
            file.write(b"what was there before")
        probe, port = unused_port()
        with probe:
            fails(69, "connection refused", "connect", LOOPBACK, str(port), "--output", copy)
        fails(64, f"{copy} is both", "connect", LOOPBACK, "7", "--input", copy, "--output", copy)
        with open(copy, "rb") as file:
            assert file.read() == b"what was there before", "the file was touched"
        tool, port = listen("--output", copy, stdin=subprocess.DEVNULL)
        with socket.create_connection((LOOPBACK, port), LIMIT) as peer:
            peer.sendall(b"new")
        tool.communicate(timeout=LIMIT)
        assert tool.returncode == 0
        with open(copy, "rb") as file:
            assert file.read() == b"new", "the file is not what came"


def demonstration():
    """`demo` holds, and says so in JSON."""
    result = run("demo", "--bytes", "8M", "--json")
    report = json.loads(result.stdout)
    assert result.returncode == 0 and report["holds"] is True, result
    assert report["received"] == 8 << 20 and report["sha256Sent"] == report["sha256Received"], result


def information():
    """`info --json` is one object with the driver's facts."""
    result = run("info", "--json")
    assert result.returncode == 0, result
    facts = json.loads(result.stdout)
    assert {"driver", "interface", "address", "netMask", "mtu"} <= set(facts), facts


CASES = [refused, status_as_json, interrupted, interrupted_inputs, input_from_fifo, narrow_terminal,
         keep_after_reset, exit_codes, unwritable_output, output_file, demonstration, information]
