"""Keepalive (RFC 9293 §3.8.4)."""

import engine as c

HOUR = 3600


def test_keepalive_is_off(stack):
    """MUST-25: without being asked for, nothing is sent on an idle connection."""
    stack.accept()
    stack.expect_nothing(30 * HOUR)


def test_keepalive_begins_after_two_hours(stack):
    """MUST-24, MUST-28: switched on for a connection; the first probe after two hours of idleness."""
    peer = stack.accept()
    stack.set(peer.handle, keepalive=True)
    stack.expect_nothing(2 * HOUR - 1)
    peer.expect("A", within=2)
    stack.ignore_rest()


def test_probe_has_an_old_number_and_no_data(stack):
    """SHLD-12, RFC 9293 §3.8.4: SEG.SEQ = SND.NXT-1, without data, so that every peer answers."""
    peer = stack.accept()
    stack.call("tcp_set_keepalive", peer.handle, 60_000_000, 10_000_000, 3)
    probe = peer.expect("A", seq=0, ack=1, within=61, after=59)
    assert not probe.data
    peer.send("A")
    stack.expect_nothing(59)
    peer.expect("A", seq=0, within=2)
    stack.ignore_rest()


def test_only_idle_connections_are_probed(stack):
    """MUST-26: whatever comes puts the probe off."""
    peer = stack.accept()
    stack.call("tcp_set_keepalive", peer.handle, 60_000_000, 10_000_000, 3)
    for _ in range(10):
        stack.advance(50)
        peer.send("PA", b"x")
        peer.expect("A", seq=1, within=0.5)
    stack.expect_nothing(59)
    peer.expect("A", seq=0, within=2)
    stack.ignore_rest()


def test_dead_peer_is_given_up(stack):
    """RFC 9293 §3.8.4, MUST-27: so many probes, so far apart, without an answer end the connection."""
    peer = stack.accept()
    stack.call("tcp_set_keepalive", peer.handle, 60_000_000, 10_000_000, 3)
    times = [peer.expect("A", seq=0, within=61).time for _ in range(3)]
    assert [round(b - a) for a, b in zip(times, times[1:])] == [10, 10]
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.advance(11)
    assert stack.state(peer.handle) == "CLOSED"
    assert c.REASONS[stack.expect_event("terminated", peer.handle).detail] in ("user timeout", "network failure")
    stack.ignore_rest()


def test_one_lost_probe_is_not_death(stack):
    """MUST-29: an answer to a later probe keeps the connection, and the count begins anew."""
    peer = stack.accept()
    stack.call("tcp_set_keepalive", peer.handle, 60_000_000, 10_000_000, 3)
    for _ in range(5):
        peer.expect("A", seq=0, within=61)
        peer.expect("A", seq=0, within=11)
        peer.send("A")
    assert stack.state(peer.handle) == "ESTABLISHED"


def test_restarted_peer_answers_with_a_reset(stack):
    """RFC 9293 §3.8.4: a peer that knows nothing of the connection resets it."""
    peer = stack.accept()
    stack.call("tcp_set_keepalive", peer.handle, 60_000_000, 10_000_000, 3)
    probe = peer.expect("A", within=61)
    peer.send("R", seq=probe.ack)
    assert c.REASONS[stack.expect_event("terminated", peer.handle).detail] == "remote abort"


def test_probe_of_the_peer_is_answered(stack):
    """RFC 9293 §3.10.7.4, first: a probe with an old number gets an ACK, with a byte of garbage or without."""
    peer = stack.accept()
    peer.send("A", seq=0)
    peer.expect("A", seq=1, ack=1)
    peer.send("A", b"\0", seq=0)
    peer.expect("A", seq=1, ack=1)
    assert stack.read(peer.handle) == b""


def test_keepalive_can_be_switched_off_again(stack):
    """MUST-24."""
    peer = stack.accept()
    stack.call("tcp_set_keepalive", peer.handle, 60_000_000, 10_000_000, 3)
    stack.set(peer.handle, keepalive=False)
    stack.expect_nothing(3 * HOUR)
