"""What the tests share: waiting for conditions, peers over Python's own sockets, child processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mactcp

LOOPBACK = 0x7F000001
# A condition that has not come true by then never will; a call that has not returned hangs.
DEADLINE = 10.0


def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Returns when `condition` is true."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {DEADLINE} s"
        time.sleep(0.001)


def code_of(call: Callable[..., object], *arguments: object, **named: object) -> int:
    """The result code of the mactcp.error that the call raises."""
    try:
        result = call(*arguments, **named)
    except mactcp.error as error:
        check_error(error)
        return error.code
    raise AssertionError(f"no error was raised; the call returned {result!r}")


def check_error(error: Exception) -> None:
    """What holds for every error of the two modules."""
    code, message = error.args
    assert type(code) is int and type(message) is str and message
    assert error.code == code and error.message == message  # type: ignore[attr-defined]


def raised_in_thread(call: Callable[[], object]) -> Callable[[], BaseException | None]:
    """Runs a call in a thread; what is returned waits for its end and gives what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> BaseException | None:
        thread.join(DEADLINE)
        assert not thread.is_alive(), "the call does not return"
        return raised[0] if raised else None

    return result


# ---- Conversations -----------------------------------------------------------------------------


@contextlib.contextmanager
def listener() -> Iterator[socket.socket]:
    """A listening socket of Python's on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE)
        yield server


def accept(server: socket.socket) -> socket.socket:
    peer, _ = server.accept()
    peer.settimeout(DEADLINE)
    return peer


def opened(role: str, size: int = 8192, asr: Callable[[int, int], object] | None = None) -> tuple[mactcp.TCPStream, socket.socket]:
    """A stream and a socket that are connected; the stream is the `client` or the `server`."""
    stream = mactcp.TCPCreate(size)
    stream.asr = asr
    if role == "client":
        with listener() as server:
            stream.ActiveOpen(0, LOOPBACK, server.getsockname()[1])
            return stream, accept(server)
    stream.PassiveOpen(0)
    peer = socket.create_connection(("127.0.0.1", stream.GetSockName()[1]), timeout=DEADLINE)
    stream.wait(DEADLINE)
    return stream, peer


def read_all(stream: mactcp.TCPStream) -> bytes:
    """Everything up to the end of the peer's data."""
    data = bytearray()
    try:
        while True:
            data += stream.Rcv(DEADLINE)[0]
    except mactcp.error as error:
        assert error.name == "connectionClosing", error
    return bytes(data)


def read(stream: mactcp.TCPStream, count: int) -> bytes:
    """So many bytes."""
    data = bytearray()
    while len(data) < count:
        data += stream.Rcv(DEADLINE)[0]
    assert len(data) == count
    return bytes(data)


def read_peer(peer: socket.socket, count: int | None = None) -> bytes:
    """So many bytes from a socket, or everything up to the end."""
    data = bytearray()
    while count is None or len(data) < count:
        piece = peer.recv(65536 if count is None else count - len(data))
        if not piece:
            break
        data += piece
    assert count is None or len(data) == count
    return bytes(data)


def reset(peer: socket.socket) -> None:
    """Ends a connection with a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()


def fill(stream: mactcp.TCPStream) -> int:
    """Sends until the peer, which does not read, takes no more; returns how much was sent at least."""
    sent = 0
    while True:
        try:
            stream.Send(bytes(1 << 20), timeout=0.05)
        except mactcp.error as error:
            assert error.name == "commandTimeout", error
            return sent
        sent += 1 << 20


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """A port of 127.0.0.1 that answers no SYN: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        while True:
            client = stack.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(server.getsockname())
            except TimeoutError:
                break
        yield server.getsockname()[1]


def closed_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody has."""
    with socket.socket(type=kind) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Events:
    """An asr that notes what it is told, and where."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []
        self.threads: set[int] = set()

    def __call__(self, *event: int) -> None:
        assert all(type(part) is int for part in event)
        self.threads.add(threading.get_ident())
        self.seen.append(event)

    def wait_for(self, *event: int) -> None:
        until(lambda: event in self.seen, f"the event {event}; seen: {self.seen};")


# ---- Child processes ---------------------------------------------------------------------------

PRELUDE = """
import gc, os, signal, socket, sys, threading, time
import mactcp, macdnr, MACTCPconst as const
from support import *
"""


class Child:
    """A Python process that runs a program; its standard output is read line by line."""

    def __init__(self, program: str, *prefix: str, arguments: tuple[str, ...] = ()) -> None:
        here = str(Path(__file__).parent)
        paths = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-X", "dev", "-W", "ignore:unclosed:ResourceWarning", "-c", PRELUDE + textwrap.dedent(program), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, PYTHONPATH=paths, PYTHONUNBUFFERED="1"),
        )

    def line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate(timeout=DEADLINE)
            raise AssertionError(f"the child has ended:\n{errors}")
        return line.rstrip("\n")

    def wait_until_blocked(self) -> None:
        """Until its main thread sleeps."""
        stat = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "sleep of the child")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> str:
        """Waits for a good end: status 0, and nothing on standard error. Returns the rest of its output."""
        try:
            output, errors = self.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, errors = self.process.communicate()
            raise AssertionError(f"the child hangs; output:\n{output}\nerrors:\n{errors}") from None
        assert (self.process.returncode, errors) == (0, "")
        return output

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def run_child(program: str, *arguments: str) -> str:
    """The output of a child that ends well."""
    with Child(program, arguments=arguments) as child:
        return child.end()
