"""Retransmission and congestion control (RFC 6298, 5681, 6582, 3042, 6928, 2018, 6675, 8985, 6937, 5682)."""

import pytest

import engine as c

MSS = 1460


def filled(stack, segments, **peer):
    """A connection with a round trip of 100 ms, and so many segments on their way."""
    peer = stack.accept(rtt=0.1, **peer)
    data = bytes(index % 251 for index in range(segments * MSS))
    stack.send(peer.handle, data)
    return peer, data


def starts(peer, sent):
    """The segments' first numbers, in units of the MSS."""
    return [(peer.got(each).seq - 1) / MSS for each in sent]


def test_first_time_out_comes_from_the_handshake(stack):
    """RFC 6298 §2.2: the first measurement R gives SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR = 3 R."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, b"x")
    peer.expect("A", data=b"x")
    peer.expect("A", data=b"x", seq=1, within=0.35, after=0.28)
    stack.ignore_rest()


def test_time_out_after_a_handshake_that_was_repeated(stack):
    """RFC 6298 §5.7: if the SYN had to be sent again, the first RTO of data is 3 s."""
    peer = stack.open(80)
    peer.expect("S")
    peer.expect("S", seq=0, within=1.1)
    peer.send("SA", options=[("MSS", 1460)])
    peer.expect("A", ack=1)
    stack.send(peer.handle, b"x")
    peer.expect("A", data=b"x")
    peer.expect("A", data=b"x", seq=1, within=3.1, after=2.9)
    stack.ignore_rest()


def test_time_out_backs_off(stack):
    """RFC 6298 §5.5, MUST-19: each time the time-out is doubled, up to the largest."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, b"x")
    before, waits = peer.expect("A", data=b"x").time, []
    for _ in range(8):
        again = peer.expect("A", data=b"x", seq=1, within=65)
        waits.append(again.time - before)
        before = again.time
    assert waits[0] == pytest.approx(0.3, rel=0.1)
    assert [b / a for a, b in zip(waits, waits[1:])] == pytest.approx([2] * 7, rel=0.02)
    stack.ignore_rest()


def test_time_out_has_a_largest_value(make):
    """RFC 6298 §2.5: RTO may have an upper bound of 60 s or more."""
    stack = make(user_timeout=0)
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, b"x")
    stack.advance(3600)
    times = [sent.time / 1e6 for sent in stack.take_all()]
    assert 58 <= times[-1] - times[-2] <= 61
    assert stack.state(peer.handle) == "ESTABLISHED"
    peer.rcv_nxt = 2
    peer.send("A")
    assert stack.status(peer.handle).unacknowledged == 0


def test_karn(stack):
    """MUST-18, RFC 6298 §3: the acknowledgment of what was sent twice is no measurement; the time-out stays as it was."""
    peer = stack.accept(rtt=0.1)
    before = stack.status(peer.handle).smoothed_round_trip
    assert before == pytest.approx(100_000, rel=0.01)
    stack.send(peer.handle, b"x")
    peer.expect("A", data=b"x")
    peer.expect("A", data=b"x", seq=1, within=1)
    peer.expect("A", data=b"x", seq=1, within=2)
    stack.advance(0.5)
    peer.send("A")
    status = stack.status(peer.handle)
    assert status.smoothed_round_trip == before
    assert status.unacknowledged == 0


def test_round_trip_is_smoothed(stack):
    """RFC 6298 §2.3: SRTT <- 7/8 SRTT + 1/8 R', RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, b"x")
    peer.expect("A", data=b"x")
    stack.advance(0.18)
    peer.send("A")
    status = stack.status(peer.handle)
    assert status.smoothed_round_trip == pytest.approx(110_000, rel=0.02)
    assert status.round_trip_variance == pytest.approx(57_500, rel=0.03)
    assert status.retransmission_timeout == pytest.approx(340_000, rel=0.03)


def test_every_acknowledgment_measures_with_timestamps(stack):
    """RFC 7323 §4: with time stamps even a retransmission's acknowledgment measures."""
    peer = stack.accept(rtt=0.1, timestamps=True)
    stack.send(peer.handle, b"x")
    peer.expect("A", data=b"x")
    # The first was lost: the peer echoes the stamp of the second.
    peer.ts_recent = peer.expect("A", data=b"x", seq=1, within=1).timestamps[0]
    stack.advance(0.18)
    peer.send("A")
    assert stack.status(peer.handle).smoothed_round_trip == pytest.approx(110_000, rel=0.03)


