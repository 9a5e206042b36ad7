r"""TCP and UDP in the model of Apple's MacTCP driver.

A program creates a stream, issues commands on it, and is told of events:

    import mactcp

    stream = mactcp.TCPCreate(8192)
    stream.ActiveOpen(0, 0x7F000001, 7000)      # from any port to port 7000 of 127.0.0.1
    stream.Send(b"hello\n")
    data, urgent, mark = stream.Rcv(5)          # for at most 5 seconds
    stream.Close()

Addresses are ints of 32 bits, 0x7F000001 for 127.0.0.1; the negative ints of old programs are taken
as the same bits. Ports are 0 to 65535. Time-outs are seconds, 0 and None are for ever. Whatever the
driver cannot do raises error with one of the result codes of MACTCPconst.

Calls that block let other threads run. In the main thread Ctrl-C ends them, and leaves the stream as
it is: no data is lost. Streams may be used from several threads; calls of one kind on one stream are
served in the order in which they came.

A stream's asr, a callable, is told of its events on the main thread.

A process that was forked after the first call of a function of this module cannot use it: every call
raises error. Subinterpreters cannot import it.

macdnr resolves names; MACTCPconst has the constants.
"""

from ._mactcp import (
    GlobalInfo,
    IPAddr,
    MTU,
    NetMask,
    TCPCreate,
    TCPGlobalInfo,
    TCPStatus,
    TCPStream,
    UDPCreate,
    UDPStream,
    error,
)

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
