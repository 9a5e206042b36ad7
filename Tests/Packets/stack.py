"""An engine and the link it is on, as the tests see them: packets by hand, virtual time, and every packet checked.

A test scripts the other side. `Stack` is the engine's host, 192.0.2.1; `Peer` is the far end of one TCP connection, in the
test's hands. Sequence numbers are relative: the SYN of each side has 0, its first byte of data 1. Times are in seconds.

    peer = stack.accept(port=80)             # the engine listens, the peer has connected
    peer.send(data=b"hello")                 # a segment from the peer
    peer.expect("A", ack=6, within=0.5)      # the next packet of the engine's must be this one, within half a second
    stack.expect_nothing(10)                 # and no other follows

Packets are taken in the order in which the engine sent them. At the end of a test none may be left that it has not looked
at (`stack.ignore_rest()` says that the rest does not matter).
"""

import itertools
import random
from collections import deque
from ctypes import byref, c_uint32, create_string_buffer

import engine as c
from checks import Checker, SACK, difference, parse_segment
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

LOCAL, REMOTE, ROUTER, STRANGER = "192.0.2.1", "192.0.2.2", "192.0.2.254", "198.51.100.9"
ENGINE_MAC, PEER_MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"

FLAGS = "FSRPAUEC"


def flag_bits(text):
    return sum(1 << FLAGS.index(letter) for letter in text)


def flag_text(bits):
    return "".join(letter for index, letter in enumerate(FLAGS) if bits >> index & 1)


def microseconds(seconds):
    return round(seconds * 1_000_000)


class Sent:
    """A packet that the engine sent, and when."""

    def __init__(self, time, data, ethernet):
        self.time = time
        self.bytes = bytes(data)
        self.frame = Ether(self.bytes) if ethernet else None
        self.ip = self.frame.payload if ethernet else IP(self.bytes)

    def __repr__(self):
        return f"{self.time / 1e6:.6f} {(self.frame or self.ip).summary()}"