def test_acknowledgment_restarts_the_timer(stack):
    """RFC 6298 §5.3: an ACK of new data starts the timer anew."""
    peer, _ = filled(stack, 4)
    stack.take_all()
    stack.advance(0.25)
    peer.send("A", ack=1 + MSS)
    stack.expect_nothing(0.25)
    assert stack.next_packet(within=0.3)
    stack.ignore_rest()


def test_user_time_out_aborts(make):
    """MUST-20, MUST-21, SHLD-11: after R2 the connection is closed, and the user told."""
    stack = make(user_timeout=100_000_000)
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, b"x")
    stack.advance(90)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.advance(60)
    assert c.REASONS[stack.expect_event("terminated", peer.handle).detail] == "user timeout"
    assert stack.state(peer.handle) == "CLOSED"
    stack.take_all()
    stack.expect_nothing(600)


def test_user_time_out_can_be_set_for_a_connection(stack):
    """MUST-21: the user sets R2 of a connection."""
    peer = stack.accept(rtt=0.1)
    stack.set(peer.handle, user_timeout_aborts=5_000_000)
    stack.send(peer.handle, b"x")
    stack.advance(4.5)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.advance(7)
    assert stack.state(peer.handle) == "CLOSED"
    stack.ignore_rest()


def test_user_time_out_that_reports(stack):
    """RFC 9293 §3.9.1.6, MacTCP's ulpTimeoutAction: the user is told, and the connection lives."""
    peer = stack.accept(rtt=0.1)
    stack.set(peer.handle, user_timeout_reports=5_000_000)
    stack.send(peer.handle, b"x")
    stack.advance(4.5)
    stack.expect_no_event("user_timeout")
    stack.advance(10)
    stack.expect_event("user_timeout", peer.handle)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.advance(120)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.take_all()
    peer.rcv_nxt = 2
    peer.send("A")
    assert stack.status(peer.handle).unacknowledged == 0


def test_delivery_problem_is_told(make):
    """SHLD-9, RFC 9293 §3.8.3 (e): the user is told at R1, once, of data and of an open; the connection lives."""
    stack = make(retransmissions_before_advice=4, sack="off")
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, b"x")
    peer.expect("A", data=b"x")
    for _ in range(3):
        peer.expect("A", data=b"x", seq=1, within=10)
        stack.expect_no_event("delivery_problem")
    peer.expect("A", data=b"x", seq=1, within=10)
    stack.expect_event("delivery_problem", peer.handle)
    stack.advance(60)
    stack.expect_no_event("delivery_problem")
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.ignore_rest()
    stack = make()
    opening = stack.open(80)
    stack.advance(6)
    stack.expect_no_event("delivery_problem")
    stack.advance(2)
    stack.expect_event("delivery_problem", opening.handle)
    assert stack.state(opening.handle) == "SYN-SENT"
    stack.ignore_rest()


def test_initial_window_is_ten_segments(stack):
    """RFC 6928: ten segments before the first acknowledgment of data."""
    peer, data = filled(stack, 30)
    sent = stack.take_all()
    assert starts(peer, sent) == list(range(10))
    stack.ignore_rest()


def test_initial_window_is_a_setting(make):
    """RFC 5681 §3.1: the first window may be less."""
    stack = make(initial_window=2)
    peer, _ = filled(stack, 30)
    assert starts(peer, stack.take_all()) == [0, 1]
    stack.ignore_rest()


