"""What sockets over TCP and over UDP streams have in common."""

from __future__ import annotations

import errno
import io
import math
import socket as _python
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, cast

from . import _names
from ._errors import refusal

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from _typeshed import ReadableBuffer, WriteableBuffer

    Address = tuple[Any, ...]
    # Inside of the class `type` is a property.
    ExceptionType = type[BaseException]

_default_timeout: float | None = None


def getdefaulttimeout() -> float | None:
    """The time-out of new sockets in seconds; None is for ever."""
    return _default_timeout


def setdefaulttimeout(timeout: float | None) -> None:
    """Set the time-out of new sockets in seconds; None is for ever."""
    global _default_timeout
    _default_timeout = _checked(timeout)


def _checked(timeout: float | None) -> float | None:
    if timeout is None:
        return None
    # Not float first: that would take a str.
    if math.isnan(timeout):
        raise ValueError("Invalid value NaN (not a number)")
    timeout = float(timeout)
    if timeout < 0:
        raise ValueError("Timeout value out of range")
    if timeout == 0:
        raise io.UnsupportedOperation("calls of MacTCP block: a socket over its streams cannot be non-blocking")
    return timeout


class Deadline:
    """When the time-out of a call that is made of several will have passed."""

    def __init__(self, timeout: float | None) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """What is left in seconds; None is for ever. Raises TimeoutError when nothing is."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


def endpoint(address: Address) -> tuple[int, int]:
    """The host and the port of a socket's address."""
    if not isinstance(address, tuple) or len(address) != 2:
        raise TypeError("an address is a tuple (host, port)")
    host, port = address
    if not isinstance(port, int):
        raise TypeError(f"a port is an int, not {type(port).__name__}")
    if not 0 <= port <= 65535:
        raise OverflowError("port must be 0-65535.")
    if not isinstance(host, (str, bytes, bytearray)):
        raise TypeError(f"a host is a str or bytes, not {type(host).__name__}")
    return _names.address(host), port


def octets(data: ReadableBuffer) -> memoryview:
    """The memory of a bytes-like object as bytes."""
    return memoryview(data).cast("B")


