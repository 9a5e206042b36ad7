"""Python's socket interface over MacTCP's streams.

Programs and modules that use Python's socket run over MacTCP when their name `socket` is this module:

    import http.client, mactcpsocket

    http.client.socket = mactcpsocket
    connection = http.client.HTTPConnection("www.example.com")

The same goes for urllib.request, ftplib and smtplib. Names are looked up by macdnr; errors are OSErrors with
the numbers that Python's socket gives.

What is not there: descriptors (fileno, select, detach), non-blocking sockets, IPv6, ssl. A listening socket
that is bound to one address of this host takes connections at all of them, and resets those that come to
another one. send sends everything, as sendall does. A receive that is blocked in another thread does not
notice shutdown and close: it ends when the peer sends, when the peer closes, or with its time-out.

close returns at once, and a thread sees the connection out: what was sent arrives. A socket that is not closed
when the program ends is aborted.
"""

from __future__ import annotations

import socket as _python
from socket import (
    AF_INET,
    AF_UNSPEC,
    AI_CANONNAME,
    AI_NUMERICHOST,
    AI_NUMERICSERV,
    AI_PASSIVE,
    EAI_AGAIN,
    EAI_FAIL,
    EAI_FAMILY,
    EAI_MEMORY,
    EAI_NONAME,
    EAI_SERVICE,
    EAI_SOCKTYPE,
    INADDR_ANY,
    INADDR_BROADCAST,
    INADDR_LOOPBACK,
    IPPROTO_TCP,
    IPPROTO_UDP,
    MSG_OOB,
    MSG_PEEK,
    MSG_WAITALL,
    NI_DGRAM,
    NI_NAMEREQD,
    NI_NUMERICHOST,
    NI_NUMERICSERV,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SO_ACCEPTCONN,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_RCVBUF,
    SO_REUSEADDR,
    SO_SNDBUF,
    SO_TYPE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    SOMAXCONN,
    TCP_NODELAY,
    AddressFamily,
    SocketIO,
    SocketKind,
    gaierror,
    gethostname,
    getservbyname,
    getservbyport,
    herror,
    htonl,
    htons,
    inet_aton,
    inet_ntoa,
    inet_ntop,
    inet_pton,
    ntohl,
    ntohs,
    timeout,
)
from typing import TYPE_CHECKING, Any

from ._names import (
    getaddrinfo,
    getfqdn,
    gethostbyaddr,
    gethostbyname,
    gethostbyname_ex,
    getnameinfo,
)
from ._socket import getdefaulttimeout, setdefaulttimeout, socket

if TYPE_CHECKING:
    from ._socket import Address

# What clients of Python's compare their time-outs with.
_GLOBAL_DEFAULT_TIMEOUT: Any = vars(_python)["_GLOBAL_DEFAULT_TIMEOUT"]

error = OSError
SocketType = socket
has_ipv6 = False

__all__ = [
    "AF_INET", "AF_UNSPEC", "AI_CANONNAME", "AI_NUMERICHOST", "AI_NUMERICSERV", "AI_PASSIVE", "EAI_AGAIN",
    "EAI_FAIL", "EAI_FAMILY", "EAI_MEMORY", "EAI_NONAME", "EAI_SERVICE", "EAI_SOCKTYPE", "INADDR_ANY",
    "INADDR_BROADCAST", "INADDR_LOOPBACK", "IPPROTO_TCP", "IPPROTO_UDP", "MSG_OOB", "MSG_PEEK", "MSG_WAITALL",
    "NI_DGRAM", "NI_NAMEREQD", "NI_NUMERICHOST", "NI_NUMERICSERV", "SHUT_RD", "SHUT_RDWR", "SHUT_WR",
    "SO_ACCEPTCONN", "SO_ERROR", "SO_KEEPALIVE", "SO_OOBINLINE", "SO_RCVBUF", "SO_REUSEADDR", "SO_SNDBUF",
    "SO_TYPE", "SOCK_DGRAM", "SOCK_STREAM", "SOL_SOCKET", "SOMAXCONN", "TCP_NODELAY", "AddressFamily",
    "SocketIO", "SocketKind", "SocketType", "create_connection", "create_server", "error", "gaierror",
    "getaddrinfo", "getdefaulttimeout", "getfqdn", "gethostbyaddr", "gethostbyname", "gethostbyname_ex",
    "gethostname", "getnameinfo", "getservbyname", "getservbyport", "has_dualstack_ipv6", "has_ipv6", "herror",
    "htonl", "htons", "inet_aton", "inet_ntoa", "inet_ntop", "inet_pton", "ntohl", "ntohs",
    "setdefaulttimeout", "socket", "timeout",
]  # fmt: skip


def has_dualstack_ipv6() -> bool:
    """False: there is no IPv6."""
    return False


def create_connection(
    address: tuple[str | None, int],
    timeout: Any = _GLOBAL_DEFAULT_TIMEOUT,
    source_address: Address | None = None,
    *,
    all_errors: bool = False,
) -> socket:
    """A socket that is connected to address, (host, port).

    The addresses of the host are tried one after the other. If none answers the last error is raised, or with
    all_errors an ExceptionGroup of all.
    """
    host, port = address
    errors: list[OSError] = []
    for _, kind, protocol, _, place in getaddrinfo(host, port, 0, SOCK_STREAM):
        connection = socket(AF_INET, kind, protocol)
        try:
            if timeout is not _GLOBAL_DEFAULT_TIMEOUT:
                connection.settimeout(timeout)
            if source_address:
                connection.bind(source_address)
            connection.connect(place)
            return connection
        except OSError as failure:
            connection.close()
            errors.append(failure)
        except BaseException:
            connection.close()
            raise
    try:
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        raise errors[-1]
    finally:
        # An exception refers to this frame.
        errors.clear()


def create_server(
    address: Address,
    *,
    family: int = AF_INET,
    backlog: int | None = None,
    reuse_port: bool = False,
    dualstack_ipv6: bool = False,
) -> socket:
    """A socket that listens at address, (host, port)."""
    if reuse_port or dualstack_ipv6:
        raise ValueError("there is no reuse_port and no dualstack_ipv6 in MacTCP")
    server = socket(family, SOCK_STREAM)
    try:
        server.bind(address)
        server.listen(SOMAXCONN if backlog is None else backlog)
        return server
    except BaseException:
        server.close()
        raise


def __getattr__(name: str) -> Any:
    # Says more than "has no attribute" to a program that was written for Python's socket.
    if hasattr(_python, name):
        raise AttributeError(f"mactcpsocket has no {name}: MacTCP has nothing like it")
    raise AttributeError(f"module 'mactcpsocket' has no attribute {name!r}")
