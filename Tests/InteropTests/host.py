"""The engine as the kernel's peer: a TunnelHost process, the TUN device between, and what is said to it."""
import contextlib
import json
import os
import select
import socket
import subprocess
import time

LIMIT = 30  # seconds that any one step may take before it counts as hung

BINARY = ""  # TunnelHost's path
FOLDER = ""  # where captures go


class Refused(Exception):
    """The engine refused a call; the message is the name of its error."""


class Host:
    """An engine behind a TUN device of its own: the kernel is `near`, 10.N.0.1, the engine `far`, 10.N.0.2.

    Each has another network, so that nothing the kernel has learnt of one is of use for the next. Settings are
    TunnelHost's. With `capture`, what the engine gets and sends is in the file `path`, and what was lost of it on
    purpose in `lost`.
    """

    count = 0

    def __init__(self, capture=False, device_mtu=None, **settings):
        Host.count += 1
        self.device = f"engine{Host.count}"
        self.near, self.far = f"10.{Host.count}.0.1", f"10.{Host.count}.0.2"
        self.path = os.path.join(FOLDER, f"{self.device}.pcap")
        self.lost = os.path.join(FOLDER, f"{self.device}-lost.pcap")
        if capture:
            settings.update(capture=self.path, lost=self.lost)
        self.events = []
        self.waiting = b""
        mtu = str(device_mtu or settings.get("mtu", 1500))
        settings.update(seed=Host.count, gateway=self.near)
        run("ip", "tuntap", "add", "dev", self.device, "mode", "tun")
        # A queue so long that the kernel drops nothing by itself.
        run("ip", "link", "set", self.device, "mtu", mtu, "txqueuelen", "10000", "up")
        run("ip", "addr", "add", f"{self.near}/24", "dev", self.device)
        arguments = [f"{key}={value}" for key, value in settings.items()]
        self.process = subprocess.Popen([BINARY, self.device, f"{self.far}/24", *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.expect("ready")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        """Ends the engine; what it was in the middle of ends with it. Its last counters are kept."""
        if error is None:
            self.last = self.counters()
        self.process.stdin.close()
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        run("ip", "link", "del", self.device)
        if error is None:
            assert status == 0, f"TunnelHost ended with {status}"

    def ask(self, *words):
        """Makes one call; the answer as a dictionary."""
        self.process.stdin.write((" ".join(str(word) for word in words) + "\n").encode())
        deadline = time.monotonic() + LIMIT
        while True:
            message = self.message(deadline, words)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise Refused(message["error"])
            else:
                return message

    def expect(self, event, limit=LIMIT, **members):
        """Waits for an event with those members, and takes it; others stay."""
        deadline = time.monotonic() + limit
        wanted = {"event": event, **members}
        seen = 0
        while True:
            for message in self.events[seen:]:
                if wanted.items() <= message.items():
                    self.events.remove(message)
                    return message
            seen = len(self.events)
            message = self.message(deadline, wanted)
            assert "event" in message, message
            self.events.append(message)

    def stays_silent(self, seconds):
        """For so long nothing happens."""
        assert not self.events and not self.waiting, (self.events, self.waiting)
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert not ready, f"in less than {seconds} s there was {self.message(0, 'what it was')}"

    def message(self, deadline, what):
        """The next line that the host says."""
        while b"\n" not in self.waiting:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"waited in vain for {what}; there were {self.events}"
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, f"TunnelHost ended at {what} with {self.process.wait(LIMIT)}"
            self.waiting += data
        line, _, self.waiting = self.waiting.partition(b"\n")
        return json.loads(line)

    # The calls that several cases make.

    def listen(self, port, *application):
        return self.ask("listen", port, *application)["id"]

    def connect(self, port, *application, from_port=0):
        return self.ask("connect", from_port, f"{self.near}:{port}", *application)["id"]

    def send(self, connection, data, *flags):
        count = self.ask("send", connection, data.hex(), *flags)["count"]
        assert count == len(data), f"{count} of {len(data)} bytes were taken"

    def receive(self, connection, most=65536):
        answer = self.ask("receive", connection, most)
        answer["data"] = bytes.fromhex(answer["data"])
        return answer

    def receive_all(self, connection, count):
        """Receives so many bytes, as they come."""
        data = b""
        while len(data) < count:
            answer = self.receive(connection, min(65536, count - len(data)))
            data += answer["data"]
            assert not answer["end"] or len(data) == count, f"the end after {len(data)} of {count} bytes"
            if not answer["data"]:
                self.expect("dataArrived", id=connection)
        return data

    def expect_end(self, connection):
        """Waits for the peer's FIN, behind nothing."""
        self.expect("closing", id=connection)
        answer = self.receive(connection)
        assert answer["end"] and not answer["data"], answer

    def counters(self):
        return self.ask("counters")

    def status(self, connection):
        return self.ask("status", connection)


def open_to(host, port=7000):
    """A connection from Python to the engine, and the engine's end of it, which the driver has."""
    peer = socket.create_connection((host.far, port), LIMIT)
    return peer, host.expect("incoming")["id"]


def open_from(host):
    """A connection from the engine to Python, and the engine's end of it."""
    with socket.create_server((host.near, 0)) as server:
        server.settimeout(LIMIT)
        connection = host.connect(server.getsockname()[1], "manual")
        peer, _ = server.accept()
        peer.settimeout(LIMIT)
        host.expect("opened", id=connection)
        return peer, connection


def run(*arguments):
    subprocess.run(arguments, check=True, stdin=subprocess.DEVNULL)


def set_kernel(name, value):
    """Changes a setting of the network; returns what it was."""
    with open(f"/proc/sys/net/{name}", "r+") as setting:
        old = setting.read().strip()
        setting.seek(0)
        setting.write(str(value))
    return old


@contextlib.contextmanager
def kernel(**settings):
    """For a while settings of the kernel's IPv4 and TCP are others."""
    old = {name: set_kernel(f"ipv4/{name}", value) for name, value in settings.items()}
    try:
        yield
    finally:
        for name, value in old.items():
            set_kernel(f"ipv4/{name}", value)


def kernel_counters():
    """What the kernel's TCP has counted, in this network."""
    counters = {}
    for path in ("/proc/net/snmp", "/proc/net/netstat"):
        with open(path) as table:
            lines = table.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            counters.update(zip(names.split()[1:], map(int, values.split()[1:])))
    return counters
