"""A program that uses every name of the modules: mypy --strict checks it against the stubs, and it runs.

It talks to itself over 127.0.0.1 and asks no name server.
"""

from __future__ import annotations

import MACTCP
import macdnr
import mactcp
import MACTCPconst
import mactcpsocket

LOOPBACK: int = 0x7F000001


def figures() -> None:
    numbers: tuple[int, int, int] = (mactcp.MTU(), mactcp.IPAddr(), mactcp.NetMask())
    assert all(numbers)
    info: mactcp.TCPGlobalInfo = mactcp.GlobalInfo()
    name: str = info.tcpRtoA
    counts: list[int] = [
        info.tcpRtoMin, info.tcpRtoMax, info.tcpMaxSegSize, info.tcpMaxConn, info.tcpMaxWindow,
        info.tcpConnAttempts, info.tcpConnOpened, info.tcpConnAccepted, info.tcpConnClosed,
        info.tcpConnAborted, info.tcpOctetsIn, info.tcpOctetsOut, info.tcpOctetsInDup,
        info.tcpOctetsRetrans, info.tcpInputPkts, info.tcpOutputPkts, info.tcpDupPkts, info.tcpRetransPkts,
    ]  # fmt: skip
    assert name and counts


def tcp_events(event: int, detail: int) -> None:
    assert event in (
        MACTCPconst.TCPClosing, MACTCPconst.TCPULPTimeout, MACTCPconst.TCPTerminate, MACTCPconst.TCPDataArrival,
        MACTCPconst.TCPUrgent, MACTCPconst.TCPICMPReceived, MACTCPconst.PassiveOpenDone,
    )  # fmt: skip


def udp_events(event: int) -> None:
    assert event in (MACTCPconst.UDPDataArrival, MACTCPconst.UDPICMPReceived)


def tcp() -> None:
    server: mactcp.TCPStream = mactcp.TCPCreate(4096)
    server.asr = tcp_events
    server.PassiveOpen(0)
    host: int
    port: int
    host, port = server.GetSockName()
    with mactcp.TCPCreate(8192) as client:
        client.ActiveOpen(0, LOOPBACK, port, 5.0)
        server.wait(5)
        done: int = server.isdone()
        assert done and host
        client.Send(b"hello", 1)
        client.Send(memoryview(b"!"), push=0, urgent=1, timeout=1.5)
        data: bytes
        urgent: int
        mark: int
        data, urgent, mark = server.Rcv(5)
        assert data and urgent in (0, 1) and mark in (0, 1)
        status: mactcp.TCPStatus = client.Status()
        members: list[int] = [
            status.remoteHost, status.remotePort, status.localHost, status.localPort, status.tosFlags,
            status.precedence, status.connectionState, status.sendWindow, status.rcvWindow,
            status.amtUnackedData, status.amtUnreadData, status.sendUnacked, status.sendNext,
            status.congestionWindow, status.rcvNext, status.srtt, status.lastRTT, status.sendMaxSegSize,
            status.ulpTimeoutValue, status.ulpTimeoutAction,
        ]  # fmt: skip
        assert len(members) == len(status._asdict())
        server.Close()
    server.asr = None
    try:
        server.Abort()
    except mactcp.error as error:
        code: int = error.code
        words: tuple[str, str, str] = (error.message, error.name, error.cause)
        assert code == MACTCPconst.connectionDoesntExist and all(words)


def udp() -> None:
    stream: mactcp.UDPStream = mactcp.UDPCreate(2048, 0)
    stream.asr = udp_events
    stream.Write(LOOPBACK, stream.port, bytearray(b"to myself"))
    data: bytes = stream.Read(5)
    assert data == b"to myself"
    stream.Write(LOOPBACK, stream.port, b"")
    sender: tuple[bytes, int, int] = stream.ReadFrom(5)
    assert sender == (b"", LOOPBACK, stream.port)


