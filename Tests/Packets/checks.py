"""What is checked of every packet that the engine sends, whatever the test is about.

The checks read the bytes themselves, so that they share no code with what builds the tests' own packets. A violation is an
AssertionError with the rule in it. test_checks.py shows that each of them can fail.
"""

import struct
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 2, 3, 4, 5, 8


def checksum(data):
    """The Internet checksum of RFC 1071: 0 over data that has a right one."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def difference(a, b):
    """a - b for sequence numbers (RFC 9293 §3.4), signed."""
    return (a - b + (1 << 31)) % (1 << 32) - (1 << 31)


def parse_tcp_options(data):
    """The options as a list of (kind, value). RFC 9293 §3.1: lengths and padding (MUST-68, MUST-69)."""
    options, position = [], 0
    while position < len(data):
        kind = data[position]
        if kind == 0:
            assert not any(data[position:]), "MUST-69: what follows the end of options is not zero"
            break
        if kind == 1:
            position += 1
            continue
        assert position + 1 < len(data), "MUST-68: an option without a length"
        length = data[position + 1]
        assert 2 <= length <= len(data) - position, f"MUST-68: option {kind} has the length {length}"
        options.append((kind, data[position + 2:position + length]))
        position += length
    return options


@dataclass
class Segment:
    """A TCP segment as it was sent, with absolute numbers."""

    source_port: int
    destination_port: int
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    options: dict
    data: bytes

    @property
    def length(self):
        """SEG.LEN (RFC 9293 §3.4)."""
        return len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)

    @property
    def end(self):
        return (self.seq + self.length) % (1 << 32)


def parse_segment(data):
    """The segment in an IP packet's data, unchecked but for lengths."""
    source, destination, seq, ack, offset, flags, window, _, urgent = struct.unpack("!HHIIBBHHH", data[:20])
    header = (offset >> 4) * 4
    options = {}
    position = 20
    while position < header and data[position] != 0:
        if data[position] == 1:
            position += 1
            continue
        length = data[position + 1] if position + 1 < header else 0
        if length < 2 or position + length > header:
            break
        options[data[position]] = data[position + 2:position + length]
        position += length
    return Segment(source, destination, seq, ack, flags, window, urgent, options, data[header:])