def test_slow_start_doubles_the_window(stack):
    """RFC 5681 §3.1: each acknowledged segment lets two go."""
    peer, _ = filled(stack, 100)
    assert len(stack.take_all()) == 10
    stack.advance(0.1)
    for segment in range(2, 12, 2):
        peer.send("A", ack=1 + segment * MSS)
    assert len(stack.take_all()) == 20
    stack.ignore_rest()


def test_window_after_a_time_out_is_one_segment(stack):
    """RFC 5681 §3.1 (7): after a time-out one segment, and SSTHRESH is half of what was on its way."""
    peer, _ = filled(stack, 30)
    assert len(stack.take_all()) == 10
    stack.advance(0.8)
    assert len(stack.take_all()) == 1
    status = stack.status(peer.handle)
    assert status.congestion_window <= 2 * MSS
    assert 2 * MSS <= status.slow_start_threshold <= 8 * MSS
    stack.ignore_rest()


def test_time_out_goes_back_to_the_first(stack):
    """RFC 6298 §5.4: the earliest segment that is not acknowledged is sent again; then go-back-N in slow start."""
    peer, _ = filled(stack, 4)
    stack.take_all()
    again = peer.expect(seq=1, length=MSS, within=0.5)
    assert again
    stack.advance(0.1)
    peer.send("A", ack=1 + MSS)
    more = stack.take_all()
    assert starts(peer, more)[0] == 1
    stack.ignore_rest()


def test_fast_retransmit(stack):
    """RFC 5681 §3.2: after three duplicate acknowledgments the segment is sent again, before the time-out."""
    peer, _ = filled(stack, 10)
    stack.take_all()
    stack.advance(0.1)
    for _ in range(2):
        peer.send("A", ack=1)
    stack.expect_nothing()
    peer.send("A", ack=1)
    peer.expect(seq=1, length=MSS)
    stack.ignore_rest()


def test_two_duplicate_acknowledgments_are_not_enough(stack):
    """RFC 5681 §3.2: reordering gives one or two duplicates."""
    peer, _ = filled(stack, 4)
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1)
    peer.send("A", ack=1)
    stack.expect_nothing(0.05)
    peer.send("A", ack=1 + 4 * MSS)
    assert stack.status(peer.handle).segments_resent == 0


def test_acks_with_data_or_a_new_window_are_no_duplicates(stack):
    """RFC 5681 §2: a duplicate has no data, and the same window."""
    peer, _ = filled(stack, 6)
    stack.take_all()
    for number in range(5):
        peer.send("A", ack=1, window=60_000 + number)
    for number in range(5):
        peer.send("PA", b"x", ack=1)
    assert all(not peer.got(sent).data for sent in stack.take_all())
    stack.ignore_rest()


def test_limited_transmit(stack):
    """RFC 3042: the first two duplicates each let a new segment go."""
    peer, _ = filled(stack, 30)
    assert len(stack.take_all()) == 10
    stack.advance(0.1)
    peer.send("A", ack=1)
    assert starts(peer, stack.take_all()) == [10]
    peer.send("A", ack=1)
    assert starts(peer, stack.take_all()) == [11]
    stack.ignore_rest()


def test_partial_acknowledgment_retransmits_the_next_hole(stack):
    """RFC 6582 §3.2: in recovery without SACK a partial ACK shows the next loss."""
    peer, _ = filled(stack, 10)
    stack.take_all()
    stack.advance(0.1)
    # Segments 0 and 4 are lost.
    for _ in range(8):
        peer.send("A", ack=1)
    assert 0 in starts(peer, stack.take_all())
    stack.advance(0.1)
    peer.send("A", ack=1 + 4 * MSS)
    assert starts(peer, stack.take_all())[:1] == [4]
    stack.advance(0.1)
    peer.send("A", ack=1 + 10 * MSS)
    assert stack.status(peer.handle).unacknowledged == 0
    assert stack.counter("tcp.retransmission_timeouts") == 0


