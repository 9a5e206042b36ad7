"""Opening a connection (RFC 9293 §3.5, §3.10.1, §3.10.7.1-4)."""

import pytest
from ctypes import byref

import engine as c
from stack import IP, LOCAL, Peer, REMOTE, TCP, difference


def stranger(stack, port=80, engine_port=None):
    """A peer without a connection, to the engine's port."""
    return Peer(stack, None, 4000, engine_port=engine_port or port)


def test_active_open_sends_a_syn_alone(stack):
    """RFC 9293 §3.10.1: an active OPEN sends <SEQ=ISS><CTL=SYN>. MUST-14: with MSS."""
    peer = stack.open(80)
    syn = peer.expect("S", seq=0)
    assert syn.ack is None and syn.mss == 1460 and not syn.data
    assert stack.state(peer.handle) == "SYN-SENT"


def test_active_open_is_complete_with_syn_ack(stack):
    """RFC 9293 §3.10.7.3, fourth: SYN+ACK gives <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> and ESTABLISHED."""
    peer = stack.connect()
    assert stack.state(peer.handle) == "ESTABLISHED"
    peer.send("PA", b"hello")
    assert stack.read(peer.handle) == b"hello"
    peer.expect("A", ack=6, within=0.5)


def test_passive_open_of_one_connection(stack):
    """RFC 9293 §3.10.7.2, third: a SYN in LISTEN is answered with SYN+ACK; the ACK completes it."""
    handle = stack.create()
    stack.call("tcp_passive_open", handle, byref(c.endpoint(None, 80)), None, None)
    assert stack.state(handle) == "LISTEN"
    peer = stranger(stack)
    peer.send("S", options=[("MSS", 1460)])
    peer.expect("SA", seq=0, ack=1)
    assert stack.state(handle) == "SYN-RECEIVED"
    peer.send("A")
    stack.expect_event("opened", handle)
    assert stack.state(handle) == "ESTABLISHED"


def test_passive_open_from_one_peer_alone(stack):
    """RFC 9293 §3.9.1.1: a passive OPEN with a remote socket takes no other."""
    handle = stack.create()
    stack.call("tcp_passive_open", handle, byref(c.endpoint(None, 80)), byref(c.endpoint(REMOTE, 4001)), None)
    other = stranger(stack)
    other.send("S")
    other.expect("RA", ack=1)
    peer = Peer(stack, handle, 4001, engine_port=80)
    peer.send("S")
    peer.expect("SA", ack=1)


def test_simultaneous_open(stack):
    """MUST-10, RFC 9293 §3.5 figure 7: two SYNs that cross make one connection."""
    peer = stack.open(80)
    peer.expect("S", seq=0)
    peer.send("S", options=[("MSS", 1460)])
    peer.expect("SA", seq=0, ack=1)
    assert stack.state(peer.handle) == "SYN-RECEIVED"
    peer.send("SA", seq=0)
    stack.expect_event("opened", peer.handle)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.take_all()  # an ACK of the SYN that came again is allowed
    peer.send("PA", b"x")
    assert stack.read(peer.handle) == b"x"
    peer.expect("A", ack=2, within=0.5)


def test_simultaneous_open_completed_by_ack(stack):
    """MUST-10: in SYN-RECEIVED after a simultaneous open an ACK alone completes too."""
    peer = stack.open(80)
    peer.expect("S")
    peer.send("S")
    peer.expect("SA", ack=1)
    peer.send("A")
    stack.expect_event("opened", peer.handle)


def test_syn_with_data_is_not_delivered_early(stack):
    """RFC 9293 §3.10.7.2: data with a SYN is delivered after ESTABLISHED, or sent again by the peer, and never before."""
    listener = stack.listen(80)
    peer = stranger(stack)
    peer.send("S", b"early", options=[("MSS", 1460)])
    answer = peer.expect("SA", seq=0)
    assert answer.ack in (1, 6)
    stack.expect_no_event("incoming")
    peer.send("A", seq=answer.ack)
    if answer.ack == 1:
        peer.send("PA", b"early", seq=1)
    stack.expect_event("incoming", listener)
    handle = stack.engine.tcp_accept(listener)
    assert stack.read(handle) == b"early"
    stack.ignore_rest()


