"""Segments that arrive on an open connection (RFC 9293 §3.10.7.4, RFC 5961 §5)."""

import pytest

from stack import IP, LOCAL, REMOTE, TCP


def test_data_in_order_is_delivered_and_acknowledged(stack):
    """RFC 9293 §3.10.7.4, seventh."""
    peer = stack.accept()
    peer.send("PA", b"one ")
    peer.send("PA", b"two")
    stack.expect_event("data", peer.handle)
    assert stack.receive(peer.handle) == (b"one two", {"push"})
    peer.expect("A", seq=1, ack=8, within=0.5)


def test_data_out_of_order_is_kept(stack):
    """SHLD-31, MAY-13, RFC 5681 §4.2: what is behind a gap is kept, and acknowledged at once; so is what fills the gap."""
    peer = stack.accept()
    peer.send("PA", b"world", seq=7)
    peer.expect("A", ack=1)
    assert stack.read(peer.handle) == b""
    peer.send("PA", b"hello ", seq=1)
    peer.expect("A", ack=12)
    assert stack.read(peer.handle) == b"hello world"


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_any_order_gives_the_same_data(stack, order):
    """RFC 9293 §3.4: sequence numbers give the order."""
    peer = stack.accept()
    for part in order:
        peer.send("A", bytes([65 + part]) * 100, seq=1 + 100 * part)
    assert stack.read(peer.handle) == b"A" * 100 + b"B" * 100 + b"C" * 100 + b"D" * 100
    stack.advance(1)
    assert peer.got(stack.take_all()[-1]).ack == 401


def test_overlapping_segments_are_trimmed(stack):
    """RFC 9293 §3.10.7.4: of a segment only what is new in the window is taken."""
    peer = stack.accept()
    peer.send("A", b"abcdef", seq=1)
    peer.send("A", b"defghi", seq=4)
    assert stack.read(peer.handle) == b"abcdefghi"
    peer.send("A", b"ijklmno", seq=9)
    peer.send("A", b"mnopq", seq=13)
    assert stack.read(peer.handle) == b"jklmnopq"
    stack.ignore_rest()


def test_gaps_that_overlap_give_every_byte_once(stack):
    """RFC 9293 §3.10.7.4: pieces behind a gap may overlap in every way."""
    peer = stack.accept()
    text = bytes(range(100))
    for left, right in [(50, 60), (40, 55), (55, 70), (30, 80), (90, 95), (10, 20), (15, 35), (85, 100), (75, 92), (0, 12)]:
        peer.send("A", text[left:right], seq=1 + left)
    assert stack.read(peer.handle) == text
    stack.ignore_rest()


def test_duplicate_is_acknowledged_and_dropped(stack):
    """RFC 9293 §3.10.7.4, first: an old segment gets an ACK."""
    peer = stack.accept()
    peer.send("PA", b"hello")
    assert stack.read(peer.handle) == b"hello"
    peer.expect("A", ack=6, within=0.5)
    peer.send("PA", b"hello", seq=1)
    peer.expect("A", seq=1, ack=6)
    assert stack.read(peer.handle) == b""


@pytest.mark.parametrize("seq", [1 + 70_000, 1 + (1 << 31) - 10, -1000])
def test_segment_outside_of_the_window_is_acknowledged_and_dropped(stack, seq):
    """RFC 9293 §3.10.7.4, first: an unacceptable segment gets <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>."""
    peer = stack.accept(receive_buffer=65536)
    peer.send("PA", b"outside", seq=seq)
    peer.expect("A", seq=1, ack=1)
    assert stack.read(peer.handle) == b""
    assert stack.counter("drop.outside_window") == 1


def test_data_beyond_the_window_is_cut(stack):
    """RFC 9293 §3.10.7.4: the part of a segment that is beyond the window is not taken."""
    peer = stack.accept(receive_buffer=4096)
    for at in range(0, 4000, 1000):
        peer.send("A", bytes(1000))
    window = stack.status(peer.handle).receive_window
    assert window <= 96
    peer.send("A", b"y" * 1000, seq=4001)
    stack.advance(1)
    assert len(stack.read(peer.handle)) <= 4000 + window
    stack.ignore_rest()


def test_ack_of_what_was_not_sent_is_answered(stack):
    """RFC 9293 §3.10.7.4, fifth: SEG.ACK > SND.NXT gets an ACK, and the segment is dropped."""
    peer = stack.accept()
    peer.send("PA", b"abc", seq=1, ack=2)
    peer.expect("A", seq=1, ack=1)
    assert stack.read(peer.handle) == b""
    assert stack.status(peer.handle).send_unacknowledged == (peer.irs + 1) % (1 << 32)


