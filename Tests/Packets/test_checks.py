"""The checks of checks.py can fail: each kind of wrong packet is found."""

import struct

import pytest

from checks import Checker, checksum, difference
from stack import ICMP, IP, LOCAL, Raw, REMOTE, TCP, UDP


@pytest.fixture
def checker():
    return Checker([LOCAL], 1500)


def packet(flags="A", data=b"", seq=1001, ack=501, options=(), ip=None, **tcp):
    return IP(src=LOCAL, dst=REMOTE, **(ip or {})) / TCP(
        sport=80, dport=4000, seq=seq, ack=ack if "A" in flags else 0, flags=flags, options=list(options), **tcp) / Raw(data)


def opened(checker, window=1000, engine_options=(), peer_options=()):
    """A checker that has seen a handshake: the peer's first byte is 501, the engine's 1001."""
    checker.received(bytes(IP(src=REMOTE, dst=LOCAL) / TCP(sport=4000, dport=80, seq=500, flags="S", options=list(peer_options))))
    checker.sent(bytes(packet("SA", seq=1000, options=engine_options, window=1000)), 0)
    hears(checker, window=window)


def hears(checker, data=b"", seq=501, ack=1001, **tcp):
    checker.received(bytes(IP(src=REMOTE, dst=LOCAL) / TCP(
        sport=4000, dport=80, seq=seq, ack=ack, flags="A", **tcp) / Raw(data)))


def refused(checker, what, reason):
    with pytest.raises(AssertionError, match=reason):
        checker.sent(bytes(what), 0)


def test_right_packets_pass(checker):
    opened(checker)
    checker.sent(bytes(packet("PA", b"hello", window=1000)), 0)
    hears(checker, b"abc", ack=1006)
    checker.sent(bytes(packet("A", seq=1006, ack=504, window=997)), 0)
    checker.sent(bytes(packet("FA", seq=1006, ack=504, window=997)), 0)


@pytest.mark.parametrize("ip, reason", [
    ({"chksum": 1}, "header checksum"), ({"len": 41}, "total length"), ({"ttl": 0}, "time to live"),
    ({"src": REMOTE}, "not ours"), ({"flags": "evil"}, "reserved flag"), ({"tos": 3}, "sets CE"),
    ({"dst": "0.0.0.0"}, "to 0.0.0.0"), ({"proto": 99}, "protocol 99"), ({"flags": "DF", "frag": 3}, "must not be"),
    ({"tos": 2}, "ECT")], ids=str)
def test_wrong_ip_headers(checker, ip, reason):
    built = packet()
    for name, value in ip.items():
        setattr(built[IP], name, value)
    refused(checker, built, reason)


def test_packet_above_the_mtu(checker):
    refused(checker, packet(data=bytes(1461)), "MTU")


