#!/usr/bin/env python3
"""The Linux kernel and its programs as the engine's peers, over TUN devices in a network of their own.

    Tests/InteropTests/run.py PATH_TO_TUNNELHOST [CASE ...]

Makes the network by itself if it is not in one: for root, or where users may make namespaces. Each case is a function;
its documentation says what must hold. Captures are kept if MACTCP_TEST_CAPTURES names a folder. Exit status: 0 all
passed, 1 a case failed, 64 wrong usage.
"""
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

import cases_bulk
import cases_data
import cases_echo
import cases_judge
import cases_opening
import host

MODULES = [cases_judge, cases_echo, cases_opening, cases_data, cases_bulk]
CASE_LIMIT = 60  # seconds after which a case counts as hung
PROGRAMS = {"ip": "iproute2", "ping": "iputils-ping", "iperf3": "iperf3", "tshark": "tshark", "curl": "curl",
            "nc": "netcat-openbsd"}


@contextlib.contextmanager
def captures():
    """The folder for captures: a new one that goes away, or the one that MACTCP_TEST_CAPTURES names."""
    if folder := os.environ.get("MACTCP_TEST_CAPTURES"):
        os.makedirs(folder, exist_ok=True)
        yield folder
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield folder


def enter_network():
    """Goes on in a network that has a loopback interface and nothing else, and is gone with this process."""
    if os.environ.get("MACTCP_TEST_NETWORK") == os.readlink("/proc/self/ns/net"):
        return
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    script = 'ip link set lo up && MACTCP_TEST_NETWORK=$(readlink /proc/self/ns/net) exec "$@"'
    os.execvp("unshare", ["unshare", *user, "--net", "--", "sh", "-c", script, "sh", sys.executable, *sys.argv])


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: scripts/test installs {package}")
    enter_network()
    signal.signal(signal.SIGALRM, hung)
    # What the kernel sends by itself for IPv6 is no part of this.
    host.set_kernel("ipv6/conf/all/disable_ipv6", 1)
    host.set_kernel("ipv6/conf/default/disable_ipv6", 1)
    # Its tail loss probes come a few milliseconds after a segment. On a machine that is busy TunnelHost takes longer,
    # and a retransmission would be no sign of a fault.
    host.set_kernel("ipv4/tcp_early_retrans", 0)
    host.BINARY = os.path.abspath(sys.argv[1])
    cases = [case for module in MODULES for case in module.CASES]
    known = {case.__name__ for case in cases}
    for name in sys.argv[2:]:
        if name not in known:
            sys.exit(f"no such case: {name}; there are {', '.join(sorted(known))}")
    cases = [case for case in cases if not sys.argv[2:] or case.__name__ in sys.argv[2:]]
    failed = 0
    began = time.monotonic()
    with captures() as host.FOLDER:
        for case in cases:
            failed += not passes(case)
    print(f"{len(cases) - failed} passed, {failed} failed, {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed or not cases else 0)


def hung(*_):
    raise TimeoutError(f"not done after {CASE_LIMIT} s")


def passes(case):
    began = time.monotonic()
    signal.alarm(CASE_LIMIT)
    try:
        outcome, note = "PASS", case() or ""
    except Exception as error:  # a case may fail in any way; the others still run
        traceback.print_exc()
        outcome, note = "FAIL", f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    print(f"{outcome} {case.__name__} ({time.monotonic() - began:.1f} s){': ' if note else ''}{note}", flush=True)
    return outcome == "PASS"


if __name__ == "__main__":
    main()