def test_very_old_ack_is_answered(stack):
    """RFC 5961 §5.2: SEG.ACK < SND.UNA - MAX.SND.WND gets a challenge ACK, and its data is dropped."""
    peer = stack.accept()
    peer.send("PA", b"abc", seq=1, ack=1 - 70_000)
    peer.expect("A", seq=1, ack=1)
    assert stack.read(peer.handle) == b""


def test_ack_that_is_a_little_old_is_taken(stack):
    """RFC 9293 §3.10.7.4, fifth: a duplicate ACK is ignored, and the segment's data is not."""
    peer = stack.accept()
    stack.send(peer.handle, b"12345")
    peer.expect("A", data=b"12345")
    peer.send("A", ack=6)
    peer.send("PA", b"abc", ack=2)
    assert stack.read(peer.handle) == b"abc"
    peer.expect("A", ack=4, within=0.5)


def test_segment_without_ack_is_dropped(stack):
    """RFC 9293 §3.10.7.4, fifth: a segment with the ACK bit off is dropped."""
    peer = stack.accept()
    peer.send("P", b"abc", seq=1)
    assert stack.read(peer.handle) == b""
    stack.expect_nothing(1)
    assert stack.counter("drop.no_acknowledgment") == 1


def test_fin_behind_a_gap_waits(stack):
    """RFC 9293 §3.10.7.4, eighth: a FIN counts when all before it has come."""
    peer = stack.accept()
    peer.send("FA", b"end", seq=6)
    peer.expect("A", ack=1)
    assert stack.state(peer.handle) == "ESTABLISHED"
    peer.send("A", b"12345", seq=1)
    peer.expect("A", ack=10)
    assert stack.state(peer.handle) == "CLOSE-WAIT"
    assert stack.receive(peer.handle) == (b"12345end", {"end"}) or stack.receive(peer.handle) == (b"", {"end"})


def test_wrong_checksum_is_dropped(stack):
    """MUST-3: a segment whose checksum is wrong is dropped in silence."""
    peer = stack.accept()
    peer.send("PA", b"abc", seq=1, chksum=0x1234)
    stack.expect_nothing(1)
    assert stack.read(peer.handle) == b""
    assert stack.counter("drop.bad_tcp_checksum") == 1


@pytest.mark.parametrize("words", [0, 4, 7, 15])
def test_impossible_data_offset_is_dropped(stack, words):
    """RFC 9293 §3.1: a header below 20 bytes, or longer than the segment."""
    peer = stack.accept()
    peer.send("PA", b"abc", seq=1, dataofs=words)
    stack.expect_nothing(1)
    assert stack.read(peer.handle) == b""


@pytest.mark.parametrize("length", range(0, 20))
def test_truncated_header_is_dropped(stack, length):
    """RFC 9293 §3.1: a packet that ends in the TCP header."""
    peer = stack.accept()
    header = bytes(peer.segment("PA", b""))[20:20 + length]
    stack.inject(IP(src=REMOTE, dst=LOCAL, proto=6) / header)
    stack.expect_nothing(1)
    assert stack.state(peer.handle) == "ESTABLISHED"


def test_reserved_bits_are_ignored(stack):
    """RFC 9293 §3.1: reserved bits must be ignored on receipt."""
    peer = stack.accept()
    peer.send("PA", b"abc", reserved=7)
    assert stack.read(peer.handle) == b"abc"
    peer.expect("A", ack=4, within=0.5)


def test_data_after_the_peers_fin_is_dropped(stack):
    """RFC 9293 §3.10.7.4, seventh: in CLOSE-WAIT there is no more text."""
    peer = stack.accept()
    peer.closed_by_peer()
    peer.send("PA", b"more")
    stack.advance(1)
    assert stack.receive(peer.handle) == (b"", {"end"})
    stack.ignore_rest()


def test_segments_of_another_connection_do_not_disturb(stack):
    """RFC 9293 §3.4.1: a connection is known by four numbers."""
    first = stack.accept(port=80, peer_port=4000)
    second = stack.accept(port=81, peer_port=4000)
    third = stack.accept(listener=second.listener, port=81, peer_port=4001)
    first.send("PA", b"first")
    second.send("PA", b"second")
    third.send("PA", b"third")
    assert [stack.read(peer.handle) for peer in (first, second, third)] == [b"first", b"second", b"third"]
    stack.ignore_rest()


def test_acknowledgment_numbers_wrap(make):
    """RFC 9293 §3.4: arithmetic is modulo 2^32: data around the number 0 on both sides."""
    stack = make()
    peer = stack.accept(iss=(1 << 32) - 4)
    peer.send("PA", b"abcdefgh")
    assert stack.read(peer.handle) == b"abcdefgh"
    peer.expect("A", ack=9, within=0.5)
    peer.send("PA", b"later", seq=19)
    peer.expect("A", ack=9)
    peer.send("PA", b"0123456789", seq=9)
    peer.expect("A", ack=24)
    assert stack.read(peer.handle) == b"0123456789later"
