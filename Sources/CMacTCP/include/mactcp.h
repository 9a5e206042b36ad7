/*
 * mactcp.h: a complete IPv4 host (ARP, IP, ICMP, UDP and TCP) as a library without a thread, lock, clock, source of
 * randomness, socket or device. Packets, the time and the program's calls go in; packets and events come out.
 *
 * For programs that have packets and want connections: tunnels, emulators, virtual machines, tests, other languages.
 *
 *     mactcp_engine *engine = mactcp_engine_new(random_number);
 *     mactcp_engine_set(engine, "address", "192.0.2.1/24");
 *     int64_t stream = mactcp_tcp_create(engine, 0, 0);
 *     mactcp_endpoint peer = mactcp_ipv4(0xC0000202, 80);
 *     mactcp_tcp_active_open(engine, stream, &peer, NULL, NULL, now);
 *     for (;;) {
 *         mactcp_event event = MACTCP_INIT(mactcp_event);
 *         while (mactcp_next_event(engine, &event) > 0) handle(&event);      // makes calls
 *         while ((n = mactcp_engine_transmit(engine, packet, sizeof packet, now)) > 0) link_write(packet, n);
 *         link_wait(mactcp_engine_deadline(engine));                         // a packet, or the moment
 *         now = clock_now();
 *         while ((n = link_read(packet)) > 0) mactcp_engine_receive(engine, packet, n, now);
 *         mactcp_engine_advance(engine, now);                                // after all packets that are there
 *     }
 *
 * Examples/C/echo.c is a whole program. README.md says how the library is built.
 *
 * Rules that hold for all calls
 *
 *   - Every call returns at once. What takes longer is told by mactcp_next_event.
 *   - A result is 0 or more, or one of the negative codes below, which are MacTCP's.
 *   - No argument stops the program: NULL, numbers out of range, handles that were released or never given and keys that
 *     do not exist are answered with a code. As with free(), an engine that was freed must not be used, and
 *     memory must be as long as is said. Lengths above 2^31 - 1 are refused.
 *   - Times are absolute and in microseconds, by one clock of the program's that never goes back: `now` is the present.
 *     An earlier `now` than the last one counts as the last one. Nothing else depends on time: a program may use a
 *     virtual clock, and with the same seed, calls and packets everything happens again, to the byte.
 *   - An engine is used by one thread at a time. Different engines have nothing in common.
 *   - Handles are positive; 0 is none. A handle that was released is never given again in practice (2^31 uses of its
 *     place later).
 *   - Addresses are in network order, ports in host order.
 *   - Structures that the library fills, and those with options, begin with their size, which the caller sets:
 *     MACTCP_INIT does. A library that is newer than the program's header leaves out what the program does not know; an
 *     older one sets `size` to what it has filled.
 */
#ifndef MACTCP_H
#define MACTCP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An engine: one host with its addresses, streams and buffers. */
typedef struct mactcp_engine mactcp_engine;

/* 0 or more, or a code of those below. */
typedef int64_t mactcp_result;

/* The result codes, with MacTCP's names beside them. */
enum {
    MACTCP_BAD_CONFIGURATION = -23001,        /* ipBadCnfgErr: there is no such key of mactcp_engine_set */
    MACTCP_BAD_ADDRESS = -23004,              /* ipBadAddr: the address cannot be used so */
    MACTCP_CONNECTION_CLOSING = -23005,       /* connectionClosing: closed for sending, or the peer's data has ended */
    MACTCP_INVALID_LENGTH = -23006,           /* invalidLength: a length or a number is outside of its range */
    MACTCP_CONNECTION_EXISTS = -23007,        /* connectionExists: the stream has a connection already */
    MACTCP_CONNECTION_DOESNT_EXIST = -23008,  /* connectionDoesntExist: the stream has no connection */
    MACTCP_INSUFFICIENT_RESOURCES = -23009,   /* insufficientResources: the memory ceiling, or no port is left */
    MACTCP_INVALID_STREAM = -23010,           /* invalidStreamPtr: the handle is nobody's */
    MACTCP_ALREADY_STARTED = -23011,          /* streamAlreadyOpen: the engine is in use and cannot be configured */
    MACTCP_CONNECTION_TERMINATED = -23012,    /* connectionTerminated: the connection was lost */
    MACTCP_INVALID_BUFFER = -23013,           /* invalidBufPtr: a pointer is NULL, or a structure's size is wrong */
    MACTCP_OPEN_FAILED = -23015,              /* openFailed: the connection could not be opened */
    MACTCP_DUPLICATE_SOCKET = -23017,         /* duplicateSocket: the port or the four-tuple is in use */
    MACTCP_DONT_FRAGMENT = -23032,            /* ipDontFragErr: too large for its way, and not to be fragmented */
    MACTCP_NO_FRAGMENT_MEMORY = -23036,       /* ipNoFragMemErr: no memory for fragments */
    MACTCP_NO_ROUTE = -23037                  /* ipRouteErr: there is no way to the destination */
};

