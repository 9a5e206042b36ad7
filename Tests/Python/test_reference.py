"""Every name of the modules is there, with its parameters, its type and its value."""

from __future__ import annotations

import inspect
import socket
import sys

import MACTCP
import MACTCPconst
import macdnr
import mactcp
import pytest
from support import DEADLINE, LOOPBACK, opened

CONSTANTS = dict(
    UDPDataArrival=1, UDPICMPReceived=2,
    TCPClosing=1, TCPULPTimeout=2, TCPTerminate=3, TCPDataArrival=4, TCPUrgent=5, TCPICMPReceived=6,
    PassiveOpenDone=32766,
    RemoteAbort=2, NetworkFailure=3, SecPrecMismatch=4, ULPTimeoutTerminate=5, ULPAbort=6, ULPClose=7,
    ServiceError=8,
    netUnreach=0, hostUnreach=1, protocolUnreach=2, portUnreach=3, fragReqd=4, sourceRouteFailed=5,
    timeExceeded=6, parmProblem=7, missingOption=8,
    noErr=0, inProgress=1, ipBadLapErr=-23000, ipBadCnfgErr=-23001, ipNoCnfgErr=-23002, ipLoadErr=-23003,
    ipBadAddr=-23004, connectionClosing=-23005, invalidLength=-23006, connectionExists=-23007,
    connectionDoesntExist=-23008, insufficientResources=-23009, invalidStreamPtr=-23010,
    streamAlreadyOpen=-23011, connectionTerminated=-23012, invalidBufPtr=-23013, invalidRDS=-23014,
    invalidWDS=-23014, openFailed=-23015, commandTimeout=-23016, duplicateSocket=-23017,
    ipDontFragErr=-23032, ipDestDeadErr=-23033, icmpEchoTimeoutErr=-23035, ipNoFragMemErr=-23036,
    ipRouteErr=-23037,
    nameSyntaxErr=-23041, cacheFault=-23042, noResultProc=-23043, noNameServer=-23044, authNameErr=-23045,
    noAnsErr=-23046, dnrErr=-23047, outOfMemory=-23048,
)  # fmt: skip

STATUS = (
    "remoteHost remotePort localHost localPort tosFlags precedence connectionState sendWindow rcvWindow "
    "amtUnackedData amtUnreadData sendUnacked sendNext congestionWindow rcvNext srtt lastRTT sendMaxSegSize "
    "ulpTimeoutValue ulpTimeoutAction"
).split()

SIGNATURES = [
    (mactcp.MTU, "()"),
    (mactcp.IPAddr, "()"),
    (mactcp.NetMask, "()"),
    (mactcp.TCPCreate, "(size)"),
    (mactcp.UDPCreate, "(size, port)"),
    (mactcp.GlobalInfo, "()"),
    (mactcp.TCPStream.PassiveOpen, "(self, port)"),
    (mactcp.TCPStream.wait, "(self, timeout=None)"),
    (mactcp.TCPStream.isdone, "(self)"),
    (mactcp.TCPStream.GetSockName, "(self)"),
    (mactcp.TCPStream.ActiveOpen, "(self, lport, host, rport, timeout=None)"),
    (mactcp.TCPStream.Send, "(self, buf, push=0, urgent=0, timeout=None)"),
    (mactcp.TCPStream.Rcv, "(self, timeout)"),
    (mactcp.TCPStream.Close, "(self)"),
    (mactcp.TCPStream.Abort, "(self)"),
    (mactcp.TCPStream.Status, "(self)"),
    (mactcp.UDPStream.Read, "(self, timeout)"),
    (mactcp.UDPStream.Write, "(self, host, port, buf)"),
    (macdnr.Open, "(hosts_file=None)"),
    (macdnr.Close, "()"),
    (macdnr.StrToAddr, "(name)"),
    (macdnr.AddrToName, "(addr)"),
    (macdnr.AddrToStr, "(addr)"),
    (macdnr.HInfo, "(name)"),
    (macdnr.MXInfo, "(domain)"),
    (macdnr.AddressResult.wait, "(self)"),
    (macdnr.AddressResult.isdone, "(self)"),
    (macdnr.HInfoResult.wait, "(self)"),
    (macdnr.MXResult.isdone, "(self)"),
]


