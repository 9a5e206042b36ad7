"""Many bytes, both ways: each arrives, in its order, whatever is lost on the way."""
import contextlib
import functools
import hashlib
import http.server
import json
import os
import re
import socket
import subprocess
import threading

import host as hosts
from host import LIMIT, Host, kernel, kernel_counters
from judge import Verdict, clean, explained

PORT = 80
HUNDRED_MEGABYTES = 100 * 1000 * 1000


def make(name, size):
    """A file of random bytes; its path, and its digest."""
    path = os.path.join(hosts.FOLDER, name)
    with open(path, "wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - start)))
    return path, digest(path)


def digest(path, skipping=0):
    with open(path, "rb") as file:
        file.seek(skipping)
        return hashlib.file_digest(file, "sha256").hexdigest()


def rate(size, seconds):
    return f"{size * 8 / seconds / 1e6:.0f} Mbit/s"


def iperf(*arguments):
    """Runs the client of iperf3 against the engine, for a second; what both ends have measured."""
    with Host() as host:
        host.listen(5201, "iperf")
        result = subprocess.run(["iperf3", "--client", host.far, "--time", "1", "--json", *arguments],
                                capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
        report = json.loads(result.stdout)
        assert result.returncode == 0 and "error" not in report, report.get("error", result.stderr)
        end = report["end"]
        streams = [stream["receiver"]["bytes"] for stream in end["streams"]]
        assert all(streams), f"streams got {streams} bytes"
        return rate(end["sum_received"]["bytes"], end["sum_received"]["seconds"])


def iperf_to_the_engine():
    """iperf3 sends one stream to the engine."""
    return iperf()


def iperf_from_the_engine():
    """iperf3 gets one stream from the engine."""
    return iperf("--reverse")


def iperf_to_the_engine_in_parallel():
    """iperf3 sends 8 streams at once to the engine; each gets on."""
    return iperf("--parallel", "8")


def iperf_from_the_engine_in_parallel():
    """iperf3 gets 8 streams at once from the engine; each gets on."""
    return iperf("--parallel", "8", "--reverse")


def curl_from_the_engine():
    """curl fetches 100 MB over HTTP/1.1 from the engine, byte for byte."""
    path, wanted = make("page", HUNDRED_MEGABYTES)
    copy = os.path.join(hosts.FOLDER, "copy")
    with Host() as host:
        host.listen(PORT, "http", path)
        result = subprocess.run(["curl", "--http1.1", "--silent", "--show-error", "--fail", "--max-time", str(LIMIT),
                                 "--output", copy, "--write-out", "%{http_version} %{time_total}",
                                 f"http://{host.far}/"], capture_output=True, text=True, timeout=2 * LIMIT)
        assert result.returncode == 0, result.stderr
        version, seconds = result.stdout.split()
        assert version == "1.1" and digest(copy) == wanted, "the copy is another file"
        host.expect("finished")
        notes = unexpected(host)
    for name in (path, copy):
        os.remove(name)
    return f"{rate(HUNDRED_MEGABYTES, float(seconds))}, {notes}"


def unexpected(host):
    """What the engine has sent again although nothing was lost."""
    counters = host.counters()
    assert counters["refused"] == 0, "the device did not take packets"
    return f"{counters['segmentsSent']} segments sent, {counters['segmentsResent']} again"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def engine_fetches():
    """The engine fetches 100 MB from Python's http.server, byte for byte."""
    path, wanted = make("page", HUNDRED_MEGABYTES)
    request, copy = os.path.join(hosts.FOLDER, "request"), os.path.join(hosts.FOLDER, "copy")
    with Host() as host:
        with open(request, "w", newline="") as file:
            file.write(f"GET /page HTTP/1.1\r\nHost: {host.near}\r\n\r\n")
        handler = functools.partial(QuietHandler, directory=hosts.FOLDER)
        with http.server.ThreadingHTTPServer((host.near, 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                host.connect(server.server_port, "transfer", request, copy)
                host.expect("finished")
            finally:
                server.shutdown()
                thread.join()
        with open(copy, "rb") as file:
            header = file.read(4096).partition(b"\r\n\r\n")
        assert header[0].startswith(b"HTTP/1.0 200"), header[0][:80]
        assert digest(copy, len(header[0]) + 4) == wanted, "the copy is another file"
        notes = unexpected(host)
    for name in (path, copy, request):
        os.remove(name)
    return notes


def exchange(host, size):
    """Python and the engine send each other files over one connection at the same time, byte for byte."""
    there, wanted_there = make("there", size)
    here, wanted_here = make("here", size)
    copy = os.path.join(hosts.FOLDER, "copy")
    host.listen(PORT, "transfer", there, copy)
    received = hashlib.sha256()
    with socket.create_connection((host.far, PORT), LIMIT) as peer, open(here, "rb") as file:
        sender = threading.Thread(target=send_all, args=(peer, file))
        sender.start()
        while data := peer.recv(1 << 20):
            received.update(data)
        sender.join()
    finished = host.expect("finished")
    assert (finished["sent"], finished["received"]) == (size, size), finished
    assert received.hexdigest() == wanted_there, "other bytes came here"
    assert digest(copy) == wanted_here, "other bytes came there"
    for name in (there, here, copy):
        os.remove(name)


def send_all(peer, file):
    with contextlib.suppress(OSError):  # the receiver says what is missing
        peer.sendfile(file)
        peer.shutdown(socket.SHUT_WR)


def exchange_without_loss():
    """5 MB each way at once: nothing is sent twice."""
    with Host(capture=True) as host:
        exchange(host, 5_000_000)
    return clean(host)


def other_options():
    """1 MB each way with options switched off at either end, small and large packets, small windows."""
    judged = []
    for settings, kernel_settings in [
        ({"timestamps": 0}, {}), ({"sack": 0}, {}), ({"windowScale": 0}, {}),
        ({}, {"tcp_timestamps": 0}), ({}, {"tcp_sack": 0}), ({}, {"tcp_window_scaling": 0}),
        ({"timestamps": 0, "sack": 0, "windowScale": 0}, {}),
        ({"mtu": 576}, {}), ({"mtu": 9000}, {}), ({"mtu": 65535}, {}),
        ({"receiveBuffer": 4096, "sendBuffer": 4096}, {}),
        ({"ecn": 1}, {"tcp_ecn": 1}),
    ]:
        try:
            with kernel(**kernel_settings), Host(capture=True, **settings) as host:
                judged.append(host)
                exchange(host, 1_000_000)
        except Exception as error:
            raise AssertionError(f"{settings} {kernel_settings}: {error}") from error
    return clean(*judged)


def path_mtu():
    """Between two engines the kernel is a router, with a link that carries less than their own: it says so by ICMP."""
    with kernel(ip_forward=1), Host(capture=True) as near, Host(device_mtu=1000, capture=True) as far:
        path, wanted = make("page", 1_000_000)
        copy = os.path.join(hosts.FOLDER, "copy")
        far.listen(PORT, "transfer", "-", copy)
        near.ask("connect", 0, f"{far.far}:{PORT}", "transfer", path, "-")
        far.expect("finished")
        near.expect("finished")
        assert digest(copy) == wanted, "the copy is another file"
        os.remove(path)
        os.remove(copy)
        assert near.counters()["errorsReceived"] > 0, "no ICMP error came"
    segments = [length for _, length in Verdict(far.path, near.far).segments()]
    assert max(segments) == 1000 - 20 - 32, f"the largest segment had {max(segments)} bytes"
    return f"{len(segments)} segments"


def through_loss():
    """20 MB each way at once through 1 % loss both ways: what is sent again was lost, at both ends."""
    before = kernel_counters()
    with kernel(tcp_early_retrans=3), Host(capture=True, loss=0.01) as host:
        exchange(host, 20_000_000)
    resent = kernel_counters()["RetransSegs"] - before["RetransSegs"]
    lost = host.last["lostInbound"]
    # A kernel that is not told well what has arrived sends more again.
    note = f"the kernel sent {resent} again for {lost} lost"
    assert resent <= 2 * lost, note
    return f"{explained(host)}; {note}"


def through_all_impairments():
    """20 MB each way at once through 1 % loss, 1 % that come twice and 1 % that come late, both ways."""
    with kernel(tcp_early_retrans=3), Host(capture=True, loss=0.01, duplication=0.01, lateness=0.01) as host:
        exchange(host, 20_000_000)
    # A packet that four others overtake may be taken for lost, too.
    return explained(host, besides=host.last["delayedOutbound"])


CASES = [iperf_to_the_engine, iperf_from_the_engine, iperf_to_the_engine_in_parallel,
         iperf_from_the_engine_in_parallel, curl_from_the_engine, engine_fetches, exchange_without_loss,
         other_options, path_mtu, through_loss, through_all_impairments]
