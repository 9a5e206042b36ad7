"""mactcp.h for Python: the C library by ctypes.

The names are those of the header without `mactcp_`. A negative result is raised as EngineError, but for calls with a leading
`try_` in stack.py. The environment variable MACTCP_LIBRARY names the library; scripts/test-packets sets it.
"""

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int8, c_int32, c_int64, c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p

NEVER = 1 << 62

CODES = {
    -23001: "BAD_CONFIGURATION", -23004: "BAD_ADDRESS", -23005: "CONNECTION_CLOSING", -23006: "INVALID_LENGTH",
    -23007: "CONNECTION_EXISTS", -23008: "CONNECTION_DOESNT_EXIST", -23009: "INSUFFICIENT_RESOURCES",
    -23010: "INVALID_STREAM", -23011: "ALREADY_STARTED", -23012: "CONNECTION_TERMINATED", -23013: "INVALID_BUFFER",
    -23015: "OPEN_FAILED", -23017: "DUPLICATE_SOCKET", -23032: "DONT_FRAGMENT", -23036: "NO_FRAGMENT_MEMORY",
    -23037: "NO_ROUTE",
}
EVENTS = (None, "opened", "incoming", "data", "urgent", "acknowledged", "closing", "fin_acknowledged", "user_timeout",
          "icmp", "terminated", "datagram", "datagram_icmp", "echo_reply", "echo_timeout", "address_conflict",
          "delivery_problem")
REASONS = {2: "remote abort", 3: "network failure", 4: "security mismatch", 5: "user timeout", 6: "abort", 7: "close",
           8: "service error"}
REPORTS = ("net unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed",
           "source route failed", "time exceeded", "parameter problem", "missing option")
OPTIONS = {"nagle": 1, "keepalive": 2, "user_timeout_aborts": 3, "user_timeout_reports": 4, "type_of_service": 5,
           "time_to_live": 6, "delayed_acknowledgment": 7, "receive_buffer": 8, "send_buffer": 9}
PUSH, URGENT, MARK, END = 1, 2, 4, 8


class EngineError(Exception):
    def __init__(self, code):
        self.code = code
        self.name = CODES.get(code, str(code))
        super().__init__(self.name)


class Endpoint(ctypes.Structure):
    _fields_ = [("family", c_uint8), ("reserved", c_uint8), ("port", c_uint16), ("address", c_uint8 * 16)]

    def __str__(self):
        return f"{'.'.join(map(str, self.address[:4]))}:{self.port}"


class Sized(ctypes.Structure):
    """A structure that begins with its size."""

    def __init__(self, **members):
        super().__init__(size=ctypes.sizeof(type(self)), **members)


class Report(ctypes.Structure):
    _fields_ = [("local", Endpoint), ("remote", Endpoint), ("sender", Endpoint), ("type", c_uint16),
                ("additional_info", c_uint16), ("pointer", c_uint8), ("reserved", c_uint8 * 3)]


class Event(Sized):
    _fields_ = [("size", c_uint32), ("kind", c_uint32), ("handle", c_int64), ("detail", c_int64), ("report", Report),
                ("hardware", c_uint8 * 6), ("reserved", c_uint8 * 6)]

    @property
    def name(self):
        return EVENTS[self.kind]

    def __repr__(self):
        return f"<{self.name} {self.handle} {self.detail}>"


class OpenOptions(Sized):
    _fields_ = [("size", c_uint32), ("type_of_service", c_uint8), ("time_to_live", c_uint8),
                ("user_timeout_reports", c_uint8), ("ip_options_length", c_uint8), ("user_timeout", c_int64),
                ("ip_options", c_uint8 * 40)]


class DatagramOptions(Sized):
    _fields_ = [("size", c_uint32), ("no_checksum", c_uint8), ("dont_fragment", c_uint8), ("time_to_live", c_uint8),
                ("type_of_service", c_uint8), ("source_port", c_uint16), ("ip_options_length", c_uint8),
                ("reserved", c_uint8 * 5), ("timeout", c_int64), ("ip_options", c_uint8 * 40)]


class Datagram(Sized):
    _fields_ = [("size", c_uint32), ("length", c_uint32), ("source", Endpoint), ("destination", Endpoint)]


class Neighbor(Sized):
    _fields_ = [("size", c_uint32), ("is_known", c_uint8), ("reserved", c_uint8), ("hardware", c_uint8 * 6),
                ("address", Endpoint)]


