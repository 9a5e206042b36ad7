"""The programs of the README run as they are printed there; the program of every name runs and is typed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support import DEADLINE

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "Examples" / "Python"


@pytest.mark.parametrize("name", ["server.py", "client.py"])
def test_the_readme_prints_them(name: str) -> None:
    assert f"```python\n{(EXAMPLES / name).read_text()}```" in (ROOT / "Python" / "README.md").read_text()


def test_server_and_client() -> None:
    with subprocess.Popen(
        [sys.executable, EXAMPLES / "server.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout and server.stderr
        try:
            port = int(server.stdout.readline().removeprefix("echo at port "))
            for _ in range(6):
                client = subprocess.run(
                    [sys.executable, EXAMPLES / "client.py", "localhost", str(port), "hello", "world", "now!"],
                    capture_output=True, text=True, timeout=DEADLINE,
                )  # fmt: skip
                lines = client.stdout.splitlines()
                assert (client.returncode, client.stderr) == (0, "")
                assert [line for line in lines if not line.startswith("urgent data")] == [
                    "connected to 127.0.0.1", "hello", "world", "now! (urgent)", "the connection has ended, reason 7",
                ]  # fmt: skip
                assert server.stdout.readline().startswith("a client has connected from port ")
                assert server.stdout.readline() == "a connection has ended, reason 7\n"
            with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
                datagrams.settimeout(DEADLINE)
                datagrams.sendto(b"hello", ("127.0.0.1", port))
                assert datagrams.recvfrom(10) == (b"hello", ("127.0.0.1", port))
        finally:
            server.send_signal(signal.SIGINT)
        assert server.stdout.read() == "good bye\n"
        assert server.stderr.read() == "" and server.wait(DEADLINE) == 0


def test_every_name() -> None:
    program = Path(__file__).with_name("every_name.py")
    run = subprocess.run([sys.executable, "-X", "dev", "-W", "error", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
