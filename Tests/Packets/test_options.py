"""TCP options (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 2883)."""

import pytest

from stack import IP, LOCAL, Peer, REMOTE, TCP


def offered(stack, options, port=80):
    """A peer that has sent a SYN with these options, and the engine's SYN+ACK."""
    peer = Peer(stack, None, 4000, engine_port=port)
    peer.listener = stack.listen(port)
    peer.send("S", options=options)
    return peer, peer.expect("SA", ack=1)


def accepted(stack, peer):
    """The connection after the peer's ACK."""
    peer.send("A")
    stack.expect_event("incoming", peer.listener)
    return stack.engine.tcp_accept(peer.listener)


def test_mss_of_the_link_is_offered(make):
    """MUST-14, MUST-67, SHLD-5: MSS is the MTU less 40, in SYN and in SYN+ACK."""
    stack = make(mtu=1280)
    assert stack.open(80).expect("S").mss == 1240
    assert offered(stack, [], port=81)[1].mss == 1240
    stack.ignore_rest()


def test_without_mss_segments_have_536_bytes(stack):
    """MUST-15: a peer that says no MSS gets at most 536 bytes."""
    peer = stack.accept(mss=None)
    stack.send(peer.handle, bytes(2000))
    assert peer.expect("A", within=1).data == bytes(536)
    stack.ignore_rest()


@pytest.mark.parametrize("mss", [88, 536, 1000, 1460])
def test_mss_of_the_peer_is_kept(stack, mss):
    """MUST-16: no segment has more data than the peer's MSS."""
    peer = stack.accept(mss=mss)
    stack.send(peer.handle, bytes(5 * mss))
    assert [peer.expect("A").data for _ in range(5)] == [bytes(mss)] * 5


def test_mss_above_the_link_is_not_used(stack):
    """MUST-16: the MTU bounds segments, too."""
    peer = stack.accept(mss=9000)
    stack.send(peer.handle, bytes(3000))
    assert len(peer.expect("A").data) == 1460
    stack.ignore_rest()


def test_timestamps_make_segments_smaller(stack):
    """MUST-16, RFC 6691: options count against the MSS."""
    peer = stack.accept(timestamps=True)
    stack.send(peer.handle, bytes(3000))
    assert len(peer.expect("A").data) == 1448
    stack.ignore_rest()


@pytest.mark.parametrize("mss", [0, 1, 20])
def test_absurd_mss_does_no_harm(stack, mss):
    """RFC 9293 §3.7.1: an MSS that leaves no room neither stops the connection nor makes endless packets."""
    peer, _ = offered(stack, [("MSS", mss)])
    stack.send(accepted(stack, peer), bytes(300))
    sent = stack.take_all()
    assert sent and len(sent) <= 300
    stack.ignore_rest()


def test_mss_outside_of_a_syn_changes_nothing(stack):
    """MUST-5, MUST-65: an MSS in another segment is read over."""
    peer = stack.accept()
    peer.send("PA", b"x", options=[("MSS", 100)])
    stack.send(peer.handle, bytes(1460))
    assert len(peer.expect("A").data) == 1460


def test_unknown_options_are_skipped(stack):
    """MUST-6: an option that is not known is passed over by its length; MSS behind it counts."""
    peer, _ = offered(stack, [(254, b"\x01\x02\x03\x04"), ("MSS", 600), (253, b"")])
    stack.send(accepted(stack, peer), bytes(2000))
    assert len(peer.expect("A").data) == 600
    stack.ignore_rest()


def test_options_may_stand_anywhere(stack):
    """MUST-64: an option may begin at any byte."""
    peer, answer = offered(stack, [("NOP", None), ("MSS", 700), ("NOP", None), ("NOP", None), ("WScale", 3),
                                   ("NOP", None), ("SAckOK", b"")])
    assert 3 in answer.options and 4 in answer.options
    stack.send(accepted(stack, peer), bytes(2000))
    assert len(peer.expect("A").data) == 700
    stack.ignore_rest()


def test_options_in_every_segment(stack):
    """MUST-5: options are accepted in any segment."""
    peer = stack.accept()
    peer.send("PA", b"abc", options=[("NOP", None), (254, b"\x00\x00"), ("EOL", None)])
    assert stack.read(peer.handle) == b"abc"
    peer.expect("A", ack=4, within=0.5)