/* MacTCP's name of a code, "ipBadAddr"; "noErr" for 0 and more, "unknown" for other numbers. Never NULL. */
const char *mactcp_result_name(mactcp_result result);

/* The version of this interface that the library has. It grows when something is added. */
#define MACTCP_VERSION 1
uint32_t mactcp_version(void);

/* Sets a structure to zero and its size to what this header knows: mactcp_status status = MACTCP_INIT(mactcp_status). */
#ifdef __cplusplus
#define MACTCP_INIT(type) (mactcp_initialized<type>())
#else
#define MACTCP_INIT(type) ((type){.size = sizeof(type)})
#endif

/* One side of a connection. A family of 0 is "any": the address is not looked at. */
typedef struct mactcp_endpoint {
    uint8_t family;      /* MACTCP_IPV4, or 0 for any address */
    uint8_t reserved;    /* 0 */
    uint16_t port;       /* in host order; 0 for any port, or for one that the engine chooses */
    uint8_t address[16]; /* in network order, in the first 4 bytes for IPv4 */
} mactcp_endpoint;

enum { MACTCP_IPV4 = 4 };

/* The endpoint of an IPv4 address in host order, 0xC0000201 for 192.0.2.1, and a port. 0 is any address. */
static inline mactcp_endpoint mactcp_ipv4(uint32_t address, uint16_t port) {
    mactcp_endpoint endpoint;
    memset(&endpoint, 0, sizeof endpoint);
    endpoint.family = address != 0 ? MACTCP_IPV4 : 0;
    endpoint.port = port;
    for (int index = 0; index < 4; index++) endpoint.address[index] = (uint8_t)(address >> (24 - 8 * index));
    return endpoint;
}

/* ---- The engine: its life, packets and time ------------------------------------------------------------------- */

/*
 * Makes an engine that has no address yet, or returns NULL if there is no memory.
 *
 * All that must not be guessed is made from the seed: initial sequence numbers (RFC 6528), ports (RFC 6056), cookies.
 * Outside of tests it must be random.
 */
mactcp_engine *mactcp_engine_new(uint64_t seed);

/* Frees an engine and all that is in it, without a packet to anybody. NULL does nothing. */
void mactcp_engine_free(mactcp_engine *engine);

