"""What tshark says of a capture, and what of it is a fault."""
import collections
import shutil
import subprocess

FIELDS = ["frame.number", "ip.src", "tcp.seq_raw", "tcp.len", "tcp.flags.str", "ip.checksum.status",
          "tcp.checksum.status", "icmp.checksum.status", "_ws.expert.group", "_ws.expert.message"]
CHECKSUMS = [field for field in FIELDS if field.endswith("checksum.status")]
BAD = "0"  # of a checksum

FILE_HEADER = 24  # bytes, of a capture

# Between fields, and between the values of one. A packet that quotes another has both's; its own come first.
FIELD, VALUE = "\x1f", "\x1e"

# What is no fault in itself, by the beginning of tshark's message.
HARMLESS = (
    "Connection establish", "Connection finish", "Connection reset", "This frame initiates the connection closing",
    "This frame undergoes the connection closing", "Duplicate ACK", "TCP window update", "TCP Zero Window",
    "TCP window specified by the receiver is now completely full", "TCP keep-alive", "ACK to a TCP keep-alive",
    "ACK to a TCP Zero Window Probe", "The urgent pointer field is nonzero",
    "A new tcp session is started with the same ports",
)
AGAIN = "retransmission"  # how the messages of all kinds of it end
DUPLICATE = "D-SACK Sequence"


class Verdict:
    """What tshark says of a capture: faults in the packets themselves, and messages about what they do.

    Messages are counted for each sender; harmless ones are left out. `engines` are the engines' addresses.
    """

    def __init__(self, path, *engines):
        self.engines = engines
        self.rows = read(path)
        self.faults = []
        self.messages = collections.Counter()
        for row in self.rows:
            source = row["ip.src"].split(VALUE)[0]
            messages = row["_ws.expert.message"].split(VALUE)
            if source not in engines and any("0xffff instead of 0x0000" in message for message in messages):
                continue  # so Linux writes a TCP checksum that is zero; it is as right (RFC 1624 §3)
            if any(row[field].split(VALUE)[0] == BAD for field in CHECKSUMS):
                self.faults.append(f"frame {row['frame.number']}: bad checksum")
            if "Malformed" in row["_ws.expert.group"]:
                self.faults.append(f"frame {row['frame.number']}: malformed")
            for message in messages:
                if message and not message.startswith(HARMLESS):
                    self.messages[source, message] += 1

    def has(self, flags):
        """Whether an engine has sent a segment with exactly those of the flags CEUAPRSF."""
        return any(row["ip.src"] in self.engines and row["tcp.flags.str"].replace("\u00b7", "") == flags
                   for row in self.rows)

    def segments(self):
        """The number and the length of each of the engines' segments with data."""
        for row in self.rows:
            if row["ip.src"] in self.engines and int(row["tcp.len"] or 0) > 0:
                yield int(row["tcp.seq_raw"]), int(row["tcp.len"])


def read(path):
    """The packets of a capture, as dictionaries. Payload is data, whatever the ports are known for."""
    options = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-d", "tcp.port==1-65535,data",
               "-T", "fields", "-E", f"separator={FIELD}", "-E", f"aggregator={VALUE}"]
    for field in FIELDS:
        options += ["-e", field]
    output = subprocess.run(["tshark", "-r", path, *options], check=True, capture_output=True,
                            stdin=subprocess.DEVNULL, text=True).stdout
    # Not splitlines(), which takes VALUE for the end of a line.
    return [dict(zip(FIELDS, line.split(FIELD))) for line in output.split("\n")[:-1]]


def clean(*hosts):
    """The captures of links that lost nothing show no fault, and nothing sent twice but tail loss probes.

    A probe is sent when acknowledgements are late by some milliseconds (RFC 8985 §7.2), as from a kernel that holds
    them back or gets no processor. The other end says by D-SACK that it had the segment.
    """
    engines = [host.far for host in hosts]
    verdict = Verdict(joined([host.path for host in hosts]), *engines)
    packets = len(verdict.rows)
    assert packets > 0, "nothing was captured"
    assert not verdict.faults, verdict.faults[:5]
    again = 0
    for (source, message), count in verdict.messages.items():
        if source in engines and message.endswith(AGAIN):
            again += count
        else:
            assert message == DUPLICATE, f"{source}: {message}, {count} times"
    probes = sum(host.last["tailLossProbes"] for host in hosts)
    assert again <= probes, f"{again} segments were sent again, and {probes} probes"
    assert again <= 2 + packets // 500, f"{again} of {packets} packets were sent again"
    return f"{packets} packets" + (f", {again} of them probes" if again else "")


def joined(paths):
    """Captures as one, in which tshark has to be started only once: all but the first without their headers."""
    if len(paths) == 1:
        return paths[0]
    path = paths[0] + "-and-others"
    with open(path, "wb") as whole:
        for index, part in enumerate(paths):
            with open(part, "rb") as file:
                file.seek(0 if index == 0 else FILE_HEADER)
                shutil.copyfileobj(file, whole)
    return path


def explained(host, besides=0):
    """What the engine sent again had been lost, but for a few (acknowledgements were lost as well) and `besides`."""
    verdict = Verdict(host.path, host.far)
    assert not verdict.faults, verdict.faults[:5]
    lost = collections.Counter()
    for number, length in Verdict(host.lost, host.far).segments():
        lost.update(byte % 2**32 for byte in range(number, number + length))
    first, reach, sent, again, without_cause = None, 0, 0, 0, 0
    for number, length in verdict.segments():
        first = number if first is None else first
        start = (number - first) % 2**32
        sent += 1
        if start < reach:
            again += 1
            without_cause += not take(lost, number, length)
        reach = max(reach, start + length)
    note = f"{sent} segments sent, {again} again, {without_cause} of these without a loss"
    assert again > 0 and without_cause <= sent // 500 + besides, note
    return note


def take(lost, number, length):
    """Whether one of those bytes was lost; each loss explains one retransmission."""
    found = False
    for byte in range(number, number + length):
        byte %= 2**32
        if lost[byte] > 0:
            lost[byte] -= 1
            found = True
    return found
