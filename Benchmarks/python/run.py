#!/usr/bin/env python3
"""mactcp against Python's socket on 127.0.0.1. Prints Markdown tables of medians and ratios.

Each measurement is a process of its own, with a peer that is another process: the same peer, over Python's socket,
for both subjects. The subjects take turns; a ratio is formed of neighbours, so that whatever else slows the machine
down hits both of its sides. Quote the ratios, not the figures.
"""

import argparse
import contextlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

PIECE = 65_536
LOOPBACK = 0x7F000001

# ---- The subjects: the same conversation in the words of each ----------------------------------


class SocketSubject:
    def open(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send = self.socket.sendall
        self.receive = lambda receive=self.socket.recv: receive(PIECE)
        self.name = self.socket.getsockname

    def connect_send_close(self, port):
        connection = socket.socket()
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"x")
        connection.close()


class MacTCPSubject:
    def __init__(self):
        import mactcp

        self.create = mactcp.TCPCreate

    def open(self, port):
        # The size that bulk transfer wants; 16 KB and up, says MacTCP.
        self.stream = self.create(1 << 20)
        self.stream.ActiveOpen(0, LOOPBACK, port)
        self.send = lambda data, send=self.stream.Send: send(data, 1)
        self.receive = lambda receive=self.stream.Rcv: receive(0)[0]
        self.name = self.stream.GetSockName

    def connect_send_close(self, port):
        stream = self.create(8192)
        stream.ActiveOpen(0, LOOPBACK, port)
        stream.Send(b"x", 1)
        stream.Close()


class AdapterSubject(SocketSubject):
    """Python's interface over MacTCP: mactcpsocket."""

    def __init__(self):
        import mactcpsocket

        globals()["socket"] = mactcpsocket


SUBJECTS = {"socket": SocketSubject, "mactcp": MacTCPSubject, "mactcpsocket": AdapterSubject}

# ---- The workloads: what the subject does, and what its peer does ------------------------------


def bulk_send(subject, port, count):
    subject.open(port)
    data = bytes(PIECE)
    start = time.perf_counter()
    for _ in range(count):
        subject.send(data)
    subject.receive()  # The peer has all of it.
    return count * PIECE / (time.perf_counter() - start) / 1e9


def peer_of_bulk_send(server, count):
    peer, _ = server.accept()
    buffer, left = bytearray(PIECE), count * PIECE
    while left:
        left -= peer.recv_into(buffer)
    peer.sendall(b"x")
    peer.recv(1)


def bulk_receive(subject, port, count):
    subject.open(port)
    left = count * PIECE
    start = time.perf_counter()
    while left:
        left -= len(subject.receive())
    return count * PIECE / (time.perf_counter() - start) / 1e9


def peer_of_bulk_receive(server, count):
    peer, _ = server.accept()
    data = bytes(PIECE)
    for _ in range(count):
        peer.sendall(data)
    peer.recv(1)


def round_trip(subject, port, count):
    subject.open(port)
    send, receive = subject.send, subject.receive
    batches = []
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(count // 10):
            send(b"x")
            receive()
        batches.append((time.perf_counter() - start) / (count // 10) * 1e6)
    return statistics.median(batches)


def peer_of_round_trip(server, count):
    peer, _ = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(count // 10 * 10):
        peer.sendall(peer.recv(1))


def connections(subject, port, count):
    start = time.perf_counter()
    for _ in range(count):
        subject.connect_send_close(port)
    return count / (time.perf_counter() - start)


def peer_of_connections(server, count):
    for _ in range(count):
        peer, _ = server.accept()
        peer.recv(1)
        peer.close()


def call(subject, port, count):
    subject.open(port)
    name = subject.name
    start = time.perf_counter()
    for _ in range(count):
        name()
    return (time.perf_counter() - start) / count * 1e9


def peer_of_call(server, count):
    peer, _ = server.accept()
    peer.recv(1)


# Workload -> what the subject and its peer do, how often, heading, decimals, whether more is better, what is wanted.
WORKLOADS = {
    "bulk-send": (bulk_send, peer_of_bulk_send, 20_000, "GB/s, sends of 64 KB", 2, True, 1.0),
    "bulk-receive": (bulk_receive, peer_of_bulk_receive, 20_000, "GB/s, receives of 64 KB", 2, True, 1.0),
    "round-trip": (round_trip, peer_of_round_trip, 30_000, "µs, a byte there and back", 1, False, 1.0),
    "connections": (connections, peer_of_connections, 2_000, "connect, send a byte, close: per second", 0, True, 0.7),
    "call": (call, peer_of_call, 300_000, "ns, GetSockName or getsockname", 0, False, None),
}


def measure(subject, workload, scale, cpus):
    """One measurement, in this process; prints its figure."""
    if cpus:
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    work, peer, count, *_ = WORKLOADS[workload]
    count = max(10, int(count * scale))
    # A queue that never fills: else a connection waits a second for the next SYN.
    server = socket.create_server(("127.0.0.1", 0), backlog=4096)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(ConnectionError):
            peer(server, count)
        os._exit(0)
    port = server.getsockname()[1]
    server.close()
    print(json.dumps(work(SUBJECTS[subject](), port, count)), flush=True)
    # The peer that waits for the end of the connection sees it when this process goes.
    os._exit(0)


# ---- All of them -------------------------------------------------------------------------------


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def spread(values, decimals):
    middle, low, high = (f"{value:,.{decimals}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low}..{high})"


def run(options, cpus):
    results = {}
    for number in range(options.rounds):
        for workload in options.workloads:
            # Each round begins with another subject: none always runs first.
            shift = number % len(options.subjects)
            for subject in options.subjects[shift:] + options.subjects[:shift]:
                command = [sys.executable, __file__, "--measure", subject, workload, "--scale", str(options.scale)]
                if cpus:
                    command += ["--cpus", cpus]
                output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True).stdout
                results.setdefault((workload, subject), []).append(json.loads(output))
                print(f"round {number + 1}: {workload} {subject} {output}", end="", file=sys.stderr)
    print(f"\n{machine()}; {options.rounds} rounds, medians (min..max); "
          + (f"all on processor {cpus}\n" if cpus else "not pinned\n"))
    print("| workload | " + " | ".join(options.subjects) + " | mactcp / socket | wanted |")
    print("|---" * (len(options.subjects) + 3) + "|")
    for workload in options.workloads:
        _, _, _, heading, decimals, more_is_better, wanted = WORKLOADS[workload]
        cells = [spread(results[workload, subject], decimals) for subject in options.subjects]
        ratio, wish = "", ""
        if {"socket", "mactcp"} <= set(options.subjects):
            pairs = zip(results[workload, "mactcp"], results[workload, "socket"])
            # Of speeds: above 1 mactcp is faster.
            ratio = spread([own / base if more_is_better else base / own for own, base in pairs], 2)
            wish = "" if wanted is None else f"{wanted} or more"
        print(f"| {workload}: {heading} | " + " | ".join(cells) + f" | {ratio} | {wish} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="times that every subject is measured (default 7)")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--scale", type=float, default=1.0, help="make every workload so many times as long")
    parser.add_argument("--cpus", help="keep everything on these processors, e.g. 0 (default: once pinned, once not)")
    parser.add_argument("--measure", nargs=2, metavar=("SUBJECT", "WORKLOAD"), help="one measurement, here")
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure, options.scale, options.cpus)
    for cpus in [options.cpus] if options.cpus else [None, "0"]:
        run(options, cpus)


if __name__ == "__main__":
    main()
