"""Echo (RFC 862): TCP in asr routines, UDP in the main thread. Usage: server.py [port]"""

import sys

import mactcp
from MACTCPconst import PassiveOpenDone, TCPClosing, TCPDataArrival, TCPTerminate


class Conversation:
    """A stream that serves one client, and then the next one."""

    def __init__(self, port):
        self.stream = mactcp.TCPCreate(8192)
        self.stream.asr = self.notice
        self.stream.PassiveOpen(port)
        self.port = self.stream.GetSockName()[1]

    def notice(self, event, detail):
        if event == PassiveOpenDone:
            host, port = self.stream.Status()[:2]
            print("a client has connected from port", port, flush=True)
        elif event == TCPDataArrival:
            data, urgent, mark = self.stream.Rcv(1)
            self.stream.Send(data, push=1, urgent=urgent)
        elif event == TCPClosing:
            self.stream.Close()
        elif event == TCPTerminate:
            print("a connection has ended, reason", detail, flush=True)
            self.stream.PassiveOpen(self.port)


first = Conversation(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
# Four clients at once. The asr runs while the main thread is blocked below.
others = [Conversation(first.port) for _ in range(3)]
datagrams = mactcp.UDPCreate(65536, first.port)
print("echo at port", datagrams.port, flush=True)
try:
    while True:
        data, host, port = datagrams.ReadFrom(-1)
        datagrams.Write(host, port, data)
except KeyboardInterrupt:
    print("good bye")