@pytest.mark.parametrize("octets", [
    b"\x02\x00\x05\xb4", b"\x02\x01\x05\xb4", b"\x02\x28\x05\xb4", b"\x02\x03\x05\x00", b"\x01\x01\x01\x02",
    b"\x08\x02\x01\x01", b"\x05\x0b\x01\x01" + bytes(8), b"\x03\x02\x01\x01", b"\xfe\x00\x00\x00", b"\xfe\xff\x00\x00",
], ids=lambda octets: octets[:4].hex())
def test_malformed_options_do_no_harm(stack, octets):
    """MUST-7: an option with an impossible length must not bring anything down."""
    handle = stack.listen(80)
    words = 5 + len(octets) // 4
    stack.inject(IP(src=REMOTE, dst=LOCAL) / TCP(sport=4000, dport=80, seq=9, flags="S", dataofs=words) / octets)
    stack.take_all()
    peer = stack.accept(port=81)
    stack.inject(peer.segment("A", octets, dataofs=words))
    peer.send("PA", b"abc")
    assert stack.read(peer.handle) == b"abc"
    assert stack.state(handle) == "LISTEN"
    stack.ignore_rest()


def test_end_of_options_ends_them(stack):
    """MUST-4: what stands behind EOL is not looked at."""
    _, answer = offered(stack, [("MSS", 1460), ("EOL", None), ("WScale", 3), ("EOL", None)])
    assert 3 not in answer.options


def test_no_option_is_answered_that_was_not_offered(stack):
    """RFC 7323 §2.2, §3.2, RFC 2018 §2: SYN+ACK has only what the SYN had."""
    _, answer = offered(stack, [("MSS", 1460)])
    assert set(answer.options) == {2}


def test_everything_is_offered_in_a_syn(stack):
    """RFC 7323, RFC 2018: an active open offers window scale, time stamps and SACK."""
    assert set(stack.open(80).expect("S").options) == {2, 3, 4, 8}
    stack.ignore_rest()


@pytest.mark.parametrize("setting, kind", [("window_scale", 3), ("sack", 4), ("timestamps", 8)])
def test_each_option_can_be_switched_off(make, setting, kind):
    """An option that is off is neither offered nor answered."""
    stack = make(**{setting: False})
    assert set(stack.open(80).expect("S").options) == {2, 3, 4, 8} - {kind}
    _, answer = offered(stack, [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("WScale", 7)], port=81)
    assert kind not in answer.options
    stack.ignore_rest()


def test_window_scale_of_the_peer_counts(stack):
    """RFC 7323 §2.3: the peer's windows are shifted by its scale, but not the one in its SYN."""
    peer = stack.accept(scale=7, window=1000)
    status = stack.status(peer.handle)
    assert (status.window_scale_received, status.send_window) == (7, 128_000)


def test_window_in_a_syn_is_not_scaled(stack):
    """RFC 7323 §2.2: the window of a SYN is never scaled."""
    peer = stack.open(80)
    peer.configure(scale=7, window=2000)
    peer.expect("S")
    peer.send("SA", options=peer.syn_options())
    peer.expect("A", ack=1)
    assert stack.status(peer.handle).send_window == 2000


def test_scale_above_14_counts_as_14(stack):
    """RFC 7323 §2.3: a shift above 14 is taken for 14."""
    peer = stack.accept(scale=200, window=1)
    assert stack.status(peer.handle).window_scale_received == 14
    assert stack.status(peer.handle).send_window == 1 << 14


def test_own_window_is_scaled(stack):
    """RFC 7323 §2: a buffer above 64 KiB is offered by means of the scale."""
    peer = stack.accept(scale=0, receive_buffer=1 << 20)
    peer.send("PA", b"x")
    found = peer.expect("A", within=0.5)
    assert peer.shift >= 4
    assert (1 << 20) - 2048 <= (found.window << peer.shift) + 1 <= (1 << 20) + (1 << peer.shift)


def test_without_scale_the_window_ends_at_65535(stack):
    """RFC 9293 §3.1, MUST-1: without the option the window has 16 bits."""
    peer = stack.accept(receive_buffer=1 << 20)
    peer.send("PA", b"x")
    assert peer.expect("A", within=0.5).window >= 65534


def test_timestamps_are_echoed(stack):
    """RFC 7323 §3.2, §4.3: TSecr is the TSval of the segment that advanced the left edge of the window."""
    peer = stack.accept(timestamps=True, rtt=0.1)
    tsval = peer.tsval
    peer.send("PA", b"abc")
    assert peer.expect("A", ack=4, within=0.5).timestamps[1] == tsval


def test_timestamp_of_the_earliest_unacknowledged_segment_is_echoed(stack):
    """RFC 7323 §4.3 (A): with delayed ACKs the TSval of the first of two segments is echoed."""
    peer = stack.accept(timestamps=True)
    first = peer.tsval
    peer.send("PA", bytes(1448))
    stack.advance(0.01)
    peer.send("PA", bytes(1448))
    assert peer.expect("A", ack=2897).timestamps[1] == first


