"""Urgent data (RFC 9293 §3.8.5, RFC 6093)."""

MSS = 1460


# ---- The engine sends


def test_urgent_pointer_is_behind_the_last_urgent_byte(stack):
    """MUST-62: the pointer, added to SEG.SEQ, is the number of the byte behind the urgent ones."""
    peer = stack.accept()
    stack.send(peer.handle, b"STOP", urgent=True)
    peer.expect("AU", data=b"STOP", seq=1, urgent=4)


def test_urgent_data_may_have_any_length(stack):
    """MUST-31: the pointer counts from each segment on; each of them has URG until the end is sent."""
    peer = stack.accept()
    stack.send(peer.handle, bytes(3 * MSS), urgent=True)
    for number in range(3):
        peer.expect("AU", seq=1 + number * MSS, length=MSS, urgent=(3 - number) * MSS)
    peer.send("A")
    stack.send(peer.handle, b"calm")
    peer.expect("A", data=b"calm", urgent=0)


def test_urgent_data_beyond_the_pointers_reach(stack):
    """MUST-31, RFC 9293 §3.1: a pointer has 16 bits; data that ends farther away is urgent as soon as it can be told."""
    peer = stack.accept(scale=7, window=4000, rtt=0.01)
    stack.send(peer.handle, bytes(200_000), urgent=True)
    left = 200_000
    for _ in range(200):
        for sent in stack.take_all():
            found = peer.got(sent)
            distance = 200_001 - found.seq
            assert not found.urgent or found.urgent == distance or (distance > 65535 and found.urgent == 65535)
            assert distance > 65535 or found.urgent == distance or not found.data
            left -= len(found.data)
        if left <= 0:
            break
        stack.advance(0.01)
        peer.send("A")
    assert left == 0


def test_later_urgent_data_moves_the_pointer(stack):
    """RFC 9293 §3.8.5: the pointer goes to the end of the latest urgent data, as soon as it is known."""
    peer = stack.accept(rtt=0.05)
    stack.set(peer.handle, nagle=False)
    stack.send(peer.handle, b"one", urgent=True)
    peer.expect("AU", data=b"one", urgent=3)
    stack.send(peer.handle, b"two", urgent=True)
    peer.expect("AU", data=b"two", urgent=3)
    stack.send(peer.handle, b"plain")
    peer.expect("A", data=b"plain", urgent=0)
    stack.ignore_rest()


def test_urgent_data_behind_plain_data(stack):
    """MUST-62, RFC 9293 §3.8.5: plain data that is on its way together with urgent data tells of it."""
    peer = stack.accept(rtt=0.05, window=MSS)
    stack.send(peer.handle, bytes(MSS))
    peer.expect("A", length=MSS, urgent=0)
    stack.send(peer.handle, b"plain")
    stack.send(peer.handle, b"STOP", urgent=True)
    stack.take_all()
    peer.rcv_nxt = 1 + MSS
    peer.send("A", window=MSS)
    stack.take_all()
    # A retransmission after the urgent data is known has the pointer, too.
    again = peer.got(stack.next_packet(within=2))
    assert again.seq == 1 + MSS and again.urgent == 9
    stack.ignore_rest()


def test_retransmission_keeps_the_pointer(stack):
    """MUST-62: what is sent again has the same end of urgent data."""
    peer = stack.accept(rtt=0.05)
    stack.send(peer.handle, b"STOP", urgent=True)
    peer.expect("AU", data=b"STOP", urgent=4)
    peer.expect("AU", data=b"STOP", seq=1, urgent=4, within=1)
    stack.ignore_rest()


def test_urgency_is_told_at_a_zero_window(stack):
    """RFC 9293 §3.8.5, RFC 1122 §4.2.2.4: with the window closed the peer is told of urgent data nevertheless."""
    peer = stack.accept(rtt=0.05)
    peer.send("A", window=0)
    stack.send(peer.handle, b"STOP", urgent=True)
    for _ in range(4):
        found = peer.got(stack.next_packet(within=5))
        if "U" in found.flags:
            break
    assert "U" in found.flags and found.seq + found.urgent == 5
    stack.ignore_rest()


# ---- The engine receives


def test_urgent_data_is_told(stack):
    """MUST-32: the user is told when urgent data is known, and of its end."""
    peer = stack.accept()
    peer.send("PAU", b"STOP", urgent=4)
    stack.expect_event("urgent", peer.handle)
    assert stack.status(peer.handle).urgent_remaining == 4
    data, flags = stack.receive(peer.handle)
    assert data == b"STOP" and {"urgent", "mark"} <= flags
    assert stack.status(peer.handle).urgent_remaining == 0
    peer.expect("A", ack=5, within=0.5)


def test_urgent_data_is_known_before_it_is_there(stack):
    """MUST-32, MUST-33: the pointer counts at once, whatever has come; the user learns how much remains."""
    peer = stack.accept()
    peer.send("AU", b"abc", urgent=10_000)
    stack.expect_event("urgent", peer.handle)
    assert stack.status(peer.handle).urgent_remaining == 10_000
    data, flags = stack.receive(peer.handle)
    assert data == b"abc" and "urgent" in flags and "mark" not in flags
    assert stack.status(peer.handle).urgent_remaining == 9_997
    stack.ignore_rest()


