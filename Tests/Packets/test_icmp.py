"""ICMP (RFC 792, RFC 1122 §3.2.2, §4.2.3.9), attacks by it (RFC 5927), path MTU discovery (RFC 1191)."""

import pytest

import engine as c
from stack import ICMP, IP, LOCAL, Raw, REMOTE, ROUTER, TCP, UDP


def quote(peer, seq=0, length=8, data=b""):
    """What an ICMP error quotes of the engine's segment with this relative number."""
    packet = IP(src=LOCAL, dst=peer.remote, len=40 + len(data)) / TCP(
        sport=peer.engine_port, dport=peer.port, seq=peer.engine_number(seq), ack=peer.iss, flags="A") / Raw(data)
    return bytes(packet)[:20 + length]


def error(stack, kind, code, quoted, source=ROUTER, **fields):
    stack.inject(IP(src=source, dst=LOCAL) / ICMP(type=kind, code=code, **fields) / Raw(quoted))


def sending(stack, **peer):
    """A connection with a segment on its way, to which errors may refer."""
    peer = stack.accept(rtt=0.1, **peer)
    stack.send(peer.handle, bytes(1000))
    stack.take_all()
    return peer


# ---- Errors about connections


@pytest.mark.parametrize("code, report", [(0, "net unreachable"), (1, "host unreachable"),
                                          (5, "source route failed")])
def test_soft_error_is_told_and_does_not_abort(stack, code, report):
    """MUST-54, MUST-56, SHLD-25: destination unreachable 0, 1 and 5 are told to the user, and abort nothing."""
    peer = sending(stack)
    error(stack, 3, code, quote(peer, 1))
    event = stack.expect_event("icmp", peer.handle)
    assert c.REPORTS[event.report.type] == report
    assert str(event.report.remote) == f"{REMOTE}:{peer.port}" and str(event.report.sender) == f"{ROUTER}:0"
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.ignore_rest()


@pytest.mark.parametrize("kind, code, report", [(11, 0, "time exceeded"), (11, 1, "time exceeded"),
                                                (12, 0, "parameter problem")])
def test_other_soft_errors(stack, kind, code, report):
    """MUST-56: time exceeded and parameter problem are soft, too."""
    peer = sending(stack)
    error(stack, kind, code, quote(peer, 1))
    assert c.REPORTS[stack.expect_event("icmp", peer.handle).report.type] == report
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.ignore_rest()


@pytest.mark.parametrize("code", [2, 3])
def test_hard_error_does_not_end_an_open_connection(stack, code):
    """RFC 5927 §5.2 against SHLD-26, mactcp.md §4.1: one ICMP error never ends an established connection."""
    peer = sending(stack)
    error(stack, 3, code, quote(peer, 1))
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.expect_event("icmp", peer.handle)
    stack.ignore_rest()


@pytest.mark.parametrize("code", [2, 3])
def test_hard_error_ends_an_open(stack, code):
    """SHLD-26, RFC 5927 §5.2: protocol or port unreachable ends an open in SYN-SENT."""
    peer = stack.open(80)
    peer.expect("S")
    error(stack, 3, code, quote(peer, 0), source=REMOTE)
    stack.expect_event("terminated", peer.handle)
    assert stack.state(peer.handle) == "CLOSED"
    stack.expect_nothing(60)


@pytest.mark.parametrize("code", [0, 1, 5])
def test_soft_error_does_not_end_an_open(stack, code):
    """RFC 9293 §3.9.2.2: an open goes on after soft errors: the network may come back."""
    peer = stack.open(80)
    peer.expect("S")
    error(stack, 3, code, quote(peer, 0))
    assert stack.state(peer.handle) == "SYN-SENT"
    peer.send("SA")
    peer.expect("A", ack=1)


def test_source_quench_is_ignored(stack):
    """MUST-55: source quench is dropped in silence."""
    peer = sending(stack)
    before = stack.status(peer.handle).congestion_window
    error(stack, 4, 0, quote(peer, 1))
    assert stack.status(peer.handle).congestion_window == before
    stack.expect_no_event("icmp")
    stack.ignore_rest()


