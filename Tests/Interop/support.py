"""What the cases share: the tool, foreign programs, files and ports."""
import filecmp
import getpass
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

TOOL = os.path.abspath(sys.argv[1]) if sys.argv[1:] else ""
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