def test_window_is_halved_once_for_a_window_of_losses(stack):
    """RFC 5681 §3.2, RFC 9438 §4.6: one window of losses reduces the window once, to 0.5...0.7 of it."""
    peer, _ = filled(stack, 40, sack=True)
    stack.take_all()
    stack.advance(0.1)
    before = stack.status(peer.handle).congestion_window
    peer.send("A", ack=1, sack=[(1 + 3 * MSS, 1 + 10 * MSS)])
    stack.advance(0.1)
    peer.send("A", ack=1, sack=[(1 + 3 * MSS, 1 + 12 * MSS)])
    after = stack.status(peer.handle).slow_start_threshold
    assert 0.45 * before <= after <= 0.75 * before
    stack.ignore_rest()


def test_sack_resends_only_what_is_missing(stack):
    """RFC 6675, RFC 8985 §5: with SACK the holes alone are sent again, all of them within a round trip."""
    peer, _ = filled(stack, 10, sack=True)
    stack.take_all()
    stack.advance(0.1)
    # 2, 5 and 6 are lost.
    peer.send("A", ack=1 + 2 * MSS)
    for right in (4, 5):
        peer.send("A", ack=1 + 2 * MSS, sack=[(1 + 3 * MSS, 1 + right * MSS)])
    for right in (8, 9, 10):
        peer.send("A", ack=1 + 2 * MSS, sack=[(1 + 7 * MSS, 1 + right * MSS), (1 + 3 * MSS, 1 + 5 * MSS)])
    stack.advance(0.06)
    assert sorted(starts(peer, stack.take_all())) == [2, 5, 6]
    peer.send("A", ack=1 + 10 * MSS)
    assert stack.status(peer.handle).segments_resent == 3
    assert stack.counter("tcp.retransmission_timeouts") == 0


def test_sacked_data_is_kept_until_acknowledged(stack):
    """RFC 2018 §8: SACK is advice: what was told can be taken back, and is sent again after a time-out."""
    peer, data = filled(stack, 4, sack=True)
    stack.take_all()
    peer.send("A", ack=1, sack=[(1 + 1 * MSS, 1 + 4 * MSS)])
    # The peer has thrown all away, and acknowledges only what comes again.
    received = {}
    for _ in range(40):
        stack.advance(0.5)
        for sent in stack.take_all():
            found = peer.got(sent)
            received[found.seq] = found.data
        end = 1
        while end in received and received[end]:
            end += len(received[end])
        peer.send("A", ack=end)
        if end == 1 + 4 * MSS:
            break
    assert end == 1 + 4 * MSS
    assert stack.status(peer.handle).unacknowledged == 0


@pytest.mark.parametrize("blocks", [
    [(2, 1)], [(1, 1)], [(100_000, 200_000)], [(1 << 31, (1 << 31) + 5)], [(-5000, -100)], [(0, 1 << 31)],
    [(1461, 2921), (1461, 2921), (1461, 2921)],
])
def test_senseless_sack_does_no_harm(stack, blocks):
    """RFC 2018, RFC 5961: blocks that cannot be are passed over; the data goes through."""
    peer, data = filled(stack, 3, sack=True)
    stack.take_all()
    for _ in range(4):
        peer.send("A", ack=1, sack=blocks)
    stack.advance(0.05)
    peer.send("A", ack=1 + 3 * MSS)
    assert stack.status(peer.handle).unacknowledged == 0
    stack.ignore_rest()


def test_reordering_is_no_loss(stack):
    """RFC 8985 §6.2: within a quarter of the round trip a segment that is late is not sent again."""
    peer, _ = filled(stack, 10, sack=True)
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1, sack=[(1 + MSS, 1 + 2 * MSS)])
    stack.advance(0.005)
    peer.send("A", ack=1 + 2 * MSS)
    stack.advance(0.005)
    peer.send("A", ack=1 + 10 * MSS)
    assert stack.status(peer.handle).segments_resent == 0
    stack.expect_nothing(2)