@pytest.mark.parametrize("seq", [-5000, 1002, 50_000, 1 << 31])
def test_error_about_what_was_not_sent_is_dropped(stack, seq):
    """RFC 5927 §4.1: the quoted number must be one that is on its way."""
    peer = sending(stack)
    error(stack, 3, 1, quote(peer, seq))
    stack.expect_no_event("icmp")
    assert stack.counter("drop.unrelated_icmp") == 1
    stack.ignore_rest()


def test_error_about_another_connection_is_dropped(stack):
    """RFC 1122 §3.2.2: the quoted ports must be those of a connection."""
    peer = sending(stack)
    quoted = bytearray(quote(peer, 1))
    quoted[23] ^= 1
    error(stack, 3, 1, bytes(quoted))
    stack.expect_no_event("icmp")
    stack.ignore_rest()


def test_error_about_somebody_elses_packet_is_dropped(stack):
    """RFC 1122 §3.2.2: the quoted packet must have come from here."""
    peer = sending(stack)
    quoted = bytearray(quote(peer, 1))
    quoted[15] ^= 1
    error(stack, 3, 1, bytes(quoted))
    stack.expect_no_event("icmp")
    stack.ignore_rest()


@pytest.mark.parametrize("length", range(0, 8))
def test_error_that_quotes_too_little_does_no_harm(stack, length):
    """RFC 792: an error quotes 8 bytes at least behind the header."""
    peer = sending(stack)
    error(stack, 3, 1, quote(peer, 1)[:20 + length])
    error(stack, 3, 1, quote(peer, 1)[:length])
    stack.expect_no_event("icmp")
    stack.ignore_rest()


def test_error_with_a_wrong_checksum_is_dropped(stack):
    """RFC 792: the checksum covers the message."""
    peer = sending(stack)
    error(stack, 3, 1, quote(peer, 1), chksum=0x1234)
    stack.expect_no_event("icmp")
    stack.ignore_rest()


# ---- Path MTU


def test_segments_may_not_be_fragmented(stack):
    """RFC 1191 §3: TCP's packets have DF set."""
    peer = stack.accept()
    stack.send(peer.handle, bytes(1460))
    assert peer.expect("A").ip.flags == "DF"


def test_without_discovery_segments_may_be_fragmented(make):
    """path_mtu_discovery off: no DF."""
    stack = make(path_mtu_discovery=False)
    peer = stack.accept()
    stack.send(peer.handle, bytes(100))
    assert peer.expect("A").ip.flags == 0


def test_fragmentation_needed_makes_segments_smaller(stack):
    """RFC 1191 §6.4: what was too large is sent again in smaller segments, at once, and without slowing down."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, bytes(index % 251 for index in range(1460)))
    peer.expect("A", length=1460)
    error(stack, 3, 4, quote(peer, 1, data=bytes(1460)), nexthopmtu=1000)
    first = peer.expect("A", seq=1, length=960)
    assert len(first.sent.bytes) == 1000
    stack.advance(0.1)
    peer.send("A", ack=961)
    stack.advance(0.4)
    rest = {(found.seq, len(found.data)) for found in map(peer.got, stack.take_all())}
    assert (961, 500) in rest or (961, 500) == (first.seq + 960, 1460 - 960) and not rest
    assert stack.status(peer.handle).maximum_segment_size == 960
    stack.ignore_rest()


def test_fragmentation_needed_holds_for_new_connections(stack):
    """RFC 1191 §3: the path's MTU is remembered for the destination."""
    peer = sending(stack)
    error(stack, 3, 4, quote(peer, 1, data=bytes(1460)), nexthopmtu=1200)
    stack.take_all()
    other = stack.accept(port=81)
    stack.send(other.handle, bytes(1460))
    assert len(other.expect("A").data) == 1160
    stack.ignore_rest()


def test_fragmentation_needed_without_a_size(stack):
    """RFC 1191 §5: an old router says 0: the next plateau below is tried."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, bytes(1460))
    stack.take_all()
    error(stack, 3, 4, quote(peer, 1, data=bytes(1460)), nexthopmtu=0)
    assert 500 <= len(stack.next_packet(within=1).bytes) < 1500
    stack.ignore_rest()


@pytest.mark.parametrize("mtu", [1, 40, 67, 68])
def test_tiny_path_mtu_is_not_believed(stack, mtu):
    """RFC 1191 §3, RFC 5927 §7: no path has an MTU below 68; segments do not become absurdly small."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, bytes(1460))
    stack.take_all()
    error(stack, 3, 4, quote(peer, 1, data=bytes(1460)), nexthopmtu=mtu)
    stack.advance(1)
    sent = stack.take_all()
    assert all(len(each.bytes) >= 68 or TCP in each.ip for each in sent)
    assert stack.status(peer.handle).maximum_segment_size >= 28
    stack.ignore_rest()