/*
 * Configures an engine that has not been used: key and value are text. Amounts are in bytes, times in microseconds,
 * switches are "on" or "off".
 *
 *   key                            default      meaning
 *   address                        none         adds one of the host's addresses with its network's prefix: "192.0.2.1/24"
 *   route                          none         adds a way to a network: "0.0.0.0/0 192.0.2.254"; without a router the
 *                                               network is on the link
 *   link                           raw          "raw": IP packets; or "ethernet 02:00:00:00:00:01": Ethernet II frames
 *                                               without check sequence from and to this address, and ARP
 *   mtu                            1500         the largest IP packet, 68...65535
 *   probes_addresses               off          whether the addresses are probed for before they are used, 4 to 7 seconds
 *                                               long (RFC 5227 section 2.1); on Ethernet alone
 *   time_to_live                   64           1...255
 *   ephemeral_ports                49152-65535  ports for those who choose none
 *   memory_ceiling                 67108864     what all connections, buffers and queues take together
 *   receive_buffer, send_buffer    262144       of new connections, 4096...2^30
 *   reassembly_memory              262144       of fragments that wait for others
 *   reassembly_timeout             30000000     how long they do
 *   time_wait_limit                16384        connections in TIME-WAIT; the oldest gives way
 *   answers_closed_ports           on           whether a port that nobody has is answered
 *   answers_echo_requests          on           whether a ping is answered
 *   follows_redirects              off          whether ICMP redirects are heeded (RFC 1122 section 3.2.2.2)
 *   answers_per_second             100          ICMP errors, RSTs without a connection, challenge ACKs, each
 *   congestion_control             cubic        "cubic" (RFC 9438) or "newreno" (RFC 5681)
 *   initial_window                 10           segments, 1...10 (RFC 6928)
 *   initial_retransmission_timeout 1000000      before the first measurement (RFC 6298); an hour at most
 *   hystart                        on           whether the first slow start ends when the round trips grow: HyStart++
 *                                               (RFC 9406)
 *   frto                           on           whether time-outs that came too early are found out: F-RTO (RFC 5682)
 *   tail_loss_probe                on           whether a loss at the end is probed for (RFC 8985 section 7); RACK, which
 *                                               finds losses where there is SACK, has no switch
 *   minimum_retransmission_timeout 200000       an hour at most
 *   maximum_retransmission_timeout 60000000
 *   acknowledgment_delay           40000        below 500000; 0: acknowledge at once
 *   maximum_segment_lifetime       30000000     TIME-WAIT lasts twice as long
 *   fin_wait_2_timeout             60000000     in FIN-WAIT-2 after the stream was released
 *   user_timeout                   120000000    how long a connection lives without an answer, 1000 or more; 0: for ever
 *   open_timeout                   180000000    the same for an unanswered SYN
 *   retransmissions_before_advice  3            R1 (RFC 9293 section 3.8.3), 255 at most
 *   keepalive_idle                 7200000000   before the first probe of a connection with keepalive
 *   keepalive_interval             75000000     between two probes
 *   keepalive_probes               9            unanswered ones after which the connection is given up
 *   window_scale, timestamps, sack on           whether new connections have the option (RFC 7323, 2018)
 *   ecn                            off          RFC 3168
 *   nagle                          on           whether new connections hold small segments back
 *   path_mtu_discovery             on           RFC 1191
 *   syn_cookies                    on           how a listener with a full queue answers (RFC 4987)
 *
 * Errors: BAD_CONFIGURATION for an unknown key, BAD_ADDRESS for what is no address or prefix, INVALID_LENGTH for what is
 * no number or switch, ALREADY_STARTED, INVALID_BUFFER. Ranges are checked by mactcp_engine_start.
 */
mactcp_result mactcp_engine_set(mactcp_engine *engine, const char *key, const char *value);

/*
 * Makes the engine ready with what was set. Every other call does it too, and returns these errors if it fails; to call
 * this one is the way to learn of them early. A second call does nothing.
 *
 * Errors: INVALID_LENGTH for a number outside of its range, BAD_ADDRESS for an address that no host can have.
 */
mactcp_result mactcp_engine_start(mactcp_engine *engine);

/*
 * Takes a packet from the link: an IP packet, or an Ethernet frame. It is not kept. What is wrong with it is
 * counted, and no error.
 *
 * Errors: INVALID_LENGTH for more than 65,549 bytes.
 */
mactcp_result mactcp_engine_receive(mactcp_engine *engine, const void *packet, size_t length, uint64_t now);

/*
 * Writes the next packet for the link. Call it until it returns 0: after events were handled, packets received and time
 * advanced.
 *
 * size: the room, which must be the MTU, and 14 bytes more on Ethernet, or more.
 * Returns the packet's length, 0 if there is none now.
 * Errors: INVALID_LENGTH if the room is less.
 */
mactcp_result mactcp_engine_transmit(mactcp_engine *engine, void *packet, size_t size, uint64_t now);

/*
 * The moment at which mactcp_engine_advance must be called at the latest, MACTCP_NEVER if nothing waits for time to pass.
 * It may change with every call of the others.
 */
mactcp_result mactcp_engine_deadline(mactcp_engine *engine);
#define MACTCP_NEVER ((int64_t)1 << 62)

/*
 * Does what is due: retransmissions, probes, delayed acknowledgments, time-outs, ageing. Too early it does nothing. Packets
 * that have come are handed over before: a program that was late would else send again what a waiting packet acknowledges.
 */
mactcp_result mactcp_engine_advance(mactcp_engine *engine, uint64_t now);

/* The bytes that connections, buffers and queues take now; never more than memory_ceiling. */
mactcp_result mactcp_engine_memory(mactcp_engine *engine);

/*
 * What the engine has counted since it was made, as its MIBs have it (RFC 4293, 4113, 4022), and what was dropped for
 * which reason. Numbers 0, 1, ... until the name is NULL; the numbers may change with the library, the names do not:
 * "tcp.segments_sent", "drop.bad_tcp_checksum".
 *
 * Returns the count modulo 2^63. Errors: INVALID_LENGTH for a number without a name.
 */