@pytest.mark.parametrize("module", [MACTCPconst, MACTCP])
def test_constants(module: object) -> None:
    assert {name: getattr(module, name) for name in CONSTANTS} == CONSTANTS


def test_no_constant_is_invented() -> None:
    """abortErr is Mac OS's own; nothing else is added to the reference."""
    names = {name for name in vars(MACTCPconst) if not name.startswith("_")}
    assert names - {"abortErr"} == set(CONSTANTS)
    assert {name for name in vars(MACTCP) if not name.startswith("_")} == names


@pytest.mark.parametrize(("function", "signature"), SIGNATURES, ids=lambda value: getattr(value, "__qualname__", ""))
def test_parameters(function: object, signature: str) -> None:
    assert callable(function)
    given = inspect.signature(function)
    assert str(given).replace("/, ", "").replace(", /", "") == signature
    assert function.__doc__, "it is documented"


@pytest.mark.parametrize("module", [mactcp, macdnr])
def test_what_a_module_exports_is_documented_and_says_its_module(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    for name in names:
        thing = getattr(module, name)
        assert thing.__doc__, name
        assert thing.__module__ == module.__name__, name  # type: ignore[attr-defined]
    assert set(names) == {name for name in dir(module) if not name.startswith("_")}


def test_arguments_by_name() -> None:
    stream = mactcp.TCPCreate(size=4096)
    stream.PassiveOpen(port=0)
    with socket.create_connection(("127.0.0.1", stream.GetSockName()[1])) as peer:
        stream.wait(timeout=DEADLINE)
        stream.Send(buf=b"abc", push=1, urgent=0, timeout=1)
        assert peer.recv(3) == b"abc"
        peer.send(b"def")
        assert stream.Rcv(timeout=DEADLINE) == (b"def", 0, 0)
    client, udp = mactcp.TCPCreate(size=4096), mactcp.UDPCreate(size=2048, port=0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        client.ActiveOpen(lport=0, host=LOOPBACK, rport=server.getsockname()[1], timeout=DEADLINE)
    udp.Write(host=LOOPBACK, port=udp.port, buf=b"to myself")
    assert udp.Read(timeout=DEADLINE) == b"to myself"
    assert macdnr.AddrToStr(addr=LOOPBACK) == "127.0.0.1"
    assert macdnr.StrToAddr(name="127.0.0.1").ip0 == LOOPBACK


def test_the_interface() -> None:
    for value in (mactcp.MTU(), mactcp.IPAddr(), mactcp.NetMask()):
        assert type(value) is int and 0 < value < 1 << 32
    # A mask is ones, then zeros.
    rest = ~mactcp.NetMask() & 0xFFFFFFFF
    assert rest & (rest + 1) == 0


def test_global_info() -> None:
    before = mactcp.GlobalInfo()
    stream, peer = opened("client")
    with peer:
        stream.Send(b"12345")
        after = mactcp.GlobalInfo()
    assert type(after.tcpRtoA) is str
    assert all(type(value) is int and value >= 0 for value in after[1:])
    assert after._fields == before._fields and after._asdict()["tcpMaxConn"] == after.tcpMaxConn
    assert after.tcpConnAttempts == before.tcpConnAttempts + 1
    assert after.tcpConnOpened == before.tcpConnOpened + 1
    assert after.tcpOctetsOut >= before.tcpOctetsOut + 5


def test_status(role: str) -> None:
    stream, peer = opened(role)
    with peer:
        status = stream.Status()
        assert list(status._fields) == STATUS == list(status._asdict())
        assert all(type(value) is int for value in status)
        assert (status.localHost, status.localPort) == stream.GetSockName()
        assert (status.localPort, status.remotePort) == (peer.getpeername()[1], peer.getsockname()[1])
        assert status.remoteHost == LOOPBACK and status.connectionState == 8
        assert status.sendMaxSegSize > 0 and status.ulpTimeoutAction in (0, 1)
        with pytest.raises(AttributeError):
            status.srtt = 1  # type: ignore[misc]
        peer.send(b"unread")
        while stream.Status().amtUnreadData != 6:
            pass
    assert mactcp.TCPCreate(4096).Status().connectionState == 0


def test_representations() -> None:
    stream = mactcp.TCPCreate(4096)
    assert repr(stream) == "<mactcp.TCPStream Closed>"
    stream.PassiveOpen(0)
    port = stream.GetSockName()[1]
    assert repr(stream).endswith(f":{port} Listen>")
    with socket.create_connection(("127.0.0.1", port)) as peer:
        stream.wait(DEADLINE)
        assert repr(stream) == f"<mactcp.TCPStream 127.0.0.1:{port} to 127.0.0.1:{peer.getsockname()[1]} Established>"
    with stream:
        pass
    assert repr(stream) == "<mactcp.TCPStream released>"
    with mactcp.UDPCreate(2048, 0) as udp:
        assert repr(udp) == f"<mactcp.UDPStream port {udp.port}>"
    assert repr(udp) == "<mactcp.UDPStream released>"


def test_types_cannot_be_made_or_changed() -> None:
    for kind in (mactcp.TCPStream, mactcp.UDPStream, macdnr.AddressResult, macdnr.HInfoResult, macdnr.MXResult):
        with pytest.raises(TypeError):
            kind()
        with pytest.raises(TypeError):
            kind.extra = 1  # type: ignore[attr-defined]
        with pytest.raises(TypeError):
            type("Sub", (kind,), {})
    with pytest.raises(AttributeError):
        mactcp.UDPCreate(2048, 0).port = 1  # type: ignore[misc]


@pytest.mark.parametrize("error", [mactcp.error, macdnr.error])
def test_errors(error: type[Exception]) -> None:
    made = error(MACTCPconst.openFailed, "what happened")
    assert made.args == (-23015, "what happened")
    assert (made.code, made.message, made.name, made.cause) == (-23015, "what happened", "openFailed", "other")  # type: ignore[attr-defined]
    assert str(made) == "what happened (openFailed, -23015)"
    assert issubclass(error, Exception) and not issubclass(error, OSError)
    # Whatever a program makes of it: nothing traps.
    for arguments in [(), (1,), ("x",), (None, None), (10**30, "x"), (-10**30, 1), (-23015, "\ud800"), (1, 2, 3)]:
        odd = error(*arguments)
        assert odd.args == arguments
        str(odd), repr(odd), odd.code, odd.message, odd.name, odd.cause  # type: ignore[attr-defined]


def test_error_cannot_be_confused_with_the_other() -> None:
    assert mactcp.error is not macdnr.error


def test_no_references_are_lost() -> None:
    """None and types are counted too."""
    stream = mactcp.TCPCreate(4096)

    def use() -> None:
        for _ in range(1000):
            stream.asr = None
            stream.asr
            stream.Status()
            repr(stream)
            stream.isdone()
            macdnr.AddrToStr(1)
            macdnr.StrToAddr("1.2.3.4").ip3
            mactcp.TCPCreate(4096)
            for call in (stream.Rcv, stream.Send, mactcp.TCPCreate):
                with pytest.raises(TypeError):
                    call("no number")  # type: ignore[operator]

    def counts() -> list[int]:
        # From 3.12 on None is not counted.
        none = [] if sys.version_info >= (3, 12) else [None]
        things = [*none, mactcp.TCPStream, mactcp.TCPStatus, macdnr.AddressResult, mactcp.error, stream, use]
        return [sys.getrefcount(thing) for thing in things]

    use()
    before = counts()
    use()
    assert [after for after, start in zip(counts(), before) if abs(after - start) > 100] == []