@pytest.mark.parametrize("built, reason", [
    (packet(chksum=1), "MUST-2"), (packet(reserved=1), "reserved bits"), (packet("SF"), "two of"), (packet("SR"), "two of"),
    (packet("FRA"), "two of"), (packet("P", b"x"), "nobody would take"), (packet("RA", b"x"), "RST with data"),
    (packet("PA"), "PSH without"), (packet("UA", b"x", urgptr=0), "pointer of 0"), (packet("A", b"x", urgptr=1), "without URG"),
    (packet(options=[("MSS", 1460)]), "MUST-65"), (packet(options=[("SAckOK", b"")]), "MUST-65"),
    (packet("S", options=[("WScale", 15)]), "above 14"), (packet("S", options=[(77, b"")]), "the option 77"),
    (packet("S", options=[("MSS", 9), ("MSS", 9)]), "twice"), (packet("S", options=[("SAck", (1, 2))]), "SACK without"),
    (packet("S", options=[("Timestamp", (1, 2))]), "TSecr"), (packet("SA"), "without a SYN"),
    (packet("S", options=[(3, b"\x01\x02")]), "length of option 3"), (packet("RU", urgptr=1), "other flags"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_segments(checker, built, reason):
    refused(checker, built, reason)


def test_acknowledgment_number_without_ack(checker):
    refused(checker, IP(src=LOCAL, dst=REMOTE) / TCP(sport=80, dport=4000, flags="S", ack=7), "without ACK")


def test_padding_must_be_zero(checker):
    raw = bytearray(bytes(packet("S", options=[("MSS", 1460), ("EOL", None), ("EOL", None), ("EOL", None), ("EOL", None)])))
    raw[46] = 9
    raw[36:38] = b"\0\0"
    segment = bytes(raw[20:])
    raw[36:38] = struct.pack("!H", checksum(bytes(raw[12:20]) + struct.pack("!BBH", 0, 6, len(segment)) + segment))
    refused(checker, raw, "MUST-69")


def test_options_that_were_not_agreed_on(checker):
    opened(checker)
    refused(checker, packet(options=[("Timestamp", (1, 1))], window=1000), "RFC 7323")
    refused(checker, packet(options=[("SAck", (502, 503))], window=1000), "RFC 2018")


def test_options_that_were_not_offered(checker):
    checker.received(bytes(IP(src=REMOTE, dst=LOCAL) / TCP(sport=4000, dport=80, seq=500, flags="S")))
    refused(checker, packet("SA", options=[("WScale", 3)]), "RFC 7323 §2.2")


def test_missing_timestamps(checker):
    stamps = [("Timestamp", (5, 0))]
    opened(checker, engine_options=[("Timestamp", (5, 5))], peer_options=stamps)
    refused(checker, packet(window=1000), "RFC 7323 §3.2")
    checker.sent(bytes(packet(options=[("Timestamp", (6, 5))], window=1000)), 0)
    refused(checker, packet(options=[("Timestamp", (4, 5))], window=1000), "TSval went back")


def test_data_beyond_the_window(checker):
    opened(checker, window=10)
    checker.sent(bytes(packet("A", bytes(10), window=1000)), 0)
    refused(checker, packet("A", bytes(2), seq=1011, window=1000), "beyond the window")


def test_data_above_the_mss(checker):
    opened(checker, window=1000)
    refused(checker, packet("A", bytes(537), window=1000), "MUST-16")


def test_other_data_in_a_retransmission(checker):
    opened(checker)
    checker.sent(bytes(packet("A", b"hello", window=1000)), 0)
    refused(checker, packet("A", b"hallo", window=1000), "when sent before")


def test_acknowledgment_of_what_was_not_sent(checker):
    opened(checker)
    refused(checker, packet(ack=502, window=1000), "has not sent")


def test_acknowledgment_that_goes_back(checker):
    opened(checker)
    hears(checker, b"abc")
    checker.sent(bytes(packet(ack=504, window=997)), 0)
    refused(checker, packet(ack=503, window=998), "went back")


def test_window_that_shrinks(checker):
    opened(checker)
    refused(checker, packet(window=999), "SHLD-14")


@pytest.mark.parametrize("edges, reason", [((510, 510), "empty"), ((490, 495, 490, 495), "acknowledged"),
                                           ((505, 99999), "not sent"), ((480, 490, 505, 507, 507, 508), "touch")])
def test_wrong_sack(checker, edges, reason):
    opened(checker, engine_options=[("SAckOK", b"")], peer_options=[("SAckOK", b"")])
    hears(checker, bytes(50), seq=505)
    hears(checker, bytes(40), seq=470)
    refused(checker, packet(options=[("SAck", edges)], window=1000), reason)


def test_wrong_udp(checker):
    base = IP(src=LOCAL, dst=REMOTE)
    refused(checker, base / UDP(sport=1, dport=2, chksum=1) / Raw(b"x"), "wrong checksum")
    refused(checker, base / UDP(sport=1, dport=2, chksum=0) / Raw(b"x"), "no checksum")
    refused(checker, base / UDP(sport=1, dport=2, len=7) / Raw(b"x"), "length 7")
    refused(checker, base / UDP(sport=1, dport=0) / Raw(b"x"), "port 0")


def test_wrong_icmp(checker):
    base = IP(src=LOCAL, dst=REMOTE)
    quoted = bytes(IP(src=REMOTE, dst=LOCAL) / UDP(sport=1, dport=2))
    refused(checker, base / ICMP(type=0, chksum=1), "wrong checksum")
    refused(checker, base / ICMP(type=5) / Raw(quoted), "ICMP type 5")
    refused(checker, base / ICMP(type=3, code=3) / Raw(quoted[:27]), "less quoted")
    refused(checker, base / ICMP(type=3, code=3) / Raw(quoted + bytes(600)), "576")
    about = bytes(IP(src=REMOTE, dst=LOCAL) / ICMP(type=3) / Raw(quoted))
    refused(checker, base / ICMP(type=3, code=3) / Raw(about), "about an ICMP error")
    refused(checker, base / ICMP(type=3, code=3) / Raw(bytes(IP(src=REMOTE, dst="224.0.0.1") / UDP())), "multicast")
    refused(checker, base / ICMP(type=11, code=1) / Raw(bytes(IP(src=REMOTE, dst=LOCAL, frag=5) / UDP())), "fragment")


def test_wrong_fragments(checker):
    parts = (IP(src=LOCAL, dst=REMOTE, id=5) / UDP(sport=1, dport=2) / Raw(bytes(2000))).fragment(1000)
    checker.sent(bytes(parts[0]), 0)
    refused(checker, parts[0], "RFC 6864")
    refused(checker, IP(src=LOCAL, dst=REMOTE, id=6, flags="MF", proto=17) / Raw(bytes(9)), "multiple of 8")


def test_numbers_of_sequences():
    assert [difference(3, 5), difference(1, (1 << 32) - 1), difference((1 << 32) - 1, 1)] == [-2, 2, -2]
    assert checksum(b"\x00\x01\xf2\x03\xf4\xf5\xf6\xf7") == 0x220D  # RFC 1071 §3: ~ddf2