def test_data_with_the_third_segment(stack):
    """RFC 9293 §3.10.7.4: what comes with the ACK of the SYN+ACK is delivered."""
    listener = stack.listen(80)
    peer = stranger(stack)
    peer.send("S", options=[("MSS", 1460)])
    peer.expect("SA", ack=1)
    peer.send("PA", b"GET")
    stack.expect_event("incoming", listener)
    handle = stack.engine.tcp_accept(listener)
    assert stack.read(handle) == b"GET"
    peer.expect("A", ack=4, within=0.5)


def test_syn_is_sent_again_with_back_off(stack):
    """MUST-22, RFC 6298 §2.1, §5.5: a SYN is sent again after 1 s, and each time after twice as long."""
    peer = stack.open(80)
    first = peer.expect("S")
    before, waits = first.time, []
    for _ in range(6):
        again = peer.expect("S", seq=0, within=61)
        waits.append(again.time - before)
        before = again.time
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32], rel=0.01)
    stack.ignore_rest()


def test_syn_is_given_up_after_three_minutes_at_least(stack):
    """MUST-23: R2 for a SYN is 3 minutes at least; then the open has failed."""
    peer = stack.open(80)
    begin = stack.time
    while stack.state(peer.handle) == "SYN-SENT" and stack.time < begin + 600:
        stack.advance(1)
    assert 180 <= stack.time - begin <= 400
    assert c.REASONS[stack.expect_event("terminated", peer.handle).detail] in ("network failure", "user timeout")
    assert len([sent for sent in stack.take_all() if sent.ip[TCP].flags == "S"]) >= 6
    stack.expect_nothing(300)


def test_syn_ack_is_sent_again_with_back_off(stack):
    """MUST-22: a SYN+ACK is sent again with back-off, with the same number."""
    stack.listen(80)
    peer = stranger(stack)
    peer.send("S")
    before, waits = peer.expect("SA").time, []
    for _ in range(3):
        again = peer.expect("SA", seq=0, ack=1, within=20)
        waits.append(again.time - before)
        before = again.time
    assert waits == pytest.approx([1, 2, 4], rel=0.01)
    stack.ignore_rest()


def test_syn_again_gets_the_same_syn_ack(stack):
    """RFC 9293 §3.10.7.4: a SYN that comes again in SYN-RECEIVED does not make a second connection."""
    stack.listen(80)
    peer = stranger(stack)
    peer.send("S", options=[("MSS", 1460)])
    peer.expect("SA", seq=0, ack=1)
    peer.send("S", seq=0, options=[("MSS", 1460)])
    answer = peer.expect(seq=None, ack=1)
    assert answer.flags in ("SA", "A") and answer.seq in (0, 1)
    peer.send("A")
    stack.expect_event("incoming")


def test_refused_open(stack):
    """RFC 9293 §3.10.7.3, second: an acceptable RST in SYN-SENT ends the open."""
    peer = stack.open(80)
    peer.expect("S")
    peer.send("RA", seq=0)
    assert c.REASONS[stack.expect_event("terminated", peer.handle).detail] == "remote abort"
    assert stack.state(peer.handle) == "CLOSED"
    stack.expect_nothing(300)


@pytest.mark.parametrize("flags, ack", [("R", None), ("RA", 0), ("RA", 2), ("RA", 77)])
def test_reset_without_the_right_ack_does_not_end_an_open(stack, flags, ack):
    """RFC 9293 §3.10.7.3, second; RFC 5961 §3.2: in SYN-SENT only a RST with ACK=ISS+1 counts."""
    peer = stack.open(80)
    peer.expect("S")
    peer.send(flags, seq=0, ack=ack)
    stack.expect_nothing()
    assert stack.state(peer.handle) == "SYN-SENT"
    peer.send("SA")
    peer.expect("A", ack=1)


@pytest.mark.parametrize("flags, ack", [("A", 0), ("A", 2), ("SA", 0), ("SA", 5000)])
def test_unacceptable_ack_in_syn_sent_is_reset(stack, flags, ack):
    """RFC 9293 §3.10.7.3, first: an ACK of what was not sent gets <SEQ=SEG.ACK><CTL=RST>; the open goes on."""
    peer = stack.open(80)
    peer.expect("S")
    peer.send(flags, seq=0, ack=ack)
    answer = peer.expect("R", seq=ack)
    assert answer.ack is None
    peer.snd_nxt = 0
    peer.send("SA")
    peer.expect("A", ack=1)


