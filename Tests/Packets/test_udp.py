"""UDP (RFC 768, RFC 1122 §4.1)."""

from ctypes import byref

import pytest

import engine as c
from stack import ICMP, IP, LOCAL, Raw, REMOTE, UDP


def packet(data=b"hello", port=700, source_port=5000, **udp):
    return IP(src=REMOTE, dst=LOCAL) / UDP(sport=source_port, dport=port, **udp) / Raw(data)


def test_datagram_is_received(stack):
    """RFC 768: data, and who sent it to which port."""
    handle = stack.udp(700)
    stack.inject(packet(b"hello"))
    stack.expect_event("datagram", handle)
    assert stack.udp_receive(handle) == (b"hello", f"{REMOTE}:5000", f"{LOCAL}:700", 5)
    assert stack.udp_receive(handle) is None


def test_datagram_is_sent(stack):
    """RFC 768: from the stream's port, with a checksum."""
    handle = stack.udp(700)
    stack.udp_send(handle, b"hello", 53)
    sent = stack.next_packet().ip[UDP]
    assert (sent.sport, sent.dport, bytes(sent.payload)) == (700, 53, b"hello")


def test_checksum_may_be_missing(stack):
    """RFC 768: a checksum of 0 says that there is none."""
    handle = stack.udp(700)
    stack.inject(packet(chksum=0))
    assert stack.udp_receive(handle)[0] == b"hello"


def test_wrong_checksum_is_dropped(stack):
    """RFC 1122 §4.1.3.4: a wrong one is dropped in silence."""
    handle = stack.udp(700)
    stack.inject(packet(chksum=0x1234))
    assert stack.udp_receive(handle) is None
    assert stack.counter("drop.bad_udp_checksum") == 1


def test_checksum_that_is_zero_is_sent_as_ones(stack):
    """RFC 768: a computed checksum of 0 is sent as all ones. (checks.py refuses 0.)"""
    handle = stack.udp(700)
    # Pseudo-header, ports, and the length twice: what data makes the sum all ones?
    total = sum((0xC000, 0x0201, 0xC000, 0x0202, 17, 10, 700, 53, 10))
    wanted = (-total) % 65535
    stack.udp_send(handle, wanted.to_bytes(2, "big"), 53)
    assert stack.next_packet().ip[UDP].chksum == 0xFFFF
    stack.udp_send(handle, (wanted - 1).to_bytes(2, "big"), 53)
    assert stack.next_packet().ip[UDP].chksum == 1


def test_datagram_without_data(stack):
    """RFC 768: a length of 8 is a datagram."""
    handle = stack.udp(700)
    stack.inject(packet(b""))
    assert stack.udp_receive(handle) == (b"", f"{REMOTE}:5000", f"{LOCAL}:700", 0)
    stack.udp_send(handle, b"", 53)
    assert stack.next_packet().ip[UDP].len == 8


@pytest.mark.parametrize("length", [0, 7, 14, 65535])
def test_impossible_length_is_dropped(stack, length):
    """RFC 768: a length below 8, or above what has come."""
    handle = stack.udp(700)
    stack.inject(packet(b"hello", len=length))
    assert stack.udp_receive(handle) is None
    assert stack.counter("drop.bad_udp_header") == 1
    stack.ignore_rest()


def test_length_below_the_packets_cuts(stack):
    """RFC 768: what is behind the length is no data."""
    handle = stack.udp(700)
    stack.inject(packet(b"hello", len=10, chksum=0))
    received = stack.udp_receive(handle)
    assert received is None or received[0] == b"he"


def test_datagram_of_the_largest_size(stack):
    """RFC 768, RFC 791: 65,507 bytes; one more is refused."""
    handle = stack.udp(700, receive_buffer=200_000)
    other = stack.udp(701)
    stack.udp_send(other, bytes(65507), 700, address=LOCAL)
    assert stack.udp_receive(handle)[3] == 65507
    assert stack.refused("udp_send", other, byref(c.endpoint(REMOTE, 9)), bytes(65508), 65508, None) == "INVALID_LENGTH"


def test_short_buffer_takes_the_beginning(stack):
    """mactcp.h, mactcp_udp_receive: the rest of the datagram is lost, and its length told."""
    handle = stack.udp(700)
    stack.inject(packet(b"hello world"))
    stack.inject(packet(b"next"))
    assert stack.udp_receive(handle, 5)[0::3] == (b"hello", 11)
    assert stack.udp_receive(handle)[0] == b"next"


