"""IPv4 (RFC 791, RFC 1122 §3.2.1), fragments (RFC 815, 1858, 5722, 6864)."""

from ctypes import byref

import engine as c
import pytest
from stack import ARP, IP, LOCAL, REMOTE, ROUTER, STRANGER, TCP, UDP, Raw


def datagram(stack, port=700):
    """A UDP stream to receive on."""
    return stack.udp(port)


def packet(data=b"hello", **ip):
    return IP(src=ip.pop("src", REMOTE), dst=ip.pop("dst", LOCAL), **ip) / UDP(sport=5000, dport=700) / Raw(data)


def fragments(data, size=1000, identification=7):
    return packet(data, id=identification).fragment(size)


# ---- Headers


def test_wrong_header_checksum_is_dropped(stack):
    """RFC 1122 §3.2.1.2: a header with a wrong checksum is dropped in silence."""
    handle = datagram(stack)
    stack.inject(packet(chksum=0x1234))
    assert stack.udp_receive(handle) is None
    assert stack.counter("drop.bad_ip_checksum") == 1


@pytest.mark.parametrize("fields", [{"version": 6}, {"version": 0}, {"ihl": 4}, {"ihl": 15}, {"len": 19}, {"len": 2000}],
                         ids=str)
def test_impossible_header_is_dropped(stack, fields):
    """RFC 1122 §3.2.1.1: another version, and lengths that cannot be."""
    handle = datagram(stack)
    stack.inject(packet(**fields))
    assert stack.udp_receive(handle) is None
    stack.expect_nothing(1)


@pytest.mark.parametrize("length", range(0, 20))
def test_truncated_header_is_dropped(stack, length):
    """RFC 791: less than a header."""
    stack.inject(bytes(packet())[:length])
    stack.expect_nothing(1)


def test_padding_behind_the_packet_is_cut_off(stack):
    """RFC 894: what a link adds behind the total length is no data."""
    handle = datagram(stack)
    stack.inject(bytes(packet(b"hello")) + b"padding")
    assert stack.udp_receive(handle)[0] == b"hello"


def test_options_are_passed_over(stack):
    """MUST-50: IP options that are not known are ignored."""
    from scapy.layers.inet import IPOption
    handle = datagram(stack)
    stack.inject(packet(options=[IPOption(b"\x94\x04\0\0"), IPOption(b"\x01"), IPOption(b"\x5e\x06abcd")]))
    assert stack.udp_receive(handle)[0] == b"hello"
    peer = stack.accept()
    stack.inject(peer.segment("PA", b"abc", ip={"options": [IPOption(b"\x94\x04\0\0")]}))
    assert stack.read(peer.handle) == b"abc"
    stack.ignore_rest()


def test_packet_for_another_host_is_dropped(stack):
    """RFC 1122 §3.2.1.3: a host does not take what is not for it, and does not forward."""
    stack.inject(packet(dst="192.0.2.99"))
    stack.inject(IP(src=REMOTE, dst=STRANGER) / TCP(sport=1, dport=80, flags="S"))
    stack.expect_nothing(1)
    assert stack.counter("drop.packet_for_another") == 2


def test_multicast_is_dropped(stack):
    """RFC 1122 §3.2.1.3: nobody here is in a group."""
    handle = datagram(stack)
    stack.inject(packet(dst="224.0.0.251"))
    assert stack.udp_receive(handle) is None
    stack.expect_nothing(1)


@pytest.mark.parametrize("destination", ["192.0.2.255", "255.255.255.255"])
def test_broadcast_datagrams_are_received(stack, destination):
    """RFC 1122 §3.3.6: directed and limited broadcasts are for everybody."""
    handle = datagram(stack)
    stack.inject(packet(dst=destination))
    assert stack.udp_receive(handle)[0] == b"hello"


@pytest.mark.parametrize("source", ["127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.255"])
def test_packet_from_nobody_is_dropped(stack, source):
    """RFC 1122 §3.2.1.3: a source that no host can have."""
    handle = datagram(stack)
    stack.inject(packet(src=source))
    assert stack.udp_receive(handle) is None
    stack.expect_nothing(1)


def test_time_to_live(make):
    """MUST-49, RFC 1122 §3.2.1.7: the time to live is a setting; a packet that has arrived may have any."""
    stack = make(time_to_live=33)
    peer = stack.accept()
    peer.send("PA", b"x", ip={"ttl": 1})
    assert peer.expect("A", within=0.5).ip.ttl == 33
    stack.set(peer.handle, time_to_live=7)
    stack.send(peer.handle, b"y")
    assert peer.expect("A", data=b"y").ip.ttl == 7


