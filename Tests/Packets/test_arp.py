"""Ethernet and ARP (RFC 894, 826, 1122 §2.3.2, 5227)."""

import pytest

import engine as c
from stack import ARP, ENGINE_MAC, Ether, ICMP, IP, LOCAL, OTHER_MAC, PEER_MAC, Raw, REMOTE, Stack, UDP


def request(address=LOCAL, source=REMOTE, mac=PEER_MAC, to="ff:ff:ff:ff:ff:ff"):
    return Ether(src=mac, dst=to) / ARP(op=1, hwsrc=mac, psrc=source, hwdst="00:00:00:00:00:00", pdst=address)


def reply(source=REMOTE, mac=PEER_MAC, to=ENGINE_MAC):
    return Ether(src=mac, dst=to) / ARP(op=2, hwsrc=mac, psrc=source, hwdst=ENGINE_MAC, pdst=LOCAL)


def ping(**ip):
    return Ether(src=PEER_MAC, dst=ENGINE_MAC) / IP(src=REMOTE, dst=LOCAL, **ip) / ICMP(type=8) / Raw(b"x")


def test_address_is_announced(make):
    """RFC 5227 §2.3: an address is announced when the engine begins: a request for itself, twice."""
    stack = make(ethernet=True)
    stack.advance(20)
    packets = [sent.frame for sent in stack.take_all()]
    announcements = [frame for frame in packets if frame[ARP].psrc == frame[ARP].pdst == LOCAL]
    assert len(announcements) == 2
    assert all(frame.dst == "ff:ff:ff:ff:ff:ff" and frame[ARP].op == 1 for frame in announcements)


def test_request_is_answered(ethernet):
    """RFC 826: a request for our address gets a reply, to the asker alone."""
    ethernet.inject(request())
    answer = ethernet.next_packet().frame
    assert answer.dst == PEER_MAC and answer[ARP].op == 2
    assert (answer[ARP].hwsrc, answer[ARP].psrc, answer[ARP].hwdst, answer[ARP].pdst) == (
        ENGINE_MAC, LOCAL, PEER_MAC, REMOTE)


def test_request_for_another_is_not_answered(ethernet):
    """RFC 826: nor is its sender remembered."""
    ethernet.inject(request("192.0.2.99"))
    ethernet.expect_nothing(1)
    assert REMOTE not in ethernet.neighbors()


def test_asker_is_remembered(ethernet):
    """RFC 826: who asks for us will be sent to: no request is needed."""
    ethernet.inject(request())
    ethernet.next_packet()
    assert ethernet.neighbors()[REMOTE] == PEER_MAC
    handle = ethernet.udp(700)
    ethernet.udp_send(handle, b"x", 9)
    assert ethernet.next_packet().frame.dst == PEER_MAC


def test_packet_waits_for_the_address(ethernet):
    """RFC 1122 §2.3.2.2: a packet is kept while its address is asked for, and sent when it is known."""
    handle = ethernet.udp(700)
    ethernet.udp_send(handle, b"first", 9)
    asked = ethernet.next_packet().frame
    assert asked.dst == "ff:ff:ff:ff:ff:ff" and (asked[ARP].op, asked[ARP].pdst, asked[ARP].psrc) == (1, REMOTE, LOCAL)
    ethernet.expect_nothing(0.1)
    ethernet.inject(reply())
    sent = ethernet.next_packet().frame
    assert sent.dst == PEER_MAC and bytes(sent[UDP].payload) == b"first"


def test_request_is_repeated_and_given_up(ethernet):
    """RFC 1122 §2.3.2.1: at most one request a second for an address; in the end the packets are dropped."""
    handle = ethernet.udp(700)
    ethernet.udp_send(handle, b"x", 9)
    ethernet.advance(30)
    asked = [sent.time / 1e6 for sent in ethernet.take_all()]
    assert 2 <= len(asked) <= 10
    assert all(b - a >= 0.99 for a, b in zip(asked, asked[1:]))
    assert ethernet.counter("drop.address_resolution_failed") >= 1
    ethernet.inject(reply())
    ethernet.expect_nothing(1)


