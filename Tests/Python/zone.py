"""A process in a network of its own, with its own resolv.conf and hosts file and a name server, that resolves.

    python3 zone.py server SILENT   makes the network, starts dnsmasq in it (or, with SILENT, a server that never
                                    answers) and serves: one Python expression or statement a line on standard input,
                                    one answer a line on standard output.

It runs inside `unshare --net --mount`. Nothing outside of that is touched.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOSTS = """
127.0.0.1 localhost
192.0.2.77 static.zone.test static
"""

DNSMASQ = """
port=53
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
local-ttl=300
user=root
group=root
log-facility=-
pid-file=
keep-in-foreground
local=/zone.test/
local=/2.0.192.in-addr.arpa/
host-record=host.zone.test,192.0.2.1
host-record=four.zone.test,192.0.2.11
host-record=four.zone.test,192.0.2.12
host-record=four.zone.test,192.0.2.13
host-record=four.zone.test,192.0.2.14
host-record=web.zone.test,127.0.0.1
cname=alias.zone.test,host.zone.test
mx-host=zone.test,mail2.zone.test,20
mx-host=zone.test,mail1.zone.test,10
dns-rr=host.zone.test,13,065641582d313104554e4958
"""


def network(folder: Path) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n"), ("hosts", HOSTS)):
        (folder / name).write_text(text)
        # The real file, where /etc has a link to it.
        subprocess.run(["mount", "--bind", str(folder / name), os.path.realpath(f"/etc/{name}")], check=True)


def start_server(folder: Path) -> None:
    (folder / "dnsmasq.conf").write_text(DNSMASQ)
    command = ["/usr/sbin/dnsmasq", f"--conf-file={folder / 'dnsmasq.conf'}"]
    # It ends with this process.
    child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command], stdin=subprocess.DEVNULL, stdout=2)
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", 53))
        asking.settimeout(0.05)
        end = time.monotonic() + 10
        while time.monotonic() < end and child.poll() is None:
            try:
                # Who serves the root?
                asking.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1")
                asking.recv(512)
                return
            except OSError:
                pass
    sys.exit("dnsmasq does not answer")


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network(folder)
        if sys.argv[1] == "SILENT":
            silent = socket.socket(type=socket.SOCK_DGRAM)
            silent.bind(("127.0.0.1", 53))
        else:
            start_server(folder)
        scope: dict[str, object] = {"folder": folder, "time": time}
        exec("import macdnr, mactcp, mactcpsocket, MACTCPconst as const, os, socket, threading", scope)
        print(json.dumps(["ready", None]), flush=True)
        for line in sys.stdin:
            code = json.loads(line)
            try:
                try:
                    answer = ["value", repr(eval(code, scope))]
                except SyntaxError:
                    exec(code, scope)
                    answer = ["value", "None"]
            except BaseException as error:
                answer = [type(error).__module__ + "." + type(error).__name__, repr(error.args)]
            print(json.dumps(answer), flush=True)


main()