def test_path_mtu_does_not_grow_by_icmp(stack):
    """RFC 1191 §3: a size that is not less than what was sent is ignored."""
    peer = sending(stack)
    error(stack, 3, 4, quote(peer, 1, data=bytes(1460)), nexthopmtu=9000)
    error(stack, 3, 4, quote(peer, 1, data=bytes(1460)), nexthopmtu=1500)
    assert stack.status(peer.handle).maximum_segment_size == 1460
    stack.ignore_rest()


def test_blind_fragmentation_needed_is_dropped(stack):
    """RFC 5927 §7: an attacker who does not know the numbers cannot make segments small."""
    peer = sending(stack)
    error(stack, 3, 4, quote(peer, 100_000, data=bytes(1460)), nexthopmtu=600)
    assert stack.status(peer.handle).maximum_segment_size == 1460
    stack.ignore_rest()


def test_path_mtu_is_tried_larger_after_a_while(stack):
    """RFC 1191 §6.3: after ten minutes the larger size is tried again."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, bytes(1460))
    stack.take_all()
    error(stack, 3, 4, quote(peer, 1, data=bytes(1460)), nexthopmtu=1000)
    for _ in range(4):
        stack.advance(0.1)
        for sent in stack.take_all():
            peer.got(sent)
        peer.rcv_nxt = 1461
        peer.send("A")
    stack.advance(1300)
    stack.send(peer.handle, bytes(1460))
    assert len(peer.expect("A").data) == 1460
    stack.ignore_rest()


def test_black_hole_is_found(stack):
    """RFC 2923 §2.1, RFC 8899: if large segments vanish without a word, smaller ones are tried."""
    peer = stack.accept(rtt=0.1)
    data = bytes(index % 251 for index in range(4000))
    stack.send(peer.handle, data)
    received, base = {}, 1
    end = stack.time + 110
    while base <= len(data) and stack.time < end:
        for sent in stack.take_all():
            if len(sent.bytes) <= 1300:
                found = peer.got(sent)
                received[found.seq] = found.data
        while base in received and received[base]:
            base += len(received[base])
        peer.rcv_nxt = base
        peer.send("A")
        stack.advance(0.1)
    assert base == 1 + len(data), f"{base - 1} bytes in {stack.time:.0f} s"
    stack.ignore_rest()


# ---- Echo


def test_echo_is_answered(stack):
    """RFC 1122 §3.2.2.6: identifier, number and data come back; the reply comes from the address that was asked."""
    stack.inject(IP(src=REMOTE, dst=LOCAL, tos=0x20) / ICMP(type=8, id=77, seq=5) / Raw(b"ping data"))
    reply = stack.expect_icmp(0, 0)
    assert reply.ip.dst == REMOTE and reply.ip.src == LOCAL
    assert (reply.ip[ICMP].id, reply.ip[ICMP].seq, bytes(reply.ip[Raw])) == (77, 5, b"ping data")


def test_large_echo_is_answered_in_fragments(stack):
    """RFC 1122 §3.2.2.6: an echo that comes in fragments is reassembled, and answered whole."""
    packet = IP(src=REMOTE, dst=LOCAL, id=7) / ICMP(type=8, id=1, seq=2) / Raw(bytes(range(250)) * 16)
    for fragment in packet.fragment(1000):
        stack.inject(fragment)
    parts = stack.take_all()
    assert len(parts) == 3
    data = b"".join(bytes(part.ip.payload) for part in sorted(parts, key=lambda part: part.ip.frag))
    assert data[8:] == bytes(range(250)) * 16 and data[0] == 0


def test_wrong_echo_is_not_answered(stack):
    """RFC 792: an echo with a wrong checksum is dropped."""
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=8, chksum=1) / Raw(b"x"))
    stack.expect_nothing(1)
    assert stack.counter("drop.bad_icmp") == 1


@pytest.mark.parametrize("destination", ["192.0.2.255", "255.255.255.255", "224.0.0.1"])
def test_echo_to_many_is_not_answered(stack, destination):
    """RFC 1122 §3.2.2.6: an echo to a broadcast or multicast address may be dropped; this one is."""
    stack.inject(IP(src=REMOTE, dst=destination) / ICMP(type=8) / Raw(b"x"))
    stack.expect_nothing(1)


def test_echo_can_be_switched_off(make):
    """answers_echo_requests off."""
    stack = make(answers_echo_requests=False)
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=8) / Raw(b"x"))
    stack.expect_nothing(1)


def test_own_echo(stack):
    """MacTCP's EchoICMP: the reply is an event with the round trip; what is not the reply is none."""
    from ctypes import byref
    handle = stack.call("echo", byref(c.endpoint(REMOTE, 0)), b"hello", 5, None)
    request = stack.expect_icmp(8, 0)
    found = request.ip[ICMP]
    assert bytes(request.ip[Raw]) == b"hello"
    stack.advance(0.025)
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=0, id=found.id ^ 1, seq=found.seq) / Raw(b"hello"))
    stack.expect_no_event("echo_reply")
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=0, id=found.id, seq=found.seq) / Raw(b"hello"))
    event = stack.expect_event("echo_reply", handle)
    assert event.detail == 25_000


