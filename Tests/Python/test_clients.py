"""Python's own clients over MacTCP, against Python's own servers: the name `socket` of their modules is swapped."""

from __future__ import annotations

import email.message
import ftplib
import functools
import http.client
import http.server
import io
import smtplib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mactcp
import mactcpsocket
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
from support import DEADLINE, closed_port, raised_in_thread, until

BODY = bytes(range(256)) * 4000


@pytest.fixture(autouse=True)
def over_mactcp(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clients use mactcpsocket, and the driver has seen it."""
    for module in (http.client, urllib.request, ftplib, smtplib):
        monkeypatch.setattr(module, "socket", mactcpsocket)
    before = mactcp.GlobalInfo().tcpConnAttempts
    yield
    assert mactcp.GlobalInfo().tcpConnAttempts > before


# ---- http.client, urllib.request ---------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/body")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(BODY), 100_000):
                piece = BODY[start : start + 100_000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/until-close":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + BODY)
        elif self.path == "/slow":
            self.server.slow.wait(DEADLINE)  # type: ignore[attr-defined]
            self.close_connection = True
        else:
            self.reply(BODY if self.path == "/body" else b"", 200 if self.path == "/body" else 404)

    def do_POST(self) -> None:
        self.reply(self.rfile.read(int(self.headers["Content-Length"])))

    def reply(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.slow = threading.Event()  # type: ignore[attr-defined]
        end = raised_in_thread(functools.partial(server.serve_forever, 0.01))
        yield server
        server.slow.set()  # type: ignore[attr-defined]
        server.shutdown()
        assert end() is None


def test_http_client(web: http.server.ThreadingHTTPServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.server_port, timeout=DEADLINE)
    for path in ("/body", "/chunked", "/body"):
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200 and response.read() == BODY
    assert isinstance(connection.sock, mactcpsocket.socket)
    connection.request("POST", "/", body=BODY)
    assert connection.getresponse().read() == BODY
    connection.request("POST", "/", body=io.BytesIO(BODY), headers={"Content-Length": str(len(BODY))})
    assert connection.getresponse().read() == BODY
    connection.request("GET", "/none")
    response = connection.getresponse()
    assert response.status == 404 and response.read() == b""
    connection.request("GET", "/until-close")
    assert connection.getresponse().read() == BODY
    connection.close()


def test_http_time_out(web: http.server.ThreadingHTTPServer) -> None:
    connection = http.client.HTTPConnection("localhost", web.server_port, timeout=0.05)
    connection.request("GET", "/slow")
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_urllib(web: http.server.ThreadingHTTPServer) -> None:
    base = f"http://127.0.0.1:{web.server_port}"
    with urllib.request.urlopen(f"{base}/redirect", timeout=DEADLINE) as response:
        assert response.url == f"{base}/body" and response.read() == BODY
    with urllib.request.urlopen(f"{base}/", data=b"posted") as response:
        assert response.read() == b"posted"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{base}/none")
    assert caught.value.code == 404
    caught.value.close()


def test_urllib_refused() -> None:
    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{closed_port()}/")
    assert isinstance(caught.value.reason, ConnectionRefusedError)


# ---- ftplib ------------------------------------------------------------------------------------


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    authorizer = DummyAuthorizer()
    authorizer.add_user("user", "secret", str(tmp_path), perm="elradfmwMT")
    handler = type("OwnHandler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.serve_forever(timeout=0.01, blocking=False)
        server.close_all()

    end = raised_in_thread(serve)
    yield server.address[1], tmp_path
    stop.set()
    assert end() is None


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
def test_ftp(ftp: tuple[int, Path], passive: bool) -> None:
    """Data both ways; in active mode the server connects to a port of MacTCP's."""
    port, folder = ftp
    with ftplib.FTP(timeout=DEADLINE) as client:
        client.connect("127.0.0.1", port)
        client.login("user", "secret")
        client.set_pasv(passive)
        client.storbinary("STOR file", io.BytesIO(BODY))
        until(lambda: (folder / "file").stat().st_size == len(BODY))
        assert (folder / "file").read_bytes() == BODY
        received = io.BytesIO()
        client.retrbinary("RETR file", received.write)
        assert received.getvalue() == BODY
        client.voidcmd("TYPE I")
        assert client.nlst() == ["file"]
        lines: list[str] = []
        client.storlines("STOR text", io.BytesIO(b"one\ntwo\n"))
        client.retrlines("RETR text", lines.append)
        assert lines == ["one", "two"]
        with pytest.raises(ftplib.error_perm):
            client.cwd("none")
        client.delete("file")
        assert isinstance(client.sock, mactcpsocket.socket)


def test_ftp_by_urllib(ftp: tuple[int, Path]) -> None:
    port, folder = ftp
    (folder / "page").write_bytes(BODY)
    with urllib.request.urlopen(f"ftp://user:secret@127.0.0.1:{port}/page", timeout=DEADLINE) as response:
        assert response.read() == BODY


# ---- smtplib -----------------------------------------------------------------------------------


class Mailbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.letters: list[email.message.Message] = []

    def handle_message(self, message: email.message.Message) -> None:
        self.letters.append(message)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_smtp() -> None:
    mailbox = Mailbox()
    # It needs the number of a port: one that was free a moment ago.
    controller = Controller(mailbox, hostname="127.0.0.1", port=closed_port())
    controller.start()
    try:
        letter = email.message.EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = "one@a.test", "two@b.test", "Hello"
        letter.set_content("x" * 70 + "\n.\n" * 3 + "y\n" * 10_000)
        with smtplib.SMTP("127.0.0.1", controller.port, local_hostname="here.test", timeout=DEADLINE) as client:
            assert isinstance(client.sock, mactcpsocket.socket)
            client.send_message(letter)
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail("one@a.test", ["two@b.test"], b"", mail_options=["NONSENSE"])
        assert mailbox.letters[0]["Subject"] == "Hello"
        assert mailbox.letters[0].get_payload() == letter.get_payload().replace("\n", "\r\n") or (
            str(mailbox.letters[0].get_payload()).splitlines() == str(letter.get_payload()).splitlines()
        )
    finally:
        controller.stop()
