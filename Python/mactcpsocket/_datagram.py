"""Sockets over UDP streams."""

from __future__ import annotations

import errno
import socket as _python
from typing import TYPE_CHECKING, Any

import mactcp

from . import _names
from ._errors import os_error, refusal
from ._socket import Deadline, endpoint, octets, room, socket

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from ._socket import Address


class DatagramSocket(socket):
    """socket(type=SOCK_DGRAM)."""

    _stream: mactcp.UDPStream | None = None
    _peer: tuple[int, int] | None = None

    @property
    def type(self) -> _python.SocketKind:
        return _python.SOCK_DGRAM

    def _protocol(self) -> int:
        return _python.IPPROTO_UDP

    def bind(self, address: Address) -> None:
        """Receive at a port; 0 lets the driver choose. The host is '' or '0.0.0.0'."""
        self._require_open()
        host, port = endpoint(address)
        if host:
            raise refusal(errno.EADDRNOTAVAIL, "a UDP stream receives at all addresses of this host: bind to ''")
        if self._stream is not None:
            raise refusal(errno.EINVAL, "the socket has a port already")
        self._open(port)

    def _open(self, port: int = 0) -> mactcp.UDPStream:
        self._require_open()
        if self._stream is None:
            try:
                self._stream = mactcp.UDPCreate(self._buffer_size, port)
            except mactcp.error as failure:
                raise os_error(failure) from failure
        return self._stream

    def connect(self, address: Address) -> None:
        """Choose the peer of send and recv; datagrams of others are dropped then."""
        peer = endpoint(address)
        self._open()
        self._peer = peer

    def sendto(self, data: ReadableBuffer, flags_or_address: Any, address: Any = None) -> int:
        """sendto(data, address) or sendto(data, flags, address): send data as one datagram."""
        if address is None:
            return self._send(data, 0, endpoint(flags_or_address))
        return self._send(data, flags_or_address, endpoint(address))

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send data as one datagram to the peer."""
        self._require_open()
        if self._peer is None:
            raise refusal(errno.EDESTADDRREQ, "the socket is not connected")
        return self._send(data, flags, self._peer)

    def _send(self, data: ReadableBuffer, flags: int, peer: tuple[int, int]) -> int:
        if flags & ~_python.MSG_NOSIGNAL:
            raise self._unsupported(f"the flag {flags:#x}")
        try:
            self._open().Write(*peer, data)
        except mactcp.error as failure:
            raise os_error(failure) from failure
        return len(octets(data))

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, tuple[str, int]]:
        """(data, address of the sender) of one datagram, of which at most bufsize bytes are kept."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recvfrom")
        if flags:
            raise self._unsupported(f"the flag {flags:#x}")
        deadline = Deadline(self._timeout)
        stream = self._open()
        while True:
            try:
                data, host, port = stream.ReadFrom(deadline.left())
            except mactcp.error as failure:
                raise os_error(failure) from failure
            if self._peer in (None, (host, port)):
                return data[:bufsize], (_names.dotted(host), port)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """The data of one datagram, at most bufsize bytes of it."""
        return self.recvfrom(bufsize, flags)[0]

    def recvfrom_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> tuple[int, tuple[str, int]]:
        """Receive one datagram into a buffer: (number of bytes, address of the sender)."""
        view = room(buffer, nbytes, "recvfrom_into")
        data, address = self.recvfrom(len(view), flags)
        view[: len(data)] = data
        return len(data), address

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receive one datagram into a buffer; return its number of bytes."""
        return self.recvfrom_into(buffer, nbytes, flags)[0]

    def shutdown(self, how: int) -> None:
        """Not possible: a UDP stream has no directions that could end."""
        raise self._unsupported("shutdown")

    def _is_used(self) -> bool:
        return self._stream is not None

    def _end(self) -> None:
        self._stream = None

    def getsockname(self) -> tuple[str, int]:
        """(host, port) of this side."""
        self._require_open()
        return "0.0.0.0", self._stream.port if self._stream else 0

    def getpeername(self) -> tuple[str, int]:
        """(host, port) of the peer of send and recv."""
        self._require_open()
        if self._peer is None:
            raise refusal(errno.ENOTCONN, "the socket is not connected")
        return _names.dotted(self._peer[0]), self._peer[1]