def test_full_buffer_drops(stack):
    """A stream keeps no more than its buffer; the older ones stay."""
    handle = stack.udp(700, receive_buffer=2048)
    for number in range(200):
        stack.inject(packet(b"%04d" % number + bytes(96)))
    first = stack.udp_receive(handle)
    assert first[0][:4] == b"0000"
    assert stack.counter("drop.datagram_buffer_full") > 100
    while stack.udp_receive(handle):
        pass
    stack.inject(packet(b"room again"))
    assert stack.udp_receive(handle)[0] == b"room again"


def test_ports_of_a_stream(stack):
    """MacTCP's UDPMultiCreate: a range of ports; the destination tells which."""
    handle = stack.udp(700, 702)
    for port in (702, 700, 701):
        stack.inject(packet(port=port))
    assert [stack.udp_receive(handle)[2] for _ in range(3)] == [f"{LOCAL}:{port}" for port in (702, 700, 701)]
    assert stack.refused("udp_create", 701, 0, 0) == "DUPLICATE_SOCKET"
    stack.udp_send(handle, b"x", 9, options=c.DatagramOptions(source_port=701))
    assert stack.next_packet().ip[UDP].sport == 701


def test_port_is_free_after_release(stack):
    """MacTCP's UDPRelease: ports are given back; what comes then is for nobody."""
    handle = stack.udp(700)
    stack.call("udp_release", handle)
    stack.inject(packet())
    stack.expect_icmp(3, 3)
    assert stack.udp(700) != handle


def test_chosen_ports_differ(stack):
    """RFC 6056: a port of 0 is chosen, in the range, and not one after the other."""
    ports = [stack.engine.udp_port(stack.udp(0)) for _ in range(20)]
    assert len(set(ports)) == 20 and min(ports) >= 49152
    assert any(abs(b - a) > 50 for a, b in zip(ports, ports[1:]))


def test_error_is_reported(stack):
    """RFC 1122 §4.1.3.3: an ICMP error about a datagram is told to its stream."""
    handle = stack.udp(700)
    stack.udp_send(handle, b"hello", 9)
    sent = stack.next_packet()
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=3, code=3) / Raw(sent.bytes[:28]))
    report = stack.expect_event("datagram_icmp", handle).report
    assert c.REPORTS[report.type] == "port unreachable"
    assert (str(report.local), str(report.remote)) == (f"{LOCAL}:700", f"{REMOTE}:9")


def test_error_about_nobodys_datagram_is_dropped(stack):
    """RFC 5927 §4, RFC 8085 §5.2: an error that quotes what no stream can have sent."""
    handle = stack.udp(700)
    quoted = bytes(IP(src=LOCAL, dst=REMOTE) / UDP(sport=701, dport=9) / Raw(b"x"))
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=3, code=3) / Raw(quoted))
    stack.expect_no_event("datagram_icmp")
    assert stack.engine.udp_port(handle) == 700


def test_datagram_options(make):
    """mactcp.h, mactcp_datagram_options: DF, time to live, type of service, no checksum."""
    stack = make()
    stack.checker.udp_checksums = False
    handle = stack.udp(700)
    stack.udp_send(handle, b"x", 9, options=c.DatagramOptions(
        no_checksum=1, dont_fragment=1, time_to_live=3, type_of_service=0x10))
    sent = stack.next_packet().ip
    assert (sent.flags, sent.ttl, sent.tos, sent[UDP].chksum) == ("DF", 3, 0x10, 0)


def test_fragmentation_needed_is_told(stack):
    """RFC 1191, RFC 1122 §3.3.3: the path's MTU is learnt, and UDPMaxMTUSize tells it."""
    handle = stack.udp(700)
    remote = byref(c.endpoint(REMOTE, 0))
    assert stack.engine.udp_max_size(remote) == 1472
    stack.udp_send(handle, bytes(1472), 9, options=c.DatagramOptions(dont_fragment=1))
    sent = stack.next_packet()
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=3, code=4, nexthopmtu=1000) / Raw(sent.bytes[:28]))
    report = stack.expect_event("datagram_icmp", handle).report
    assert (c.REPORTS[report.type], report.additional_info) == ("fragmentation needed", 1000)
    assert stack.engine.udp_max_size(remote) == 972
    assert stack.refused("udp_send", handle, byref(c.endpoint(REMOTE, 9)), bytes(1472), 1472,
                         byref(c.DatagramOptions(dont_fragment=1))) == "DONT_FRAGMENT"


def test_broadcast_can_be_sent(stack):
    """RFC 1122 §4.1.3: to the limited and the directed broadcast."""
    handle = stack.udp(700)
    for address in ("255.255.255.255", "192.0.2.255"):
        stack.udp_send(handle, b"all", 9, address=address)
        assert stack.next_packet().ip.dst == address