class Stack:
    """An engine with the address 192.0.2.1/24, whose packets come here. Settings are the keys of mactcp_engine_set."""

    def __init__(self, ethernet=False, seed=1, addresses=(f"{LOCAL}/24",), routes=(f"0.0.0.0/0 {ROUTER}",), mtu=1500,
                 **settings):
        self.engine = c.Engine(seed)
        self.now = 1_000_000
        self.ethernet = ethernet
        self.queue = deque()
        self.event_queue = deque()
        self.random = random.Random(seed)
        self.settings = settings
        self.quiet_end = True
        self.checker = Checker([address.split("/")[0] for address in addresses], mtu)
        self.ceiling = int(settings.get("memory_ceiling", 64 << 20))
        self.room = create_string_buffer(mtu + 14)
        link = [("link", f"ethernet {ENGINE_MAC}")] if ethernet else []
        rest = [(key, {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value))
                for key, value in settings.items()]
        for key, value in itertools.chain([("address", each) for each in addresses], [("route", each) for each in routes],
                                          [("mtu", str(mtu))], link, rest):
            self.engine.engine_set(key.encode(), value.encode())
        self.engine.engine_start()
        self.pump()

    def close(self):
        self.engine.close()

    # ---- Time

    @property
    def time(self):
        """The present in seconds."""
        return self.now / 1e6

    def deadline(self):
        return self.engine.engine_deadline()

    def advance(self, seconds):
        """Lets time pass, and the engine do what is due in it when it is due."""
        self.run_until(self.now + microseconds(seconds))

    def run_until(self, end, stop=lambda: False):
        """Goes from deadline to deadline up to `end`, or to the first one after which `stop` says so."""
        still = 0
        while not stop():
            due = self.deadline()
            if due > end:
                self.now = max(self.now, end)
                break
            still = still + 1 if due <= self.now else 0
            assert still < 100, f"the deadline {due} does not move, at {self.now}"
            self.now = max(self.now, due)
            self.engine.engine_advance(self.now)
            self.pump()
        else:
            return
        self.engine.engine_advance(self.now)
        self.pump()

    # ---- Packets

    def pump(self):
        """Takes what the engine has to send."""
        for _ in range(100_000):
            length = self.engine.engine_transmit(self.room, len(self.room), self.now)
            if not length:
                break
            packet = self.room.raw[:length]
            if not self.ethernet:
                self.checker.sent(packet, self.now)
            else:
                self.check_frame(packet)
            self.queue.append(Sent(self.now, packet, self.ethernet))
        else:
            raise AssertionError("the engine never stops sending")
        memory = self.engine.engine_memory()
        assert memory <= self.ceiling, f"{memory} bytes, above the ceiling of {self.ceiling}"

    def check_frame(self, frame):
        assert len(frame) >= 14, "RFC 894: shorter than an Ethernet header"
        assert frame[6:12] == bytes.fromhex(ENGINE_MAC.replace(":", "")), "RFC 894: from another hardware address"
        kind = int.from_bytes(frame[12:14], "big")
        if kind == 0x0800:
            self.checker.sent(frame[14:], self.now)
        else:
            assert kind == 0x0806, f"RFC 894: type {kind:#x}"
            assert len(frame) >= 42 and frame[14:20] == b"\0\x01\x08\0\x06\x04", "RFC 826: not ARP for Ethernet and IPv4"
            assert frame[20:22] in (b"\0\x01", b"\0\x02"), "RFC 826: neither request nor reply"
            assert frame[22:28] == frame[6:12], "RFC 826: another sender than the frame's"

    def inject(self, packet):
        """Gives the engine a packet: scapy's, or bytes."""
        data = bytes(packet)
        self.checker.received(data[14:] if self.ethernet else data)
        self.engine.engine_receive(data, len(data), self.now)
        self.pump()

    def next_packet(self, within=0.0, after=None):
        """The next packet, which must come `after` so many seconds from now at the earliest and `within` at the latest."""
        begin = self.now
        if not self.queue:
            self.run_until(begin + microseconds(within), lambda: bool(self.queue))
        assert self.queue, f"no packet within {within} s"
        sent = self.queue.popleft()
        waited = (sent.time - begin) / 1e6
        assert after is None or waited >= after, f"after {waited:.6f} s, not {after}: {sent}"
        assert waited <= within or not within, f"after {waited:.6f} s, not {within}: {sent}"
        return sent

    def expect_nothing(self, seconds=0.0):
        """No packet is left, and none comes in this time."""
        self.advance(seconds)
        assert not self.queue, f"unexpected: {list(self.queue)}"

    def take_all(self):
        """All packets that wait."""
        packets = list(self.queue)
        self.queue.clear()
        return packets

    def ignore_rest(self):
        """The packets that this test leaves do not matter."""
        self.quiet_end = False

    def expect_icmp(self, kind, code=None, within=0.0):
        sent = self.next_packet(within)
        assert ICMP in sent.ip, f"no ICMP: {sent}"
        found = sent.ip[ICMP]
        assert found.type == kind and (code is None or found.code == code), f"not type {kind} code {code}: {sent}"
        return sent

    # ---- Events

    def events(self):
        """All events that wait."""
        found = []
        event = c.Event()
        while self.engine.next_event(byref(event)):
            found.append(event)
            event = c.Event()
        return found

    def expect_event(self, name, handle=None):
        """The next event of this name; others before it are passed over."""
        self.event_queue.extend(self.events())
        passed = []
        while self.event_queue:
            event = self.event_queue.popleft()
            if event.name == name and handle in (None, event.handle):
                return event
            passed.append(event)
        raise AssertionError(f"no event {name}; there was {passed}")

    def expect_no_event(self, name):
        self.event_queue.extend(self.events())
        assert name not in [event.name for event in self.event_queue], f"{name} in {list(self.event_queue)}"

    # ---- Calls

    def call(self, name, *arguments):
        """A call of mactcp.h, with the present behind its arguments."""
        result = getattr(self.engine, name)(*arguments, self.now)
        self.pump()
        return result

    def refused(self, name, *arguments):
        """The name of the code with which a call is refused."""
        try:
            result = self.call(name, *arguments)
        except c.EngineError as error:
            return error.name
        raise AssertionError(f"{name} returned {result}")

    def counter(self, name):
        return self.engine.counter(name)

    def create(self, receive_buffer=0, send_buffer=0):
        return self.engine.tcp_create(receive_buffer, send_buffer)

    def status(self, handle):
        status = c.Status()
        self.call("tcp_status", handle, byref(status))
        return status

    def state(self, handle):
        return self.status(handle).state_name

    def set(self, handle, **options):
        for name, value in options.items():
            self.call("tcp_set", handle, c.OPTIONS[name], int(value))

    def send(self, handle, data, push=True, urgent=False):
        return self.call("tcp_send", handle, data, len(data), push * c.PUSH | urgent * c.URGENT)

    def receive(self, handle, size=1 << 20):
        """What can be received at once, as (bytes, set of flags)."""
        buffer, flags = create_string_buffer(size), c_uint32()
        count = self.call("tcp_receive", handle, buffer, size, byref(flags))
        names = {"push": c.PUSH, "urgent": c.URGENT, "mark": c.MARK, "end": c.END}
        return buffer.raw[:count], {name for name, bit in names.items() if flags.value & bit}

    def read(self, handle, size=1 << 20):
        return self.receive(handle, size)[0]

    # ---- Connections

    def listen(self, port, backlog=0, address=None, **buffers):
        handle = self.create(**buffers)
        self.call("tcp_listen", handle, byref(c.endpoint(address, port)), backlog, None)
        return handle

    def open(self, port=80, remote=REMOTE, local_port=0, options=None, **buffers):
        """An active open by the engine, whose SYN the peer that is returned has yet to see."""
        handle = self.create(**buffers)
        self.call("tcp_active_open", handle, byref(c.endpoint(remote, port)), byref(c.endpoint(None, local_port)),
                  None if options is None else byref(options))
        return Peer(self, handle, port, remote=remote)

    def connect(self, port=80, rtt=0.0, **peer):
        """A connection that the engine opens and the peer takes `rtt` seconds later."""
        buffers = {key: peer.pop(key) for key in ("receive_buffer", "send_buffer") if key in peer}
        made = self.open(port, **buffers)
        made.configure(**peer)
        made.expect("S", seq=0)
        self.advance(rtt)
        made.send("SA", options=made.syn_options())
        made.expect("A", seq=1, ack=1)
        self.expect_event("opened", made.handle)
        return made

    def accept(self, port=80, rtt=0.0, listener=None, remote=REMOTE, peer_port=None, **peer):
        """A connection that the peer opens, and whose SYN+ACK it acknowledges `rtt` seconds later."""
        buffers = {key: peer.pop(key) for key in ("receive_buffer", "send_buffer") if key in peer}
        own = listener is None
        if own:
            listener = self.listen(port, **buffers)
        made = Peer(self, None, peer_port or self.random.randrange(1024, 49152), engine_port=port, remote=remote)
        made.configure(**peer)
        made.send("S", options=made.syn_options())
        made.expect("SA", seq=0, ack=1)
        self.advance(rtt)
        made.send("A")
        self.expect_event("incoming", listener)
        made.handle = self.engine.tcp_accept(listener)
        made.listener = listener
        assert made.handle, "nothing to accept"
        return made

    # ---- UDP and ICMP

    def udp(self, port, ending_port=0, receive_buffer=0):
        return self.call("udp_create", port, ending_port, receive_buffer)

    def udp_send(self, handle, data, port, address=REMOTE, options=None):
        return self.call("udp_send", handle, byref(c.endpoint(address, port)), data, len(data),
                         None if options is None else byref(options))

    def udp_receive(self, handle, size=65536):
        """The next datagram as (data, source, destination, length); None if there is none."""
        buffer, datagram = create_string_buffer(max(size, 1)), c.Datagram()
        if not self.call("udp_receive", handle, buffer, size, byref(datagram)):
            return None
        data = buffer.raw[:min(size, datagram.length)]
        return data, str(datagram.source), str(datagram.destination), datagram.length

    def neighbors(self):
        found, number = {}, 0
        while True:
            neighbor = c.Neighbor()
            if not self.engine.neighbor_at(number, byref(neighbor)):
                return found
            address = ".".join(map(str, neighbor.address.address[:4]))
            found[address] = ":".join(f"{byte:02x}" for byte in neighbor.hardware) if neighbor.is_known else None
            number += 1


