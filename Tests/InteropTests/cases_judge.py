"""The judge of the captures finds what it has to find."""
import os
import socket
import struct

import host as hosts
from host import LIMIT, Host
from judge import AGAIN, FILE_HEADER, Verdict, clean

RECORD = 16  # bytes before a packet in a capture


def judge_finds_faults():
    """A byte changed, a packet cut short and a segment repeated are found in a capture that is clean without them."""
    with Host(capture=True) as host:
        host.listen(7, "echo")
        with socket.create_connection((host.far, 7), LIMIT) as peer:
            peer.sendall(bytes(1000))
            assert peer.recv(1000, socket.MSG_WAITALL) == bytes(1000)
    note = clean(host)
    with open(host.path, "rb") as file:
        capture = file.read()
    packets = list(split(capture[FILE_HEADER:]))
    largest = max(packets, key=len)
    from_engine = next(packet for packet in packets if len(packet) == len(largest) and
                       socket.inet_ntoa(packet[RECORD + 12:RECORD + 16]) == host.far)
    changed = from_engine[:-1] + bytes([from_engine[-1] ^ 1])
    assert any("bad checksum" in fault for fault in judge(capture + changed, host).faults)
    # The IP header says more than there is.
    short = from_engine[:8] + struct.pack("<II", 30, 30) + from_engine[RECORD:RECORD + 30]
    assert any("length" in message for _, message in judge(capture + short, host).messages)
    again = judge(capture + from_engine, host).messages
    assert any(source == host.far and message.endswith(AGAIN) for source, message in again), again
    return note


def split(records):
    while records:
        length, = struct.unpack_from("<I", records, 8)
        yield records[:RECORD + length]
        records = records[RECORD + length:]


def judge(capture, host):
    path = os.path.join(hosts.FOLDER, "changed.pcap")
    with open(path, "wb") as file:
        file.write(capture)
    return Verdict(path, host.far)


CASES = [judge_finds_faults]