def names() -> None:
    macdnr.Open()
    address: macdnr.AddressResult = macdnr.StrToAddr("127.0.0.1")
    address.wait()
    numbers: list[int] = [
        address.ip0, address.ip1, address.ip2, address.ip3, address.rtnCode, address.isdone(),
    ]  # fmt: skip
    text: str = address.cname + macdnr.AddrToStr(numbers[0])
    assert text
    local: macdnr.AddressResult = macdnr.AddrToName(LOOPBACK)
    assert local.rtnCode <= 0
    hardware: macdnr.HInfoResult = macdnr.HInfo("a..b")
    mail: macdnr.MXResult = macdnr.MXInfo("a..b")
    try:
        found: list[str] = [hardware.cname, hardware.cpuType, hardware.osType]
        best: tuple[str, str, int] = (mail.cname, mail.exchange, mail.preference)
        print(found, best)
    except macdnr.error as error:
        assert error.args == (error.code, error.message) and error.code == MACTCPconst.nameSyntaxErr
        assert error.name == "nameSyntaxErr" and error.cause
    for result in (hardware, mail):
        assert result.isdone() == 1 and result.rtnCode < 0
        try:
            result.wait()
        except macdnr.error:
            pass
    macdnr.Close()


def constants() -> None:
    for module in (MACTCPconst, MACTCP):
        reasons: list[int] = [
            module.RemoteAbort, module.NetworkFailure, module.SecPrecMismatch, module.ULPTimeoutTerminate,
            module.ULPAbort, module.ULPClose, module.ServiceError,
        ]  # fmt: skip
        reports: list[int] = [
            module.netUnreach, module.hostUnreach, module.protocolUnreach, module.portUnreach, module.fragReqd,
            module.sourceRouteFailed, module.timeExceeded, module.parmProblem, module.missingOption,
        ]  # fmt: skip
        codes: list[int] = [
            module.noErr, module.inProgress, module.abortErr, module.ipBadLapErr, module.ipBadCnfgErr,
            module.ipNoCnfgErr, module.ipLoadErr, module.ipBadAddr, module.connectionClosing,
            module.invalidLength, module.connectionExists, module.connectionDoesntExist,
            module.insufficientResources, module.invalidStreamPtr, module.streamAlreadyOpen,
            module.connectionTerminated, module.invalidBufPtr, module.invalidRDS, module.invalidWDS,
            module.openFailed, module.commandTimeout, module.duplicateSocket, module.ipDontFragErr,
            module.ipDestDeadErr, module.icmpEchoTimeoutErr, module.ipNoFragMemErr, module.ipRouteErr,
            module.nameSyntaxErr, module.cacheFault, module.noResultProc, module.noNameServer,
            module.authNameErr, module.noAnsErr, module.dnrErr, module.outOfMemory,
        ]  # fmt: skip
        events: list[int] = [
            module.UDPDataArrival, module.UDPICMPReceived, module.TCPClosing, module.TCPULPTimeout,
            module.TCPTerminate, module.TCPDataArrival, module.TCPUrgent, module.TCPICMPReceived,
            module.PassiveOpenDone,
        ]  # fmt: skip
        assert reasons and reports and codes and events


def sockets() -> None:
    with mactcpsocket.create_server(("127.0.0.1", 0), backlog=1) as server:
        address: tuple[str, int] = server.getsockname()
        with mactcpsocket.create_connection(address, timeout=5) as near:
            far, peer = server.accept()
            assert peer == near.getsockname()
            with far, far.makefile("rwb") as file:
                near.sendall(b"line\n")
                line: bytes = file.readline()
                assert line == b"line\n" and far.recv_into(bytearray(0)) == 0
            sent: int = near.send(b"x")
            assert sent == 1
    with mactcpsocket.socket(type=mactcpsocket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("", 0))
        datagrams.sendto(b"x", ("127.0.0.1", datagrams.getsockname()[1]))
        data: bytes = datagrams.recvfrom(10)[0]
        assert data == b"x"
    assert mactcpsocket.gethostbyname("127.0.0.1") == "127.0.0.1"


if __name__ == "__main__":
    figures()
    tcp()
    udp()
    names()
    constants()
    sockets()
