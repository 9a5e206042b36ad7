"""ICMP echoes both ways, up to the largest packet there is."""
import re
import subprocess

from host import LIMIT, Host
from judge import clean

# Empty; the usual size; what a packet holds; one more; six fragments; the most.
SIZES = [0, 56, 1472, 1473, 8000, 65507]


def ping_the_engine():
    """The engine answers the kernel's echo requests of each size."""
    with Host(capture=True) as host:
        for size in SIZES:
            result = subprocess.run(["ping", "-c", "1", "-W", "2", "-s", str(size), host.far], capture_output=True,
                                    text=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
            assert result.returncode == 0 and " 0% packet loss" in result.stdout, f"{size} bytes: {result.stdout}"
            # ping says so if the answer has not the bytes of the request.
            assert not re.search("wrong data|truncated|corrupt", result.stdout), f"{size} bytes: {result.stdout}"
    return clean(host)


def ping_the_kernel():
    """The kernel answers the engine's echo requests of each size."""
    with Host(capture=True) as host:
        for size in SIZES:
            echo = host.ask("echo", host.near, size)["id"]
            host.expect("echoReply", id=echo)
    return clean(host)


CASES = [ping_the_engine, ping_the_kernel]