class Got:
    """A segment of the engine's as the peer sees it, with relative numbers."""

    def __init__(self, sent, segment, peer):
        self.sent = sent
        self.time = sent.time / 1e6
        self.ip = sent.ip
        self.segment = segment
        self.flags = flag_text(segment.flags)
        self.seq = (segment.seq - peer.irs) % (1 << 32) if peer.irs is not None else segment.seq
        self.ack = (segment.ack - peer.iss) % (1 << 32) if segment.flags & 16 else None
        self.data = segment.data
        self.window = segment.window
        self.urgent = segment.urgent
        self.options = segment.options
        self.sack = [tuple((int.from_bytes(block[at:at + 4], "big") - peer.iss) % (1 << 32) for at in (0, 4))
                     for block in self.blocks()]

    def blocks(self):
        value = self.options.get(SACK, b"")
        return [value[at:at + 8] for at in range(0, len(value), 8)]

    @property
    def mss(self):
        return int.from_bytes(self.options[2], "big")

    @property
    def timestamps(self):
        """TSval and TSecr; None without the option."""
        value = self.options.get(8)
        return value and (int.from_bytes(value[:4], "big"), int.from_bytes(value[4:], "big"))

    def __repr__(self):
        return f"{self.time:.6f} {self.flags} {self.seq}:{self.seq + len(self.data)} ack {self.ack} win {self.window}"