const char *mactcp_counter_name(uint32_t number);
mactcp_result mactcp_engine_counter(mactcp_engine *engine, uint32_t number);

/* ---- Events ---------------------------------------------------------------------------------------------------- */

/* What happened. Events say that something is there, not how much; so each waits at most once for a stream. */
enum {
    MACTCP_EVENT_OPENED = 1,            /* the connection is established (PassiveOpenDone) */
    MACTCP_EVENT_INCOMING = 2,          /* a listener has a connection for mactcp_tcp_accept */
    MACTCP_EVENT_DATA = 3,              /* data can be received (TCPDataArrival) */
    MACTCP_EVENT_URGENT = 4,            /* urgent data is there or on its way (TCPUrgent) */
    MACTCP_EVENT_ACKNOWLEDGED = 5,      /* the peer has acknowledged data: there is room to send */
    MACTCP_EVENT_CLOSING = 6,           /* the peer has closed; its data can be received still (TCPClosing) */
    MACTCP_EVENT_FIN_ACKNOWLEDGED = 7,  /* the peer has acknowledged our FIN: MacTCP's TCPClose is complete */
    MACTCP_EVENT_USER_TIMEOUT = 8,      /* the user time-out has run out and is reported (TCPULPTimeout) */
    MACTCP_EVENT_ICMP = 9,              /* an ICMP error, in `report` (TCPICMPReceived) */
    MACTCP_EVENT_TERMINATED = 10,       /* the connection is gone, once; `detail` is the reason (TCPTerminate) */
    MACTCP_EVENT_DATAGRAM = 11,         /* a datagram can be received (UDPDataArrival) */
    MACTCP_EVENT_DATAGRAM_ICMP = 12,    /* an ICMP error about a datagram, in `report` (UDPICMPReceived) */
    MACTCP_EVENT_ECHO_REPLY = 13,       /* an echo was answered after `detail` microseconds */
    MACTCP_EVENT_ECHO_TIMEOUT = 14,     /* an echo was not answered in its time */
    MACTCP_EVENT_ADDRESS_CONFLICT = 15, /* another host, `hardware`, has the address `report.local` (RFC 5227) */
    MACTCP_EVENT_DELIVERY_PROBLEM = 16  /* retransmissions_before_advice retransmissions had no answer (RFC 9293 R1) */
};

/* Why a connection ended: `detail` of MACTCP_EVENT_TERMINATED, and in the status. The numbers are MacTCP's. */
enum {
    MACTCP_REASON_REMOTE_ABORT = 2,       /* the peer reset it */
    MACTCP_REASON_NETWORK_FAILURE = 3,    /* the network failed */
    MACTCP_REASON_SECURITY_MISMATCH = 4,  /* security or precedence do not match */
    MACTCP_REASON_USER_TIMEOUT = 5,       /* the user time-out has run out */
    MACTCP_REASON_ABORT = 6,              /* aborted here */
    MACTCP_REASON_CLOSE = 7,              /* both sides have closed */
    MACTCP_REASON_SERVICE_ERROR = 8       /* an unexpected SYN */
};

/* What an ICMP error says. The numbers are MacTCP's. */
enum {
    MACTCP_ICMP_NET_UNREACHABLE = 0,
    MACTCP_ICMP_HOST_UNREACHABLE = 1,
    MACTCP_ICMP_PROTOCOL_UNREACHABLE = 2,
    MACTCP_ICMP_PORT_UNREACHABLE = 3,
    MACTCP_ICMP_FRAGMENTATION_NEEDED = 4,
    MACTCP_ICMP_SOURCE_ROUTE_FAILED = 5,
    MACTCP_ICMP_TIME_EXCEEDED = 6,
    MACTCP_ICMP_PARAMETER_PROBLEM = 7,
    MACTCP_ICMP_MISSING_OPTION = 8
};

/* An ICMP error about something that was sent from here (MacTCP's ICMPReport). */
typedef struct mactcp_icmp_report {
    mactcp_endpoint local;    /* where the packet came from */
    mactcp_endpoint remote;   /* where it was meant to go */
    mactcp_endpoint sender;   /* who sent the report; no port */
    uint16_t type;            /* MACTCP_ICMP_... */
    uint16_t additional_info; /* the largest packet in bytes, with FRAGMENTATION_NEEDED */
    uint8_t pointer;          /* the byte that is wrong, with PARAMETER_PROBLEM */
    uint8_t reserved[3];
} mactcp_icmp_report;

