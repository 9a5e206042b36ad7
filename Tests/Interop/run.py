#!/usr/bin/env python3
"""The `mactcp` tool against foreign programs on loopback: netcat, curl, dnsmasq, and Python's own sockets.

    Tests/Interop/run.py PATH_TO_MACTCP [NAME ...]

Each case is a function; its documentation says what must hold. Nothing sleeps to wait: cases wait for output, for the
end of a process, or for a port to listen.
"""
import array
import fcntl
import filecmp
import getpass
import json
import os
import select
import shutil
import signal
import socket
import struct
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
    return process, told_port(process)


def listen_for_datagrams(*arguments):
    """`mactcp udp listen` on a port of its own choice; the process and the port."""
    process = start(TOOL, "udp", "listen", "0", *arguments, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return process, told_port(process)


def told_port(process):
    """The port that a listening tool tells on standard error, as JSON with `--json`."""
    ready, _, _ = select.select([process.stderr], [], [], LIMIT)
    assert ready, "the tool says nothing"
    line = process.stderr.readline().decode()
    if "--json" in process.args:
        place = json.loads(line)
        assert set(place) == {"listening", "port"}, line
        return place["port"]
    assert line.startswith("listening on "), line
    return int(line.replace(":", " ").split()[-1])


def run(*arguments, **options):
    """Runs the tool to its end."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([TOOL, *arguments], stderr=subprocess.PIPE, timeout=LIMIT, **options)


def fails(status, sentence, *arguments, **options):
    """Runs the tool, which must fail with that exit status and a sentence that begins so."""
    result = run(*arguments, **options)
    message = result.stderr.decode()
    assert result.returncode == status and message.startswith(f"mactcp: {sentence}"), result


def reset(connection):
    """Closes a connection with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def unused_port():
    """A port that nobody listens on, kept by a socket as long as that is open."""
    probe = socket.socket()
    probe.bind((LOOPBACK, 0))
    return probe, probe.getsockname()[1]


def netcat_listening(**options):
    """`nc -l` on a free port; the process and the port, once it listens."""
    probe, port = unused_port()
    probe.close()
    process = start("nc", "-N", "-l", LOOPBACK, str(port), **options)
    deadline = time.monotonic() + LIMIT
    while not is_listening(port):
        assert process.poll() is None and time.monotonic() < deadline, "nc does not listen"
        os.sched_yield()
    return process, port


def is_listening(port):
    with open("/proc/net/tcp") as table:
        return any(f":{port:04X} 00000000:0000 0A" in row for row in table)


def dnsmasq_path():
    return shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")


def dnsmasq(*records):
    """A name server on a free port that knows nothing but those records; the process and the port, once it listens."""
    probe, port = unused_port()
    probe.close()
    process = start(dnsmasq_path(), "--conf-file=/dev/null", "--keep-in-foreground", f"--user={getpass.getuser()}",
                    "--pid-file=", f"--port={port}", f"--listen-address={LOOPBACK}", "--bind-interfaces",
                    "--no-resolv", "--no-hosts", "--log-facility=-", "--local=/test/", *records,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + LIMIT
    # It opens the port for TCP after the one for UDP.
    while not is_listening(port):
        assert process.poll() is None and time.monotonic() < deadline, "dnsmasq does not listen"
        os.sched_yield()
    return process, port


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


def look_ups():
    """`mactcp resolve` asks dnsmasq: addresses, an alias, a reverse name, mail, host information, text, no such name."""
    server, port = dnsmasq(
        "--host-record=host.test,192.0.2.1", "--host-record=two.test,192.0.2.2", "--host-record=two.test,192.0.2.3",
        "--cname=alias.test,host.test", "--mx-host=test,mail2.test,20", "--mx-host=test,mail1.test,10",
        "--txt-record=host.test,one,two words", "--dns-rr=host.test,13,0356415803564d53",
        *(f"--host-record=big.test,10.1.0.{number}" for number in range(1, 200)))
    at = ["--server", f"{LOOPBACK}:{port}"]

    def lines(*arguments):
        result = run("resolve", *arguments, *at)
        assert result.returncode == 0 and not result.stderr, result
        return result.stdout.decode().splitlines()

    try:
        assert lines("host.test.") == ["192.0.2.1"]
        assert sorted(lines("TWO.test")) == ["192.0.2.2", "192.0.2.3"]
        assert json.loads(lines("alias.test", "--json")[0]) == {
            "name": "alias.test", "canonicalName": "host.test", "addresses": ["192.0.2.1"]}
        assert len(set(lines("big.test"))) == 199  # too many for a datagram
        assert lines("192.0.2.1", "--reverse") == ["host.test"]
        assert lines("test", "--mx") == ["10 mail1.test", "20 mail2.test"]
        assert lines("host.test", "--hinfo") == ["cpuType  VAX", "osType   VMS"]
        assert json.loads(lines("host.test", "--type", "txt", "--json")[0])["records"][0]["data"] == '"one" "two words"'
        fails(68, "there is no such name: nobody.test. (authNameErr, -23045)", "resolve", "nobody.test.", *at)
        fails(68, "host.test exists, but has no MX record", "resolve", "host.test", "--mx", *at)
        fails(69, f"the name server {LOOPBACK}:{port} refuses", "resolve", "elsewhere.example.", *at)
    finally:
        server.terminate()
        server.wait(LIMIT)


def look_up_failures():
    """`mactcp resolve`: what is no name, a server that is not there, and SIGINT while one is silent."""
    fails(68, '"a..b" is not a domain name', "resolve", "a..b")
    fails(64, "", "resolve", "host.test", "--mx", "--hinfo")
    probe, port = unused_port()
    with probe:
        fails(69, "no name server for host.test can be reached", "resolve", "host.test.", "--server",
              f"{LOOPBACK}:{port}")
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((LOOPBACK, 0))
        silent.settimeout(LIMIT)
        tool = start(TOOL, "resolve", "host.test.", "--server", f"{LOOPBACK}:{silent.getsockname()[1]}",
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        assert b"\4host\4test\0" in silent.recv(512)
        tool.send_signal(signal.SIGINT)
        output, message = tool.communicate(timeout=LIMIT)
    assert tool.returncode == 130 and not output and b"interrupted" in message, (tool.returncode, message)


def names_of_hosts():
    """`connect` and `ping` take names; `localhost` needs no server."""
    with socket.create_server((LOOPBACK, 0)) as server:
        tool = start(TOOL, "connect", "localhost", str(server.getsockname()[1]), stdin=subprocess.DEVNULL,
                     stdout=subprocess.DEVNULL)
        connection, _ = server.accept()
        connection.close()
        finish(tool)
    result = run("ping", "-c", "1", "localhost")
    assert result.returncode == 77 or b"PING localhost (127.0.0.1)" in result.stdout, result


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


def echoes():
    """`ping` gets its answers, or says that it is not permitted."""
    result = run("ping", "-c", "2", "-i", "0.01", LOOPBACK)
    if result.returncode == 77:
        assert result.stderr.startswith(b"mactcp: "), result
    else:
        assert result.returncode == 0 and b"2 packets transmitted, 2 received" in result.stdout, result


def datagrams():
    """`mactcp udp send` and `udp listen` with Python's datagram sockets at the other end."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind((LOOPBACK, 0))
        peer.settimeout(LIMIT)
        result = subprocess.run([TOOL, "udp", "send", LOOPBACK, str(peer.getsockname()[1])],
                                input=b"one\ntwo\n", timeout=LIMIT, capture_output=True)
        assert result.returncode == 0, result
        assert [peer.recv(100), peer.recv(100)] == [b"one", b"two"]
        port = peer.getsockname()[1]
        fails(1, "a line is too long: a datagram carries at most 65507 bytes", "udp", "send",
              LOOPBACK, str(port), input=b"x" * 1_000_000)


def datagrams_as_json():
    """`mactcp udp listen --json`: an object for each datagram."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        tool, port = listen_for_datagrams("--count", "2", "--json")
        peer.bind((LOOPBACK, 0))
        for data in (b"one", b"\0\xff\n"):
            peer.sendto(data, (LOOPBACK, port))
        lines, _ = tool.communicate(timeout=LIMIT)
        own = peer.getsockname()[1]
    assert tool.returncode == 0, tool.returncode
    assert [json.loads(line) for line in lines.splitlines()] == [
        {"remoteHost": LOOPBACK, "remotePort": own, "localPort": port, "length": 3, "data": data}
        for data in ("6f6e65", "00ff0a")], lines


def datagrams_raw():
    """`mactcp udp listen --raw`: the bytes and nothing else, also of the largest datagram."""
    data = [os.urandom(65_507), b"", b"\n"]
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        tool, port = listen_for_datagrams("--count", "3", "--raw")
        for datagram in data:
            peer.sendto(datagram, (LOOPBACK, port))
        output, _ = tool.communicate(timeout=LIMIT)
    assert tool.returncode == 0 and output == b"".join(data), (tool.returncode, len(output))


CASES = [netcat_to_listen, listen_to_netcat, connect_to_netcat, netcat_to_connect, half_close,
         curl_from_listen, urgent_from_python, urgent_to_python, refused, status_as_json,
         interrupted, interrupted_inputs, input_from_fifo, narrow_terminal,
         keep_after_reset, exit_codes, unwritable_output, output_file, demonstration,
         information, echoes, datagrams, datagrams_as_json, datagrams_raw, look_ups, look_up_failures,
         names_of_hosts]


def main():
    global TOOL
    # A shell starts what runs in its background with SIGINT ignored, and ignored it stays for the tool.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    TOOL = os.path.abspath(sys.argv[1])
    for program in ("nc", "curl"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: scripts/test installs it")
    if dnsmasq_path() is None:
        sys.exit("dnsmasq is missing: scripts/test installs it")
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
