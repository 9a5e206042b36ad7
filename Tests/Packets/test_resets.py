"""RST and SYN from peers and from attackers (RFC 9293 §3.5.2-3, RFC 5961)."""

import pytest

import engine as c
from stack import IP, LOCAL, Peer, REMOTE, TCP


def reason(stack, handle):
    return c.REASONS[stack.expect_event("terminated", handle).detail]


def test_exact_reset_ends_the_connection(stack):
    """RFC 9293 §3.10.7.4, second; RFC 5961 §3.2 (2): SEG.SEQ = RCV.NXT resets."""
    peer = stack.accept()
    peer.send("R")
    assert reason(stack, peer.handle) == "remote abort"
    assert stack.state(peer.handle) == "CLOSED"
    assert stack.refused("tcp_send", peer.handle, b"x", 1, 0) in ("CONNECTION_TERMINATED", "CONNECTION_DOESNT_EXIST")
    stack.expect_nothing(200)


def test_reset_with_data_resets(stack):
    """SHLD-2: a RST may have data; it is not delivered."""
    peer = stack.accept()
    peer.send("RA", b"because")
    assert reason(stack, peer.handle) == "remote abort"


@pytest.mark.parametrize("seq", [2, 1000, 60_000])
def test_reset_in_the_window_is_challenged(stack, seq):
    """RFC 5961 §3.2 (3): a RST in the window that is not exact gets a challenge ACK."""
    peer = stack.accept()
    peer.send("R", seq=seq)
    peer.expect("A", seq=1, ack=1)
    assert stack.state(peer.handle) == "ESTABLISHED"
    peer.send("R", seq=1)
    assert reason(stack, peer.handle) == "remote abort"


@pytest.mark.parametrize("seq", [0, -1, 400_000, 1 << 31])
def test_reset_outside_of_the_window_is_dropped(stack, seq):
    """RFC 5961 §3.2 (1): a RST outside of the window is dropped in silence."""
    peer = stack.accept()
    peer.send("R", seq=seq)
    stack.expect_nothing(1)
    assert stack.state(peer.handle) == "ESTABLISHED"


@pytest.mark.parametrize("seq", [0, 1, 5, 400_000])
def test_syn_on_an_open_connection_is_challenged(stack, seq):
    """RFC 5961 §4.2: a SYN in a synchronised state gets a challenge ACK, wherever it is."""
    peer = stack.accept()
    peer.send("S", seq=seq)
    peer.expect("A", seq=1, ack=1)
    assert stack.state(peer.handle) == "ESTABLISHED"
    peer.send("PA", b"alive", seq=1)
    assert stack.read(peer.handle) == b"alive"
    stack.ignore_rest()


def test_peer_that_has_restarted_is_found_out(stack):
    """RFC 9293 §3.5.1 figure 9, RFC 5961 §4.2: the restarted peer answers the challenge with an exact RST."""
    peer = stack.accept()
    peer.send("S", seq=100_000)
    challenge = peer.expect("A", ack=1)
    peer.send("R", seq=challenge.ack)
    assert reason(stack, peer.handle) == "remote abort"


def test_challenge_acks_are_limited(make):
    """RFC 5961 §7: challenge ACKs are limited in number, and the limit is not to be guessed exactly."""
    stack = make(answers_per_second=10)
    peer = stack.accept()
    for _ in range(500):
        peer.send("S", seq=70_000)
    assert 1 <= len(stack.take_all()) <= 20
    stack.advance(1.5)
    peer.send("S", seq=70_000)
    assert len(stack.take_all()) == 1


def test_resets_without_connection_are_limited(make):
    """Answers to what nobody waits for are limited, so that nobody can be made to flood."""
    stack = make(answers_per_second=10)
    for port in range(1000, 1500):
        stack.inject(IP(src=REMOTE, dst=LOCAL) / TCP(sport=port, dport=9, flags="S", seq=1))
    assert 1 <= len(stack.take_all()) <= 20
    assert stack.counter("drop.answers_per_second") >= 400


def test_closed_ports_can_be_silent(make):
    """answers_closed_ports off: no RST."""
    stack = make(answers_closed_ports=False)
    stack.inject(IP(src=REMOTE, dst=LOCAL) / TCP(sport=4000, dport=9, flags="S", seq=1))
    stack.expect_nothing(1)


def test_abort_sends_a_reset(stack):
    """RFC 9293 §3.10.5: ABORT in ESTABLISHED sends <SEQ=SND.NXT><CTL=RST>."""
    peer = stack.accept()
    stack.send(peer.handle, b"12345")
    peer.expect("A", data=b"12345")
    stack.call("tcp_abort", peer.handle)
    found = peer.expect(seq=6)
    assert found.flags in ("R", "RA")
    assert reason(stack, peer.handle) == "abort"
    assert stack.state(peer.handle) == "CLOSED"
    peer.send("PA", b"late")
    assert "R" in peer.expect().flags


def test_abort_before_the_connection_is_open(stack):
    """RFC 9293 §3.10.5: ABORT in SYN-SENT deletes the connection, without a RST."""
    peer = stack.open(80)
    peer.expect("S")
    stack.call("tcp_abort", peer.handle)
    stack.expect_nothing(300)
    assert stack.state(peer.handle) == "CLOSED"


def test_release_resets_an_open_connection(stack):
    """MacTCP's TCPRelease, RFC 9293 §3.10.5: a stream given back with an open connection is aborted."""
    peer = stack.accept()
    stack.call("tcp_release", peer.handle)
    assert "R" in peer.expect(seq=1).flags
    assert stack.refused("tcp_close", peer.handle) == "INVALID_STREAM"


def test_data_received_before_a_reset_can_be_read(stack):
    """mactcp.h, mactcp_tcp_receive: what had come before the connection was lost can be received."""
    peer = stack.accept()
    peer.send("PA", b"last words")
    peer.send("R")
    stack.take_all()
    assert stack.read(peer.handle) == b"last words"
    assert stack.refused("tcp_receive", peer.handle, None, 0, None) == "CONNECTION_TERMINATED"


def test_blind_data_needs_the_right_ack(stack):
    """RFC 5961 §5: data in the window with an ACK that cannot be is not taken."""
    peer = stack.accept()
    for ack in (1 - 100_000, 1 + 100_000, 1 - (1 << 30), 1 + (1 << 30)):
        peer.send("PA", b"injected", seq=1, ack=ack)
    assert stack.read(peer.handle) == b""
    stack.take_all()
    peer.send("PA", b"real")
    assert stack.read(peer.handle) == b"real"
    stack.ignore_rest()


def test_segments_of_an_attacker_do_not_change_the_window(stack):
    """RFC 9293 §3.10.7.4, first: a segment outside of the window changes nothing, its window and ACK included."""
    peer = stack.accept()
    before = stack.status(peer.handle)
    peer.send("A", b"x", seq=400_000, ack=1, window=0)
    after = stack.status(peer.handle)
    assert (after.send_window, after.send_unacknowledged) == (before.send_window, before.send_unacknowledged)
    stack.ignore_rest()


@pytest.mark.parametrize("flags", ["SF", "SR", "FR", "SFRPAUEC", ""])
def test_senseless_flags_do_no_harm(stack, flags):
    """RFC 9293 §3.10.7: any flags may come; the connection lives unless an exact RST is among them."""
    peer = stack.accept()
    peer.send(flags, b"x", seq=20, urgent=3)
    assert stack.state(peer.handle) == "ESTABLISHED"
    other = Peer(stack, None, 4999, engine_port=9)
    other.irs = 0
    other.send(flags, b"x", seq=20)
    stack.ignore_rest()