def test_queue_for_an_address_is_bounded(ethernet):
    """RFC 1122 §2.3.2.2: at least one packet waits, and not without bound."""
    handle = ethernet.udp(700)
    for number in range(500):
        ethernet.udp_send(handle, bytes(1400), 9)
    ethernet.take_all()
    assert ethernet.engine.engine_memory() <= 1 << 20
    ethernet.inject(reply())
    assert 1 <= len(ethernet.take_all()) <= 200


def test_flood_of_askers_is_bounded(ethernet):
    """RFC 826: the table has a bound; who is in it unused gives way."""
    for number in range(1000):
        octets = f"{number >> 8}.{number & 255}"
        ethernet.inject(request(source=f"203.0.{octets}", mac=f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}"))
        ethernet.inject(request(source=f"192.0.2.{number % 250 + 3}", mac=f"02:00:00:02:{number >> 8:02x}:{number & 255:02x}"))
        ethernet.take_all()
    assert len(ethernet.neighbors()) <= 512
    ethernet.inject(request(source=REMOTE))
    ethernet.take_all()
    assert ethernet.neighbors()[REMOTE] == PEER_MAC


def test_entry_ages(ethernet):
    """RFC 1122 §2.3.2.1: what was learnt is asked for anew after a while, without a pause where the neighbour answers."""
    ethernet.inject(request())
    ethernet.take_all()
    handle = ethernet.udp(700)
    ethernet.advance(3600)
    ethernet.take_all()
    ethernet.udp_send(handle, b"x", 9)
    assert any(ARP in sent.frame and sent.frame[ARP].pdst == REMOTE for sent in ethernet.take_all())
    ethernet.ignore_rest()


def test_new_hardware_address_replaces_the_old(ethernet):
    """RFC 826: a later packet of the neighbour's has its present address."""
    ethernet.inject(request())
    ethernet.take_all()
    ethernet.advance(2)
    ethernet.inject(request(source=REMOTE, address=REMOTE, mac=OTHER_MAC))
    assert ethernet.neighbors()[REMOTE] == OTHER_MAC
    ethernet.ignore_rest()


def test_unasked_reply_makes_no_entry(ethernet):
    """RFC 826, against poisoning: a reply that nobody asked for makes no entry."""
    ethernet.inject(reply(source="192.0.2.77"))
    assert "192.0.2.77" not in ethernet.neighbors()


@pytest.mark.parametrize("source", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.255"])
def test_addresses_of_nobody_are_not_learnt(ethernet, source):
    """RFC 1122 §3.2.1.3: an ARP packet from an address that no host has; a probe from 0.0.0.0 is answered."""
    ethernet.inject(request(source=source))
    assert source not in ethernet.neighbors()
    sent = ethernet.take_all()
    assert len(sent) == (1 if source == "0.0.0.0" else 0)


def test_hardware_address_of_many_is_not_learnt(ethernet):
    """RFC 826, RFC 1812 §3.3.2: no host has a broadcast or multicast hardware address."""
    ethernet.inject(request(mac="ff:ff:ff:ff:ff:ff"))
    ethernet.inject(request(mac="01:00:5e:00:00:01"))
    assert REMOTE not in ethernet.neighbors()
    ethernet.ignore_rest()


def test_conflict_is_told_and_the_address_defended(ethernet):
    """RFC 5227 §2.4: another host says that it has our address: the user is told, and one announcement defends it."""
    ethernet.inject(request(source=LOCAL, mac=OTHER_MAC))
    event = ethernet.expect_event("address_conflict")
    assert str(event.report.local).startswith(LOCAL) and bytes(event.hardware) == bytes.fromhex(OTHER_MAC.replace(":", ""))
    sent = [each.frame for each in ethernet.take_all()]
    assert any(frame[ARP].psrc == frame[ARP].pdst == LOCAL for frame in sent)
    # Not again within ten seconds (§2.4 b).
    ethernet.inject(request(source=LOCAL, mac=OTHER_MAC))
    assert not [each for each in ethernet.take_all() if each.frame[ARP].psrc == each.frame[ARP].pdst]
    ethernet.ignore_rest()


def test_frame_for_another_is_dropped(ethernet):
    """RFC 894: a frame for another hardware address."""
    ethernet.inject(request())
    ethernet.take_all()
    frame = ping()
    frame.dst = OTHER_MAC
    ethernet.inject(frame)
    ethernet.expect_nothing(0.5)
    assert ethernet.counter("drop.frame_for_another") == 1


@pytest.mark.parametrize("length", [0, 1, 13, 14, 20, 33])
def test_short_frame_is_dropped(ethernet, length):
    """RFC 894: a frame that ends too early."""
    ethernet.inject(bytes(ping())[:length])
    ethernet.inject(bytes(request())[:length])
    ethernet.expect_nothing(0.5)


@pytest.mark.parametrize("fields", [{"hwtype": 6}, {"ptype": 0x86DD}, {"hwlen": 5}, {"plen": 6}, {"op": 0}, {"op": 9}], ids=str)
def test_wrong_arp_is_dropped(ethernet, fields):
    """RFC 826: another hardware, protocol, length or operation."""
    frame = request()
    for name, value in fields.items():
        setattr(frame[ARP], name, value)
    ethernet.inject(frame)
    ethernet.expect_nothing(0.5)


@pytest.mark.parametrize("kind", [0x86DD, 0x88CC, 0x0100, 0x8100])
def test_unknown_type_is_dropped(ethernet, kind):
    """RFC 894: frames of other types, and of IEEE 802.3."""
    frame = ping()
    frame.type = kind
    ethernet.inject(frame)
    ethernet.expect_nothing(0.5)
    assert ethernet.counter("drop.unknown_frame") == 1


def test_broadcast_goes_to_everybody(ethernet):
    """RFC 894: a broadcast packet is sent in a broadcast frame, without ARP."""
    handle = ethernet.udp(700)
    ethernet.udp_send(handle, b"all", 9, address="192.0.2.255")
    assert ethernet.next_packet().frame.dst == "ff:ff:ff:ff:ff:ff"


def test_unicast_packet_in_a_broadcast_frame_is_not_answered(ethernet):
    """RFC 1122 §3.2.2, §3.3.6: no error about what came in a broadcast frame."""
    ethernet.inject(request())
    ethernet.take_all()
    frame = Ether(src=PEER_MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src=REMOTE, dst=LOCAL) / UDP(sport=1, dport=9) / Raw(b"x")
    ethernet.inject(frame)
    ethernet.expect_nothing(0.5)


def test_padded_frame(ethernet):
    """RFC 894: short frames are padded to 46 bytes; that is no data."""
    ethernet.inject(request())
    ethernet.take_all()
    handle = ethernet.udp(700)
    frame = Ether(src=PEER_MAC, dst=ENGINE_MAC) / IP(src=REMOTE, dst=LOCAL) / UDP(sport=1, dport=700) / Raw(b"x")
    ethernet.inject(bytes(frame) + bytes(17))
    assert ethernet.udp_receive(handle)[0] == b"x"


def test_tcp_over_ethernet(make):
    """RFC 826, RFC 9293: a SYN waits for the address of its destination."""
    stack = make(ethernet=True)
    stack.advance(20)
    stack.take_all()
    peer = stack.open(80)
    assert stack.next_packet().frame[ARP].pdst == REMOTE
    stack.inject(reply())
    sent = stack.next_packet()
    assert sent.frame.dst == PEER_MAC
    assert peer.got(sent).flags == "S"
    assert isinstance(stack, Stack) and c.NEVER > 0
    stack.ignore_rest()