typedef struct mactcp_event {
    uint32_t size;              /* sizeof(mactcp_event) */
    uint32_t kind;              /* MACTCP_EVENT_... */
    int64_t handle;             /* whose: a TCP or UDP stream's, or an echo's; 0 with an address conflict */
    int64_t detail;             /* see the kinds; otherwise 0 */
    mactcp_icmp_report report;  /* see the kinds; otherwise zeros */
    uint8_t hardware[6];        /* see the kinds; otherwise zeros */
    uint8_t reserved[6];
} mactcp_event;

/*
 * What has happened next, in the order in which it did for each stream. Call it until it returns 0, after packets were
 * received and time advanced.
 *
 * Returns 1 and fills the event, or 0 if all was told.
 * Errors: INVALID_BUFFER for a size below 24, with which no event is lost.
 */
mactcp_result mactcp_next_event(mactcp_engine *engine, mactcp_event *event);

/* ---- TCP (RFC 9293 section 3.9.1) ------------------------------------------------------------------------------ */

/* What an opening says besides the endpoints. Zeros, and a NULL in place of all, are the engine's defaults. */
typedef struct mactcp_open_options {
    uint32_t size;                 /* sizeof(mactcp_open_options) */
    uint8_t type_of_service;       /* DSCP and precedence; the lowest two bits are not used */
    uint8_t time_to_live;          /* 1...255 */
    uint8_t user_timeout_reports;  /* 0: the user time-out aborts the connection; 1: it is reported */
    uint8_t ip_options_length;     /* a multiple of 4, at most 40 */
    int64_t user_timeout;          /* microseconds, 1000 or more; negative: for ever */
    uint8_t ip_options[40];        /* options of the IP header of every packet, as they stand there */
} mactcp_open_options;

/*
 * A stream without a connection (MacTCP's TCPCreate).
 *
 * receive_buffer, send_buffer: how many bytes are buffered, 4096...2^30; 0 for the engine's default.
 * Returns a handle. Errors: INVALID_LENGTH, INSUFFICIENT_RESOURCES.
 */
mactcp_result mactcp_tcp_create(mactcp_engine *engine, int64_t receive_buffer, int64_t send_buffer);

/*
 * Opens a connection to `remote` (TCPActiveOpen). MACTCP_EVENT_OPENED tells that it is there, MACTCP_EVENT_TERMINATED
 * that it is not to be had.
 *
 * local: the address and port to open from; NULL, or any address and port 0, are chosen.
 * Errors: CONNECTION_EXISTS, BAD_ADDRESS, NO_ROUTE, DUPLICATE_SOCKET, INSUFFICIENT_RESOURCES, INVALID_LENGTH for
 * options that cannot be, INVALID_STREAM, INVALID_BUFFER.
 */
mactcp_result mactcp_tcp_active_open(mactcp_engine *engine, int64_t stream, const mactcp_endpoint *remote,
                                     const mactcp_endpoint *local, const mactcp_open_options *options, uint64_t now);

/*
 * Waits for one connection (TCPPassiveOpen). MACTCP_EVENT_OPENED tells of it.
 *
 * local: the address, or any, and the port, or 0 for one that is chosen: see mactcp_tcp_status.
 * remote: who may connect; NULL for everybody.
 * Errors: as mactcp_tcp_active_open.
 */
mactcp_result mactcp_tcp_passive_open(mactcp_engine *engine, int64_t stream, const mactcp_endpoint *local,
                                      const mactcp_endpoint *remote, const mactcp_open_options *options, uint64_t now);

/*
 * Makes the stream a listener: MACTCP_EVENT_INCOMING tells of connections, which mactcp_tcp_accept takes.
 *
 * backlog: how many may wait, 1...65535; 0 for 128.
 * Errors: as mactcp_tcp_active_open.
 */
mactcp_result mactcp_tcp_listen(mactcp_engine *engine, int64_t stream, const mactcp_endpoint *local, int64_t backlog,
                                const mactcp_open_options *options, uint64_t now);

/*
 * Takes a listener's next connection. Returns its handle, 0 if none waits.
 * Errors: INVALID_STREAM, CONNECTION_DOESNT_EXIST if the stream is no listener.
 */
mactcp_result mactcp_tcp_accept(mactcp_engine *engine, int64_t listener);

