"""Windows, small segments and delayed acknowledgments (RFC 9293 §3.8.6, RFC 1122 §4.2.3)."""

import pytest

MSS = 1460


# ---- The engine sends


def test_sender_stays_in_the_window(stack):
    """RFC 9293 §3.8.6: no more than the peer's window is on its way; an update lets more go."""
    peer = stack.accept(window=3000)
    stack.send(peer.handle, bytes(10_000))
    assert sum(len(peer.got(sent).data) for sent in stack.take_all()) <= 3000
    stack.advance(0.01)
    peer.send("A", window=5000)
    assert sum(len(peer.got(sent).data) for sent in stack.take_all()) <= 5000
    stack.ignore_rest()


def zero_window(stack, **peer):
    """A connection whose peer has closed its window, while 5000 bytes wait."""
    peer = stack.accept(rtt=0.1, window=2 * MSS, **peer)
    stack.send(peer.handle, bytes(index % 251 for index in range(5000)))
    assert sum(len(peer.got(sent).data) for sent in stack.take_all()) == 2 * MSS
    stack.advance(0.1)
    peer.send("A", window=0)
    return peer


def test_zero_window_is_probed_after_a_time_out(stack):
    """MUST-35, MUST-36, SHLD-29: the first probe comes about one RTO after the window closed, and has one byte or none."""
    peer = zero_window(stack)
    timeout = stack.status(peer.handle).retransmission_timeout / 1e6
    probe = peer.expect("A", within=timeout * 1.5 + 0.01, after=timeout * 0.5)
    assert len(probe.data) <= 1
    stack.ignore_rest()


def test_probes_back_off(stack):
    """SHLD-30: the time between probes grows exponentially, up to a largest value."""
    peer = zero_window(stack)
    times = []
    for _ in range(10):
        probe = peer.expect("A", within=130)
        times.append(probe.time)
        peer.send("A", ack=1 + 2 * MSS, window=0)
    waits = [b - a for a, b in zip(times, times[1:])]
    assert waits[:5] == pytest.approx([waits[0] * 2 ** power for power in range(5)], rel=0.1)
    assert max(waits) <= 125
    stack.ignore_rest()


def test_zero_window_may_last(stack):
    """MUST-37: as long as the probes are answered the connection stays, for hours."""
    peer = zero_window(stack)
    end = stack.time + 4 * 3600
    while stack.time < end:
        peer.got(stack.next_packet(within=150))
        peer.send("A", ack=1 + 2 * MSS, window=0)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.take_all()
    peer.send("A", ack=1 + 2 * MSS, window=60_000)
    received = b"".join(peer.got(sent).data for sent in stack.take_all())
    assert len(received) >= 5000 - 2 * MSS - 1
    stack.ignore_rest()


def test_dead_peer_with_a_zero_window_is_given_up(make):
    """RFC 9293 §3.8.6.1, MUST-20: probes that nobody answers count for R2."""
    stack = make(user_timeout=100_000_000)
    peer = zero_window(stack)
    stack.advance(600)
    stack.expect_event("terminated", peer.handle)
    stack.ignore_rest()


def test_window_that_opens_lets_data_go(stack):
    """RFC 9293 §3.10.7.4, fifth: a window update opens a closed window at once."""
    peer = zero_window(stack)
    stack.expect_nothing(0.05)
    peer.send("A", ack=1 + 2 * MSS, window=60_000)
    assert peer.expect(seq=1 + 2 * MSS).data
    stack.ignore_rest()


def test_probe_with_data_that_is_taken(stack):
    """RFC 9293 §3.8.6.1: a probe's byte may be taken: then the rest follows it."""
    peer = zero_window(stack)
    probe = peer.expect("A", within=2)
    ack = 1 + 2 * MSS + len(probe.data)
    peer.send("A", ack=ack, window=60_000)
    data = b"".join(peer.got(sent).data for sent in stack.take_all())
    whole = bytes(index % 251 for index in range(5000))
    assert data == whole[ack - 1:]


def test_old_window_does_not_count(stack):
    """RFC 9293 §3.10.7.4, fifth: SND.WL1 and SND.WL2 keep an older segment from changing the window."""
    peer = stack.accept()
    peer.send("PA", b"abc", window=10_000)
    peer.send("A", window=9_000)
    peer.expect("A", within=1)
    # It was sent before those, and comes later.
    peer.send("A", seq=1, window=3)
    assert stack.status(peer.handle).send_window == 9_000
    stack.ignore_rest()