def test_segment_without_syn_or_rst_in_syn_sent_is_dropped(stack):
    """RFC 9293 §3.10.7.3, fifth: an ACK alone that acknowledges the SYN is dropped."""
    peer = stack.open(80)
    peer.expect("S")
    peer.send("A", seq=0, ack=1)
    stack.expect_nothing()
    assert stack.state(peer.handle) == "SYN-SENT"
    stack.ignore_rest()


def test_ack_to_a_listener_is_reset(stack):
    """RFC 9293 §3.10.7.2, second: an ACK in LISTEN gets <SEQ=SEG.ACK><CTL=RST>."""
    stack.listen(80)
    peer = stranger(stack)
    peer.irs = 0
    peer.send("A", seq=0, ack=1234567)
    assert peer.expect("R", seq=1234567).ack is None


def test_reset_to_a_listener_is_dropped(stack):
    """RFC 9293 §3.10.7.2, first: a RST in LISTEN is dropped."""
    listener = stack.listen(80)
    stranger(stack).send("R")
    stranger(stack).send("RA", ack=5)
    stack.expect_nothing()
    assert stack.state(listener) == "LISTEN"


def test_segment_to_a_listener_without_syn_or_ack_is_dropped(stack):
    """RFC 9293 §3.10.7.2, fourth: other segments in LISTEN are dropped."""
    listener = stack.listen(80)
    stranger(stack).send("P", b"data")
    stranger(stack).send("F")
    stack.expect_nothing()
    assert stack.state(listener) == "LISTEN"


@pytest.mark.parametrize("flags, data, seq, length", [("S", b"", 0, 1), ("P", b"abc", 7, 3), ("F", b"ab", 9, 3)])
def test_closed_port_resets_what_has_no_ack(stack, flags, data, seq, length):
    """RFC 9293 §3.10.7.1: CLOSED answers <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>."""
    peer = stranger(stack, 81)
    peer.send(flags, data, seq=seq)
    answer = peer.expect("RA")
    assert answer.segment.seq == 0 and answer.ack == seq + length


def test_closed_port_resets_an_ack_with_its_number(stack):
    """RFC 9293 §3.10.7.1: CLOSED answers an ACK with <SEQ=SEG.ACK><CTL=RST>."""
    peer = stranger(stack, 81)
    peer.irs = 0
    peer.send("PA", b"abc", ack=4711)
    assert peer.expect("R", seq=4711).ack is None


def test_closed_port_says_nothing_to_a_reset(stack):
    """RFC 9293 §3.10.7.1: no RST is answered."""
    stranger(stack, 81).send("R")
    stranger(stack, 81).send("RA")
    stack.expect_nothing()


def test_reset_brings_a_listener_back(stack):
    """MUST-11, RFC 9293 §3.10.7.4, second: a RST in SYN-RECEIVED after a passive open returns to LISTEN."""
    handle = stack.create()
    stack.call("tcp_passive_open", handle, byref(c.endpoint(None, 80)), None, None)
    first = stranger(stack)
    first.send("S")
    first.expect("SA", ack=1)
    first.send("R")
    stack.expect_nothing()
    assert stack.state(handle) == "LISTEN"
    stack.expect_no_event("terminated")
    second = Peer(stack, handle, 4002, engine_port=80)
    second.send("S")
    second.expect("SA", ack=1)
    second.send("A")
    stack.expect_event("opened", handle)


def test_reset_after_simultaneous_open_ends_it(stack):
    """MUST-11, RFC 9293 §3.10.7.4, second: a RST in SYN-RECEIVED after an active open is a refusal."""
    peer = stack.open(80)
    peer.expect("S")
    peer.send("S")
    peer.expect("SA", ack=1)
    peer.send("R")
    assert c.REASONS[stack.expect_event("terminated", peer.handle).detail] == "remote abort"
    assert stack.state(peer.handle) == "CLOSED"


def test_wrong_ack_in_syn_received_is_reset(stack):
    """RFC 9293 §3.10.7.4, fifth: an unacceptable ACK in SYN-RECEIVED gets <SEQ=SEG.ACK><CTL=RST>."""
    handle = stack.create()
    stack.call("tcp_passive_open", handle, byref(c.endpoint(None, 80)), None, None)
    peer = stranger(stack)
    peer.send("S")
    peer.expect("SA", ack=1)
    peer.send("A", ack=100)
    assert peer.expect("R", seq=100).ack is None
    assert stack.state(handle) == "SYN-RECEIVED"
    peer.send("A", ack=1)
    stack.expect_event("opened", handle)


