"""Datagrams, echoes and look-ups."""
import json
import os
import signal
import socket
import subprocess

from support import (
    TOOL, LIMIT, LOOPBACK, start, finish, listen, listen_for_datagrams, run, fails, unused_port, dnsmasq)


def look_ups():
    """`mactcp resolve` asks dnsmasq: addresses, an alias, a reverse name, mail, host information, text, no such name."""
    server, port = dnsmasq(
        "--host-record=host.test,192.0.2.1", "--host-record=two.test,192.0.2.2", "--host-record=two.test,192.0.2.3",
        "--cname=alias.test,host.test", "--mx-host=test,mail2.test,20", "--mx-host=test,mail1.test,10",
        "--txt-record=host.test,one,two words", "--dns-rr=host.test,13,0356415803564d53",
        *(f"--host-record=big.test,10.1.0.{number}" for number in range(1, 200)))
    at = ["--server", f"{LOOPBACK}:{port}"]

    def lines(*arguments):
        result = run("resolve", *arguments, *at)
        assert result.returncode == 0 and not result.stderr, result
        return result.stdout.decode().splitlines()

    try:
        assert lines("host.test.") == ["192.0.2.1"]
        assert sorted(lines("TWO.test")) == ["192.0.2.2", "192.0.2.3"]
        assert json.loads(lines("alias.test", "--json")[0]) == {
            "name": "alias.test", "canonicalName": "host.test", "addresses": ["192.0.2.1"]}
        assert len(set(lines("big.test"))) == 199  # too many for a datagram
        assert lines("192.0.2.1", "--reverse") == ["host.test"]
        assert lines("test", "--mx") == ["10 mail1.test", "20 mail2.test"]
        assert lines("host.test", "--hinfo") == ["cpuType  VAX", "osType   VMS"]
        assert json.loads(lines("host.test", "--type", "txt", "--json")[0])["records"][0]["data"] == '"one" "two words"'
        fails(68, "there is no such name: nobody.test. (authNameErr, -23045)", "resolve", "nobody.test.", *at)
        fails(68, "host.test exists, but has no MX record", "resolve", "host.test", "--mx", *at)
        fails(69, f"the name server {LOOPBACK}:{port} refuses", "resolve", "elsewhere.example.", *at)
    finally:
        server.terminate()
        server.wait(LIMIT)


def look_up_failures():
    """`mactcp resolve`: what is no name, a server that is not there, and SIGINT while one is silent."""
    fails(68, '"a..b" is not a domain name', "resolve", "a..b")
    fails(64, "", "resolve", "host.test", "--mx", "--hinfo")
    probe, port = unused_port()
    with probe:
        fails(69, "no name server for host.test can be reached", "resolve", "host.test.", "--server",
              f"{LOOPBACK}:{port}")
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((LOOPBACK, 0))
        silent.settimeout(LIMIT)
        tool = start(TOOL, "resolve", "host.test.", "--server", f"{LOOPBACK}:{silent.getsockname()[1]}",
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        assert b"\4host\4test\0" in silent.recv(512)
        tool.send_signal(signal.SIGINT)
        output, message = tool.communicate(timeout=LIMIT)
    assert tool.returncode == 130 and not output and b"interrupted" in message, (tool.returncode, message)


def names_of_hosts():
    """`connect` and `ping` take names; `localhost` needs no server."""
    with socket.create_server((LOOPBACK, 0)) as server:
        tool = start(TOOL, "connect", "localhost", str(server.getsockname()[1]), stdin=subprocess.DEVNULL,
                     stdout=subprocess.DEVNULL)
        connection, _ = server.accept()
        connection.close()
        finish(tool)
    result = run("ping", "-c", "1", "localhost")
    assert result.returncode == 77 or b"PING localhost (127.0.0.1)" in result.stdout, result


def echoes():
    """`ping` gets its answers, or says that it is not permitted."""
    result = run("ping", "-c", "2", "-i", "0.01", LOOPBACK)
    if result.returncode == 77:
        assert result.stderr.startswith(b"mactcp: "), result
    else:
        assert result.returncode == 0 and b"2 packets transmitted, 2 received" in result.stdout, result


def datagrams():
    """`mactcp udp send` and `udp listen` with Python's datagram sockets at the other end."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind((LOOPBACK, 0))
        peer.settimeout(LIMIT)
        result = subprocess.run([TOOL, "udp", "send", LOOPBACK, str(peer.getsockname()[1])],
                                input=b"one\ntwo\n", timeout=LIMIT, capture_output=True)
        assert result.returncode == 0, result
        assert [peer.recv(100), peer.recv(100)] == [b"one", b"two"]
        port = peer.getsockname()[1]
        fails(1, "a line is too long: a datagram carries at most 65507 bytes", "udp", "send",
              LOOPBACK, str(port), input=b"x" * 1_000_000)


def datagrams_as_json():
    """`mactcp udp listen --json`: an object for each datagram."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        tool, port = listen_for_datagrams("--count", "2", "--json")
        peer.bind((LOOPBACK, 0))
        for data in (b"one", b"\0\xff\n"):
            peer.sendto(data, (LOOPBACK, port))
        lines, _ = tool.communicate(timeout=LIMIT)
        own = peer.getsockname()[1]
    assert tool.returncode == 0, tool.returncode
    assert [json.loads(line) for line in lines.splitlines()] == [
        {"remoteHost": LOOPBACK, "remotePort": own, "localPort": port, "length": 3, "data": data}
        for data in ("6f6e65", "00ff0a")], lines


def datagrams_raw():
    """`mactcp udp listen --raw`: the bytes and nothing else, also of the largest datagram."""
    data = [os.urandom(65_507), b"", b"\n"]
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        tool, port = listen_for_datagrams("--count", "3", "--raw")
        for datagram in data:
            peer.sendto(datagram, (LOOPBACK, port))
        output, _ = tool.communicate(timeout=LIMIT)
    assert tool.returncode == 0 and output == b"".join(data), (tool.returncode, len(output))


CASES = [echoes, datagrams, datagrams_as_json, datagrams_raw, look_ups, look_up_failures, names_of_hosts]