def test_rack_finds_a_loss_by_time(stack):
    """RFC 8985 §6.2: one later segment that has arrived, and the reordering window past: the earlier one is lost."""
    peer, _ = filled(stack, 2, sack=True)
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1, sack=[(1 + MSS, 1 + 2 * MSS)])
    found = peer.expect(seq=1, length=MSS, within=0.1)
    assert found
    peer.send("A", ack=1 + 2 * MSS)
    assert stack.counter("tcp.retransmission_timeouts") == 0


def test_rack_finds_a_lost_retransmission(stack):
    """RFC 8985 §3.2: a retransmission that is lost too is found without a time-out."""
    peer, _ = filled(stack, 30, sack=True)
    stack.take_all()
    stack.advance(0.1)
    for right in range(2, 11):
        peer.send("A", ack=1, sack=[(1 + MSS, 1 + right * MSS)])
    stack.advance(0.001)
    sent = stack.take_all()
    numbers = starts(peer, sent)
    assert 0 in numbers
    # Later new segments arrive; the retransmission does not.
    stack.advance(0.15)
    top = int(max(numbers)) + 1
    assert top > 10, numbers
    peer.send("A", ack=1, sack=[(1 + MSS, 1 + top * MSS)])
    stack.advance(0.06)
    assert 0 in starts(peer, stack.take_all())
    assert stack.counter("tcp.retransmission_timeouts") == 0
    stack.ignore_rest()


def test_tail_loss_is_probed(stack):
    """RFC 8985 §7: after two round trips without an ACK the last segment is sent again, before the time-out."""
    peer, _ = filled(stack, 4, sack=True)
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1 + MSS)
    found = peer.expect(seq=1 + 3 * MSS, length=MSS, within=0.28, after=0.15)
    assert found and stack.counter("tcp.tail_loss_probes") == 1
    peer.send("A", ack=1 + 4 * MSS)
    assert stack.counter("tcp.retransmission_timeouts") == 0


def test_tail_loss_probe_with_new_data(stack):
    """RFC 8985 §7.3: if there is data that was not sent, and the peer's window has room, the probe is new data."""
    peer, _ = filled(stack, 30, sack=True)
    assert len(stack.take_all()) == 10
    stack.advance(0.28)
    assert starts(peer, stack.take_all())[:1] == [10]
    stack.ignore_rest()


def test_loss_of_the_whole_tail_is_repaired_after_the_probe(stack):
    """RFC 8985 §7.4: the probe's acknowledgment shows the loss before it."""
    peer, _ = filled(stack, 4, sack=True)
    stack.take_all()
    stack.advance(0.1)
    peer.send("A", ack=1 + MSS)
    peer.expect(seq=1 + 3 * MSS, within=0.3)
    stack.advance(0.1)
    peer.send("A", ack=1 + MSS, sack=[(1 + 3 * MSS, 1 + 4 * MSS)])
    stack.advance(0.05)
    # PRR (RFC 6937 §3) lets one segment go for one that has arrived.
    assert starts(peer, stack.take_all()) in ([1], [1, 2])
    stack.advance(0.05)
    peer.send("A", ack=1 + 2 * MSS, sack=[(1 + 3 * MSS, 1 + 4 * MSS)])
    stack.advance(0.05)
    assert starts(peer, stack.take_all()) in ([2], [])
    peer.send("A", ack=1 + 4 * MSS)
    assert stack.status(peer.handle).segments_resent == 3
    assert stack.counter("tcp.retransmission_timeouts") == 0


def test_no_probe_without_sack(stack):
    """RFC 8985 §7.1: tail loss probes need SACK."""
    peer, _ = filled(stack, 2)
    stack.take_all()
    stack.expect_nothing(0.25)
    stack.ignore_rest()
    assert stack.counter("tcp.tail_loss_probes") == 0


