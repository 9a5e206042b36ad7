"""Sockets over TCP streams."""

from __future__ import annotations

import _thread
import errno
import socket as _python
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import mactcp
import MACTCPconst as const

from . import _names
from ._errors import os_error, refusal
from ._socket import Deadline, endpoint, octets, room, socket

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from ._socket import Address

# Plain ints: Python's flags are enumerations, whose operators cost more than a system call.
_OOB, _PEEK, _WAITALL = int(_python.MSG_OOB), int(_python.MSG_PEEK), int(_python.MSG_WAITALL)
_NOT_OF_SEND = ~(_OOB | int(_python.MSG_NOSIGNAL))
_NOT_OF_RECEIVE = ~(_PEEK | _WAITALL)

# How long the peer has to close, after this side did and nobody listens any more. The kernel's own limit for
# that state, FIN-WAIT-2.
_LINGER = 60.0


class StreamSocket(socket):
    """socket(type=SOCK_STREAM)."""

    _defaults = socket._defaults | {
        (int(_python.IPPROTO_TCP), int(_python.TCP_NODELAY)): 0,
        (int(_python.SOL_SOCKET), int(_python.SO_OOBINLINE)): 1,
    }
    _stream: mactcp.TCPStream | None = None
    # Nagle's algorithm is on without it, as in Python's sockets.
    _push = 0
    # Passive opens on one port, the oldest first: that one gets the next connection.
    _listening: deque[mactcp.TCPStream]

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        self._listening = deque()
        # Held by the thread that waits for the oldest passive open.
        self._turn = threading.Lock()
        # Received, but not asked for yet: a receive of MacTCP's brings what has come, however much that is.
        self._rest: deque[bytes | memoryview] = deque()
        self._local: tuple[str, int] | None = None
        self._peer: tuple[str, int] | None = None
        self._reads = self._writes = True
        super().__init__(family, type, proto, fileno)

    @property
    def type(self) -> _python.SocketKind:
        return _python.SOCK_STREAM

    def _protocol(self) -> int:
        return _python.IPPROTO_TCP

    def _set(self, level: int, optname: int, value: int) -> None:
        if level == _python.SOL_SOCKET and optname == _python.SO_OOBINLINE and not value:
            raise refusal(errno.EINVAL, "urgent data is always in its place among the rest")
        if level == _python.IPPROTO_TCP and optname == _python.TCP_NODELAY:
            self._push = int(bool(value))
        super()._set(level, optname, value)

    # Opening

    def bind(self, address: Address) -> None:
        """Choose the local address and port of a listen or connect that follows. Port 0 is chosen by those."""
        self._require_open()
        if self._bound is not None or self._stream is not None:
            raise refusal(errno.EINVAL, "the socket has a port already")
        self._bound = endpoint(address)

    def connect(self, address: Address) -> None:
        """Connect to address, a tuple (host, port)."""
        self._require_open()
        if self._stream is not None:
            raise refusal(errno.EISCONN, f"the socket is connected to {self._peer}")
        if self._listening:
            raise refusal(errno.EINVAL, "the socket is listening")
        host, port = endpoint(address)
        deadline = Deadline(self._timeout)
        local_host, local_port = self._bound or (0, 0)
        try:
            stream = mactcp.TCPCreate(self._buffer_size)
            stream.ActiveOpen(local_port, host or 0x7F000001, port, deadline.left())
        except mactcp.error as failure:
            raise os_error(failure) from failure
        if not self._adopt(stream, local_host):
            raise refusal(errno.EADDRNOTAVAIL, "the way to the peer begins at another address than the one bound")

    def _adopt(self, stream: mactcp.TCPStream, local_host: int) -> bool:
        """Takes a stream with a connection over; false if that is gone, or not at the local address asked for."""
        status = stream.Status()
        if not status.remotePort or local_host not in (0, status.localHost):
            return False
        self._local = (_names.dotted(status.localHost), status.localPort)
        self._peer = (_names.dotted(status.remoteHost), status.remotePort)
        self._stream = stream
        return True

    def listen(self, backlog: int = 128) -> None:
        """Listen; backlog, 1 to 128, is how many connections may wait for accept. More are refused."""
        self._require_open()
        if self._stream is not None or self._listening:
            raise refusal(errno.EINVAL, "the socket is connected, or listens already")
        for _ in range(min(max(backlog, 1), 128)):
            self._listening.append(self._open_passively())

    def _open_passively(self) -> mactcp.TCPStream:
        host, port = self._bound or (0, 0)
        try:
            stream = mactcp.TCPCreate(self._buffer_size)
            stream.PassiveOpen(port)
            if not port:
                self._bound = (host, stream.GetSockName()[1])
        except mactcp.error as failure:
            raise os_error(failure) from failure
        return stream

    def accept(self) -> tuple[socket, tuple[str, int]]:
        """Wait for a connection: (socket, address of the peer)."""
        self._require_open()
        if not self._listening:
            raise refusal(errno.EINVAL, "the socket does not listen")
        deadline = Deadline(self._timeout)
        if not self._turn.acquire(timeout=deadline.left() or -1):
            raise TimeoutError("timed out")
        try:
            while True:
                connection = type(self)(proto=self._proto)
                if connection._adopt(self._next_connection(deadline), (self._bound or (0, 0))[0]):
                    return connection, connection.getpeername()
        finally:
            self._turn.release()

    def _next_connection(self, deadline: Deadline) -> mactcp.TCPStream:
        try:
            self._listening[0].wait(deadline.left())
        except (IndexError, mactcp.error) as failure:
            if self._closed or isinstance(failure, IndexError):
                raise refusal(errno.EBADF, "the socket was closed") from failure
            raise os_error(failure) from failure
        # First the next one: a port without a passive open refuses connections, those too that wait for one.
        self._listening.append(self._open_passively())
        if self._closed:
            # By another thread, meanwhile.
            self._end()
            raise refusal(errno.EBADF, "the socket was closed")
        return self._listening.popleft()

    # Sending

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send all of data, with MSG_OOB as urgent data; return its length.

        When the time-out passes meanwhile, a part of it was sent and TimeoutError is raised.
        """
        if flags & _NOT_OF_SEND:
            raise self._unsupported(f"the flag {flags:#x}")
        stream = self._stream or self._connected()
        if not self._writes:
            raise refusal(errno.EPIPE, "the socket was shut down for sending")
        octet_count = len(data) if isinstance(data, bytes) else len(octets(data))
        if octet_count:
            try:
                stream.Send(data, self._push, flags & _OOB, self._timeout)
            except mactcp.error as failure:
                raise os_error(failure) from failure
        return octet_count

    # Receiving

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """At most bufsize bytes; b'' at the end of the peer's data. MSG_PEEK and MSG_WAITALL are possible."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        if flags & _WAITALL and bufsize:
            data = bytearray(bufsize)
            return bytes(data[: self.recv_into(data, 0, flags)])
        return bytes(self._take(bufsize, flags))

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receive into a buffer; return how many bytes, 0 at the end of the peer's data."""
        view = room(buffer, nbytes, "recv_into")
        filled = 0
        while filled < len(view):
            try:
                piece = self._take(len(view) - filled, flags)
            except OSError:
                # MSG_WAITALL: what has come is not lost, and the next call tells of a loss again.
                if filled:
                    break
                raise
            except BaseException:
                if filled:
                    self._rest.appendleft(bytes(view[:filled]))
                raise
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            if not piece or not flags & _WAITALL:
                break
        return filled

    def _take(self, limit: int, flags: int) -> bytes | memoryview:
        if flags & _NOT_OF_RECEIVE or flags == _PEEK | _WAITALL:
            raise self._unsupported(f"the flags {flags:#x}")
        stream = self._stream or self._connected()
        if not limit or not self._reads:
            return b""
        piece = self._rest.popleft() if self._rest else self._receive(stream)
        if flags & _PEEK:
            if piece:
                self._rest.appendleft(piece)
            return piece[:limit]
        if len(piece) > limit:
            view = memoryview(piece)
            self._rest.appendleft(view[limit:])
            return view[:limit]
        return piece

    def _receive(self, stream: mactcp.TCPStream) -> bytes:
        try:
            return stream.Rcv(self._timeout)[0]
        except mactcp.error as failure:
            if failure.code == const.connectionClosing:
                return b""
            raise os_error(failure) from failure

    # Closing

    def shutdown(self, how: int) -> None:
        """End one or both directions: SHUT_RD, SHUT_WR, SHUT_RDWR."""
        stream = self._connected()
        if how not in (_python.SHUT_RD, _python.SHUT_WR, _python.SHUT_RDWR):
            raise refusal(errno.EINVAL, "how is SHUT_RD, SHUT_WR or SHUT_RDWR")
        if how != _python.SHUT_WR:
            self._reads = False
            self._rest.clear()
        if how != _python.SHUT_RD and self._writes:
            self._writes = False
            # MacTCP's Close blocks until all data is acknowledged: for ever, if the peer waits to be read first.
            _in_background(_close, stream)

    def _is_used(self) -> bool:
        return self._stream is not None or bool(self._listening)

    def _end(self) -> None:
        while self._listening:
            try:
                # Ends the accept of another thread, too.
                self._listening.popleft().Abort()
            except mactcp.error:
                pass
        stream, self._stream = self._stream, None
        self._rest.clear()
        # When the interpreter ends no thread can be started: a socket that was not closed until then is aborted.
        if stream is not None and not sys.is_finalizing():
            _in_background(_see_out, stream)

    # Looking

    def _connected(self) -> mactcp.TCPStream:
        self._require_open()
        if self._stream is None:
            raise refusal(errno.ENOTCONN, "the socket is not connected")
        return self._stream

    def getsockname(self) -> tuple[str, int]:
        """(host, port) of this side."""
        self._require_open()
        if self._local is not None:
            return self._local
        host, port = self._bound or (0, 0)
        return _names.dotted(host), port

    def getpeername(self) -> tuple[str, int]:
        """(host, port) of the other side."""
        self._connected()
        assert self._peer is not None
        return self._peer

    def getsockopt(self, level: int, optname: int, buflen: int = 0) -> int | bytes:
        if level == _python.SOL_SOCKET and optname == _python.SO_ACCEPTCONN:
            return int(bool(self._listening))
        return super().getsockopt(level, optname, buflen)


def _in_background(work: Callable[[mactcp.TCPStream], None], stream: mactcp.TCPStream) -> None:
    """Runs `work` in a thread that does not keep the program from ending."""
    try:
        # threading.Thread.start waits until the thread runs: longer than the rest of a connection takes.
        _thread.start_new_thread(work, (stream,))
    except RuntimeError:
        # In functions that atexit runs Python 3.12 and later start no threads.
        _close(stream)


def _close(stream: mactcp.TCPStream) -> None:
    try:
        stream.Close()
    except mactcp.error:
        # It was closed before, or lost: there is nobody to be told.
        pass


def _see_out(stream: mactcp.TCPStream) -> None:
    """Ends the connection of a closed socket as the kernel would, in a thread of its own.

    A stream that is dropped before the peer has closed resets the connection, and the peer may lose what it has not
    read. So the stream stays until the peer has closed too. What it still sends is for nobody.
    """
    _close(stream)
    deadline = Deadline(_LINGER)
    try:
        while True:
            stream.Rcv(deadline.left())
    except (mactcp.error, TimeoutError):
        pass