def test_timestamp_of_what_is_out_of_order_is_not_echoed(stack):
    """RFC 7323 §4.3 (B): a segment behind a gap does not change TS.Recent."""
    peer = stack.accept(timestamps=True)
    recent = peer.tsval
    stack.advance(0.05)
    peer.send("PA", b"later", seq=11)
    assert peer.expect("A", ack=1).timestamps[1] == recent


def test_segment_without_the_agreed_timestamps_is_dropped(stack):
    """RFC 7323 §3.2: a segment that lacks time stamps is dropped, and a RST is not."""
    peer = stack.accept(timestamps=True)
    peer.send("PA", b"abc", seq=1, options=[])
    assert stack.read(peer.handle) == b""
    stack.take_all()
    peer.send("R", options=[])
    stack.expect_event("terminated", peer.handle)


def test_paws_drops_old_segments(stack):
    """RFC 7323 §5.3, R1: a segment with a TSval before TS.Recent is dropped and acknowledged."""
    peer = stack.accept(timestamps=True)
    stack.advance(10)
    peer.send("PA", b"new")
    peer.expect("A", ack=4, within=0.5)
    assert stack.read(peer.handle) == b"new"
    peer.send("PA", b"old", options=[("Timestamp", (peer.tsval - 5000, peer.ts_recent))], seq=4)
    peer.expect("A", ack=4)
    assert stack.read(peer.handle) == b""
    assert stack.counter("drop.old_timestamp") == 1


def test_paws_does_not_stop_resets(stack):
    """RFC 7323 §5.2: the test does not apply to RST."""
    peer = stack.accept(timestamps=True)
    stack.advance(10)
    peer.send("PA", b"new")
    peer.expect("A", ack=4, within=0.5)
    peer.send("R", options=[("Timestamp", (peer.tsval - 5000, 0))])
    stack.expect_event("terminated", peer.handle)


def test_paws_lets_a_connection_live_after_24_days_of_idleness(stack):
    """RFC 7323 §5.5: after 24 days TS.Recent is no longer believed."""
    peer = stack.accept(timestamps=True)
    stack.advance(25 * 86400)
    # The clock of the peer, of 1 ms, has come round: its stamps look old.
    peer.tsval_offset += -25 * 86_400_000 - 10
    peer.send("PA", b"hello again")
    assert stack.read(peer.handle) == b"hello again"
    peer.expect("A", ack=12, within=0.5)


def test_sack_tells_what_is_out_of_order(stack):
    """RFC 2018 §4: each ACK behind a gap has a block, the most recent first."""
    peer = stack.accept(sack=True)
    peer.send("A", b"c" * 10, seq=21)
    assert peer.expect("A", ack=1).sack == [(21, 31)]
    peer.send("A", b"e" * 10, seq=41)
    assert peer.expect("A", ack=1).sack == [(41, 51), (21, 31)]
    peer.send("A", b"d" * 10, seq=31)
    assert peer.expect("A", ack=1).sack == [(21, 51)]
    peer.send("A", b"a" * 20, seq=1)
    assert peer.expect("A", ack=51).sack == []
    assert stack.read(peer.handle) == b"a" * 20 + b"c" * 10 + b"d" * 10 + b"e" * 10


def test_sack_has_three_blocks_beside_timestamps(stack):
    """RFC 2018 §3: with time stamps there is room for three blocks; the recent ones are told."""
    peer = stack.accept(sack=True, timestamps=True)
    for number in range(1, 7):
        peer.send("A", b"x" * 10, seq=1 + 20 * number)
        found = peer.expect("A", ack=1)
    assert found.sack == [(121, 131), (101, 111), (81, 91)]


def test_sack_without_permission_is_not_sent(stack):
    """RFC 2018 §2: no SACK to a peer that has not permitted it."""
    peer = stack.accept()
    peer.send("A", b"x" * 10, seq=21)
    assert peer.expect("A", ack=1).sack == []


def test_dsack_tells_of_a_duplicate(stack):
    """RFC 2883 §4.1: a segment that came twice is told in the first block, below the acknowledgment number."""
    peer = stack.accept(sack=True)
    peer.send("PA", b"hello")
    peer.expect("A", ack=6, within=0.5)
    peer.send("PA", b"hello", seq=1)
    assert peer.expect("A", ack=6, within=0.5).sack == [(1, 6)]


def test_dsack_of_a_duplicate_out_of_order(stack):
    """RFC 2883 §4.2: a duplicate behind a gap is told first, and then the block that has it."""
    peer = stack.accept(sack=True)
    peer.send("A", b"x" * 20, seq=21)
    peer.expect("A", ack=1)
    peer.send("A", b"x" * 10, seq=21)
    assert peer.expect("A", ack=1).sack == [(21, 31), (21, 41)]