def test_type_of_service(stack):
    """MUST-48, SHLD-21, SHLD-22: the user's DSCP goes unchanged into every packet."""
    peer = stack.accept()
    stack.set(peer.handle, type_of_service=0xB8)
    stack.send(peer.handle, b"x")
    assert peer.expect("A", data=b"x").ip.tos == 0xB8


def test_packet_to_itself_stays_here(stack):
    """RFC 1122 §3.2.1.3: what the host sends to itself is not for the link."""
    handle = datagram(stack)
    other = stack.udp(701)
    stack.udp_send(other, b"to myself", 700, address=LOCAL)
    stack.expect_nothing(0.1)
    assert stack.udp_receive(handle)[0] == b"to myself"


def test_no_route(make):
    """RFC 1122 §3.3.1: without a route a call is refused."""
    stack = make(routes=("203.0.113.0/24",))
    handle = stack.udp(700)
    assert stack.refused("udp_send", handle, byref(c.endpoint(STRANGER, 9)), b"x", 1, None) == "NO_ROUTE"
    stack.udp_send(handle, b"x", 9)
    assert stack.next_packet().ip.dst == REMOTE


# ---- Fragments that arrive


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_fragments_in_any_order(stack, order):
    """RFC 815: fragments make the datagram, however they arrive."""
    handle = datagram(stack)
    data = bytes(index % 253 for index in range(3500))
    parts = fragments(data)
    assert len(parts) == 4
    for index in order:
        assert stack.udp_receive(handle) is None
        stack.inject(parts[index])
    assert stack.udp_receive(handle)[0] == data
    assert stack.counter("ip.reassembled") == 1


def test_duplicate_fragments(stack):
    """RFC 815: a fragment that comes twice changes nothing."""
    handle = datagram(stack)
    data = bytes(index % 253 for index in range(2500))
    parts = fragments(data)
    for part in (parts[0], parts[0], parts[2], parts[2], parts[1]):
        stack.inject(part)
    received = stack.udp_receive(handle)
    assert received is None or received[0] == data
    assert stack.udp_receive(handle) is None
    stack.ignore_rest()


def test_overlapping_fragments_are_refused(stack):
    """RFC 1858, RFC 5722 §4: a datagram with fragments that overlap is an attack, and dropped whole."""
    handle = datagram(stack)
    parts = fragments(bytes(2500))
    stack.inject(parts[0])
    overlap = IP(src=REMOTE, dst=LOCAL, id=7, proto=17, flags="MF", frag=10) / Raw(b"\xff" * 800)
    stack.inject(overlap)
    stack.inject(parts[1])
    stack.inject(parts[2])
    assert stack.udp_receive(handle) is None
    assert stack.counter("drop.overlapping_fragment") >= 1
    stack.ignore_rest()


def test_different_datagrams_do_not_mix(stack):
    """RFC 791: identification, protocol, source and destination tell datagrams apart."""
    handle = datagram(stack)
    first, second = fragments(b"A" * 1500, identification=1), fragments(b"B" * 1500, identification=2)
    for part in (first[0], second[0], second[1], first[1]):
        stack.inject(part)
    assert {stack.udp_receive(handle)[0][:1], stack.udp_receive(handle)[0][:1]} == {b"A", b"B"}


def test_incomplete_datagram_times_out(stack):
    """RFC 1122 §3.3.2: after the time the fragments are dropped; time exceeded is sent if the first had come."""
    handle = datagram(stack)
    stack.inject(fragments(bytes(2500))[0])
    stack.advance(130)
    answer = stack.expect_icmp(11, 1)
    assert answer.ip.dst == REMOTE
    for part in fragments(bytes(2500))[1:]:
        stack.inject(part)
    assert stack.udp_receive(handle) is None
    stack.advance(130)
    assert stack.counter("drop.reassembly_timeout") >= 1
    stack.ignore_rest()


def test_no_error_without_the_first_fragment(stack):
    """RFC 792: without the first fragment nothing is told."""
    stack.inject(fragments(bytes(2500))[1])
    stack.expect_nothing(200)