def test_false_time_out_is_undone(stack):
    """RFC 5682, RFC 3522: a time-out that was only a delay does not cost the window."""
    peer, _ = filled(stack, 40, sack=True, timestamps=True)
    sent = stack.take_all()
    stamp = peer.got(sent[0]).timestamps[0]
    before = stack.status(peer.handle).congestion_window
    while not stack.counter("tcp.retransmission_timeouts"):
        stack.advance(0.05)
        assert stack.time < 10
    # Now the acknowledgments of the first transmission come.
    peer.ts_recent = stamp
    for segment in range(2, 11, 2):
        peer.send("A", ack=1 + segment * 1448)
    assert stack.status(peer.handle).congestion_window >= before
    assert stack.counter("tcp.spurious_recoveries") >= 1
    stack.ignore_rest()


def test_idle_connection_starts_slowly_again(stack):
    """RFC 5681 §4.1: after a time-out's length of idleness the window is the initial one."""
    peer, _ = filled(stack, 100)
    for _ in range(12):
        stack.advance(0.1)
        for sent in stack.take_all():
            peer.got(sent)
            peer.send("A")
    assert stack.status(peer.handle).unacknowledged == 0
    assert stack.status(peer.handle).congestion_window > 20 * MSS
    stack.advance(60)
    stack.send(peer.handle, bytes(40 * MSS))
    assert len(stack.take_all()) == 10
    stack.ignore_rest()


def test_window_does_not_grow_unused(stack):
    """RFC 7661, RFC 5681: a window that is not filled does not grow."""
    peer = stack.accept(rtt=0.01)
    for _ in range(200):
        stack.send(peer.handle, b"x")
        peer.expect("A", data=b"x")
        stack.advance(0.01)
        peer.send("A")
    assert stack.status(peer.handle).congestion_window <= 20 * MSS


def test_optimistic_acks_are_not_rewarded(stack):
    """RFC 3465, RFC 5681 §3.1: many ACKs for one segment open the window by a segment, no more."""
    peer, _ = filled(stack, 100)
    assert len(stack.take_all()) == 10
    stack.advance(0.1)
    for octet in range(1, 1461, 10):
        peer.send("A", ack=1 + octet)
    peer.send("A", ack=1 + MSS)
    assert len(stack.take_all()) <= 3
    stack.ignore_rest()


@pytest.mark.parametrize("control", ["newreno", "cubic"])
@pytest.mark.parametrize("sack", [False, True])
def test_everything_arrives_over_a_lossy_wire(make, control, sack):
    """RFC 9293 §3.8: whatever is lost, the data arrives, by each of the ways of recovery."""
    stack = make(congestion_control=control)
    peer = stack.accept(rtt=0.02, sack=sack)
    data = bytes(stack.random.randrange(256) for _ in range(300_000))
    left, received, base = memoryview(data), {}, 1
    flight = []
    while base <= len(data):
        assert stack.time < 600, f"{base - 1} bytes in 10 minutes"
        if left:
            left = left[stack.send(peer.handle, bytes(left[:65536])):]
        for sent in stack.take_all():
            if stack.random.random() > 0.03:
                flight.append(sent)
        stack.advance(0.02)
        arrived, flight = flight, []
        for sent in arrived:
            found = peer.got(sent)
            received[found.seq] = found.data
            while base in received and received[base]:
                base += len(received[base])
            ranges = []
            for start in sorted(seq for seq in received if seq > base):
                if ranges and ranges[-1][1] >= start:
                    ranges[-1] = (ranges[-1][0], max(ranges[-1][1], start + len(received[start])))
                else:
                    ranges.append((start, start + len(received[start])))
            peer.rcv_nxt = base
            peer.send("A", sack=ranges[-3:] if sack else ())
    whole = b""
    while len(whole) < len(data):
        whole += received[1 + len(whole)]
    assert whole == data
    stack.ignore_rest()
