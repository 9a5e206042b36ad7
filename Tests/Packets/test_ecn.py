"""Explicit congestion notification (RFC 3168)."""

import pytest

from stack import Peer

MSS = 1460


@pytest.fixture
def ecn(make):
    return make(ecn=True)


def marked(sent):
    """The ECN field of a packet."""
    return sent.ip.tos & 3


def connected(stack, **peer):
    """A connection that the peer has opened with ECN."""
    listener = stack.listen(80)
    made = Peer(stack, None, 4000, engine_port=80)
    made.configure(**peer)
    made.send("SEC", options=made.syn_options())
    made.expect("SAE", ack=1)
    stack.advance(0.1)
    made.send("A")
    stack.expect_event("incoming", listener)
    made.handle = stack.engine.tcp_accept(listener)
    return made


def test_ecn_is_off(stack):
    """ecn off: neither asked for nor agreed to, and nothing is marked."""
    assert stack.open(81).expect("S")
    peer = Peer(stack, None, 4000, engine_port=80)
    stack.listen(80)
    peer.send("SEC", options=[("MSS", 1460)])
    peer.expect("SA", ack=1)
    stack.ignore_rest()


def test_ecn_is_asked_for(ecn):
    """RFC 3168 §6.1.1: a SYN with ECE and CWR asks, SYN+ACK with ECE alone agrees; data is ECT then."""
    peer = ecn.open(80)
    assert marked(peer.expect("SEC").sent) == 0
    peer.send("SAE", options=[("MSS", 1460)])
    assert marked(peer.expect("A", ack=1).sent) == 0
    assert ecn.status(peer.handle).uses_ecn == 1
    ecn.send(peer.handle, b"data")
    assert marked(peer.expect("A", data=b"data").sent) in (1, 2)
    ecn.ignore_rest()


@pytest.mark.parametrize("answer", ["SA", "SAEC", "SAC"])
def test_peer_without_ecn(ecn, answer):
    """RFC 3168 §6.1.1: any other answer is a no; one with both flags is a peer that mirrors them."""
    peer = ecn.open(80)
    peer.expect("SEC")
    peer.send(answer, options=[("MSS", 1460)])
    peer.expect("A", ack=1)
    assert ecn.status(peer.handle).uses_ecn == 0
    ecn.send(peer.handle, b"data")
    assert marked(peer.expect("A", data=b"data").sent) == 0
    ecn.ignore_rest()


def test_syn_again_is_without_ecn(ecn):
    """RFC 3168 §6.1.1.1: a SYN that nobody answers may have been dropped for its flags: the next one has none."""
    peer = ecn.open(80)
    peer.expect("SEC")
    peer.expect("S", seq=0, within=1.1)
    ecn.ignore_rest()


def test_congestion_is_echoed_until_it_is_heard(ecn):
    """RFC 3168 §6.1.3: after a packet with CE all ACKs have ECE, until the peer says CWR."""
    peer = connected(ecn)
    peer.send("PA", b"x", ip={"tos": 3})
    assert "E" in peer.expect(ack=2, within=0.5).flags
    for number in range(3):
        peer.send("PA", b"x", ip={"tos": 2})
        assert "E" in peer.expect(ack=3 + number, within=0.5).flags
    peer.send("PAC", b"x", ip={"tos": 2})
    assert "E" not in peer.expect(ack=6, within=0.5).flags


def test_echo_halves_the_window_once(ecn):
    """RFC 3168 §6.1.2: ECE is as a loss, once for a window of data, and is answered with CWR."""
    peer = connected(ecn)
    ecn.send(peer.handle, bytes(60 * MSS))
    ecn.take_all()
    before = ecn.status(peer.handle).congestion_window
    peer.send("AE", ack=1 + 2 * MSS)
    first = ecn.status(peer.handle).slow_start_threshold
    assert 0.4 * before <= first <= 0.85 * (before + 2 * MSS)
    peer.send("AE", ack=1 + 4 * MSS)
    assert ecn.status(peer.handle).slow_start_threshold == first
    ecn.advance(0.05)
    peer.send("AE", ack=1 + 10 * MSS)
    sent = [peer.got(each) for each in ecn.take_all()]
    new = [found for found in sent if found.seq >= 1 + 10 * MSS]
    assert new and "C" in new[0].flags and all("C" not in found.flags for found in new[1:])
    assert not ecn.status(peer.handle).segments_resent
    ecn.ignore_rest()


def test_retransmission_is_not_ect(ecn):
    """RFC 3168 §6.1.5: what is sent again is not ECT."""
    peer = connected(ecn)
    ecn.send(peer.handle, b"data")
    assert marked(peer.expect("A", data=b"data").sent) in (1, 2)
    assert marked(peer.expect(data=b"data", seq=1, within=2).sent) == 0
    ecn.ignore_rest()


def test_pure_acknowledgment_is_not_ect(ecn):
    """RFC 3168 §6.1.4: an ACK without data is not ECT."""
    peer = connected(ecn)
    peer.send("PA", b"x", ip={"tos": 2})
    assert marked(peer.expect("A", ack=2, within=0.5).sent) == 0


def test_mark_without_agreement_means_nothing(stack):
    """RFC 3168 §6.1: without ECN agreed on CE is not echoed."""
    peer = stack.accept()
    stack.inject(peer.segment("PA", b"x", ip={"tos": 3}))
    assert "E" not in peer.expect(ack=2, within=0.5).flags


def test_ecn_and_type_of_service(ecn):
    """RFC 2474, RFC 3168 §5: the user's DSCP stands beside the ECN field."""
    peer = connected(ecn)
    ecn.set(peer.handle, type_of_service=0xB8)
    ecn.send(peer.handle, b"data")
    assert peer.expect("A", data=b"data").ip.tos in (0xB9, 0xBA)
    ecn.ignore_rest()
