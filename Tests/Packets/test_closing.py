"""Closing a connection (RFC 9293 §3.6, §3.10.4, §3.10.7.4), TIME-WAIT (RFC 1122 §4.2.2.13, RFC 6191, RFC 1337)."""

import pytest

import engine as c
from stack import Peer


def reason(stack, handle):
    return c.REASONS[stack.expect_event("terminated", handle).detail]


def active_close(stack, peer):
    """The engine closes first, and the peer acknowledges: FIN-WAIT-2."""
    stack.call("tcp_close", peer.handle)
    peer.expect("FA")
    peer.send("A")
    assert stack.state(peer.handle) == "FIN-WAIT-2"


def in_time_wait(stack, **settings):
    """A connection that the engine has closed first, and the peer after it."""
    peer = stack.accept(**settings)
    active_close(stack, peer)
    peer.send("FA")
    peer.expect("A", seq=2, ack=peer.snd_nxt)
    assert stack.state(peer.handle) == "TIME-WAIT"
    return peer


def test_active_close(stack):
    """RFC 9293 §3.6 figure 12: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, and CLOSED after 2 MSL (MUST-13)."""
    peer = stack.accept()
    stack.call("tcp_close", peer.handle)
    assert stack.state(peer.handle) == "FIN-WAIT-1"
    peer.expect("FA", seq=1, ack=1)
    peer.send("A")
    assert stack.state(peer.handle) == "FIN-WAIT-2"
    stack.expect_event("fin_acknowledged", peer.handle)
    peer.send("FA")
    peer.expect("A", seq=2, ack=2)
    assert stack.state(peer.handle) == "TIME-WAIT"
    stack.expect_nothing(59)
    assert stack.state(peer.handle) == "TIME-WAIT"
    stack.expect_nothing(2)
    assert stack.state(peer.handle) == "CLOSED"


def test_graceful_end_is_told_once(stack):
    """MUST-12, MacTCP's TCPTerminate: both sides have closed: one event, with the reason close."""
    peer = in_time_wait(stack)
    stack.advance(120)
    events = [event for event in stack.events() if event.name == "terminated"]
    assert [c.REASONS[event.detail] for event in events] == ["close"]


def test_passive_close(stack):
    """RFC 9293 §3.6: CLOSE-WAIT, LAST-ACK, CLOSED."""
    peer = stack.accept()
    peer.send("FA")
    peer.expect("A", ack=2, within=0.5)
    assert stack.state(peer.handle) == "CLOSE-WAIT"
    stack.expect_event("closing", peer.handle)
    assert stack.receive(peer.handle) == (b"", {"end"})
    stack.call("tcp_close", peer.handle)
    assert stack.state(peer.handle) == "LAST-ACK"
    peer.expect("FA", seq=1, ack=2)
    peer.send("A")
    assert reason(stack, peer.handle) == "close"
    assert stack.state(peer.handle) == "CLOSED"
    stack.expect_nothing(100)


def test_simultaneous_close(stack):
    """RFC 9293 §3.6 figure 13: FINs that cross: CLOSING, then TIME-WAIT."""
    peer = stack.accept()
    stack.call("tcp_close", peer.handle)
    peer.expect("FA", seq=1)
    peer.send("FA", ack=1)
    peer.expect("A", seq=2, ack=2)
    assert stack.state(peer.handle) == "CLOSING"
    peer.send("A", ack=2)
    assert stack.state(peer.handle) == "TIME-WAIT"
    stack.expect_nothing(10)


def test_fin_and_ack_of_the_fin_together(stack):
    """RFC 9293 §3.10.7.4, eighth: in FIN-WAIT-1 a FIN that acknowledges ours leads to TIME-WAIT at once."""
    peer = stack.accept()
    stack.call("tcp_close", peer.handle)
    peer.expect("FA", seq=1)
    peer.send("FA")
    peer.expect("A", seq=2, ack=2)
    assert stack.state(peer.handle) == "TIME-WAIT"


def test_fin_follows_the_data(stack):
    """RFC 9293 §3.10.4: a FIN is sent when all data before it has been."""
    peer = stack.accept(window=2000, mss=1000)
    stack.send(peer.handle, bytes(5000))
    stack.call("tcp_close", peer.handle)
    received = 0
    for _ in range(10):
        for sent in stack.take_all():
            found = peer.got(sent)
            received += len(found.data)
            assert "F" not in found.flags or received == 5000
        stack.advance(0.01)
        peer.send("A")
        if stack.state(peer.handle) == "FIN-WAIT-2":
            break
    assert received == 5000 and stack.state(peer.handle) == "FIN-WAIT-2"
    stack.ignore_rest()