def test_shrunk_window_is_borne(stack):
    """MUST-34, SHLD-15: a peer that takes its window back gets no new data beyond it, and the connection lives."""
    peer = stack.accept(rtt=0.1, window=10 * MSS)
    stack.send(peer.handle, bytes(40_000))
    assert len(stack.take_all()) == 10
    stack.advance(0.1)
    peer.send("A", ack=1 + 2 * MSS, window=2 * MSS)  # up to 4 segments; 10 were offered
    ends = [peer.got(sent).seq + len(peer.got(sent).data) for sent in stack.take_all()]
    assert all(end <= 1 + 10 * MSS for end in ends)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.advance(0.2)
    peer.send("A", ack=1 + 10 * MSS, window=20 * MSS)
    stack.advance(0.1)
    assert max(peer.got(sent).seq for sent in stack.take_all()) >= 1 + 10 * MSS
    stack.ignore_rest()


def test_shrunk_window_to_zero_does_not_end_the_connection(make):
    """SHLD-16, SHLD-17: with a window shrunk to nothing the sender probes, and does not give up while it is answered."""
    stack = make(user_timeout=60_000_000)
    peer = stack.accept(rtt=0.1, window=4 * MSS)
    stack.send(peer.handle, bytes(4 * MSS))
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1, window=0)
    end = stack.time + 600
    while stack.time < end:
        stack.next_packet(within=130)
        stack.take_all()
        peer.send("A", ack=1, window=0)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.ignore_rest()


def test_sender_avoids_silly_segments(stack):
    """MUST-38: a window that opens by little is not filled with little."""
    peer = stack.accept(rtt=0.1, window=4 * MSS)
    stack.send(peer.handle, bytes(20 * MSS))
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1 + 4 * MSS, window=100)
    stack.expect_nothing(0.05)
    peer.send("A", ack=1 + 4 * MSS, window=200)
    stack.expect_nothing(0.05)
    peer.send("A", ack=1 + 4 * MSS, window=MSS)
    peer.expect(seq=1 + 4 * MSS, length=MSS)
    stack.ignore_rest()


def test_small_window_is_used_in_the_end(stack):
    """RFC 9293 §3.8.6.2.1: the override time-out sends into a window that stays small."""
    peer = stack.accept(rtt=0.1, window=4 * MSS)
    stack.send(peer.handle, bytes(20 * MSS))
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1 + 4 * MSS, window=100)
    assert 1 <= len(peer.expect(within=2).data) <= 100
    stack.ignore_rest()


def test_small_peer_is_served(stack):
    """RFC 9293 §3.8.6.2.1 (3): half of the largest window that the peer ever offered is not small."""
    peer = stack.accept(rtt=0.1, window=200)
    stack.send(peer.handle, bytes(1000))
    assert len(peer.expect().data) in range(100, 201)
    stack.ignore_rest()


def test_nagle_holds_a_small_segment_back(stack):
    """SHLD-7: while data is unacknowledged a small segment waits for the acknowledgment, and for others to go with it."""
    peer = stack.accept(rtt=0.05)
    stack.send(peer.handle, b"1")
    peer.expect("A", data=b"1")
    stack.send(peer.handle, b"2")
    stack.send(peer.handle, b"3")
    stack.expect_nothing(0.05)
    peer.send("A")
    peer.expect("A", data=b"23", push=True)
    stack.ignore_rest()


def test_nagle_can_be_switched_off(stack):
    """MUST-17: without Nagle each goes at once."""
    peer = stack.accept(rtt=0.05)
    stack.set(peer.handle, nagle=False)
    for octet in (b"1", b"2", b"3"):
        stack.send(peer.handle, octet)
        peer.expect("A", data=octet)
    stack.ignore_rest()


def test_full_segments_do_not_wait_for_nagle(stack):
    """SHLD-7: a full segment is sent whatever is unacknowledged."""
    peer = stack.accept(rtt=0.05)
    stack.send(peer.handle, b"1")
    peer.expect("A", data=b"1")
    stack.send(peer.handle, bytes(MSS))
    peer.expect("A", length=MSS)
    stack.ignore_rest()


def test_push_marks_the_end(stack):
    """MUST-61: the last segment of what was buffered has PSH; SHLD-27: those before it need not."""
    peer = stack.accept()
    stack.send(peer.handle, bytes(3 * MSS - 10))
    peer.expect("A", length=MSS, push=False)
    peer.expect("A", length=MSS, push=False)
    peer.expect("A", length=MSS - 10, push=True)


# ---- The engine receives


def test_acknowledgments_are_delayed_below_half_a_second(stack):
    """SHLD-18, MUST-40: one segment is acknowledged a little later, within 0.5 s."""
    peer = stack.accept()
    peer.send("PA", b"x")
    stack.expect_nothing()
    peer.expect("A", ack=2, within=0.499, after=0.001)


def test_every_second_segment_is_acknowledged_at_once(stack):
    """SHLD-19, MUST-58: an ACK at least for every second full segment."""
    peer = stack.accept()
    for number in range(5):
        peer.send("A", bytes(MSS))
        stack.expect_nothing()
        peer.send("A", bytes(MSS))
        peer.expect("A", ack=1 + (2 * number + 2) * MSS)