enum {
    MACTCP_PUSH = 1,    /* send: at once, with PSH at the end; receive: the sender has pushed what is read */
    MACTCP_URGENT = 2,  /* send: all the bytes are urgent; receive: these bytes are */
    MACTCP_MARK = 4,    /* receive: the last of these bytes is the last urgent one */
    MACTCP_END = 8      /* receive: nothing follows; the peer has closed, and all was read */
};

/*
 * Sends (TCPSend): takes as many bytes as there is room for. Before the connection is open they wait.
 *
 * flags: 0, or MACTCP_PUSH and MACTCP_URGENT.
 * Returns how many bytes were taken, 0 while the buffer is full.
 * Errors: CONNECTION_DOESNT_EXIST, CONNECTION_CLOSING after mactcp_tcp_close, CONNECTION_TERMINATED,
 * INSUFFICIENT_RESOURCES, INVALID_LENGTH for other flags, INVALID_STREAM, INVALID_BUFFER.
 */
mactcp_result mactcp_tcp_send(mactcp_engine *engine, int64_t stream, const void *data, size_t length, uint32_t flags,
                              uint64_t now);

/*
 * Receives what has come, as far as there is room (TCPRcv). Urgent and other data never come together, and no call goes
 * beyond the urgent mark.
 *
 * flags: set to those above; may be NULL.
 * Returns how many bytes; 0 if there were none, or, with MACTCP_END, no more will be.
 * Errors: CONNECTION_DOESNT_EXIST, CONNECTION_TERMINATED when the connection was lost and all that had come is read,
 * INVALID_STREAM, INVALID_BUFFER.
 */
mactcp_result mactcp_tcp_receive(mactcp_engine *engine, int64_t stream, void *buffer, size_t size, uint32_t *flags,
                                 uint64_t now);

/*
 * Closes for sending (TCPClose): a FIN follows what was sent. Receiving goes on.
 * Errors: CONNECTION_CLOSING the second time, CONNECTION_DOESNT_EXIST, INVALID_STREAM.
 */
mactcp_result mactcp_tcp_close(mactcp_engine *engine, int64_t stream, uint64_t now);

/*
 * Ends the connection at once with a RST (TCPAbort); what waits is lost.
 * Errors: CONNECTION_DOESNT_EXIST, INVALID_STREAM.
 */
mactcp_result mactcp_tcp_abort(mactcp_engine *engine, int64_t stream, uint64_t now);

/*
 * Gives the stream back (TCPRelease). A connection that was closed for sending goes on to its end by itself; one that was
 * not, or that has data nobody has read, is reset. Its handle is invalid from now on, and no event of it follows.
 * Errors: INVALID_STREAM.
 */
mactcp_result mactcp_tcp_release(mactcp_engine *engine, int64_t stream, uint64_t now);

/* What can be set of a stream at any time; of a listener for the connections that follow. */
enum {
    MACTCP_OPTION_NAGLE = 1,                /* 0 or 1: whether small segments are held back */
    MACTCP_OPTION_KEEPALIVE = 2,            /* 0 or 1, with the engine's times */
    MACTCP_OPTION_USER_TIMEOUT_ABORTS = 3,  /* microseconds without an answer, then the connection is aborted; 0: never */
    MACTCP_OPTION_USER_TIMEOUT_REPORTS = 4, /* the same, then MACTCP_EVENT_USER_TIMEOUT tells it */
    MACTCP_OPTION_TYPE_OF_SERVICE = 5,      /* 0...255; the lowest two bits are not used */
    MACTCP_OPTION_TIME_TO_LIVE = 6,         /* 1...255 */
    MACTCP_OPTION_DELAYED_ACKNOWLEDGMENT = 7, /* 0 or 1 */
    MACTCP_OPTION_RECEIVE_BUFFER = 8,       /* bytes, 4096...2^30; never below what was offered to the peer */
    MACTCP_OPTION_SEND_BUFFER = 9           /* bytes, 4096...2^30 */
};

/*
 * Sets one option. Errors: INVALID_LENGTH for an option that does not exist and for a value out of its range,
 * INVALID_STREAM.
 */
mactcp_result mactcp_tcp_set(mactcp_engine *engine, int64_t stream, int32_t option, int64_t value, uint64_t now);

/*
 * Switches keepalive on with times of its own: `idle` microseconds before the first probe, `interval` between two, given up
 * after `probes` unanswered ones. Errors: as mactcp_tcp_set, and INSUFFICIENT_RESOURCES.
 */
