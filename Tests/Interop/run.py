#!/usr/bin/env python3
"""The `mactcp` tool against foreign programs on loopback: netcat, curl, dnsmasq, and Python's own sockets.

    Tests/Interop/run.py PATH_TO_MACTCP [NAME ...]

Each case is a function; its documentation says what must hold. Nothing sleeps to wait: cases wait for output, for the
end of a process, or for a port to listen.
"""
import shutil
import signal
import sys
import time
import traceback

import commands
import datagrams_and_names
import transfers
from support import dnsmasq_path

CASES = transfers.CASES + commands.CASES + datagrams_and_names.CASES


def main():
    # A shell starts what runs in its background with SIGINT ignored, and ignored it stays for the tool.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for program in ("nc", "curl"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: scripts/test installs it")
    if dnsmasq_path() is None:
        sys.exit("dnsmasq is missing: scripts/test installs it")
    cases = [case for case in CASES if not sys.argv[2:] or case.__name__ in sys.argv[2:]]
    failed = 0
    for case in cases:
        began = time.monotonic()
        try:
            case()
            outcome = "ok"
        except Exception:  # a case may fail in any way; the others still run
            traceback.print_exc()
            failed += 1
            outcome = "FAILED"
        print(f"{outcome:6} {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