def test_half_close_towards_the_engine(stack):
    """RFC 9293 §3.6: after its own FIN the engine goes on receiving."""
    peer = stack.accept()
    active_close(stack, peer)
    for number in range(20):
        peer.send("PA", b"data %02d" % number)
    assert stack.read(peer.handle) == b"".join(b"data %02d" % number for number in range(20))
    stack.advance(1)
    assert peer.got(stack.take_all()[-1]).ack == 1 + 140


def test_half_close_towards_the_peer(stack):
    """RFC 9293 §3.6: after the peer's FIN the engine goes on sending."""
    peer = stack.accept()
    peer.closed_by_peer()
    stack.send(peer.handle, b"still here")
    peer.expect("A", data=b"still here", ack=2)
    peer.send("A")
    assert stack.state(peer.handle) == "CLOSE-WAIT"


def test_fin_is_sent_again(stack):
    """RFC 9293 §3.6, RFC 6298: a FIN is retransmitted as data is."""
    peer = stack.accept(rtt=0.1)
    stack.call("tcp_close", peer.handle)
    peer.expect("FA", seq=1)
    peer.expect("FA", seq=1, within=1)
    peer.expect("FA", seq=1, within=2)
    peer.send("A")
    assert stack.state(peer.handle) == "FIN-WAIT-2"
    stack.expect_nothing(30)


def test_data_and_fin_are_sent_again_together(stack):
    """RFC 9293 §3.4: the FIN has the number behind the data, in a retransmission too."""
    peer = stack.accept(rtt=0.1)
    stack.send(peer.handle, b"bye")
    stack.call("tcp_close", peer.handle)
    first = stack.take_all()
    assert peer.got(first[0]).data == b"bye"
    again = peer.got(stack.next_packet(within=1))
    assert again.seq == 1 and again.data == b"bye"
    stack.advance(2)
    assert any("F" in peer.got(sent).flags for sent in first + stack.take_all())
    peer.rcv_nxt = 5
    peer.send("A")
    assert stack.state(peer.handle) == "FIN-WAIT-2"
    stack.ignore_rest()


def test_send_after_close_is_refused(stack):
    """RFC 9293 §3.10.2: SEND after CLOSE is the error "connection closing"."""
    peer = stack.accept()
    stack.call("tcp_close", peer.handle)
    peer.expect("FA")
    assert stack.refused("tcp_send", peer.handle, b"x", 1, 0) == "CONNECTION_CLOSING"
    assert stack.refused("tcp_close", peer.handle) == "CONNECTION_CLOSING"
    stack.ignore_rest()


@pytest.mark.parametrize("opened", [True, False])
def test_close_before_the_connection_is_there(stack, opened):
    """RFC 9293 §3.10.4: CLOSE in LISTEN and in SYN-SENT deletes the connection."""
    if opened:
        peer = stack.open(80)
        peer.expect("S")
        handle = peer.handle
    else:
        from ctypes import byref
        handle = stack.create()
        stack.call("tcp_passive_open", handle, byref(c.endpoint(None, 80)), None, None)
    stack.call("tcp_close", handle)
    assert stack.state(handle) == "CLOSED"
    stack.expect_nothing(200)
    late = Peer(stack, None, 4000, engine_port=80)
    late.send("S")
    late.expect("RA")


def test_close_in_syn_received(stack):
    """RFC 9293 §3.10.4: CLOSE in SYN-RECEIVED sends the FIN when the connection is established."""
    from ctypes import byref
    handle = stack.create()
    stack.call("tcp_passive_open", handle, byref(c.endpoint(None, 80)), None, None)
    peer = Peer(stack, handle, 4000, engine_port=80)
    peer.send("S")
    peer.expect("SA", ack=1)
    stack.call("tcp_close", handle)
    stack.take_all()
    peer.rcv_nxt = 1
    peer.send("A")
    if stack.state(handle) == "FIN-WAIT-1":
        stack.take_all()
        peer.rcv_nxt = 2
        peer.send("A")
    assert stack.state(handle) == "FIN-WAIT-2"
    stack.ignore_rest()


def test_release_with_unread_data_resets(stack):
    """SHLD-3, RFC 9293 §3.6.1: data that nobody has read is lost, and the peer told by a RST."""
    peer = stack.accept()
    peer.send("PA", b"never read")
    stack.call("tcp_close", peer.handle)
    stack.take_all()
    stack.call("tcp_release", peer.handle)
    assert "R" in peer.expect().flags