@dataclass
class Flow:
    """What is known of one connection from its packets in both directions.

    Whether the engine has taken one of the peer's segments is not known: it may be nonsense. So what the engine says must
    agree with some of them, which for a peer without nonsense is as much as with all.
    """

    # What the engine has sent since its SYN
    isn: int | None = None
    sent: dict = field(default_factory=dict)  # relative number of a byte: the byte
    greatest_ack: int | None = None
    right_edge: int | None = None
    scale: int | None = None
    timestamps: bool = False
    sack_permitted: bool = False
    last_tsval: int | None = None
    # What the peer has sent: its SYNs, each segment as (number, length), and the right edges of its windows
    syns: list = field(default_factory=list)
    heard: set = field(default_factory=set)
    edges: set = field(default_factory=set)
    ends: set = field(default_factory=set)  # the numbers behind its FINs
    last_seq: int | None = None
    widest: int | None = None  # the largest window, once its segments have come in disorder

    def hears(self, segment):
        """The peer's segment, of any kind."""
        if segment.flags & SYN:
            self.syns.append(segment)
        self.heard.add((segment.seq, segment.length))
        if segment.flags & FIN:
            self.ends.add(segment.end)
        if segment.flags & ACK:
            scales = [0] if segment.flags & SYN or self.scale is None else self.peer_scales() or [0]
            self.edges.update((segment.ack + (segment.window << scale)) % (1 << 32) for scale in scales)
            self.note_disorder(segment, max(scales))

    def note_disorder(self, segment, scale):
        """SND.WND counts from SND.UNA: an ACK in a segment that is older than the last window's moves the edge with it."""
        if self.last_seq is not None and difference(segment.seq, self.last_seq) < 0:
            self.widest = self.widest or 65535 << scale
        self.last_seq = segment.seq
        if self.widest is not None:
            self.edges.add((segment.ack + self.widest) % (1 << 32))

    # ---- What the peer's SYNs offer

    def offers(self, kind):
        return any(kind in syn.options for syn in self.syns)

    def lacks(self, kind):
        return not self.syns or any(kind not in syn.options for syn in self.syns)

    def peer_scales(self):
        values = [syn.options.get(WINDOW_SCALE, b"") for syn in self.syns]
        return sorted({min(value[0], 14) if len(value) == 1 else 0 for value in values})

    def peer_mss(self):
        values = [syn.options.get(MSS, b"") for syn in self.syns]
        # It may be so small that it leaves no room for data: 64 is the least that is heeded.
        return max([64] + [int.from_bytes(value, "big") if len(value) == 2 else 536 for value in values or [b""]])

    def was_sent(self, number):
        """Whether the peer has sent all before this number, or at least what is right before it."""
        return any(0 <= difference(number, seq) <= length for seq, length in self.heard)

    # ---- What the engine says

    def says(self, segment):
        """The engine's segment: whether it may follow what was said before."""
        if segment.flags & RST:
            return
        if segment.flags & SYN:
            self.begin(segment)
        if self.isn is None:
            return
        self.check_options(segment)
        self.check_numbers(segment)
        if segment.flags & ACK:
            assert self.was_sent(segment.ack), "an acknowledgment of what the peer has not sent"
            if segment.flags & SYN:
                # Its window is not scaled (RFC 7323 §2.2), and it may answer another SYN than the one before.
                self.greatest_ack, self.right_edge = segment.ack, (segment.ack + segment.window) % (1 << 32)
            else:
                self.check_acknowledgment(segment)

    def begin(self, segment):
        assert not segment.flags & ACK or self.syns, "a SYN+ACK without a SYN"
        if self.isn is not None and segment.seq != self.isn:
            # A new connection with the same numbers.
            self.__init__(syns=self.syns, heard=self.heard, ends=self.ends, widest=self.widest)
        self.isn = segment.seq
        value = segment.options.get(WINDOW_SCALE)
        self.scale = value[0] if value is not None else None
        self.timestamps = TIMESTAMPS in segment.options
        self.sack_permitted = SACK_PERMITTED in segment.options
        if segment.flags & ACK:
            assert not self.timestamps or self.offers(TIMESTAMPS), \
                "RFC 7323 §3.2: time stamps in SYN+ACK that were not offered"
            assert self.scale is None or self.offers(WINDOW_SCALE), "RFC 7323 §2.2: a window scale that was not offered"
            assert not self.sack_permitted or self.offers(SACK_PERMITTED), "RFC 2018 §2: SACK that was not offered"

    def check_options(self, segment):
        if segment.flags & SYN:
            return
        stamped = TIMESTAMPS in segment.options
        assert not stamped or self.timestamps and self.offers(TIMESTAMPS), \
            "RFC 7323 §3.2: time stamps that were not agreed on"
        assert stamped or not self.timestamps or self.lacks(TIMESTAMPS), "RFC 7323 §3.2: no time stamps, but agreed on"
        assert SACK not in segment.options or self.sack_permitted and self.offers(SACK_PERMITTED), \
            "RFC 2018 §2: SACK that was not agreed on"
        if stamped:
            value = struct.unpack("!I", segment.options[TIMESTAMPS][:4])[0]
            assert self.last_tsval is None or difference(value, self.last_tsval) >= 0, "RFC 7323 §5.4: TSval went back"
            self.last_tsval = value
        if segment.data:
            options = sum(len(value) + 2 for value in segment.options.values())
            assert len(segment.data) + options <= self.peer_mss(), \
                f"MUST-16: {len(segment.data)} bytes and {options} of options for an MSS of {self.peer_mss()}"

    def check_numbers(self, segment):
        start = segment.seq + bool(segment.flags & SYN)
        for index, byte in enumerate(segment.data):
            place = difference(start + index, self.isn)
            # A keepalive's or a probe's garbage octet (MAY-6) is behind what was sent before.
            before = self.sent.setdefault(place, byte)
            assert before == byte or len(segment.data) == 1, \
                f"byte {place} is {byte:#x}, and was {before:#x} when sent before"
        if len(segment.data) > 1 and self.edges:
            end = start + len(segment.data)
            over = min(difference(end, edge) for edge in self.edges if difference(end, edge) > -(1 << 30))
            assert over <= 0, f"RFC 9293 §3.8.6: {over} bytes beyond the window"

    def check_acknowledgment(self, segment):
        assert self.greatest_ack is None or difference(segment.ack, self.greatest_ack) >= 0, "an acknowledgment went back"
        self.greatest_ack = segment.ack
        scale = self.scale if self.scale is not None and self.offers(WINDOW_SCALE) else 0
        edge = (segment.ack + (segment.window << scale)) % (1 << 32)
        assert self.right_edge is None or self.lacks(WINDOW_SCALE) and scale or \
            difference(edge, self.right_edge) >= -((1 << scale) - 1), \
            f"SHLD-14: the window shrank by {-difference(edge, self.right_edge)}"
        self.right_edge = edge if self.right_edge is None or difference(edge, self.right_edge) > 0 else self.right_edge
        self.check_sack(segment)

    def check_sack(self, segment):
        value = segment.options.get(SACK, b"")
        blocks = [struct.unpack("!II", value[index:index + 8]) for index in range(0, len(value), 8)]
        for place, (left, right) in enumerate(blocks):
            assert difference(right, left) > 0, "RFC 2018 §3: an empty SACK block"
            assert self.was_sent(right), "RFC 2018 §3: a SACK block of what was not sent"
            if place == 0:
                continue  # it may be a duplicate's (RFC 2883 §4)
            if segment.ack in self.ends:
                continue  # data behind a FIN are nonsense, and may stay where they are
            assert difference(left, segment.ack) > 0, "RFC 2018 §4: a SACK block of what is acknowledged"
            for other_left, other_right in blocks[place + 1:]:
                apart = difference(left, other_right) > 0 or difference(other_left, right) > 0
                assert apart, "RFC 2018 §4: SACK blocks that touch"