def test_fragments_cannot_fill_the_memory(make):
    """RFC 1122 §3.3.2, RFC 4963: what waits for reassembly is bounded."""
    stack = make(memory_ceiling=1 << 20, reassembly_memory=65536)
    for identification in range(2000):
        stack.inject(fragments(bytes(2500), identification=identification)[1])
    assert stack.engine.engine_memory() <= 200_000
    assert stack.counter("drop.reassembly_memory") > 1000
    handle = datagram(stack)
    stack.inject(packet())
    assert stack.udp_receive(handle)[0] == b"hello"
    stack.ignore_rest()


def test_datagram_above_65535_bytes_is_refused(stack):
    """RFC 791, "ping of death": a fragment that would end beyond the largest datagram."""
    handle = datagram(stack)
    stack.inject(fragments(bytes(1500))[0])
    stack.inject(IP(src=REMOTE, dst=LOCAL, id=7, proto=17, frag=8189) / Raw(bytes(800)))
    assert stack.udp_receive(handle) is None
    assert stack.counter("drop.bad_fragment") == 1
    stack.ignore_rest()


@pytest.mark.parametrize("offset, length, more", [(0, 7, True), (5, 13, True), (3, 0, False), (0, 0, True)])
def test_impossible_fragments_are_dropped(stack, offset, length, more):
    """RFC 791: a fragment that is not the last has a multiple of 8 bytes; none is empty."""
    stack.inject(IP(src=REMOTE, dst=LOCAL, id=7, proto=17, frag=offset, flags="MF" if more else 0) / Raw(bytes(length)))
    stack.expect_nothing(0)
    assert stack.counter("drop.bad_fragment") == 1
    stack.ignore_rest()


def test_two_ends_of_one_datagram(stack):
    """RFC 815: a second last fragment that ends elsewhere is an attack."""
    handle = datagram(stack)
    parts = fragments(bytes(2500))
    stack.inject(parts[2])
    stack.inject(IP(src=REMOTE, dst=LOCAL, id=7, proto=17, frag=300) / Raw(bytes(100)))
    stack.inject(parts[0])
    stack.inject(parts[1])
    received = stack.udp_receive(handle)
    assert received is None or len(received[0]) == 2500
    stack.ignore_rest()


def test_tcp_in_fragments(stack):
    """RFC 1858: a segment in fragments is taken when it is whole, and checked as one."""
    peer = stack.accept()
    segment = peer.segment("PA", bytes(range(200)))
    segment.id = 99
    stack.checker.received(bytes(segment))
    for part in segment.fragment(64):
        stack.inject(part)
    assert stack.read(peer.handle) == bytes(range(200))
    stack.ignore_rest()


# ---- Fragments that are sent


def test_large_datagram_is_sent_in_fragments(make):
    """RFC 791: a datagram above the MTU goes in fragments, each in the MTU."""
    stack = make(mtu=576)
    handle = stack.udp(700)
    stack.udp_send(handle, bytes(2000), 9)
    parts = stack.take_all()
    assert len(parts) == 4 and all(len(part.bytes) <= 576 for part in parts)
    assert len({part.ip.id for part in parts}) == 1
    assert sum(len(part.ip.payload) for part in parts) == 2008


def test_identifications_of_fragmented_datagrams_differ(make):
    """RFC 6864 §4.2: datagrams that may be fragmented do not share an identification within their lifetime."""
    stack = make(mtu=576)
    handle = stack.udp(700)
    seen = set()
    for _ in range(100):
        stack.udp_send(handle, bytes(1000), 9)
        seen.add(stack.take_all()[0].ip.id)
    assert len(seen) == 100


def test_routes(make):
    """RFC 1122 §3.3.1: the most specific route counts; the router's own address is not in the packet."""
    stack = make(ethernet=True, routes=(f"0.0.0.0/0 {ROUTER}", "198.51.100.0/24 192.0.2.253"))
    stack.advance(10)
    stack.take_all()
    handle = stack.udp(700)
    stack.udp_send(handle, b"x", 9, address=STRANGER)
    assert stack.next_packet().frame[ARP].pdst == "192.0.2.253"
    stack.udp_send(handle, b"x", 9, address="203.0.113.7")
    assert stack.next_packet().frame[ARP].pdst == ROUTER
    stack.udp_send(handle, b"x", 9, address="192.0.2.50")
    assert stack.next_packet().frame[ARP].pdst == "192.0.2.50"
    stack.ignore_rest()