def test_urgent_and_other_data_are_not_received_together(stack):
    """mactcp.h, mactcp_tcp_receive: a receive ends at the mark."""
    peer = stack.accept()
    peer.send("PAU", b"STOPgo on", urgent=4)
    data, flags = stack.receive(peer.handle)
    assert data == b"STOP" and {"urgent", "mark"} <= flags
    assert stack.receive(peer.handle) == (b"go on", {"push"})
    stack.ignore_rest()


def test_data_read_before_the_urgency_is_known_is_plain(stack):
    """MacTCP's Rcv: data in front of an urgent segment that came later is received with the urgent flag until the mark."""
    peer = stack.accept()
    peer.send("PA", b"plain")
    assert stack.receive(peer.handle) == (b"plain", {"push"})
    peer.send("PAU", b"urgent", urgent=6)
    assert stack.receive(peer.handle)[1] >= {"urgent", "mark"}
    stack.ignore_rest()


def test_second_urgent_moves_the_mark(stack):
    """RFC 9293 §3.10.7.4, sixth: RCV.UP <- max(RCV.UP, SEG.UP); data between two ends is all urgent."""
    peer = stack.accept()
    peer.send("PAU", b"one", urgent=3)
    peer.send("PA", b"mid")
    peer.send("PAU", b"two", urgent=3)
    stack.expect_event("urgent", peer.handle)
    assert stack.status(peer.handle).urgent_remaining == 9
    data, flags = stack.receive(peer.handle)
    assert data == b"onemidtwo" and {"urgent", "mark"} <= flags
    stack.ignore_rest()


def test_each_urgent_is_told_after_the_last_was_read(stack):
    """MUST-32: urgent data that follows is told again."""
    peer = stack.accept()
    for word in (b"one", b"two", b"three"):
        peer.send("PAU", word, urgent=len(word))
        stack.expect_event("urgent", peer.handle)
        data, flags = stack.receive(peer.handle)
        assert data == word and {"urgent", "mark"} <= flags
    stack.ignore_rest()


def test_pointer_does_not_go_back(stack):
    """RFC 9293 §3.10.7.4, sixth: an older pointer changes nothing."""
    peer = stack.accept()
    peer.send("AU", b"abcdef", urgent=100)
    peer.send("AU", b"ghijkl", urgent=8)
    assert stack.status(peer.handle).urgent_remaining == 100
    stack.ignore_rest()


def test_pointer_without_the_flag_says_nothing(stack):
    """RFC 9293 §3.1: the pointer counts only with URG."""
    peer = stack.accept()
    peer.send("PA", b"abc", urgent=3)
    stack.expect_no_event("urgent")
    assert stack.receive(peer.handle) == (b"abc", {"push"})
    stack.ignore_rest()


def test_pointer_of_zero_does_no_harm(stack):
    """RFC 6093 §3.3: URG with a pointer of 0, which marks nothing that is still to come."""
    peer = stack.accept()
    peer.send("PAU", b"abc", urgent=0)
    assert stack.read(peer.handle) == b"abc"
    assert stack.status(peer.handle).urgent_remaining == 0
    stack.ignore_rest()


def test_urgency_alone(stack):
    """RFC 9293 §3.8.5: a segment without data may tell of urgent data that follows."""
    peer = stack.accept()
    peer.send("AU", urgent=4)
    stack.expect_event("urgent", peer.handle)
    assert stack.status(peer.handle).urgent_remaining == 4
    peer.send("PA", b"STOP")
    assert stack.receive(peer.handle)[1] >= {"urgent", "mark"}
    stack.ignore_rest()


def test_urgency_at_the_engines_zero_window(stack):
    """MUST-66: URG is processed at a window of 0."""
    peer = stack.accept(receive_buffer=4096)
    window = stack.status(peer.handle).receive_window
    peer.send("A", bytes(window // 2))
    peer.send("A", bytes(window - window // 2))
    stack.advance(1)
    stack.take_all()
    peer.send("AU", urgent=7)
    stack.expect_event("urgent", peer.handle)
    assert stack.status(peer.handle).urgent_remaining == window + 7
    stack.ignore_rest()


def test_urgent_data_out_of_order(stack):
    """RFC 9293 §3.10.7.4, sixth: urgent data behind a gap is marked where it ends."""
    peer = stack.accept()
    peer.send("PAU", b"STOP", seq=6, urgent=4)
    peer.send("PA", b"plain", seq=1)
    received, marks = b"", []
    for _ in range(4):
        data, flags = stack.receive(peer.handle)
        received += data
        if "mark" in flags:
            marks.append(len(received))
    assert received == b"plainSTOP" and marks == [9]
    stack.ignore_rest()


def test_urgent_and_fin(stack):
    """RFC 9293 §3.10.7.4: urgent data and the end in one segment."""
    peer = stack.accept()
    peer.send("FPAU", b"STOP", urgent=4)
    data, flags = stack.receive(peer.handle)
    assert data == b"STOP" and {"urgent", "mark"} <= flags
    assert stack.receive(peer.handle) == (b"", {"end"}) or "end" in flags
    stack.ignore_rest()


def test_pointer_beyond_the_end_of_data(stack):
    """RFC 9293 §3.8.5: a pointer to what never comes does not keep the data before it, nor the end."""
    peer = stack.accept()
    peer.send("FPAU", b"abc", urgent=50_000)
    assert stack.read(peer.handle) == b"abc"
    assert "end" in stack.receive(peer.handle)[1]
    stack.ignore_rest()