# ---- Errors that the engine sends


def test_closed_udp_port_is_told(stack):
    """RFC 1122 §4.1.3.1: a datagram to a port that nobody has gets port unreachable, with the datagram's beginning."""
    stack.inject(IP(src=REMOTE, dst=LOCAL) / UDP(sport=5000, dport=9) / Raw(b"anybody?"))
    answer = stack.expect_icmp(3, 3)
    assert answer.ip.dst == REMOTE
    quoted = bytes(answer.ip[ICMP].payload)
    assert quoted[12:20] == bytes(IP(src=REMOTE, dst=LOCAL))[12:20] and quoted[20:24] == b"\x13\x88\0\x09"


def test_unknown_protocol_is_told(stack):
    """RFC 1122 §3.2.2.1: a protocol that is not known gets protocol unreachable."""
    stack.inject(IP(src=REMOTE, dst=LOCAL, proto=99) / Raw(b"12345678"))
    stack.expect_icmp(3, 2)


@pytest.mark.parametrize("source, destination", [
    (REMOTE, "192.0.2.255"), (REMOTE, "255.255.255.255"), (REMOTE, "224.0.0.1"), ("0.0.0.0", LOCAL),
    ("255.255.255.255", LOCAL), ("192.0.2.255", LOCAL), ("224.0.0.1", LOCAL), ("127.0.0.1", LOCAL)])
def test_no_error_about_what_concerns_many(stack, source, destination):
    """RFC 1122 §3.2.2: no error about a packet to many, or from no single host."""
    stack.inject(IP(src=source, dst=destination) / UDP(sport=5000, dport=9) / Raw(b"x"))
    stack.inject(IP(src=source, dst=destination, proto=99) / Raw(b"12345678"))
    stack.expect_nothing(1)


def test_no_error_about_an_error(stack):
    """RFC 1122 §3.2.2: no ICMP error is answered by one."""
    quoted = bytes(IP(src=LOCAL, dst=REMOTE) / UDP(sport=5, dport=6))
    for kind in (3, 4, 5, 11, 12):
        stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(type=kind, code=0) / Raw(quoted))
    stack.expect_nothing(1)


def test_no_error_about_a_later_fragment(stack):
    """RFC 1122 §3.2.2: no error about a fragment that is not the first."""
    stack.inject(IP(src=REMOTE, dst=LOCAL, proto=99, frag=100) / Raw(bytes(80)))
    stack.expect_nothing(100)


def test_errors_are_limited(make):
    """RFC 1812 §4.3.2.8: errors are limited in number."""
    stack = make(answers_per_second=10)
    for port in range(500):
        stack.inject(IP(src=REMOTE, dst=LOCAL) / UDP(sport=5000, dport=1 + port) / Raw(b"x"))
    assert 1 <= len(stack.take_all()) <= 10
    stack.advance(2)
    stack.inject(IP(src=REMOTE, dst=LOCAL) / UDP(sport=5000, dport=9) / Raw(b"x"))
    stack.expect_icmp(3, 3)