def test_data_after_release_resets(stack):
    """SHLD-3, RFC 9293 §3.6.1: data that comes after the user has gone gets a RST."""
    peer = stack.accept()
    active_close(stack, peer)
    stack.call("tcp_release", peer.handle)
    stack.expect_nothing(1)
    peer.send("PA", b"for nobody")
    assert "R" in peer.expect().flags


def test_released_connection_ends_by_itself(stack):
    """mactcp.h, mactcp_tcp_release: what was closed goes on to its end without the user."""
    peer = stack.accept()
    active_close(stack, peer)
    stack.call("tcp_release", peer.handle)
    peer.send("FA")
    peer.expect("A", ack=2)
    stack.advance(61)
    peer.send("A")
    assert "R" in peer.expect().flags  # nobody knows the connection any more


def test_orphan_in_fin_wait_2_is_given_up(make):
    """RFC 9293 §3.6 says nothing; RFC 1122 hosts must not keep them for ever: fin_wait_2_timeout."""
    stack = make(fin_wait_2_timeout=20_000_000)
    peer = stack.accept()
    active_close(stack, peer)
    before = stack.engine.engine_memory()
    stack.call("tcp_release", peer.handle)
    stack.advance(25)
    peer.send("FA")
    assert "R" in peer.expect().flags
    assert stack.engine.engine_memory() <= before


def test_fin_wait_2_lasts_while_the_user_holds_it(stack):
    """RFC 9293 §3.6: a half-closed connection may last as long as the peer likes."""
    peer = stack.accept()
    active_close(stack, peer)
    stack.advance(3 * 3600)
    peer.send("PA", b"at last")
    assert stack.read(peer.handle) == b"at last"
    stack.ignore_rest()


def test_fin_again_in_time_wait(stack):
    """RFC 9293 §3.10.7.4, eighth: a FIN that comes again is acknowledged, and 2 MSL begin anew."""
    peer = in_time_wait(stack)
    stack.advance(50)
    peer.send("FA", seq=1)
    peer.expect("A", seq=2, ack=2)
    stack.advance(50)
    assert stack.state(peer.handle) == "TIME-WAIT"
    stack.advance(12)
    assert stack.state(peer.handle) == "CLOSED"


def test_maximum_segment_lifetime_is_a_setting(make):
    """MUST-13: TIME-WAIT lasts twice the MSL."""
    stack = make(maximum_segment_lifetime=5_000_000)
    peer = in_time_wait(stack)
    stack.advance(9.9)
    assert stack.state(peer.handle) == "TIME-WAIT"
    stack.advance(0.2)
    assert stack.state(peer.handle) == "CLOSED"


def test_data_in_time_wait_is_acknowledged_and_dropped(stack):
    """RFC 9293 §3.10.7.4: nothing but a FIN or a SYN means anything in TIME-WAIT."""
    peer = in_time_wait(stack)
    peer.send("PA", b"old", seq=-2)
    peer.expect("A", ack=2)


def test_reset_in_time_wait_does_not_shorten_it_by_chance(stack):
    """RFC 1337, RFC 5961 §3.2: a RST that is not exact does not end TIME-WAIT."""
    peer = in_time_wait(stack)
    peer.send("R", seq=500)
    assert stack.state(peer.handle) == "TIME-WAIT"
    stack.ignore_rest()


def test_syn_with_a_greater_number_reopens(stack):
    """MAY-2, RFC 1122 §4.2.2.13: a SYN beyond the old connection's numbers makes a new one out of TIME-WAIT."""
    peer = in_time_wait(stack)
    old_isn = peer.irs
    again = Peer(stack, None, peer.port, engine_port=80)
    again.configure(iss=(peer.iss + 100_000) % (1 << 32))
    again.send("S", options=again.syn_options())
    again.expect("SA", seq=0, ack=1)
    assert again.irs != old_isn
    again.send("A")
    stack.expect_event("incoming", peer.listener)
    assert stack.counter("tcp.time_wait_reused") == 1


def test_syn_with_an_old_number_does_not_reopen(stack):
    """RFC 1122 §4.2.2.13: a SYN that may be an old duplicate gets the ACK of the old connection."""
    peer = in_time_wait(stack)
    peer.send("S", seq=-100)
    peer.expect("A", ack=2)
    assert stack.state(peer.handle) == "TIME-WAIT"


def test_syn_with_a_later_timestamp_reopens(stack):
    """SHLD-4, RFC 6191 §2: with time stamps a later TSval is enough, even with a smaller number."""
    peer = in_time_wait(stack, timestamps=True)
    stack.advance(2)
    again = Peer(stack, None, peer.port, engine_port=80)
    again.configure(iss=(peer.iss - 50_000) % (1 << 32), timestamps=True)
    again.send("S", options=again.syn_options())
    again.expect("SA", seq=0, ack=1)


