"""Names and addresses, looked up by macdnr."""

from __future__ import annotations

import socket as _python
from socket import AddressFamily, SocketKind
from typing import Any

import macdnr

from ._errors import gai_error

_Name = str | bytes | bytearray | None
_AddressInfo = tuple[AddressFamily, SocketKind, int, str, tuple[str, int]]

# The kinds of sockets, each with its protocol, in the order of Python's own getaddrinfo.
_KINDS = (
    (_python.SOCK_STREAM, _python.IPPROTO_TCP),
    (_python.SOCK_DGRAM, _python.IPPROTO_UDP),
)


def _text(name: str | bytes | bytearray) -> str:
    if isinstance(name, str):
        try:
            return name.encode("ascii").decode()
        except UnicodeEncodeError:
            return name.encode("idna").decode()
    return bytes(name).decode("ascii")


def _dotted(name: str) -> int | None:
    """The address that a dotted-decimal string is, if it is one."""
    try:
        return int.from_bytes(_python.inet_pton(_python.AF_INET, name), "big")
    except OSError:
        return None


def addresses(name: str | bytes | bytearray) -> tuple[str, list[int]]:
    """A host's real name and its addresses, at most four; raises gaierror."""
    host = _text(name)
    if (address := _dotted(host)) is not None:
        return host, [address]
    try:
        result = macdnr.StrToAddr(host)
        # 0 stands for no address, but not as the first one: servers that block a name answer with 0.0.0.0.
        others = (result.ip1, result.ip2, result.ip3)
        return result.cname, [result.ip0, *filter(None, others)]
    except macdnr.error as failure:
        raise gai_error(failure) from failure


def address(name: str | bytes | bytearray) -> int:
    """A host's first address; that of '' is 0.0.0.0, as in Python's socket."""
    if not name:
        return 0
    if name == "<broadcast>":
        return 0xFFFFFFFF
    return addresses(name)[1][0]


def dotted(address: int) -> str:
    """An address in dotted-decimal notation."""
    return macdnr.AddrToStr(address)


def gethostbyname(hostname: str | bytes | bytearray) -> str:
    """The address of a host as a dotted-decimal string."""
    return dotted(address(hostname))


def gethostbyname_ex(hostname: str | bytes | bytearray) -> tuple[str, list[str], list[str]]:
    """(real name, [], addresses) of a host."""
    name, found = addresses(hostname)
    return name, [], [dotted(address) for address in found]


def gethostbyaddr(ip_address: str | bytes | bytearray) -> tuple[str, list[str], list[str]]:
    """(name, [], addresses) of the host at an address."""
    host = address(ip_address)
    try:
        return macdnr.AddrToName(host).cname, [], [dotted(host)]
    except macdnr.error as failure:
        raise _python.herror(1, str(failure)) from failure


def getfqdn(name: str = "") -> str:
    """The full name of a host, by default this one; the name as it is where none is known."""
    name = name.strip()
    if name in ("", "0.0.0.0", "::"):
        name = _python.gethostname()
    try:
        full = gethostbyaddr(name)[0]
    except OSError:
        return name
    return full if "." in full else name


def _port(service: str | bytes | int | None, kind: int) -> int:
    if service is None:
        return 0
    if isinstance(service, int):
        return service
    name = service if isinstance(service, str) else service.decode("ascii")
    if name.isdecimal():
        return int(name)
    try:
        return _python.getservbyname(name, "udp" if kind == _python.SOCK_DGRAM else "tcp")
    except OSError as error:
        raise _python.gaierror(_python.EAI_SERVICE, f"no service is known by the name {name!r}") from error


def getaddrinfo(
    host: _Name, port: str | bytes | int | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[_AddressInfo]:
    """What to connect or bind to, in the form of Python's getaddrinfo; IPv4 only."""
    if family not in (_python.AF_UNSPEC, _python.AF_INET):
        raise _python.gaierror(_python.EAI_FAMILY, "MacTCP has IPv4 addresses only")
    kinds = [
        (kind, protocol) for kind, protocol in _KINDS if type in (0, kind) and proto in (0, protocol)
    ]
    if not kinds:
        raise _python.gaierror(_python.EAI_SOCKTYPE, "MacTCP has streams of TCP and of UDP only")
    if host is None or not host:
        if host is None and port is None:
            raise _python.gaierror(_python.EAI_NONAME, "neither a host nor a service is given")
        name, found = "", [0 if flags & _python.AI_PASSIVE else 0x7F000001]
    elif flags & _python.AI_NUMERICHOST and _dotted(_text(host)) is None:
        raise _python.gaierror(_python.EAI_NONAME, f"{_text(host)} is not an address")
    else:
        name, found = addresses(host)
    canonical = name if flags & _python.AI_CANONNAME else ""
    return [
        (_python.AF_INET, kind, protocol, canonical, (dotted(address), _port(port, kind)))
        for address in found
        for kind, protocol in kinds
    ]


def getnameinfo(sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
    """(host, service) of an address; numbers where no name is known, or flags asks for them."""
    host, port = sockaddr[0], sockaddr[1]
    name, service = dotted(address(host)), str(port)
    if not flags & _python.NI_NUMERICHOST:
        try:
            name = gethostbyaddr(host)[0]
        except OSError as error:
            if flags & _python.NI_NAMEREQD:
                raise _python.gaierror(_python.EAI_NONAME, f"no name of {host} is known") from error
    if not flags & _python.NI_NUMERICSERV:
        try:
            service = _python.getservbyport(port, "udp" if flags & _python.NI_DGRAM else "tcp")
        except OSError:
            pass
    return name, service
