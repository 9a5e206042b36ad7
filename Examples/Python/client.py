"""Sends words to an echo server. Usage: client.py host port word..."""

import sys
import time

import macdnr
import mactcp
from MACTCPconst import TCPTerminate, TCPUrgent, connectionClosing

ended = False


def notice(event, detail):
    global ended
    if event == TCPUrgent:
        print("urgent data is on its way")
    elif event == TCPTerminate:
        print("the connection has ended, reason", detail)
        ended = True


def show(data, urgent, mark):
    print(data.decode() + (" (urgent)" if urgent else ""))


server = macdnr.StrToAddr(sys.argv[1])
stream = mactcp.TCPCreate(8192)
stream.asr = notice
stream.ActiveOpen(0, server.ip0, int(sys.argv[2]))
print("connected to", macdnr.AddrToStr(server.ip0))
for word in sys.argv[3:]:
    stream.Send(word.encode(), push=1, urgent=word.endswith("!"))
    show(*stream.Rcv(5))
stream.Close()
try:
    while True:
        show(*stream.Rcv(5))
except mactcp.error as error:
    if error.code != connectionClosing:
        raise
while not ended:
    time.sleep(0.01)