mactcp_result mactcp_tcp_set_keepalive(mactcp_engine *engine, int64_t stream, int64_t idle, int64_t interval,
                                       int64_t probes, uint64_t now);

/* The states of RFC 9293 section 3.3.2. The numbers are MacTCP's. */
enum {
    MACTCP_STATE_CLOSED = 0,
    MACTCP_STATE_LISTEN = 2,
    MACTCP_STATE_SYN_RECEIVED = 4,
    MACTCP_STATE_SYN_SENT = 6,
    MACTCP_STATE_ESTABLISHED = 8,
    MACTCP_STATE_FIN_WAIT_1 = 10,
    MACTCP_STATE_FIN_WAIT_2 = 12,
    MACTCP_STATE_CLOSE_WAIT = 14,
    MACTCP_STATE_CLOSING = 16,
    MACTCP_STATE_LAST_ACK = 18,
    MACTCP_STATE_TIME_WAIT = 20
};

/* The state as the RFC writes it, "FIN-WAIT-1"; "unknown" for other numbers. Never NULL. */
const char *mactcp_state_name(uint32_t state);

/* Everything about a connection (TCPStatus and its statistics). Amounts in bytes, times in microseconds. */
typedef struct mactcp_status {
    uint32_t size;                     /* sizeof(mactcp_status) */
    uint8_t state;                     /* MACTCP_STATE_... */
    uint8_t type_of_service;
    uint8_t time_to_live;
    uint8_t user_timeout_aborts;       /* 0 or 1 */
    uint16_t termination_reason;       /* MACTCP_REASON_... of the last connection; 0 without one */
    int8_t window_scale_sent;          /* -1 without the option */
    int8_t window_scale_received;      /* -1 without the option */
    uint8_t uses_timestamps;           /* 0 or 1 */
    uint8_t uses_sack;                 /* 0 or 1 */
    uint8_t uses_ecn;                  /* 0 or 1 */
    uint8_t reserved;
    mactcp_endpoint local;
    mactcp_endpoint remote;
    uint32_t send_unacknowledged;      /* SND.UNA */
    uint32_t send_next;                /* SND.NXT */
    uint32_t receive_next;             /* RCV.NXT */
    uint32_t reserved2;
    int64_t send_window;               /* SND.WND: what the peer offers */
    int64_t receive_window;            /* RCV.WND: what is offered to the peer */
    int64_t unacknowledged;            /* sent, or waiting to be, and not acknowledged */
    int64_t unread;                    /* can be received at once */
    int64_t send_space;                /* what mactcp_tcp_send takes now */
    int64_t urgent_remaining;          /* up to and with the last urgent byte, still to be received */
    int64_t congestion_window;
    int64_t slow_start_threshold;
    int64_t maximum_segment_size;      /* without the options of each segment */
    int64_t smoothed_round_trip;
    int64_t round_trip_variance;
    int64_t retransmission_timeout;
    int64_t retransmissions;           /* how often the oldest segment was sent again */
    int64_t user_timeout;              /* 0: for ever */
    uint64_t data_segments_received;
    uint64_t data_segments_sent;
    uint64_t segments_resent;
    uint64_t bytes_received;
    uint64_t bytes_received_twice;
    uint64_t bytes_past_window;        /* received beyond the window, and dropped */
    uint64_t bytes_sent;
    uint64_t bytes_resent;
    uint64_t sent_sizes[7];            /* segments sent, for the first time and again, by their bytes of data: */
                                       /* 0, 1...63, ...127, ...255, ...511, ...1023, 1024 and more */
    int64_t last_round_trip;           /* the last that was measured; 0 before */
    uint64_t source_quenches;          /* ignored (RFC 6633), and counted */
} mactcp_status;

/*
 * Fills the status of a stream. Errors: INVALID_STREAM, INVALID_BUFFER for a size below 8.
 */
mactcp_result mactcp_tcp_status(mactcp_engine *engine, int64_t stream, mactcp_status *status, uint64_t now);

/* ---- UDP (RFC 768) and echo (RFC 792) --------------------------------------------------------------------------- */

/*
 * A UDP stream (UDPCreate, UDPMultiCreate).
 *
 * port: the first port; 0 lets the engine choose one.
 * ending_port: the last one; 0 for one port.
 * receive_buffer: how many bytes of datagrams wait to be received, 2048...2^30; 0 for 65,536.
 * Returns a handle. Errors: DUPLICATE_SOCKET, INVALID_LENGTH, INSUFFICIENT_RESOURCES.
 */
