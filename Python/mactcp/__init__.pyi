from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, SupportsFloat, SupportsIndex, TypeAlias, final

from typing_extensions import Buffer, Self

__all__ = [
    "GlobalInfo",
    "IPAddr",
    "MTU",
    "NetMask",
    "TCPCreate",
    "TCPGlobalInfo",
    "TCPStatus",
    "TCPStream",
    "UDPCreate",
    "UDPStream",
    "error",
]

# Seconds; 0 and None are for ever.
_Timeout: TypeAlias = SupportsFloat | SupportsIndex | None

class error(Exception):
    def __init__(self, code: int, message: str, /) -> None: ...
    @property
    def code(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def cause(self) -> str: ...

def MTU() -> int: ...
def IPAddr() -> int: ...
def NetMask() -> int: ...
def TCPCreate(size: SupportsIndex) -> TCPStream: ...
def UDPCreate(size: SupportsIndex, port: SupportsIndex) -> UDPStream: ...
def GlobalInfo() -> TCPGlobalInfo: ...
@final
class TCPStream:
    asr: Callable[[int, int], object] | None
    def PassiveOpen(self, port: SupportsIndex) -> None: ...
    def wait(self, timeout: _Timeout = None) -> None: ...
    def isdone(self) -> int: ...
    def GetSockName(self) -> tuple[int, int]: ...
    def ActiveOpen(
        self,
        lport: SupportsIndex,
        host: SupportsIndex,
        rport: SupportsIndex,
        timeout: _Timeout = None,
    ) -> None: ...
    def Send(
        self,
        buf: Buffer,
        push: SupportsIndex = 0,
        urgent: SupportsIndex = 0,
        timeout: _Timeout = None,
    ) -> None: ...
    def Rcv(self, timeout: _Timeout) -> tuple[bytes, int, int]: ...
    def Status(self) -> TCPStatus: ...
    def Close(self) -> None: ...
    def Abort(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        type: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class UDPStream:
    asr: Callable[[int], object] | None
    @property
    def port(self) -> int: ...
    def Read(self, timeout: _Timeout) -> bytes: ...
    def ReadFrom(self, timeout: _Timeout) -> tuple[bytes, int, int]: ...
    def Write(self, host: SupportsIndex, port: SupportsIndex, buf: Buffer) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        type: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

class TCPStatus(NamedTuple):
    remoteHost: int
    remotePort: int
    localHost: int
    localPort: int
    tosFlags: int
    precedence: int
    connectionState: int
    sendWindow: int
    rcvWindow: int
    amtUnackedData: int
    amtUnreadData: int
    sendUnacked: int
    sendNext: int
    congestionWindow: int
    rcvNext: int
    srtt: int
    lastRTT: int
    sendMaxSegSize: int
    ulpTimeoutValue: int
    ulpTimeoutAction: int

class TCPGlobalInfo(NamedTuple):
    tcpRtoA: str
    tcpRtoMin: int
    tcpRtoMax: int
    tcpMaxSegSize: int
    tcpMaxConn: int
    tcpMaxWindow: int
    tcpConnAttempts: int
    tcpConnOpened: int
    tcpConnAccepted: int
    tcpConnClosed: int
    tcpConnAborted: int
    tcpOctetsIn: int
    tcpOctetsOut: int
    tcpOctetsInDup: int
    tcpOctetsRetrans: int
    tcpInputPkts: int
    tcpOutputPkts: int
    tcpDupPkts: int
    tcpRetransPkts: int
