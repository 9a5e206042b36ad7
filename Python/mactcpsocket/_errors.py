"""MacTCP's errors as those of Python's socket."""

from __future__ import annotations

import errno
import os
import socket as _python

import macdnr
import mactcp
import MACTCPconst as const

# By what lay behind the result code, where that tells more than the code.
_BY_CAUSE = {
    "refused": errno.ECONNREFUSED,
    "unreachable": errno.EHOSTUNREACH,
    "timedOut": errno.ETIMEDOUT,
    "permissionDenied": errno.EACCES,
    "badAddress": errno.EADDRNOTAVAIL,
}

_BY_CODE = {
    const.abortErr: errno.ECANCELED,
    const.ipLoadErr: errno.ENETDOWN,
    const.connectionClosing: errno.EPIPE,
    const.invalidLength: errno.EMSGSIZE,
    const.connectionExists: errno.EISCONN,
    const.connectionDoesntExist: errno.ENOTCONN,
    const.insufficientResources: errno.ENOBUFS,
    const.invalidStreamPtr: errno.EBADF,
    const.connectionTerminated: errno.ECONNRESET,
    const.openFailed: errno.ECONNABORTED,
    const.duplicateSocket: errno.EADDRINUSE,
    const.ipDontFragErr: errno.EMSGSIZE,
    const.ipDestDeadErr: errno.EHOSTUNREACH,
    const.ipNoFragMemErr: errno.ENOBUFS,
    const.ipRouteErr: errno.ENETUNREACH,
}

_BY_RESOLVER_CODE = {
    const.nameSyntaxErr: _python.EAI_NONAME,
    const.authNameErr: _python.EAI_NONAME,
    const.noNameServer: _python.EAI_AGAIN,
    const.noAnsErr: _python.EAI_AGAIN,
    const.outOfMemory: _python.EAI_MEMORY,
}


def os_error(failure: mactcp.error) -> OSError:
    """The OSError, of the fitting subclass, that a call fails with."""
    if failure.code == const.commandTimeout:
        # As Python's socket has it: without a number.
        return TimeoutError("timed out")
    number = _BY_CAUSE.get(failure.cause) or _BY_CODE.get(failure.code, errno.EIO)
    return OSError(number, f"{os.strerror(number)}: {failure}")


def gai_error(failure: macdnr.error) -> _python.gaierror:
    """The gaierror that a look-up fails with."""
    number = _BY_RESOLVER_CODE.get(failure.code, _python.EAI_FAIL)
    return _python.gaierror(number, str(failure))


def refusal(number: int, sentence: str) -> OSError:
    """What a call fails with before anything was asked of a stream."""
    return OSError(number, f"{os.strerror(number)}: {sentence}")
