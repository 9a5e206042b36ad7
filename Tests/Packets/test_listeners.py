"""Listeners, backlogs, SYN floods and SYN cookies (RFC 9293 §3.9.1.1, RFC 4987)."""

from ctypes import byref

import engine as c
import pytest
from stack import IP, LOCAL, Peer, REMOTE, TCP


def flood(stack, count, port=80, options=()):
    """SYNs from many, of whom nobody goes on."""
    for number in range(count):
        source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255 or 1}"
        stack.inject(IP(src=source, dst=LOCAL) / TCP(
            sport=1024 + number % 60000, dport=port, seq=number, flags="S", options=list(options)))


def test_connections_are_accepted_in_order(stack):
    """mactcp.h, mactcp_tcp_accept: the oldest first; each has its own data."""
    listener = stack.listen(80)
    peers = []
    for port in (4001, 4002, 4003):
        peer = Peer(stack, None, port, engine_port=80)
        peer.send("S", options=[("MSS", 1460)])
        peer.expect("SA", ack=1)
        peer.send("A")
        peer.send("PA", b"%d" % port)
        peers.append(peer)
    handles = [stack.engine.tcp_accept(listener) for _ in peers]
    assert [stack.read(handle) for handle in handles] == [b"4001", b"4002", b"4003"]
    assert stack.engine.tcp_accept(listener) == 0
    stack.ignore_rest()


def test_existing_connections_do_not_mind_a_listener(stack):
    """MUST-41, MUST-42: a passive OPEN leaves connections with the same port alone."""
    first = stack.accept(port=80)
    stack.call("tcp_release", first.listener)
    second = stack.accept(port=80)
    for peer, word in ((first, b"one"), (second, b"two")):
        peer.send("PA", word)
        assert stack.read(peer.handle) == word
    stack.ignore_rest()


def test_port_of_a_listener_is_taken(stack):
    """RFC 9293 §3.9.1.1: one listener for a port; the other is refused."""
    stack.listen(80)
    handle = stack.create()
    assert stack.refused("tcp_listen", handle, byref(c.endpoint(None, 80)), 0, None) == "DUPLICATE_SOCKET"


def test_listener_on_one_address(make):
    """MUST-43: a listener may take connections to one of the host's addresses alone."""
    stack = make(addresses=("192.0.2.1/24", "192.0.2.77/24"))
    stack.listen(80, address="192.0.2.77")
    stack.inject(IP(src=REMOTE, dst=LOCAL) / TCP(sport=4000, dport=80, seq=1, flags="S"))
    assert stack.next_packet().ip[TCP].flags == "RA"
    stack.inject(IP(src=REMOTE, dst="192.0.2.77") / TCP(sport=4000, dport=80, seq=1, flags="S"))
    answer = stack.next_packet()
    assert answer.ip[TCP].flags == "SA" and answer.ip.src == "192.0.2.77"
    stack.ignore_rest()


def test_released_listener_resets_who_waits(stack):
    """mactcp.h, mactcp_tcp_release: connections that nobody has accepted end with their listener."""
    listener = stack.listen(80)
    peer = Peer(stack, None, 4000, engine_port=80)
    peer.send("S")
    peer.expect("SA", ack=1)
    peer.send("A")
    stack.call("tcp_release", listener)
    assert "R" in peer.expect().flags
    peer.send("PA", b"x")
    assert "R" in peer.expect().flags


def test_accepted_connection_outlives_its_listener(stack):
    """A connection that was accepted does not depend on the listener."""
    peer = stack.accept()
    stack.call("tcp_release", peer.listener)
    peer.send("PA", b"x")
    assert stack.read(peer.handle) == b"x"
    peer.expect("A", ack=2, within=0.5)


def test_connection_that_was_reset_before_it_was_accepted(stack):
    """RFC 9293 §3.10.7.4: it is either not offered, or offered and known to be lost; the listener lives."""
    listener = stack.listen(80)
    peer = Peer(stack, None, 4000, engine_port=80)
    peer.send("S")
    peer.expect("SA", ack=1)
    peer.send("A")
    peer.send("R")
    handle = stack.engine.tcp_accept(listener)
    assert handle == 0 or stack.state(handle) == "CLOSED"
    assert stack.state(listener) == "LISTEN"
    again = stack.accept(listener=listener)
    assert stack.state(again.handle) == "ESTABLISHED"


def test_flood_without_cookies_is_silent(make):
    """RFC 4987 §3: a full queue without cookies drops SYNs."""
    stack = make(syn_cookies=False)
    stack.listen(80, backlog=4)
    flood(stack, 100)
    answers = [sent for sent in stack.take_all() if sent.ip[TCP].flags == "SA"]
    assert 1 <= len(answers) <= 8
    assert stack.counter("drop.listen_queue_full") >= 90
    stack.ignore_rest()


