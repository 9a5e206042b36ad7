"""macdnr: what it knows by itself, and what a real name server tells it."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import macdnr
import MACTCPconst as const
import pytest
from support import LOOPBACK, check_error, run_child, until

# ---- Without a server --------------------------------------------------------------------------


@pytest.fixture
def closed() -> Iterator[None]:
    """A resolver that is not open, before and after."""
    macdnr.Close()
    yield
    macdnr.Close()


@pytest.mark.parametrize(("address", "text"), [
    (0, "0.0.0.0"), (LOOPBACK, "127.0.0.1"), (0xFFFFFFFF, "255.255.255.255"), (0x01020304, "1.2.3.4"),
    (-0x3FFFFDFF, "192.0.2.1"),
])  # fmt: skip
def test_addresses_as_strings(address: int, text: str) -> None:
    assert macdnr.AddrToStr(address) == text
    result = macdnr.StrToAddr(text)
    assert result.isdone() == 1, "at once"
    assert (result.ip0, result.ip1, result.ip2, result.ip3) == (address % (1 << 32), 0, 0, 0)
    assert result.rtnCode == 0 and result.cname == text
    assert result.wait() is None  # type: ignore[func-returns-value]
    assert all(type(value) is int for value in (result.isdone(), result.rtnCode, result.ip0))


@pytest.mark.parametrize("name", ["", ".", "..", "a..b", "x" * 64 + ".test", "a." * 200, "\0", "a b", "ü" * 300, "\x7f"])
def test_what_is_no_name(name: str) -> None:
    """It fails, with a code; nothing is asked and nothing traps."""
    result = macdnr.StrToAddr(name)
    with pytest.raises(macdnr.error) as caught:
        result.wait()
    check_error(caught.value)
    assert result.rtnCode == caught.value.code < 0 and result.isdone() == 1


def test_a_shortage_of_descriptors_passes() -> None:
    """The resolver is not opened without the files that it reads then: it would not know a server ever after."""
    run_child("""
    import resource
    mactcp.MTU()
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    all_taken = []
    try:
        while True: all_taken.append(open("/dev/null"))
    except OSError: pass
    result = macdnr.StrToAddr("host.test")
    assert result.rtnCode == const.insufficientResources, result
    try: macdnr.Open()
    except macdnr.error as error: assert error.code == const.insufficientResources
    else: raise SystemExit("opened")
    all_taken.clear()
    macdnr.Open()
    """)


def test_every_attribute_raises_the_error(closed: None) -> None:
    failed = macdnr.StrToAddr("a..b")
    for name in ("cname", "ip0", "ip1", "ip2", "ip3"):
        with pytest.raises(macdnr.error) as caught:
            getattr(failed, name)
        assert caught.value.code == const.nameSyntaxErr
    for name in ("cname", "cpuType", "osType"):
        with pytest.raises(macdnr.error):
            getattr(macdnr.HInfo("a..b"), name)
    for name in ("cname", "exchange", "preference"):
        with pytest.raises(macdnr.error):
            getattr(macdnr.MXInfo("a..b"), name)
    assert failed.rtnCode == const.nameSyntaxErr, "tells, and raises nothing"
    assert "nameSyntaxErr" in repr(failed)


@pytest.mark.parametrize("wrong", [None, 1, b"bytes", [], object()], ids=repr)
def test_names_are_strings(wrong: object) -> None:
    for call in (macdnr.StrToAddr, macdnr.HInfo, macdnr.MXInfo):
        with pytest.raises(TypeError):
            call(wrong)  # type: ignore[arg-type]


def test_surrogates() -> None:
    with pytest.raises((macdnr.error, UnicodeError)):
        macdnr.StrToAddr("\udc80").wait()


def test_open_reads_a_hosts_file(closed: None, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("192.0.2.5 big.test alias.test # comment\n192.0.2.6 big.test\n")
    for given in (str(file), file, bytes(file)):
        macdnr.Open(given)
        with pytest.raises(macdnr.error) as caught:
            macdnr.Open()
        assert caught.value.code == const.streamAlreadyOpen
        result = macdnr.StrToAddr("big.test")
        assert result.isdone() == 1 and {result.ip0, result.ip1} == {0xC0000205, 0xC0000206}
        assert macdnr.StrToAddr("ALIAS.test").ip0 == 0xC0000205
        assert macdnr.AddrToName(0xC0000205).cname == "big.test"
        assert macdnr.AddrToName(0xC0000205 - (1 << 32)).cname == "big.test"
        macdnr.Close()
    macdnr.Close()
    assert macdnr.Open(hosts_file=None) is None  # type: ignore[func-returns-value]


def test_open_with_a_file_that_cannot_be_read(closed: None, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(macdnr.error) as caught:
            macdnr.Open(str(path))
        assert caught.value.code == const.ipNoCnfgErr
    for wrong in (1, 1.5, []):
        with pytest.raises(TypeError):
            macdnr.Open(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        macdnr.Open("a\0b")
    macdnr.Open()


# ---- With a server -----------------------------------------------------------------------------


# A network and mounts of its own; who is not root needs to be somebody else's root for that.
UNSHARE = ["unshare", *([] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"]), "--net", "--mount"]


class Zone:
    """A child in a network of its own with a name server; see zone.py."""

    def __init__(self, kind: str) -> None:
        self.process = subprocess.Popen(
            [*UNSHARE, sys.executable, str(Path(__file__).with_name("zone.py")), kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.answer()

    def answer(self) -> tuple[str, str]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        kind, text = json.loads(line)
        return kind, text

    def send(self, code: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()

    def __call__(self, code: str) -> object:
        """The value of an expression, evaluated over there."""
        self.send(code)
        kind, text = self.answer()
        assert kind == "value", (kind, text)
        return ast.literal_eval(text)

    def error(self, code: str) -> int:
        """The code of the macdnr.error that an expression raises."""
        self.send(code)
        kind, text = self.answer()
        assert kind == "macdnr.error", (kind, text)
        return int(ast.literal_eval(text)[0])

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()


def needs_namespaces() -> None:
    made = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no network of its own can be made here: {made.stderr.strip()}")


@pytest.fixture(scope="module")
def zone() -> Iterator[Zone]:
    needs_namespaces()
    zone = Zone("dnsmasq")
    yield zone
    zone.end()


@pytest.fixture
def silent() -> Iterator[Zone]:
    needs_namespaces()
    zone = Zone("SILENT")
    yield zone
    zone.end()


def test_an_address(zone: Zone) -> None:
    zone("result = macdnr.StrToAddr('host.zone.test')")
    assert zone("(result.ip0, result.ip1, result.ip2, result.ip3)") == (0xC0000201, 0, 0, 0)
    assert zone("(result.cname, result.rtnCode, result.isdone(), result.wait())") == ("host.zone.test", 0, 1, None)
    assert zone("macdnr.StrToAddr('host.zone.test').isdone()") == 1, "known by now"
    assert "host.zone.test" in str(zone("repr(result)"))


def test_four_addresses(zone: Zone) -> None:
    zone("result = macdnr.StrToAddr('four.zone.test')")
    assert set(zone("(result.ip0, result.ip1, result.ip2, result.ip3)")) == {0xC000020B + n for n in range(4)}  # type: ignore[call-overload]


def test_an_alias(zone: Zone) -> None:
    zone("result = macdnr.StrToAddr('alias.zone.test')")
    assert zone("(result.cname, result.ip0)") == ("host.zone.test", 0xC0000201)


def test_a_name(zone: Zone) -> None:
    zone("result = macdnr.AddrToName(0xC0000201)")
    assert zone("(result.cname, result.ip0, result.rtnCode)") == ("host.zone.test", 0xC0000201, 0)


def test_host_information(zone: Zone) -> None:
    zone("result = macdnr.HInfo('host.zone.test')")
    assert zone("(result.cpuType, result.osType, result.cname)") == ("VAX-11", "UNIX", "host.zone.test")


def test_mail(zone: Zone) -> None:
    """The most preferred one."""
    zone("result = macdnr.MXInfo('zone.test')")
    assert zone("(result.exchange, result.preference)") == ("mail1.zone.test", 10)


def test_the_hosts_file(zone: Zone) -> None:
    assert zone("macdnr.StrToAddr('static').ip0") == 0xC000024D
    assert zone("macdnr.StrToAddr('localhost').ip0") == LOOPBACK


def test_no_such_name(zone: Zone) -> None:
    assert zone.error("macdnr.StrToAddr('none.zone.test').ip0") == const.authNameErr
    assert zone.error("macdnr.AddrToName(0xC0000263).wait()") == const.authNameErr
    zone("result = macdnr.StrToAddr('none.zone.test')")
    assert zone("result.rtnCode") == const.authNameErr


def test_no_such_record(zone: Zone) -> None:
    assert int(zone.error("macdnr.MXInfo('host.zone.test').exchange")) < 0
    assert int(zone.error("macdnr.HInfo('four.zone.test').cpuType")) < 0


def test_open_and_close_forget(zone: Zone) -> None:
    zone("macdnr.StrToAddr('host.zone.test').wait()")
    assert zone("macdnr.StrToAddr('host.zone.test').isdone()") == 1
    zone("macdnr.Close()")
    zone("(folder / 'other').write_text('192.0.2.99 host.zone.test')")
    zone("macdnr.Open(folder / 'other')")
    assert zone("macdnr.StrToAddr('host.zone.test').ip0") == 0xC0000263
    zone("macdnr.Close()")
    assert zone("macdnr.StrToAddr('host.zone.test').ip0") == 0xC0000201, "opened by itself"


def test_many_at_once(zone: Zone) -> None:
    zone("results = [macdnr.StrToAddr(f'n{number}.zone.test') for number in range(100)] + [macdnr.StrToAddr('web.zone.test')] * 20")
    zone("for result in results: result.rtnCode")
    assert zone("results[-1].ip0") == LOOPBACK
    assert zone("{result.rtnCode for result in results}") == {0, const.authNameErr}


def test_sockets_resolve_by_it(zone: Zone) -> None:
    assert zone("mactcpsocket.gethostbyname('host.zone.test')") == "192.0.2.1"
    assert zone("mactcpsocket.gethostbyname_ex('alias.zone.test')") == ("host.zone.test", [], ["192.0.2.1"])
    assert zone("mactcpsocket.gethostbyaddr('192.0.2.1')[0]") == "host.zone.test"
    assert zone("mactcpsocket.getfqdn('static')") == "static.zone.test"
    assert zone("mactcpsocket.getnameinfo(('192.0.2.1', 80), 0)") == ("host.zone.test", "http")
    assert zone("len(mactcpsocket.getaddrinfo('four.zone.test', 80, type=socket.SOCK_STREAM))") == 4
    zone.send("mactcpsocket.gethostbyname('none.zone.test')")
    assert zone.answer()[0] == "socket.gaierror"
    assert zone(
        "(lambda server: mactcpsocket.create_connection(('web.zone.test', server.getsockname()[1])).getpeername()[0])"
        "(socket.create_server(('127.0.0.1', 0)))"
    ) == "127.0.0.1"  # fmt: skip


def test_no_answer(silent: Zone) -> None:
    silent("result = macdnr.StrToAddr('host.zone.test')")
    assert silent("result.isdone()") == 0
    assert "under way" in str(silent("repr(result)"))
    assert silent.error("result.ip0") == const.noAnsErr


def test_close_fails_what_is_under_way(silent: Zone) -> None:
    silent("result = macdnr.StrToAddr('host.zone.test')")
    silent("macdnr.Close()")
    assert silent.error("result.wait()") == const.abortErr


def test_interrupt(silent: Zone) -> None:
    """Ctrl-C ends a wait within a tenth of a second; the query goes on."""
    silent("result = macdnr.StrToAddr('host.zone.test')")
    # unshare has become the Python process.
    pid = silent.process.pid

    def interrupt() -> float:
        silent.send("result.wait()")
        until(lambda: Path(f"/proc/{pid}/task/{pid}/wchan").read_text().startswith(("poll", "do_poll", "ep_poll", "do_sys_poll", "futex")))
        sent = time.monotonic()
        silent.process.send_signal(signal.SIGINT)
        assert silent.answer()[0] == "builtins.KeyboardInterrupt"
        return time.monotonic() - sent

    # The least of several: another program may have had the processor.
    assert min(interrupt() for _ in range(3)) < 0.1
    assert silent("result.isdone()") == 0


def test_the_end_with_a_query_under_way(silent: Zone) -> None:
    """The fixture sees to it that the process ends, with status 0."""
    silent("results = [macdnr.StrToAddr(f'h{number}.zone.test') for number in range(40)]")
    silent("threading.Thread(target=results[0].wait, daemon=True).start()")