def test_initial_numbers_have_a_clock(stack):
    """MUST-8, RFC 6528: for the same sockets the ISN grows by one every 4 µs."""
    numbers = []
    for _ in range(2):
        peer = stack.open(80, local_port=5000)
        peer.expect("S")
        numbers.append(peer.irs)
        peer.send("RA", seq=0)
        stack.advance(10)
    assert difference(numbers[1], numbers[0]) == pytest.approx(2_500_000, rel=0.01)


def test_initial_numbers_of_different_sockets_have_nothing_in_common(stack):
    """MUST-9, SHLD-1, RFC 6528 §3: the ISN is a keyed function of the sockets."""
    numbers = []
    for port in range(80, 96):
        peer = stack.open(port, local_port=5000)
        peer.expect("S")
        numbers.append(peer.irs)
        peer.send("RA", seq=0)
    gaps = {abs(difference(b, a)) >> 20 for a, b in zip(numbers, numbers[1:])}
    assert len(gaps) > 10, numbers


@pytest.mark.parametrize("destination", ["192.0.2.255", "255.255.255.255", "224.0.0.1"])
def test_syn_to_many_is_dropped(stack, destination):
    """MUST-57: a SYN to a broadcast or multicast address is dropped in silence."""
    stack.listen(80)
    stack.inject(IP(src=REMOTE, dst=destination) / TCP(sport=4000, dport=80, seq=1, flags="S"))
    stack.inject(IP(src=REMOTE, dst=destination) / TCP(sport=4000, dport=81, seq=1, flags="S"))
    stack.expect_nothing()


@pytest.mark.parametrize("source", ["192.0.2.255", "255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", LOCAL])
def test_syn_from_nobody_is_dropped(stack, source):
    """MUST-63: a SYN from an address that no other host has is dropped in silence."""
    stack.listen(80)
    stack.inject(IP(src=source, dst=LOCAL) / TCP(sport=4000, dport=80, seq=1, flags="S"))
    stack.expect_nothing(10)


@pytest.mark.parametrize("remote", ["192.0.2.255", "255.255.255.255", "224.0.0.1", "0.0.0.1"])
def test_open_to_many_is_refused(stack, remote):
    """MUST-46: an OPEN to a broadcast or multicast address, or to none, is refused."""
    handle = stack.create()
    assert stack.refused("tcp_active_open", handle, byref(c.endpoint(remote, 80)), None, None) == "BAD_ADDRESS"


def test_local_address_of_an_open_is_kept(make):
    """MUST-43, MUST-45: an OPEN may name the local address; all segments come from it, and no other is taken."""
    stack = make(addresses=("192.0.2.1/24", "192.0.2.77/24"))
    handle = stack.create()
    stack.call("tcp_active_open", handle, byref(c.endpoint(REMOTE, 80)), byref(c.endpoint("192.0.2.77", 5000)), None)
    syn = stack.next_packet()
    assert syn.ip.src == "192.0.2.77" and syn.ip[TCP].sport == 5000
    other = stack.create()
    assert stack.refused("tcp_active_open", other, byref(c.endpoint(REMOTE, 81)), byref(c.endpoint("192.0.2.78", 0)),
                         None) == "BAD_ADDRESS"


def test_one_connection_for_four_numbers(stack):
    """RFC 9293 §3.4.1: the same pair of sockets is refused a second time; MUST-42: another remote one is not."""
    stack.open(80, local_port=5000).expect("S")
    handle = stack.create()
    assert stack.refused("tcp_active_open", handle, byref(c.endpoint(REMOTE, 80)), byref(c.endpoint(None, 5000)),
                         None) == "DUPLICATE_SOCKET"
    stack.open(81, local_port=5000).expect("S")
    stack.ignore_rest()


def test_data_sent_before_the_connection_is_open_follows_the_handshake(stack):
    """RFC 9293 §3.10.2: SEND in SYN-SENT queues the data."""
    peer = stack.open(80)
    peer.expect("S")
    assert stack.send(peer.handle, b"early") == 5
    stack.expect_nothing()
    peer.send("SA", options=[("MSS", 1460)])
    found = peer.expect("A", seq=1, ack=1)
    if not found.data:
        found = peer.expect("A", seq=1, ack=1)
    assert found.data == b"early"
    stack.ignore_rest()