class Status(Sized):
    _fields_ = (
        [("size", c_uint32)]
        + [(name, c_uint8) for name in ("state", "type_of_service", "time_to_live", "user_timeout_aborts")]
        + [("termination_reason", c_uint16), ("window_scale_sent", c_int8), ("window_scale_received", c_int8)]
        + [(name, c_uint8) for name in ("uses_timestamps", "uses_sack", "uses_ecn", "reserved")]
        + [("local", Endpoint), ("remote", Endpoint)]
        + [(name, c_uint32) for name in ("send_unacknowledged", "send_next", "receive_next", "reserved2")]
        + [(name, c_int64) for name in (
            "send_window", "receive_window", "unacknowledged", "unread", "send_space", "urgent_remaining",
            "congestion_window", "slow_start_threshold", "maximum_segment_size", "smoothed_round_trip",
            "round_trip_variance", "retransmission_timeout", "retransmissions", "user_timeout")]
        + [(name, c_uint64) for name in (
            "data_segments_received", "data_segments_sent", "segments_resent", "bytes_received", "bytes_received_twice",
            "bytes_past_window", "bytes_sent", "bytes_resent")]
    )

    @property
    def state_name(self):
        return library.mactcp_state_name(self.state).decode()


library = ctypes.CDLL(os.environ["MACTCP_LIBRARY"])

_engine, _now, _stream = c_void_p, c_uint64, c_int64
_signatures = {
    "engine_set": [_engine, c_char_p, c_char_p], "engine_start": [_engine],
    "engine_receive": [_engine, c_char_p, c_size_t, _now], "engine_transmit": [_engine, c_void_p, c_size_t, _now],
    "engine_deadline": [_engine], "engine_advance": [_engine, _now], "engine_memory": [_engine],
    "engine_counter": [_engine, c_uint32], "next_event": [_engine, POINTER(Event)],
    "tcp_create": [_engine, c_int64, c_int64],
    "tcp_active_open": [_engine, _stream, POINTER(Endpoint), POINTER(Endpoint), POINTER(OpenOptions), _now],
    "tcp_passive_open": [_engine, _stream, POINTER(Endpoint), POINTER(Endpoint), POINTER(OpenOptions), _now],
    "tcp_listen": [_engine, _stream, POINTER(Endpoint), c_int64, POINTER(OpenOptions), _now],
    "tcp_accept": [_engine, _stream], "tcp_send": [_engine, _stream, c_char_p, c_size_t, c_uint32, _now],
    "tcp_receive": [_engine, _stream, c_void_p, c_size_t, POINTER(c_uint32), _now],
    "tcp_close": [_engine, _stream, _now], "tcp_abort": [_engine, _stream, _now],
    "tcp_release": [_engine, _stream, _now], "tcp_set": [_engine, _stream, c_int32, c_int64, _now],
    "tcp_set_keepalive": [_engine, _stream, c_int64, c_int64, c_int64, _now],
    "tcp_status": [_engine, _stream, POINTER(Status), _now],
    "udp_create": [_engine, c_uint16, c_uint16, c_int64, _now], "udp_port": [_engine, _stream],
    "udp_send": [_engine, _stream, POINTER(Endpoint), c_char_p, c_size_t, POINTER(DatagramOptions), _now],
    "udp_receive": [_engine, _stream, c_void_p, c_size_t, POINTER(Datagram), _now],
    "udp_release": [_engine, _stream, _now], "udp_max_size": [_engine, POINTER(Endpoint)],
    "echo": [_engine, POINTER(Endpoint), c_char_p, c_size_t, POINTER(DatagramOptions), _now],
    "neighbor_at": [_engine, c_uint32, POINTER(Neighbor)],
}
for _name, _arguments in _signatures.items():
    _function = getattr(library, "mactcp_" + _name)
    _function.argtypes, _function.restype = _arguments, c_int64
library.mactcp_engine_new.argtypes, library.mactcp_engine_new.restype = [c_uint64], c_void_p
library.mactcp_engine_free.argtypes, library.mactcp_engine_free.restype = [c_void_p], None
library.mactcp_state_name.argtypes, library.mactcp_state_name.restype = [c_uint32], c_char_p
library.mactcp_counter_name.argtypes, library.mactcp_counter_name.restype = [c_uint32], c_char_p


def endpoint(address, port):
    """An endpoint from dotted decimals; None and 0 are any."""
    if address is None:
        return Endpoint(port=port)
    return Endpoint(family=4, port=port, address=(c_uint8 * 16)(*map(int, address.split("."))))


def counter_names():
    """Each counter's name with its number."""
    names, number = {}, 0
    while (name := library.mactcp_counter_name(number)) is not None:
        names[name.decode()] = number
        number += 1
    return names


COUNTERS = counter_names()


class Engine:
    """An engine; its methods are the functions of mactcp.h without the first argument. Errors are raised."""

    def __init__(self, seed):
        self.pointer = library.mactcp_engine_new(seed)

    def close(self):
        library.mactcp_engine_free(self.pointer)
        self.pointer = None

    def __getattr__(self, name):
        if name not in _signatures:
            raise AttributeError(name)
        function = getattr(library, "mactcp_" + name)

        def call(*arguments):
            result = function(self.pointer, *arguments)
            if result < 0:
                raise EngineError(result)
            return result

        setattr(self, name, call)
        return call

    def counter(self, name):
        return self.engine_counter(COUNTERS[name])


__all__ = [name for name in dir() if not name.startswith("_")] + ["byref"]