def test_half_open_connections_make_room(make):
    """RFC 4987 §2: what does not go on is given up, and the listener recovers."""
    stack = make(syn_cookies=False)
    listener = stack.listen(80, backlog=4)
    flood(stack, 100)
    stack.advance(400)
    stack.take_all()
    peer = Peer(stack, None, 4000, engine_port=80)
    peer.send("S")
    peer.expect("SA", ack=1)
    peer.send("A")
    stack.expect_event("incoming", listener)
    stack.ignore_rest()


def test_flood_is_answered_with_cookies(stack):
    """RFC 4987 §3.6: with the queue full every SYN still gets an answer, without memory for it."""
    stack.listen(80, backlog=4)
    flood(stack, 50)
    before = stack.engine.engine_memory()
    flood(stack, 500)
    assert stack.engine.engine_memory() <= before + 4096
    assert len(stack.take_all()) >= 500
    assert stack.counter("tcp.cookies_sent") >= 500
    stack.ignore_rest()


@pytest.mark.parametrize("options, mss", [([("MSS", 1460)], 1460), ([("MSS", 1300)], 1300), ([], 536)])
def test_cookie_opens_a_connection(stack, options, mss):
    """RFC 4987 §3.6: the ACK of a cookie makes the connection; the MSS is remembered, at most rounded down."""
    listener = stack.listen(80, backlog=2)
    flood(stack, 20)
    stack.take_all()
    peer = Peer(stack, None, 4001, engine_port=80)
    sent = stack.counter("tcp.cookies_sent")
    peer.send("S", options=options)
    peer.expect("SA", ack=1)
    assert stack.counter("tcp.cookies_sent") == sent + 1
    # While the peer thinks the queue empties itself.
    stack.advance(65)
    stack.take_all()
    peer.send("A")
    peer.send("PA", b"hello")
    stack.expect_event("incoming", listener)
    handle = stack.engine.tcp_accept(listener)
    assert handle and stack.read(handle) == b"hello"
    assert stack.counter("tcp.cookies_accepted") == 1
    stack.take_all()
    stack.send(handle, bytes(3000))
    assert 536 <= len(peer.got(stack.take_all()[0]).data) <= mss
    stack.ignore_rest()


def test_wrong_cookie_is_reset(stack):
    """RFC 4987 §3.6: an ACK with a number that is no cookie opens nothing."""
    listener = stack.listen(80, backlog=2)
    flood(stack, 20)
    stack.take_all()
    for number in range(50):
        peer = Peer(stack, None, 5000 + number, engine_port=80)
        peer.irs = 0
        peer.send("A", seq=1, ack=123456789 + number * 7919)
    assert stack.engine.tcp_accept(listener) == 0
    assert all("R" in str(sent.ip[TCP].flags) for sent in stack.take_all())
    stack.ignore_rest()


def test_old_cookie_is_refused(stack):
    """RFC 4987 §3.6: a cookie is good for a few minutes."""
    listener = stack.listen(80, backlog=2)
    flood(stack, 20)
    stack.take_all()
    peer = Peer(stack, None, 4000, engine_port=80)
    peer.send("S", options=[("MSS", 1460)])
    peer.expect("SA", ack=1)
    for _ in range(20):
        stack.advance(60)
        flood(stack, 20)
    stack.take_all()
    peer.send("A")
    assert stack.engine.tcp_accept(listener) == 0
    stack.ignore_rest()


def test_flood_does_not_disturb_connections(make):
    """RFC 4987 §1: connections that are open go on, and the memory stays below the ceiling."""
    stack = make(memory_ceiling=1 << 20)
    peer = stack.accept(port=80)
    flood(stack, 2000)
    stack.take_all()
    for number in range(10):
        peer.send("PA", b"x" * 100)
        assert stack.read(peer.handle) == b"x" * 100
    stack.take_all()
    stack.send(peer.handle, b"answer")
    peer.rcv_nxt = 1
    peer.expect("A", data=b"answer")
    stack.ignore_rest()


def test_connections_that_nobody_accepts_are_bounded(stack):
    """RFC 9293 §3.9.1.1: the backlog bounds what waits; the others are told nothing, or cookies that open nothing."""
    listener = stack.listen(80, backlog=3)
    for port in range(4000, 4050):
        peer = Peer(stack, None, port, engine_port=80)
        peer.send("S", options=[("MSS", 1460)])
        for sent in stack.take_all():
            if sent.ip[TCP].flags == "SA" and sent.ip[TCP].dport == port:
                peer.got(sent)
                peer.send("A")
    assert stack.engine.engine_memory() < 1 << 20
    waiting = 0
    while stack.engine.tcp_accept(listener):
        waiting += 1
    assert waiting <= 8
    stack.ignore_rest()