class socket:
    """A socket over a MacTCP stream, with the interface of Python's socket.socket.

    socket(type=SOCK_STREAM) makes one over a TCP stream, socket(type=SOCK_DGRAM) one over a UDP stream.

    There is no descriptor behind it: fileno() raises io.UnsupportedOperation, so that select and
    selectors cannot wait for it; nor can it be non-blocking, duplicated, inherited or detached.
    """

    # The options that there are, with their defaults; by plain ints, because hashing Python's enumerations is slow.
    _defaults = {
        # A MacTCP port can be listened on again at once; keep-alive is the ULP time-out's task.
        (int(_python.SOL_SOCKET), int(_python.SO_REUSEADDR)): 0,
        (int(_python.SOL_SOCKET), int(_python.SO_KEEPALIVE)): 0,
        # The receive buffer of the stream; the send buffer is the driver's matter.
        (int(_python.SOL_SOCKET), int(_python.SO_RCVBUF)): 262_144,
        (int(_python.SOL_SOCKET), int(_python.SO_SNDBUF)): 262_144,
    }

    def __new__(
        cls, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> socket:
        from ._datagram import DatagramSocket
        from ._stream import StreamSocket

        if cls is not socket:
            return super().__new__(cls)
        if fileno is not None:
            raise io.UnsupportedOperation("a MacTCP stream cannot be made of a descriptor")
        kind = _python.SOCK_STREAM if type == -1 else type
        if kind == _python.SOCK_STREAM:
            return super().__new__(StreamSocket)
        if kind == _python.SOCK_DGRAM:
            return super().__new__(DatagramSocket)
        raise refusal(errno.EPROTONOSUPPORT, "MacTCP has streams of TCP and of UDP only")

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        # First what __del__ needs.
        self._closed = False
        self._io_refs = 0
        if family not in (-1, _python.AF_INET):
            raise refusal(errno.EAFNOSUPPORT, "MacTCP has IPv4 addresses only")
        own = self._protocol()
        if proto not in (-1, 0, own):
            raise refusal(errno.EPROTONOSUPPORT, f"a {self.type.name} is of protocol {own}")
        self._proto = 0 if proto == -1 else proto
        self._timeout = _default_timeout
        self._bound: tuple[int, int] | None = None
        self._options = self._defaults.copy()

    # What it is

    @property
    def family(self) -> _python.AddressFamily:
        return _python.AF_INET

    @property
    def type(self) -> _python.SocketKind:
        raise NotImplementedError

    @property
    def proto(self) -> int:
        return self._proto

    def _protocol(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        words = [f"<mactcpsocket.socket {self.type.name}"]
        if self._closed:
            words.append("closed")
        else:
            for label, ask in (("laddr", self.getsockname), ("raddr", self.getpeername)):
                try:
                    words.append(f"{label}={ask()}")
                except OSError:
                    pass
        return " ".join(words) + ">"

    # Its end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: ExceptionType | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._closed:
            self.close()

    def __del__(self) -> None:
        if getattr(self, "_closed", True):
            return
        try:
            if self._is_used():
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        finally:
            # Also where warnings are errors.
            self._closed = True
            self._end()

    def close(self) -> None:
        """Close the socket; what makefile returned and is open keeps it open behind the scenes."""
        self._closed = True
        if self._io_refs <= 0:
            self._end()

    def _decref_socketios(self) -> None:
        # SocketIO calls it when it is closed.
        if self._io_refs > 0:
            self._io_refs -= 1
        if self._closed:
            self.close()

    def _is_used(self) -> bool:
        """Whether there is something that ought to be closed."""
        raise NotImplementedError

    def _end(self) -> None:
        """The socket is closed, and everything made of it too. May come twice."""
        raise NotImplementedError

    def _require_open(self) -> None:
        if self._closed and self._io_refs <= 0:
            raise refusal(errno.EBADF, "the socket is closed")

    # Names

    def getsockname(self) -> tuple[str, int]:
        raise NotImplementedError

    def getpeername(self) -> tuple[str, int]:
        raise NotImplementedError

    # Time-outs

    def settimeout(self, timeout: float | None) -> None:
        """Set the time-out of later calls in seconds; None is for ever. 0 is not possible."""
        self._timeout = _checked(timeout)

    def gettimeout(self) -> float | None:
        return self._timeout

    @property
    def timeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """setblocking(True) takes the time-out away; setblocking(False) is not possible."""
        self.settimeout(None if flag else 0)

    def getblocking(self) -> bool:
        return True

    # Options

    def setsockopt(self, level: int, optname: int, value: int | ReadableBuffer | None, optlen: int | None = None) -> None:
        """Set an option: SO_REUSEADDR, SO_KEEPALIVE and SO_SNDBUF, which change nothing, and SO_RCVBUF, which
        holds for the stream that is made next; with TCP also TCP_NODELAY and SO_OOBINLINE."""
        self._require_open()
        if (level, optname) not in self._options:
            raise refusal(errno.ENOPROTOOPT, f"MacTCP has no option {optname} of level {level}")
        if value is None:
            raise refusal(errno.EINVAL, "the option has a value")
        number = int(value) if isinstance(value, SupportsIndex) else int.from_bytes(octets(value), sys.byteorder)
        self._set(level, optname, number)

    def _set(self, level: int, optname: int, value: int) -> None:
        if optname == _python.SO_RCVBUF and level == _python.SOL_SOCKET:
            value = min(max(value, 4096), 1 << 30)
        self._options[int(level), int(optname)] = value

    def getsockopt(self, level: int, optname: int, buflen: int = 0) -> int | bytes:
        """The value of an option, an int; with buflen the same as bytes."""
        self._require_open()
        if level == _python.SOL_SOCKET and optname == _python.SO_TYPE:
            value = int(self.type)
        elif level == _python.SOL_SOCKET and optname == _python.SO_ERROR:
            # Calls block: whoever failed was told.
            value = 0
        elif (level, optname) in self._options:
            value = self._options[level, optname]
        else:
            raise refusal(errno.ENOPROTOOPT, f"MacTCP has no option {optname} of level {level}")
        return value.to_bytes(4, sys.byteorder)[:buflen] if buflen else value

    @property
    def _buffer_size(self) -> int:
        return self._options[_python.SOL_SOCKET, _python.SO_RCVBUF]

    # What has to do with descriptors

    def fileno(self) -> NoReturn:
        raise io.UnsupportedOperation("a MacTCP stream has no descriptor")

    def detach(self) -> NoReturn:
        raise io.UnsupportedOperation("a MacTCP stream has no descriptor that could be detached")

    def dup(self) -> NoReturn:
        raise io.UnsupportedOperation("a MacTCP stream cannot be duplicated")

    def _unsupported(self, call: str) -> OSError:
        return refusal(errno.EOPNOTSUPP, f"{call} is not possible on a {self.type.name}")

    # What the two kinds have, and refuse where it is the other's

    def bind(self, address: Address) -> None:
        raise NotImplementedError

    def connect(self, address: Address) -> None:
        raise NotImplementedError

    def connect_ex(self, address: Address) -> int:
        """Connect, and return the number of the error, 0 for none, instead of raising it."""
        host, port = endpoint(address)
        try:
            self.connect((_names.dotted(host), port))
        except OSError as error:
            return error.errno or errno.EAGAIN
        return 0

    def listen(self, backlog: int = 128) -> None:
        raise self._unsupported("listen")

    def accept(self) -> tuple[socket, tuple[str, int]]:
        raise self._unsupported("accept")

    def shutdown(self, how: int) -> None:
        raise NotImplementedError

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        raise NotImplementedError

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all of data."""
        self.send(data, flags)

    def sendto(self, data: ReadableBuffer, flags_or_address: Any, address: Any = None) -> int:
        raise self._unsupported("sendto")

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        raise NotImplementedError

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        raise NotImplementedError

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, tuple[str, int]]:
        raise self._unsupported("recvfrom")

    def recvfrom_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> tuple[int, tuple[str, int]]:
        raise self._unsupported("recvfrom_into")

    # Files

    def makefile(
        self, mode: str = "r", buffering: int | None = None, *,
        encoding: str | None = None, errors: str | None = None, newline: str | None = None,
    ) -> Any:
        """A file over the socket, as Python's socket.makefile; 'r', 'w' and 'b' are possible in mode."""
        if not mode or not set(mode) <= {"r", "w", "b"}:
            raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
        self._require_open()
        writing = "w" in mode
        reading = "r" in mode or not writing
        # It asks for no more of a socket than recv_into, send, _decref_socketios and fileno.
        raw = _python.SocketIO(
            cast(_python.socket, self), "rw" if reading and writing else "r" if reading else "w"
        )
        self._io_refs += 1
        size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
        if size == 0:
            if "b" not in mode:
                raise ValueError("unbuffered streams must be binary")
            return raw
        buffer: io.BufferedIOBase
        if reading and writing:
            buffer = io.BufferedRWPair(raw, raw, size)
        elif reading:
            buffer = io.BufferedReader(raw, size)
        else:
            buffer = io.BufferedWriter(raw, size)
        if "b" in mode:
            return buffer
        text = io.TextIOWrapper(cast(Any, buffer), encoding, errors, newline)
        # TextIOWrapper's own is "rb"; programs look at the mode that they asked for.
        cast(Any, text).mode = mode
        return text


def room(buffer: WriteableBuffer, nbytes: int, call: str) -> memoryview:
    """The first nbytes of a buffer that is to be filled; 0 is all of it."""
    view = memoryview(buffer).cast("B")
    if nbytes < 0:
        raise ValueError(f"negative buffersize in {call}")
    if nbytes > len(view):
        raise ValueError(f"buffer too small for requested bytes in {call}")
    return view[:nbytes] if nbytes else view
