"""A peer that does anything at all: nothing it sends may bring the engine down, make it loop, or make it send a wrong packet.

The peer knows the connection's numbers, so that most of its segments are near the mark. Every packet of the engine's goes through
the checks of checks.py; the time, the user's calls and the peer's segments come from one seed, which the test's name has.
The environment variable SEEDS says how many there are.
"""

import os
import random

import engine as c
import pytest
from checks import checksum
from scapy.layers.inet import IPOption
from stack import ARP, ENGINE_MAC, Ether, ICMP, IP, LOCAL, PEER_MAC, Peer, REMOTE, Raw, Stack, TCP, UDP

INTERESTING = (0, 1, 2, 3, 500, 1459, 1460, 1461, 65535, 65536, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def number(rng, near):
    """A number that is mostly close to one of these."""
    base = rng.choice(near)
    kind = rng.random()
    if kind < 0.5:
        return base
    if kind < 0.8:
        return base + rng.randrange(-5, 6)
    return base + rng.choice((-1, 1)) * rng.choice(INTERESTING)


def options(rng, peer):
    """Options: often the right ones, sometimes any."""
    kind = rng.random()
    if kind < 0.6:
        return None
    found = []
    if rng.random() < 0.5:
        found.append(("Timestamp", (rng.choice((peer.tsval, 0, rng.randrange(1 << 32))), rng.choice((peer.ts_recent, 0)))))
    if rng.random() < 0.3:
        found.append(("MSS", rng.choice((0, 1, 40, 536, 1460, 65535))))
    if rng.random() < 0.2:
        found.append(("WScale", rng.randrange(256)))
    if rng.random() < 0.2:
        found.append(("SAckOK", b""))
    if rng.random() < 0.2:
        found.append((rng.randrange(9, 256), bytes(rng.randrange(4))))
    return found


def attack(rng, peer, sent):
    """One segment of the peer's."""
    flags = rng.choice(("A", "A", "A", "PA", "PA", "FA", "S", "SA", "R", "RA", "UA", "PAU", "F", "", "SF", "AE", "AC", "AEC"))
    if flags in ("R", "RA") and rng.random() < 0.8:
        flags = "A"
    near = (peer.snd_nxt, 0, 1)
    acks = (peer.rcv_nxt, 1, 0, sent)
    data = bytes(rng.randrange(256) for _ in range(rng.choice((0, 0, 1, 10, 100)))) or bytes(rng.choice((0, 0, 1000, 1460)))
    seq = None if rng.random() < 0.5 else number(rng, near)
    blocks = []
    if rng.random() < 0.3:
        for _ in range(rng.randrange(1, 4)):
            left = number(rng, acks)
            blocks.append((left, left + rng.choice((0, 1, 100, 1460, 2920, -5, 1 << 31))))
    peer.send(flags, data, seq=seq, ack=None if rng.random() < 0.4 else number(rng, acks),
              window=rng.choice((0, 0, 1, 500, 2000, 65535, peer.window)), options=options(rng, peer),
              urgent=rng.choice((0, 0, 0, 1, 5, 65535)), sack=blocks[:3],
              ip={"tos": rng.choice((0, 0, 2, 3)), "ttl": rng.choice((64, 1))})


def report(rng, stack, peer):
    """An ICMP error about the connection."""
    quoted = bytearray(bytes(IP(src=LOCAL, dst=REMOTE, len=1500, proto=6)) + bytes(8))
    quoted[20:28] = ((peer.engine_port or 80) << 48 | peer.port << 32 | peer.engine_number(number(rng, (0, 1, peer.rcv_nxt)) % (1 << 32))
                     ).to_bytes(8, "big")
    if rng.random() < 0.2:
        quoted[rng.randrange(len(quoted))] ^= 1 << rng.randrange(8)
    stack.inject(IP(src=REMOTE, dst=LOCAL) / ICMP(
        type=rng.choice((3, 3, 3, 4, 5, 11, 12)), code=rng.randrange(16), nexthopmtu=rng.choice((0, 1, 68, 576, 1000, 9000)),
        ) / Raw(bytes(quoted[:rng.choice((20, 24, 28, 28, 28))])))


def use(rng, stack, handles):
    """One call of the user's."""
    handle = rng.choice(handles)
    try:
        kind = rng.randrange(12)
        if kind < 4:
            stack.send(handle, bytes(rng.choice((1, 10, 1460, 5000, 50_000))), push=rng.random() < 0.7, urgent=rng.random() < 0.2)
        elif kind < 8:
            stack.receive(handle, rng.choice((1, 100, 100_000)))
        elif kind == 8:
            stack.set(handle, **{rng.choice(("nagle", "keepalive", "delayed_acknowledgment")): rng.randrange(2)})
        elif kind == 9:
            stack.set(handle, receive_buffer=rng.choice((4096, 65536, 1 << 20)))
        elif kind == 10 and rng.random() < 0.1:
            stack.call("tcp_close", handle)
        else:
            stack.status(handle)
    except c.EngineError:
        pass


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEEDS", "12"))))
def test_nothing_a_peer_sends_does_harm(seed):
    """RFC 9293 §3.10.7: in every state any segment may come."""
    rng = random.Random(seed)
    stack = Stack(seed=seed, ecn=rng.random() < 0.5, user_timeout=rng.choice((0, 30_000_000, 120_000_000)),
                  memory_ceiling=rng.choice((1 << 20, 64 << 20)), congestion_control=rng.choice(("cubic", "newreno")))
    peers = []
    for round in range(6):
        settings = {"sack": rng.random() < 0.7, "timestamps": rng.random() < 0.5, "mss": rng.choice((None, 100, 536, 1460)),
                    "scale": rng.choice((None, 0, 7, 14)), "window": rng.choice((0, 1000, 65535))}
        if rng.random() < 0.5:
            peer = stack.open(80 + round, receive_buffer=rng.choice((4096, 65536)))
            peer.configure(**settings)
            peer.got(stack.take_all()[-1])
            if rng.random() < 0.8:
                peer.send("SA", options=peer.syn_options())
        else:
            listener = stack.listen(80 + round, backlog=2)
            peer = Peer(stack, listener, 4000 + round, engine_port=80 + round)
            peer.configure(**settings)
            peer.send("S", options=peer.syn_options())
            peer.got(stack.take_all()[-1])
            if rng.random() < 0.8:
                peer.send("A")
                peer.handle = stack.engine.tcp_accept(listener) or listener
        peers.append(peer)
        handles = [each.handle for each in peers]
        for _ in range(150):
            kind = rng.random()
            if kind < 0.55:
                attack(rng, peer, peer.rcv_nxt)
            elif kind < 0.8:
                use(rng, stack, handles)
            elif kind < 0.85:
                report(rng, stack, peer)
            elif kind < 0.98:
                stack.advance(rng.choice((0, 0.001, 0.05, 0.3, 2)))
            else:
                stack.advance(rng.choice((30, 100, 4000)))
            for sent in stack.take_all():
                if sent.ip.proto == 6 and sent.ip.dport == peer.port and sent.ip.sport == peer.engine_port:
                    peer.got(sent)
            stack.events()
    for handle in {peer.handle for peer in peers}:
        stack.call("tcp_release", handle)
    stack.close()


def frames(stack):
    """Right frames of every kind."""
    from_peer = Ether(src=PEER_MAC, dst=ENGINE_MAC)
    ip = {"src": REMOTE, "dst": LOCAL}
    quoted = bytes(IP(src=LOCAL, dst=REMOTE) / UDP(sport=700, dport=9) / Raw(b"x"))
    large = IP(id=5, **ip) / UDP(sport=9, dport=700) / Raw(bytes(3000))
    return [bytes(frame) for frame in (
        Ether(src=PEER_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=PEER_MAC, psrc=REMOTE, pdst=LOCAL),
        from_peer / ARP(op=2, hwsrc=PEER_MAC, psrc=REMOTE, hwdst=ENGINE_MAC, pdst=LOCAL),
        from_peer / IP(**ip) / UDP(sport=9, dport=700) / Raw(b"datagram"),
        from_peer / IP(**ip) / UDP(sport=9, dport=701) / Raw(b"nobody"),
        from_peer / IP(**ip) / ICMP(type=8, id=1, seq=2) / Raw(b"echo"),
        from_peer / IP(**ip) / ICMP(type=3, code=3) / Raw(quoted),
        from_peer / IP(**ip) / ICMP(type=3, code=4, nexthopmtu=1000) / Raw(quoted),
        from_peer / IP(**ip) / TCP(sport=4000, dport=80, flags="S", seq=5, options=[("MSS", 1460), ("WScale", 7)]),
        from_peer / IP(**ip) / TCP(sport=4000, dport=81, flags="A", seq=5, ack=9) / Raw(b"data"),
        from_peer / IP(options=[IPOption(b"\x94\x04\0\0"), IPOption(b"\x83\x07\x04\x01\x02\x03\x04")], **ip) / ICMP(type=8),
        *(from_peer / part for part in large.fragment(1000)))]


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEEDS", "12")) // 2))
def test_nothing_on_the_link_does_harm(seed):
    """RFC 1122 §1.2.2: whatever bits and lengths a frame has: it is taken or dropped, and what is sent is right."""
    rng = random.Random(seed)
    stack = Stack(ethernet=True, seed=seed, memory_ceiling=1 << 20, answers_per_second=100_000)
    stack.listen(80)
    stack.udp(700)
    right = frames(stack)
    for _ in range(1500):
        frame = bytearray(rng.choice(right))
        if rng.random() < 0.3:
            del frame[rng.randrange(len(frame)):]
        for _ in range(rng.choice((0, 1, 1, 2, 5))):
            if frame:
                frame[rng.randrange(min(len(frame), 80))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        if rng.random() < 0.7:
            mend(frame)
        stack.inject(bytes(frame))
        stack.take_all()
        if rng.random() < 0.1:
            stack.advance(rng.choice((0.01, 1, 60)))
            stack.take_all()
            stack.events()
    stack.close()


def mend(frame):
    """Gives an IP header its right checksum, so that what is behind it is looked at."""
    header = (frame[14] & 15) * 4 if len(frame) > 14 else 0
    if 20 <= header <= len(frame) - 14:
        frame[24:26] = b"\0\0"
        frame[24:26] = checksum(bytes(frame[14:14 + header])).to_bytes(2, "big")