mactcp_result mactcp_udp_create(mactcp_engine *engine, uint16_t port, uint16_t ending_port, int64_t receive_buffer,
                                uint64_t now);

/* The first port of a stream. Errors: INVALID_STREAM. */
mactcp_result mactcp_udp_port(mactcp_engine *engine, int64_t stream);

/* What a datagram, or an echo, is sent with. Zeros, and a NULL in place of all, are the defaults. */
typedef struct mactcp_datagram_options {
    uint32_t size;              /* sizeof(mactcp_datagram_options) */
    uint8_t no_checksum;        /* 1: without the checksum of UDP */
    uint8_t dont_fragment;      /* 1: refused if it is too large for its way, and sent with DF */
    uint8_t time_to_live;       /* 1...255 */
    uint8_t type_of_service;
    uint16_t source_port;       /* one of the stream's ports; 0: its first */
    uint8_t ip_options_length;  /* a multiple of 4, at most 40 */
    uint8_t reserved[5];
    int64_t timeout;            /* of an echo, in microseconds; 0: 2 seconds */
    uint8_t ip_options[40];     /* options of the IP header, as they stand there */
} mactcp_datagram_options;

/*
 * Sends a datagram of 0...65,507 bytes (UDPWrite). options may be NULL.
 * Errors: INVALID_LENGTH, NO_ROUTE, DONT_FRAGMENT, BAD_ADDRESS, INSUFFICIENT_RESOURCES if too many wait, INVALID_STREAM,
 * INVALID_BUFFER.
 */
mactcp_result mactcp_udp_send(mactcp_engine *engine, int64_t stream, const mactcp_endpoint *destination, const void *data,
                              size_t length, const mactcp_datagram_options *options, uint64_t now);

/* What is known of a datagram that was received. */
typedef struct mactcp_datagram {
    uint32_t size;                /* sizeof(mactcp_datagram) */
    uint32_t length;              /* how many bytes it has; more than were received if the buffer was too short */
    mactcp_endpoint source;
    mactcp_endpoint destination;  /* the address and port it was sent to */
} mactcp_datagram;

/*
 * Receives the next datagram, as much of it as there is room for (UDPRead).
 * Returns 1 and fills buffer and datagram, 0 if none has come.
 * Errors: INVALID_STREAM, INVALID_BUFFER also for a size of the structure below 8.
 */
mactcp_result mactcp_udp_receive(mactcp_engine *engine, int64_t stream, void *buffer, size_t size,
                                 mactcp_datagram *datagram, uint64_t now);

/* Gives the stream's ports and buffers back (UDPRelease). Errors: INVALID_STREAM. */
mactcp_result mactcp_udp_release(mactcp_engine *engine, int64_t stream, uint64_t now);

/*
 * The largest datagram in bytes that reaches a host without fragments (UDPMaxMTUSize); the port is not looked at.
 * Errors: NO_ROUTE, BAD_ADDRESS, INVALID_BUFFER.
 */
mactcp_result mactcp_udp_max_size(mactcp_engine *engine, const mactcp_endpoint *destination);

/*
 * Sends an ICMP echo request with 0...65,507 bytes of data (EchoICMP). The answer is an event with the returned handle.
 * data may be NULL with a length of 0, options may be NULL. Errors: as mactcp_udp_send.
 */
mactcp_result mactcp_echo(mactcp_engine *engine, const mactcp_endpoint *destination, const void *data, size_t length,
                          const mactcp_datagram_options *options, uint64_t now);

/* ---- The table of hardware addresses (RFC 826) ------------------------------------------------------------------ */

typedef struct mactcp_neighbor {
    uint32_t size;             /* sizeof(mactcp_neighbor) */
    uint8_t is_known;          /* 0 while it is asked for, 1 afterwards */
    uint8_t reserved;
    uint8_t hardware[6];
    mactcp_endpoint address;   /* no port */
} mactcp_neighbor;

/*
 * The entry with this number, 0, 1, ...
 * Returns 1, or 0 if there are no more. Errors: INVALID_BUFFER for a NULL or a size below 8.
 */
mactcp_result mactcp_neighbor_at(mactcp_engine *engine, uint32_t number, mactcp_neighbor *neighbor);

#ifdef __cplusplus
}

template <typename T> static inline T mactcp_initialized() {
    T value;
    memset(&value, 0, sizeof value);
    value.size = sizeof value;
    return value;
}
#endif

#endif /* MACTCP_H */