class Peer:
    """The far end of one connection, in the test's hands."""

    def __init__(self, stack, handle, port, engine_port=None, remote=REMOTE):
        self.stack = stack
        self.handle = handle
        self.port = port
        self.engine_port = engine_port
        self.remote = remote
        self.iss = stack.random.randrange(1 << 32)  # the peer's
        self.irs = None  # the engine's
        self.snd_nxt = 0
        self.rcv_nxt = 0
        self.configure()

    def configure(self, window=65535, mss=1460, sack=False, scale=None, timestamps=False, ecn=False, iss=None):
        """What the peer offers in its SYN."""
        self.window = window
        self.mss = mss
        self.sack = sack
        self.scale = scale
        self.timestamps = timestamps
        self.ecn = ecn
        self.tsval_offset = 5000
        self.ts_recent = 0
        self.shift = 0  # of the windows that the engine sends
        if iss is not None:
            self.iss = iss

    @property
    def tsval(self):
        """The peer's clock of time stamps: one tick each millisecond."""
        return (self.tsval_offset + self.stack.now // 1000) % (1 << 32)

    def syn_options(self):
        options = [("MSS", self.mss)] if self.mss is not None else []
        if self.sack:
            options.append(("SAckOK", b""))
        if self.timestamps:
            options.append(("Timestamp", (self.tsval, self.ts_recent)))
        if self.scale is not None:
            options.append(("WScale", self.scale))
        return options

    # ---- From the peer to the engine

    def segment(self, flags="A", data=b"", seq=None, ack=None, window=None, options=None, urgent=0, sack=(), **tcp):
        """An IP packet; numbers are relative, and None is what is next."""
        header = list(options or [])
        if options is None and self.timestamps and "S" not in flags:
            header.append(("Timestamp", (self.tsval, self.ts_recent)))
        if sack:
            header.append(("SAck", tuple((self.engine_number(edge)) for block in sack for edge in block)))
        ack = self.rcv_nxt if ack is None else ack
        number = self.snd_nxt if seq is None else seq
        return IP(src=self.remote, dst=LOCAL, **tcp.pop("ip", {})) / TCP(
            sport=self.port, dport=self.engine_port, seq=(self.iss + number) % (1 << 32),
            ack=self.engine_number(ack) if "A" in flags else 0, flags=flags,
            window=self.window if window is None else window, urgptr=urgent, options=header, **tcp) / Raw(data)

    def engine_number(self, relative):
        return ((self.irs or 0) + relative) % (1 << 32)

    def send(self, flags="A", data=b"", seq=None, ack=None, **rest):
        """Sends a segment. Without a number of its own it counts as sent: the next one follows it."""
        packet = self.segment(flags, data, seq, ack, **rest)
        if seq is None:
            self.snd_nxt += len(data) + ("S" in flags) + ("F" in flags)
        if "window" in rest and rest["window"] is not None:
            self.window = rest["window"]
        self.stack.inject(packet)

    # ---- From the engine to the peer

    def got(self, sent):
        """A packet as a segment of this connection; it counts as received if it is what is next."""
        assert TCP in sent.ip, f"no TCP: {sent}"
        assert sent.ip.dst == self.remote, f"to {sent.ip.dst}: {sent}"
        header = sent.ip.ihl * 4
        segment = parse_segment(bytes(sent.ip)[header:])
        assert segment.destination_port == self.port, f"for port {segment.destination_port}: {sent}"
        if self.engine_port is None:
            self.engine_port = segment.source_port
        assert segment.source_port == self.engine_port, f"from port {segment.source_port}: {sent}"
        if segment.flags & 2 and (self.irs is None or segment.seq != self.irs):
            self.irs, self.rcv_nxt = segment.seq, 0
        found = Got(sent, segment, self)
        if found.seq == self.rcv_nxt and self.irs is not None and "R" not in found.flags:
            self.rcv_nxt += segment.length
            if found.timestamps:
                self.ts_recent = found.timestamps[0]
        if segment.flags & 2:
            scale = found.options.get(3)
            self.shift = scale[0] if scale and self.scale is not None else 0
        return found

    def expect(self, flags=None, data=None, seq=None, ack=None, length=None, window=None, within=0.0, after=None,
               push=None, urgent=None):
        """The engine's next packet, which must be this one. PSH is compared only with `push`."""
        found = self.got(self.stack.next_packet(within, after))
        wanted = {"seq": seq, "ack": ack, "data": data, "window": window, "urgent": urgent}
        wrong = {name: value for name, value in wanted.items() if value is not None and getattr(found, name) != value}
        if flags is not None and set(flags) - {"P"} != set(found.flags) - {"P"}:
            wrong["flags"] = flags
        if push is not None and push != ("P" in found.flags):
            wrong["push"] = push
        if length is not None and length != len(found.data):
            wrong["length"] = length
        assert not wrong, f"{found} is not {wrong}; next: {[*self.stack.queue][:3]}"
        return found

    def expect_data(self, data, within=1.0, acknowledge=True):
        """The engine sends these bytes in order, in however many segments; all of them are acknowledged."""
        received = b""
        while len(received) < len(data):
            start = self.rcv_nxt
            found = self.expect(within=within)
            received += found.data if found.seq == start else b""
            if acknowledge:
                self.send("A")
        assert received == data
        return received

    def closed_by_peer(self):
        """The peer closes, and the engine acknowledges it."""
        self.send("FA")
        return self.expect("A", ack=self.snd_nxt, within=0.5)


__all__ = ["ARP", "Ether", "ICMP", "IP", "Peer", "Raw", "Stack", "TCP", "UDP", "difference", "flag_bits", "microseconds",
           "LOCAL", "REMOTE", "ROUTER", "STRANGER", "ENGINE_MAC", "PEER_MAC", "OTHER_MAC"]