class Checker:
    """Checks the packets of one engine, and remembers what they must agree with."""

    def __init__(self, addresses, mtu, udp_checksums=True):
        self.addresses = set(addresses)
        self.mtu = mtu
        self.udp_checksums = udp_checksums
        self.flows = {}
        self.fragments = {}
        self.now = 0

    # ---- What the engine hears

    def received(self, packet):
        """Takes note of a packet for the engine; it may be nonsense."""
        if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != 6 or packet[6] & 0x3F or packet[7]:
            return
        header = (packet[0] & 15) * 4
        data = packet[header:struct.unpack("!H", packet[2:4])[0]]
        if len(data) < 20 or not 20 <= (data[12] >> 4) * 4 <= len(data):
            return
        segment = parse_segment(data)
        source = ".".join(map(str, packet[12:16]))
        self.flow(source, segment.source_port, segment.destination_port).hears(segment)

    def flow(self, peer, peer_port, port):
        return self.flows.setdefault((peer, peer_port, port), Flow())

    # ---- What the engine says

    def sent(self, packet, now):
        """Checks an IP packet of the engine's."""
        self.now = now
        assert len(packet) >= 20, "shorter than an IP header"
        version, header = packet[0] >> 4, (packet[0] & 15) * 4
        total, identification, fragment = struct.unpack("!HHH", packet[2:8])
        time_to_live, protocol = packet[8], packet[9]
        source, destination = (".".join(map(str, packet[at:at + 4])) for at in (12, 16))
        assert version == 4 and header >= 20, f"version {version}, header of {header} bytes"
        assert total == len(packet), f"RFC 791: total length {total} in a packet of {len(packet)} bytes"
        assert total <= self.mtu, f"RFC 791: {total} bytes for an MTU of {self.mtu}"
        assert checksum(packet[:header]) == 0, "RFC 791: wrong header checksum"
        assert not fragment & 0x8000, "RFC 791: the reserved flag is set"
        assert not (fragment & 0x4000 and fragment & 0x3FFF), "RFC 791: a fragment that must not be one"
        assert time_to_live > 0, "RFC 1122 §3.2.1.7: a time to live of 0"
        assert source in self.addresses, f"RFC 1122 §3.2.1.3: from {source}, which is not ours"
        assert destination != "0.0.0.0", "RFC 1122 §3.2.1.3: to 0.0.0.0"
        assert packet[1] & 3 != 3, "RFC 3168 §5: a host sets CE"
        if fragment & 0x3FFF:
            data = self.fragment((source, destination, protocol, identification), fragment, packet[header:])
            if data is None:
                return
        else:
            data = packet[header:]
        pseudo = packet[12:20] + struct.pack("!BBH", 0, protocol, len(data))
        if protocol == 6:
            self.tcp(destination, data, pseudo, packet[1] & 3)
        elif protocol == 17:
            self.udp(data, pseudo)
        elif protocol == 1:
            self.icmp(data, total)
        else:
            raise AssertionError(f"protocol {protocol}")

    def fragment(self, key, fragment, data):
        """Collects fragments; the whole datagram's data when all are there."""
        offset, more = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
        assert not more or len(data) % 8 == 0, "RFC 791: a fragment that is no multiple of 8 bytes"
        assert data, "RFC 791: an empty fragment"
        started, parts = self.fragments.get(key, (self.now, {}))
        assert offset not in parts or self.now - started > 30_000_000, "RFC 6864 §4.2: an identification used again"
        parts[offset] = (data, more)
        self.fragments[key] = (started, parts)
        whole, place = b"", 0
        while place in parts:
            data, more = parts[place]
            whole += data
            place += len(data)
            if not more:
                assert len(parts) == sum(1 for part in parts if part < place), "fragments behind the last"
                del self.fragments[key]
                return whole
        return None

    def tcp(self, peer, data, pseudo, ecn):
        assert len(data) >= 20, "RFC 9293 §3.1: shorter than a TCP header"
        header = (data[12] >> 4) * 4
        assert 20 <= header <= len(data), f"RFC 9293 §3.1: data offset {header}"
        assert not data[12] & 15, "RFC 9293 §3.1: reserved bits are set"
        assert checksum(pseudo + data) == 0, "MUST-2: wrong TCP checksum"
        options = parse_tcp_options(data[20:header])
        segment = parse_segment(data)
        flags = segment.flags
        assert segment.source_port and segment.destination_port, "port 0"
        self.tcp_flags(segment)
        self.tcp_options(segment, options)
        if ecn:
            assert segment.data and not flags & (SYN | RST), "RFC 3168 §6.1.1, §6.1.4: ECT on a segment without data"
        flow = self.flow(peer, segment.destination_port, segment.source_port)
        if ecn and segment.data and flow.isn is not None:
            again = all(difference(segment.seq + index, flow.isn) in flow.sent for index in range(len(segment.data)))
            assert not again, "RFC 3168 §6.1.5: ECT on a retransmission"
        flow.says(segment)

    def tcp_flags(self, segment):
        flags = segment.flags
        assert flags & (SYN | RST | ACK), "RFC 9293 §3.10.7.4, fifth: a segment that nobody would take"
        assert bin(flags & (SYN | FIN | RST)).count("1") <= 1, "two of SYN, FIN and RST"
        assert flags & ACK or not segment.ack, "an acknowledgment number without ACK"
        if flags & RST:
            assert not segment.data, "a RST with data"
            assert not flags & (PSH | URG | ECE | CWR), "a RST with other flags"
        if flags & SYN:
            assert not flags & (PSH | URG), "a SYN with PSH or URG"
        if flags & PSH:
            assert segment.data, "PSH without data"
        if flags & URG:
            assert segment.urgent, "RFC 6093 §3.3: URG with a pointer of 0"
        else:
            assert not segment.urgent, "an urgent pointer without URG"

    def tcp_options(self, segment, options):
        kinds = [kind for kind, _ in options]
        assert len(kinds) == len(set(kinds)), "an option twice"
        lengths = {MSS: 2, WINDOW_SCALE: 1, SACK_PERMITTED: 0, TIMESTAMPS: 8}
        for kind, value in options:
            assert kind in lengths or kind == SACK, f"the option {kind}"
            if kind == SACK:
                assert len(value) in (8, 16, 24, 32), "RFC 2018 §3: the length of SACK"
                assert segment.flags & ACK and not segment.flags & (SYN | RST), "SACK without ACK"
            else:
                assert len(value) == lengths[kind], f"the length of option {kind}"
            if kind in (MSS, WINDOW_SCALE, SACK_PERMITTED):
                assert segment.flags & SYN, f"MUST-65: option {kind} without SYN"
            if kind == WINDOW_SCALE:
                assert value[0] <= 14, "RFC 7323 §2.3: a scale above 14"
            if kind == TIMESTAMPS and not segment.flags & ACK:
                assert value[4:] == b"\0\0\0\0", "RFC 7323 §3.2: TSecr without ACK is not 0"

    def udp(self, data, pseudo):
        assert len(data) >= 8, "RFC 768: shorter than a header"
        source, destination, length, check = struct.unpack("!HHHH", data[:8])
        assert destination and source, "port 0"
        assert length == len(data), f"RFC 768: length {length} of {len(data)} bytes"
        if check or self.udp_checksums:
            assert check, "RFC 768: no checksum, or one of 0 that must be sent as all ones"
            assert checksum(pseudo + data) == 0, "RFC 768: wrong checksum"

    def icmp(self, data, total):
        assert len(data) >= 8, "RFC 792: shorter than a header"
        assert checksum(data) == 0, "RFC 792: wrong checksum"
        kind, code = data[0], data[1]
        assert kind in (0, 3, 8, 11, 12), f"RFC 1122 §3.2.2: ICMP type {kind}"
        if kind in (0, 8):
            assert code == 0, "RFC 792: an echo with a code"
            return
        assert total <= 576, "RFC 1812 §4.3.2.3: an ICMP error above 576 bytes"
        quoted = data[8:]
        header = (quoted[0] & 15) * 4 if quoted else 20
        assert len(quoted) >= header + 8 and quoted[0] >> 4 == 4, "RFC 1122 §3.2.2: less quoted than a header and 8 bytes"
        assert not (quoted[9] == 1 and quoted[header] not in (0, 8)), "RFC 1122 §3.2.2: an ICMP error about an ICMP error"
        assert quoted[16] < 224, "RFC 1122 §3.2.2: an ICMP error about a broadcast or multicast"
        assert not (quoted[6] & 0x1F or quoted[7]), "RFC 1122 §3.2.2: an ICMP error about a later fragment"