def test_time_wait_is_bounded(make):
    """time_wait_limit: the oldest connection in TIME-WAIT gives way."""
    stack = make(time_wait_limit=3)
    peers = [in_time_wait(stack, port=80 + number) for number in range(5)]
    assert [stack.state(peer.handle) for peer in peers].count("TIME-WAIT") <= 3
    assert stack.state(peers[-1].handle) == "TIME-WAIT"


def test_last_ack_ends_only_with_the_ack_of_the_fin(stack):
    """RFC 9293 §3.10.7.4, fifth: in LAST-ACK only the acknowledgment of the FIN counts."""
    peer = stack.accept()
    peer.closed_by_peer()
    stack.send(peer.handle, b"abc")
    stack.call("tcp_close", peer.handle)
    stack.take_all()
    peer.send("A", ack=4)
    assert stack.state(peer.handle) == "LAST-ACK"
    peer.send("A", ack=5)
    assert stack.state(peer.handle) == "CLOSED"


def test_fin_again_in_close_wait_and_last_ack(stack):
    """RFC 9293 §3.10.7.4, eighth: in CLOSE-WAIT, CLOSING and LAST-ACK a FIN changes nothing; it is acknowledged."""
    peer = stack.accept()
    peer.closed_by_peer()
    peer.send("FA", seq=1)
    peer.expect("A", ack=2)
    assert stack.state(peer.handle) == "CLOSE-WAIT"
    stack.call("tcp_close", peer.handle)
    peer.expect("FA", ack=2)
    peer.send("FA", seq=1, ack=1)
    peer.expect("A", ack=2)
    assert stack.state(peer.handle) == "LAST-ACK"
    stack.ignore_rest()


@pytest.mark.parametrize("state", ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "CLOSING"])
def test_abort_in_every_state(stack, state):
    """RFC 9293 §3.10.5: ABORT sends a RST unless both sides know of the end."""
    peer = stack.accept()
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        peer.closed_by_peer()
    if state != "CLOSE-WAIT":
        stack.call("tcp_close", peer.handle)
        peer.expect("FA")
    if state == "FIN-WAIT-2":
        peer.send("A")
    if state == "CLOSING":
        peer.send("FA", ack=1)
        peer.expect("A")
    assert stack.state(peer.handle) == state
    stack.call("tcp_abort", peer.handle)
    assert stack.state(peer.handle) == "CLOSED"
    sent = [peer.got(each).flags for each in stack.take_all()]
    # §3.10.5: in CLOSING and LAST-ACK none is needed.
    assert any("R" in flags for flags in sent) or state in ("CLOSING", "LAST-ACK")
    stack.expect_nothing(100)


@pytest.mark.parametrize("state", ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "CLOSING"])
def test_reset_in_every_state(stack, state):
    """RFC 9293 §3.10.7.4, second: an exact RST ends the connection in every state."""
    peer = stack.accept()
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        peer.closed_by_peer()
    if state != "CLOSE-WAIT":
        stack.call("tcp_close", peer.handle)
        peer.expect("FA")
    if state == "FIN-WAIT-2":
        peer.send("A")
    if state == "CLOSING":
        peer.send("FA", ack=1)
        peer.expect("A")
    assert stack.state(peer.handle) == state
    peer.send("R")
    assert stack.state(peer.handle) == "CLOSED"
    stack.expect_nothing(100)


def test_fin_with_data_beyond_the_window(stack):
    """RFC 9293 §3.10.7.4: a FIN behind data that was not all taken does not count yet."""
    peer = stack.accept(receive_buffer=4096)
    window = stack.status(peer.handle).receive_window
    peer.send("FA", bytes(window + 100), seq=1)
    assert stack.state(peer.handle) == "ESTABLISHED"
    stack.take_all()
    assert len(stack.read(peer.handle)) <= window
    stack.ignore_rest()


def test_stream_is_used_again(stack):
    """MacTCP: after the end of a connection the stream takes another one."""
    from ctypes import byref
    peer = stack.connect(81)
    peer.send("R")
    stack.expect_event("terminated", peer.handle)
    stack.call("tcp_active_open", peer.handle, byref(c.endpoint("192.0.2.2", 82)), None, None)
    again = Peer(stack, peer.handle, 82)
    again.expect("S", seq=0)
    again.send("SA", options=[("MSS", 1460)])
    again.expect("A", ack=1)
    stack.expect_event("opened", peer.handle)