def test_acknowledgment_goes_with_data(stack):
    """SHLD-18: an acknowledgment that waits goes with the next data."""
    peer = stack.accept()
    peer.send("PA", b"question")
    stack.send(peer.handle, b"answer")
    peer.expect("A", ack=9, data=b"answer")
    peer.send("A")
    stack.expect_nothing(1)


def test_delayed_acknowledgments_can_be_switched_off(stack):
    """SHLD-18: as a setting of the connection."""
    peer = stack.accept()
    stack.set(peer.handle, delayed_acknowledgment=False)
    peer.send("PA", b"x")
    peer.expect("A", ack=2)


def test_window_closes_as_the_buffer_fills(stack):
    """RFC 9293 §3.8.6, SHLD-14: the window says how much the buffer takes, and its right edge never goes back."""
    peer = stack.accept(receive_buffer=8192)
    window = stack.status(peer.handle).receive_window
    assert window <= 8192
    sent = 0
    while sent + 1000 <= window:
        peer.send("A", bytes(1000))
        sent += 1000
    stack.advance(1)
    last = peer.got(stack.take_all()[-1])
    assert last.ack + last.window <= 1 + 8192 and last.ack == 1 + sent
    assert last.window <= 8192 - sent


def test_window_opens_by_enough(stack):
    """MUST-39: after a full buffer the window opens again when half of it or a segment is free, and not before."""
    peer = stack.accept(receive_buffer=8192)
    window = stack.status(peer.handle).receive_window
    while window > 0:
        count = min(window, 1000)
        peer.send("A", bytes(count))
        window -= count
    stack.advance(1)
    assert peer.got(stack.take_all()[-1]).window == 0
    stack.read(peer.handle, 100)
    stack.expect_nothing(0.5)
    stack.read(peer.handle, 4000)
    assert peer.expect("A", within=0.5).window >= min(4096, MSS)


def test_full_window_answers_probes(stack):
    """MUST-66, RFC 9293 §3.10.7.4, first: at a window of 0 a probe is not taken, and acknowledged."""
    peer = stack.accept(receive_buffer=4096)
    window = stack.status(peer.handle).receive_window
    peer.send("A", bytes(window // 2))
    peer.send("A", bytes(window - window // 2))
    stack.advance(1)
    stack.take_all()
    peer.send("A", b"?", seq=1 + window)
    assert peer.expect("A", ack=1 + window, within=0.5).window == 0


def test_reset_at_a_zero_window(stack):
    """MUST-66: RST is processed at a window of 0."""
    peer = stack.accept(receive_buffer=4096)
    window = stack.status(peer.handle).receive_window
    peer.send("A", bytes(window // 2))
    peer.send("A", bytes(window - window // 2))
    stack.advance(1)
    stack.take_all()
    peer.send("R")
    stack.expect_event("terminated", peer.handle)


def test_acknowledgment_at_a_zero_window(stack):
    """RFC 9293 §3.4: at a window of 0 ACKs are still taken."""
    peer = stack.accept(receive_buffer=4096)
    window = stack.status(peer.handle).receive_window
    stack.send(peer.handle, b"mine")
    peer.expect("A", data=b"mine")
    peer.send("A", bytes(window // 2), ack=1)
    peer.send("A", bytes(window - window // 2), ack=1)
    stack.advance(0.1)
    stack.take_all()
    peer.send("A", ack=5)
    assert stack.status(peer.handle).unacknowledged == 0


def test_buffer_that_grows_opens_the_window(stack):
    """mactcp.h, RECEIVE_BUFFER: a larger buffer is offered; a smaller one does not shrink the window (SHLD-14)."""
    peer = stack.accept(receive_buffer=8192, scale=0)
    peer.send("PA", b"x")
    small = peer.expect("A", within=0.5)
    stack.set(peer.handle, receive_buffer=32768)
    peer.send("PA", b"x")
    peer.send("PA", b"x")
    stack.advance(0.5)
    grown = peer.got(stack.take_all()[-1])
    assert (grown.window << peer.shift) > (small.window << peer.shift)
    stack.set(peer.handle, receive_buffer=4096)
    peer.send("PA", b"x")
    stack.advance(0.5)
    stack.ignore_rest()


def test_memory_of_unread_data_is_bounded(make):
    """RFC 9293 §3.8.6: however much a peer sends, the engine keeps what it has offered."""
    stack = make(memory_ceiling=1 << 20)
    peer = stack.accept(receive_buffer=65536)
    for number in range(300):
        peer.send("A", bytes(MSS), seq=1 + number * MSS)
    assert stack.status(peer.handle).unread <= 65536
    assert stack.engine.engine_memory() < 300_000
    stack.ignore_rest()
