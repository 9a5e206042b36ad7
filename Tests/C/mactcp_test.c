/*
 * Tests of mactcp.h as a program in C sees it: every function, with arguments that are right and with all kinds that are not.
 * scripts/test-c builds and runs it. Prints what fails, and at the end how many checks passed.
 */
#include "mactcp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int passed, failed;

#define EXPECT(condition)                                                            \
    do {                                                                             \
        if (condition) {                                                             \
            passed++;                                                                \
        } else {                                                                     \
            failed++;                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                            \
    } while (0)

#define EXPECT_RESULT(call, wanted)                                                                               \
    do {                                                                                                          \
        int64_t got_ = (call), wanted_ = (wanted);                                                                \
        if (got_ == wanted_) {                                                                                    \
            passed++;                                                                                             \
        } else {                                                                                                  \
            failed++;                                                                                             \
            fprintf(stderr, "%s:%d: %s: %" PRId64 " (%s), not %" PRId64 "\n", __FILE__, __LINE__, #call, got_,    \
                    mactcp_result_name(got_), wanted_);                                                           \
        }                                                                                                         \
    } while (0)

/* ---- Two hosts and the wire between them ------------------------------------------------------------------------ */

static uint64_t now;
static mactcp_engine *a, *b;
static const uint32_t address_a = 0xC0000201, address_b = 0xC0000202;
static unsigned char packet[70000];

static mactcp_engine *new_host(uint64_t seed, const char *address, const char *link) {
    mactcp_engine *engine = mactcp_engine_new(seed);
    EXPECT_RESULT(mactcp_engine_set(engine, "address", address), 0);
    EXPECT_RESULT(mactcp_engine_set(engine, "link", link), 0);
    EXPECT_RESULT(mactcp_engine_start(engine), 0);
    return engine;
}

static void two_hosts(const char *link_a, const char *link_b) {
    now = 1000000;
    a = new_host(1, "192.0.2.1/24", link_a);
    b = new_host(2, "192.0.2.2/24", link_b);
}

static void end_hosts(void) {
    mactcp_engine_free(a);
    mactcp_engine_free(b);
}

static int carry(mactcp_engine *from, mactcp_engine *to) {
    int count = 0;
    int64_t length;
    while ((length = mactcp_engine_transmit(from, packet, sizeof packet, now)) > 0 && count < 10000) {
        EXPECT(length >= 20 && length <= 1514);
        EXPECT_RESULT(mactcp_engine_receive(to, packet, (size_t)length, now), 0);
        count++;
    }
    EXPECT_RESULT(length, 0);
    return count;
}

/* Carries packets until none is left. */
static void settle(void) {
    for (int round = 0; round < 1000; round++)
        if (carry(a, b) + carry(b, a) == 0) return;
    EXPECT(!"the hosts come to rest");
}

/* Time passes, in steps from deadline to deadline. */
static void pass(uint64_t microseconds) {
    uint64_t end = now + microseconds;
    for (int round = 0; round < 100000; round++) {
        settle();
        int64_t due = mactcp_engine_deadline(a), other = mactcp_engine_deadline(b);
        EXPECT(due >= 0 && other >= 0);
        if (other < due) due = other;
        if ((uint64_t)due > end) break;
        if ((uint64_t)due > now) now = (uint64_t)due;
        EXPECT_RESULT(mactcp_engine_advance(a, now), 0);
        EXPECT_RESULT(mactcp_engine_advance(b, now), 0);
    }
    now = end;
    EXPECT_RESULT(mactcp_engine_advance(a, now), 0);
    EXPECT_RESULT(mactcp_engine_advance(b, now), 0);
    settle();
}

/* The next event of this kind; others before it are passed over. A kind of 0 if there is none. */
static mactcp_event wait_event(mactcp_engine *engine, uint32_t kind) {
    mactcp_event event = MACTCP_INIT(mactcp_event);
    while (mactcp_next_event(engine, &event) == 1)
        if (event.kind == kind) return event;
    event = MACTCP_INIT(mactcp_event);
    return event;
}

static mactcp_status status_of(mactcp_engine *engine, int64_t stream) {
    mactcp_status status = MACTCP_INIT(mactcp_status);
    EXPECT_RESULT(mactcp_tcp_status(engine, stream, &status, now), 0);
    EXPECT(status.size == sizeof status);
    return status;
}

/* The value of a counter by its name; -1 if there is none. */
static int64_t counter(mactcp_engine *engine, const char *name) {
    for (uint32_t number = 0; mactcp_counter_name(number) != NULL; number++)
        if (strcmp(mactcp_counter_name(number), name) == 0) return mactcp_engine_counter(engine, number);
    return -1;
}

/* Opens a connection from a to a listener of b's on port 7. */
static void connect_hosts(int64_t *client, int64_t *server, int64_t *listener) {
    mactcp_endpoint service = mactcp_ipv4(address_b, 7);
    *listener = mactcp_tcp_create(b, 0, 0);
    EXPECT(*listener > 0);
    EXPECT_RESULT(mactcp_tcp_listen(b, *listener, &service, 5, NULL, now), 0);
    EXPECT_RESULT(mactcp_tcp_accept(b, *listener), 0);
    *client = mactcp_tcp_create(a, 0, 0);
    EXPECT(*client > 0);
    EXPECT_RESULT(mactcp_tcp_active_open(a, *client, &service, NULL, NULL, now), 0);
    settle();
    EXPECT(wait_event(a, MACTCP_EVENT_OPENED).handle == *client);
    EXPECT(wait_event(b, MACTCP_EVENT_INCOMING).handle == *listener);
    *server = mactcp_tcp_accept(b, *listener);
    EXPECT(*server > 0 && *server != *listener);
    EXPECT_RESULT(mactcp_tcp_accept(b, *listener), 0);
}

/* ---- Names and numbers ----------------------------------------------------------------------------------------- */

static void test_names(void) {
    EXPECT(mactcp_version() == MACTCP_VERSION);
    static const struct { int code; const char *name; } results[] = {
        {0, "noErr"}, {5, "noErr"}, {-1, "unknown"}, {MACTCP_BAD_CONFIGURATION, "ipBadCnfgErr"},
        {MACTCP_BAD_ADDRESS, "ipBadAddr"}, {MACTCP_CONNECTION_CLOSING, "connectionClosing"},
        {MACTCP_INVALID_LENGTH, "invalidLength"}, {MACTCP_CONNECTION_EXISTS, "connectionExists"},
        {MACTCP_CONNECTION_DOESNT_EXIST, "connectionDoesntExist"},
        {MACTCP_INSUFFICIENT_RESOURCES, "insufficientResources"}, {MACTCP_INVALID_STREAM, "invalidStreamPtr"},
        {MACTCP_ALREADY_STARTED, "streamAlreadyOpen"}, {MACTCP_CONNECTION_TERMINATED, "connectionTerminated"},
        {MACTCP_INVALID_BUFFER, "invalidBufPtr"}, {MACTCP_OPEN_FAILED, "openFailed"},
        {MACTCP_DUPLICATE_SOCKET, "duplicateSocket"}, {MACTCP_DONT_FRAGMENT, "ipDontFragErr"},
        {MACTCP_NO_FRAGMENT_MEMORY, "ipNoFragMemErr"}, {MACTCP_NO_ROUTE, "ipRouteErr"}};
    for (size_t index = 0; index < sizeof results / sizeof *results; index++)
        EXPECT(strcmp(mactcp_result_name(results[index].code), results[index].name) == 0);
    EXPECT(strcmp(mactcp_result_name(INT64_MIN), "unknown") == 0);
    EXPECT(strcmp(mactcp_result_name(INT64_MAX), "noErr") == 0);

    static const struct { uint32_t state; const char *name; } states[] = {
        {MACTCP_STATE_CLOSED, "CLOSED"}, {MACTCP_STATE_LISTEN, "LISTEN"},
        {MACTCP_STATE_SYN_RECEIVED, "SYN-RECEIVED"}, {MACTCP_STATE_SYN_SENT, "SYN-SENT"},
        {MACTCP_STATE_ESTABLISHED, "ESTABLISHED"}, {MACTCP_STATE_FIN_WAIT_1, "FIN-WAIT-1"},
        {MACTCP_STATE_FIN_WAIT_2, "FIN-WAIT-2"}, {MACTCP_STATE_CLOSE_WAIT, "CLOSE-WAIT"},
        {MACTCP_STATE_CLOSING, "CLOSING"}, {MACTCP_STATE_LAST_ACK, "LAST-ACK"},
        {MACTCP_STATE_TIME_WAIT, "TIME-WAIT"}, {1, "unknown"}, {UINT32_MAX, "unknown"}};
    for (size_t index = 0; index < sizeof states / sizeof *states; index++)
        EXPECT(strcmp(mactcp_state_name(states[index].state), states[index].name) == 0);

    EXPECT(strcmp(mactcp_counter_name(0), "ip.received") == 0);
    EXPECT(mactcp_counter_name(UINT32_MAX) == NULL);
    uint32_t count = 0;
    while (mactcp_counter_name(count) != NULL) count++;
    EXPECT(count > 60 && count < 1000);

    mactcp_endpoint endpoint = mactcp_ipv4(0xC0000201, 80);
    EXPECT(endpoint.family == MACTCP_IPV4 && endpoint.port == 80 && memcmp(endpoint.address, "\xC0\0\2\1", 4) == 0);
    EXPECT(mactcp_ipv4(0, 80).family == 0);
    mactcp_status status = MACTCP_INIT(mactcp_status);
    EXPECT(status.size == sizeof(mactcp_status) && status.bytes_resent == 0);
}

/* ---- Configuration ---------------------------------------------------------------------------------------------- */

static void test_configuration(void) {
    static const char *settings[][2] = {
        {"address", "192.0.2.1/24"}, {"address", "198.51.100.1/30"}, {"route", "0.0.0.0/0 192.0.2.254"},
        {"route", "203.0.113.0/24"}, {"link", "ethernet 02:00:00:00:00:01"}, {"link", "raw"}, {"mtu", "1280"},
        {"time_to_live", "60"}, {"ephemeral_ports", "50000-50010"}, {"memory_ceiling", "1048576"},
        {"receive_buffer", "16384"}, {"send_buffer", "16384"}, {"reassembly_memory", "65536"},
        {"reassembly_timeout", "15000000"}, {"time_wait_limit", "10"}, {"answers_closed_ports", "off"},
        {"answers_echo_requests", "off"}, {"answers_per_second", "10"}, {"congestion_control", "newreno"},
        {"congestion_control", "cubic"}, {"initial_window", "4"}, {"initial_retransmission_timeout", "3000000"},
        {"minimum_retransmission_timeout", "1000000"}, {"maximum_retransmission_timeout", "120000000"},
        {"acknowledgment_delay", "0"}, {"maximum_segment_lifetime", "1000000"}, {"fin_wait_2_timeout", "1000000"},
        {"user_timeout", "0"}, {"open_timeout", "200000000"}, {"retransmissions_before_advice", "5"},
        {"keepalive_idle", "7200000000"}, {"keepalive_interval", "1000000"}, {"keepalive_probes", "3"},
        {"window_scale", "off"}, {"timestamps", "off"}, {"sack", "off"}, {"ecn", "on"}, {"nagle", "off"},
        {"path_mtu_discovery", "off"}, {"syn_cookies", "off"}};
    mactcp_engine *engine = mactcp_engine_new(7);
    EXPECT(engine != NULL);
    for (size_t index = 0; index < sizeof settings / sizeof *settings; index++)
        EXPECT_RESULT(mactcp_engine_set(engine, settings[index][0], settings[index][1]), 0);

    static const struct { const char *key, *value; int code; } wrong[] = {
        {"", "", MACTCP_BAD_CONFIGURATION}, {"MTU", "1500", MACTCP_BAD_CONFIGURATION},
        {"mtu ", "1500", MACTCP_BAD_CONFIGURATION}, {"mtu", "", MACTCP_INVALID_LENGTH},
        {"mtu", "many", MACTCP_INVALID_LENGTH}, {"mtu", "99999999999999999999", MACTCP_INVALID_LENGTH},
        {"mtu", "1500 ", MACTCP_INVALID_LENGTH}, {"nagle", "1", MACTCP_INVALID_LENGTH},
        {"time_to_live", "256", MACTCP_INVALID_LENGTH}, {"time_to_live", "-1", MACTCP_INVALID_LENGTH},
        {"congestion_control", "bbr", MACTCP_INVALID_LENGTH}, {"ephemeral_ports", "7", MACTCP_INVALID_LENGTH},
        {"ephemeral_ports", "9-8", MACTCP_INVALID_LENGTH}, {"ephemeral_ports", "1-65536", MACTCP_INVALID_LENGTH},
        {"address", "192.0.2.1", MACTCP_BAD_ADDRESS}, {"address", "192.0.2.1/33", MACTCP_BAD_ADDRESS},
        {"address", "\xFF\xFE", MACTCP_BAD_ADDRESS}, {"route", "", MACTCP_BAD_ADDRESS},
        {"route", "0.0.0.0/0 router", MACTCP_BAD_ADDRESS}, {"route", "0.0.0.0/0 192.0.2.254 1", MACTCP_BAD_ADDRESS},
        {"link", "carrier pigeon", MACTCP_INVALID_LENGTH}, {"link", "ethernet 1:2", MACTCP_BAD_ADDRESS}};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++)
        EXPECT_RESULT(mactcp_engine_set(engine, wrong[index].key, wrong[index].value), wrong[index].code);
    EXPECT_RESULT(mactcp_engine_set(engine, NULL, "1"), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_engine_set(engine, "mtu", NULL), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_engine_start(engine), 0);
    EXPECT_RESULT(mactcp_engine_start(engine), 0);
    EXPECT_RESULT(mactcp_engine_set(engine, "mtu", "1500"), MACTCP_ALREADY_STARTED);
    mactcp_engine_free(engine);

    /* What is out of range is told by start, and by every other call; it can be put right. */
    engine = mactcp_engine_new(7);
    EXPECT_RESULT(mactcp_engine_set(engine, "mtu", "67"), 0);
    EXPECT_RESULT(mactcp_engine_start(engine), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_engine_deadline(engine), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_engine_set(engine, "mtu", "68"), 0);
    EXPECT_RESULT(mactcp_engine_start(engine), 0);
    mactcp_engine_free(engine);
    engine = mactcp_engine_new(7);
    EXPECT_RESULT(mactcp_engine_set(engine, "address", "224.0.0.1/24"), 0);
    EXPECT_RESULT(mactcp_engine_start(engine), MACTCP_BAD_ADDRESS);
    mactcp_engine_free(engine);
    mactcp_engine_free(NULL);
}

/* ---- Misuse ------------------------------------------------------------------------------------------------------ */

/* Every function that takes an engine is given none. */
static void test_no_engine(void) {
    mactcp_endpoint peer = mactcp_ipv4(address_b, 7);
    mactcp_event event = MACTCP_INIT(mactcp_event);
    mactcp_status status = MACTCP_INIT(mactcp_status);
    mactcp_datagram datagram = MACTCP_INIT(mactcp_datagram);
    mactcp_neighbor neighbor = MACTCP_INIT(mactcp_neighbor);
    char data[4] = "abc";
    const int64_t results[] = {
        mactcp_engine_set(NULL, "mtu", "1500"), mactcp_engine_start(NULL), mactcp_engine_receive(NULL, data, 4, 0),
        mactcp_engine_transmit(NULL, packet, sizeof packet, 0), mactcp_engine_deadline(NULL),
        mactcp_engine_advance(NULL, 0), mactcp_engine_memory(NULL), mactcp_engine_counter(NULL, 0),
        mactcp_next_event(NULL, &event), mactcp_tcp_create(NULL, 0, 0),
        mactcp_tcp_active_open(NULL, 1, &peer, NULL, NULL, 0), mactcp_tcp_passive_open(NULL, 1, &peer, NULL, NULL, 0),
        mactcp_tcp_listen(NULL, 1, &peer, 0, NULL, 0), mactcp_tcp_accept(NULL, 1),
        mactcp_tcp_send(NULL, 1, data, 3, 0, 0), mactcp_tcp_receive(NULL, 1, data, 4, NULL, 0),
        mactcp_tcp_close(NULL, 1, 0), mactcp_tcp_abort(NULL, 1, 0), mactcp_tcp_release(NULL, 1, 0),
        mactcp_tcp_set(NULL, 1, MACTCP_OPTION_NAGLE, 1, 0), mactcp_tcp_set_keepalive(NULL, 1, 1, 1, 1, 0),
        mactcp_tcp_status(NULL, 1, &status, 0), mactcp_udp_create(NULL, 0, 0, 0, 0), mactcp_udp_port(NULL, 1),
        mactcp_udp_send(NULL, 1, &peer, data, 3, NULL, 0), mactcp_udp_receive(NULL, 1, data, 4, &datagram, 0),
        mactcp_udp_release(NULL, 1, 0), mactcp_udp_max_size(NULL, &peer), mactcp_echo(NULL, &peer, data, 3, NULL, 0),
        mactcp_neighbor_at(NULL, 0, &neighbor)};
    for (size_t index = 0; index < sizeof results / sizeof *results; index++)
        EXPECT_RESULT(results[index], MACTCP_INVALID_BUFFER);
}

/* Handles that nobody has, of all kinds. */
static void test_stale_handles(void) {
    two_hosts("raw", "raw");
    int64_t released = mactcp_tcp_create(a, 0, 0);
    EXPECT_RESULT(mactcp_tcp_release(a, released, now), 0);
    int64_t released_udp = mactcp_udp_create(a, 0, 0, 0, now);
    EXPECT_RESULT(mactcp_udp_release(a, released_udp, now), 0);
    const int64_t handles[] = {0, -1, INT64_MIN, INT64_MAX, 1000000, (int64_t)1 << 32, released, released_udp,
                               released + 1, released + ((int64_t)1 << 32)};
    mactcp_endpoint peer = mactcp_ipv4(address_b, 7), here = mactcp_ipv4(address_a, 7);
    char data[4] = "abc";
    for (size_t index = 0; index < sizeof handles / sizeof *handles; index++) {
        int64_t h = handles[index];
        mactcp_status status = MACTCP_INIT(mactcp_status);
        mactcp_datagram datagram = MACTCP_INIT(mactcp_datagram);
        EXPECT_RESULT(mactcp_tcp_active_open(a, h, &peer, NULL, NULL, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_passive_open(a, h, &here, NULL, NULL, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_listen(a, h, &here, 0, NULL, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_accept(a, h), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_send(a, h, data, 3, 0, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_receive(a, h, data, 4, NULL, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_close(a, h, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_abort(a, h, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_release(a, h, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_set(a, h, MACTCP_OPTION_NAGLE, 1, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_set_keepalive(a, h, 10000000, 1000000, 3, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_tcp_status(a, h, &status, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_udp_port(a, h), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_udp_send(a, h, &peer, data, 3, NULL, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_udp_receive(a, h, data, 4, &datagram, now), MACTCP_INVALID_STREAM);
        EXPECT_RESULT(mactcp_udp_release(a, h, now), MACTCP_INVALID_STREAM);
    }
    end_hosts();
}

/* Lengths, pointers, structures and numbers that cannot be. */
static void test_bad_arguments(void) {
    two_hosts("raw", "raw");
    int64_t client, server, listener;
    connect_hosts(&client, &server, &listener);
    mactcp_endpoint peer = mactcp_ipv4(address_b, 9);
    char data[64] = "abc";
    const size_t huge[] = {(size_t)-1, (size_t)1 << 63, (size_t)1 << 31};
    int64_t udp = mactcp_udp_create(a, 0, 0, 0, now);
    mactcp_datagram datagram = MACTCP_INIT(mactcp_datagram);
    for (size_t index = 0; index < sizeof huge / sizeof *huge; index++) {
        EXPECT_RESULT(mactcp_engine_receive(a, data, huge[index], now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_engine_transmit(a, data, huge[index], now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_tcp_send(a, client, data, huge[index], 0, now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_tcp_receive(a, client, data, huge[index], NULL, now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_udp_send(a, udp, &peer, data, huge[index], NULL, now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_udp_receive(a, udp, data, huge[index], &datagram, now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_echo(a, &peer, data, huge[index], NULL, now), MACTCP_INVALID_LENGTH);
    }
    EXPECT_RESULT(mactcp_engine_receive(a, packet, 65550, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_engine_receive(a, NULL, 20, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_engine_receive(a, NULL, 0, now), 0);
    EXPECT_RESULT(mactcp_engine_transmit(a, packet, 1499, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_engine_transmit(a, NULL, 1500, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_engine_transmit(a, NULL, 0, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_engine_counter(a, UINT32_MAX), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_tcp_send(a, client, NULL, 3, 0, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_tcp_send(a, client, NULL, 0, 0, now), 0);
    EXPECT_RESULT(mactcp_tcp_send(a, client, data, 3, 4, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_tcp_send(a, client, data, 3, UINT32_MAX, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_tcp_receive(a, client, NULL, 3, NULL, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_tcp_receive(a, client, NULL, 0, NULL, now), 0);
    EXPECT_RESULT(mactcp_tcp_create(a, -1, 0), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_tcp_create(a, 0, INT64_MIN), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_tcp_create(a, INT64_MAX, 0), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_udp_create(a, 0, 0, INT64_MIN, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_udp_create(a, 0, 0, INT64_MAX, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_udp_create(a, 9, 8, 0, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_udp_send(a, udp, &peer, packet, 65508, NULL, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_udp_send(a, udp, NULL, data, 3, NULL, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_udp_receive(a, udp, data, 3, NULL, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_udp_max_size(a, NULL), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_echo(a, NULL, data, 3, NULL, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_next_event(a, NULL), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_tcp_status(a, client, NULL, now), MACTCP_INVALID_BUFFER);
    EXPECT_RESULT(mactcp_neighbor_at(a, 0, NULL), MACTCP_INVALID_BUFFER);

    int64_t fresh = mactcp_tcp_create(a, 0, 0);
    mactcp_endpoint strange = mactcp_ipv4(address_b, 7);
    strange.family = 6;
    EXPECT_RESULT(mactcp_tcp_active_open(a, fresh, &strange, NULL, NULL, now), MACTCP_BAD_ADDRESS);
    EXPECT_RESULT(mactcp_tcp_active_open(a, fresh, NULL, NULL, NULL, now), MACTCP_INVALID_BUFFER);
    const uint32_t nobody[] = {0, 0xFFFFFFFF, 0xE0000001, 0xC00002FF};
    for (size_t index = 0; index < sizeof nobody / sizeof *nobody; index++) {
        mactcp_endpoint remote = mactcp_ipv4(nobody[index], 7);
        EXPECT_RESULT(mactcp_tcp_active_open(a, fresh, &remote, NULL, NULL, now), MACTCP_BAD_ADDRESS);
    }
    EXPECT_RESULT(mactcp_tcp_active_open(a, fresh, &peer, &peer, NULL, now), MACTCP_BAD_ADDRESS);
    EXPECT_RESULT(mactcp_tcp_listen(a, fresh, NULL, -1, NULL, now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_tcp_listen(a, fresh, NULL, 65536, NULL, now), MACTCP_INVALID_LENGTH);
    mactcp_open_options options = MACTCP_INIT(mactcp_open_options);
    options.ip_options_length = 41;
    EXPECT_RESULT(mactcp_tcp_active_open(a, fresh, &peer, NULL, &options, now), MACTCP_INVALID_LENGTH);
    options.ip_options_length = 255;
    EXPECT_RESULT(mactcp_tcp_passive_open(a, fresh, NULL, NULL, &options, now), MACTCP_INVALID_LENGTH);
    options.ip_options_length = 0;
    options.size = 3;
    EXPECT_RESULT(mactcp_tcp_listen(a, fresh, NULL, 0, &options, now), MACTCP_INVALID_LENGTH);
    EXPECT(status_of(a, fresh).state == MACTCP_STATE_CLOSED);
    EXPECT_RESULT(mactcp_tcp_accept(a, client), MACTCP_CONNECTION_DOESNT_EXIST);
    EXPECT_RESULT(mactcp_tcp_send(a, fresh, data, 3, 0, now), MACTCP_CONNECTION_DOESNT_EXIST);
    EXPECT_RESULT(mactcp_tcp_close(a, fresh, now), MACTCP_CONNECTION_DOESNT_EXIST);
    EXPECT_RESULT(mactcp_tcp_abort(a, fresh, now), MACTCP_CONNECTION_DOESNT_EXIST);

    const int32_t no_options[] = {0, -1, 10, INT32_MAX, INT32_MIN};
    for (size_t index = 0; index < sizeof no_options / sizeof *no_options; index++)
        EXPECT_RESULT(mactcp_tcp_set(a, client, no_options[index], 1, now), MACTCP_INVALID_LENGTH);
    const int64_t no_values[] = {-1, INT64_MIN, INT64_MAX};
    for (int32_t option = MACTCP_OPTION_NAGLE; option <= MACTCP_OPTION_SEND_BUFFER; option++)
        for (size_t index = 0; index < sizeof no_values / sizeof *no_values; index++)
            EXPECT_RESULT(mactcp_tcp_set(a, client, option, no_values[index], now), MACTCP_INVALID_LENGTH);
    EXPECT_RESULT(mactcp_tcp_set(a, client, MACTCP_OPTION_TIME_TO_LIVE, 0, now), MACTCP_INVALID_LENGTH);
    for (size_t index = 0; index < sizeof no_values / sizeof *no_values; index++) {
        int64_t bad = no_values[index];
        EXPECT_RESULT(mactcp_tcp_set_keepalive(a, client, bad, 1000000, 3, now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_tcp_set_keepalive(a, client, 10000000, bad, 3, now), MACTCP_INVALID_LENGTH);
        EXPECT_RESULT(mactcp_tcp_set_keepalive(a, client, 10000000, 1000000, bad, now), MACTCP_INVALID_LENGTH);
    }
    end_hosts();
}

/* A structure of a program with another header than the library's: never is more written than it says. */
static void test_sizes_of_structures(void) {
    two_hosts("raw", "raw");
    int64_t stream = mactcp_tcp_create(a, 0, 0);
    unsigned char memory[sizeof(mactcp_status) + 64];
    for (uint32_t size = 0; size <= sizeof memory; size++) {
        memset(memory, 0xA5, sizeof memory);
        memcpy(memory, &size, sizeof size);
        int64_t result = mactcp_tcp_status(a, stream, (mactcp_status *)(void *)memory, now);
        EXPECT_RESULT(result, size < 8 ? MACTCP_INVALID_BUFFER : 0);
        uint32_t filled;
        memcpy(&filled, memory, sizeof filled);
        EXPECT(result < 0 || filled == (size < sizeof(mactcp_status) ? size : sizeof(mactcp_status)));
        int intact = 1;
        for (size_t index = filled > 4 ? filled : 4; index < sizeof memory; index++) intact &= memory[index] == 0xA5;
        EXPECT(intact);
    }
    /* Not aligned, either. */
    memset(memory, 0, sizeof memory);
    uint32_t size = sizeof(mactcp_status);
    memcpy(memory + 1, &size, sizeof size);
    void *odd = memory + 1;
    EXPECT_RESULT(mactcp_tcp_status(a, stream, odd, now), 0);
    uint32_t small = 23;
    memcpy(memory, &small, sizeof small);
    EXPECT_RESULT(mactcp_next_event(a, (mactcp_event *)(void *)memory), MACTCP_INVALID_BUFFER);
    end_hosts();
}

/* ---- TCP --------------------------------------------------------------------------------------------------------- */

static void test_tcp(void) {
    two_hosts("raw", "raw");
    int64_t client, server, listener;
    connect_hosts(&client, &server, &listener);
    EXPECT_RESULT(mactcp_tcp_active_open(a, client, &(mactcp_endpoint){.family = MACTCP_IPV4, .address = {192, 0, 2, 2}},
                                         NULL, NULL, now), MACTCP_CONNECTION_EXISTS);
    mactcp_status status = status_of(a, client);
    EXPECT(status.state == MACTCP_STATE_ESTABLISHED);
    EXPECT(status.remote.port == 7 && memcmp(status.remote.address, "\xC0\0\2\2", 4) == 0);
    EXPECT(status.local.port >= 49152 && memcmp(status.local.address, "\xC0\0\2\1", 4) == 0);
    EXPECT(status.send_window > 0 && status.receive_window > 0 && status.send_space > 0);
    EXPECT(status.maximum_segment_size > 0 && status.maximum_segment_size <= 1460);
    EXPECT(status.unread == 0 && status.unacknowledged == 0 && status.termination_reason == 0);
    EXPECT(status.uses_timestamps == 1 && status.uses_sack == 1 && status.window_scale_sent >= 0);
    EXPECT(status_of(b, listener).state == MACTCP_STATE_LISTEN);

    /* Data, pushed. */
    EXPECT_RESULT(mactcp_tcp_send(a, client, "hello", 5, MACTCP_PUSH, now), 5);
    EXPECT(status_of(a, client).unacknowledged == 5);
    pass(1000000);
    EXPECT(wait_event(b, MACTCP_EVENT_DATA).handle == server);
    EXPECT(wait_event(a, MACTCP_EVENT_ACKNOWLEDGED).handle == client);
    EXPECT(status_of(b, server).unread == 5);
    char data[64];
    uint32_t flags = UINT32_MAX;
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data, 3, &flags, now), 3);
    EXPECT(flags == 0);
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data + 3, sizeof data - 3, &flags, now), 2);
    EXPECT(flags == MACTCP_PUSH && memcmp(data, "hello", 5) == 0);
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data, sizeof data, &flags, now), 0);
    EXPECT(flags == 0);

    /* Urgent data has its end marked, and never comes together with other data. */
    EXPECT_RESULT(mactcp_tcp_send(a, client, "STOP", 4, MACTCP_URGENT | MACTCP_PUSH, now), 4);
    EXPECT_RESULT(mactcp_tcp_send(a, client, "go", 2, MACTCP_PUSH, now), 2);
    pass(1000000);
    EXPECT(wait_event(b, MACTCP_EVENT_URGENT).handle == server);
    EXPECT(status_of(b, server).urgent_remaining == 4);
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data, 3, &flags, now), 3);
    EXPECT((flags & (MACTCP_URGENT | MACTCP_MARK)) == MACTCP_URGENT);
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data + 3, sizeof data - 3, &flags, now), 1);
    EXPECT((flags & (MACTCP_URGENT | MACTCP_MARK)) == (MACTCP_URGENT | MACTCP_MARK) && memcmp(data, "STOP", 4) == 0);
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data, sizeof data, &flags, now), 2);
    EXPECT((flags & (MACTCP_URGENT | MACTCP_MARK)) == 0 && memcmp(data, "go", 2) == 0);

    /* Close on one side, data on the other, then close there. */
    EXPECT_RESULT(mactcp_tcp_close(a, client, now), 0);
    EXPECT_RESULT(mactcp_tcp_close(a, client, now), MACTCP_CONNECTION_CLOSING);
    EXPECT_RESULT(mactcp_tcp_send(a, client, "x", 1, 0, now), MACTCP_CONNECTION_CLOSING);
    pass(1000000);
    EXPECT(wait_event(a, MACTCP_EVENT_FIN_ACKNOWLEDGED).handle == client);
    EXPECT(wait_event(b, MACTCP_EVENT_CLOSING).handle == server);
    EXPECT(status_of(a, client).state == MACTCP_STATE_FIN_WAIT_2);
    EXPECT(status_of(b, server).state == MACTCP_STATE_CLOSE_WAIT);
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data, sizeof data, &flags, now), 0);
    EXPECT(flags == MACTCP_END);
    EXPECT_RESULT(mactcp_tcp_send(b, server, "bye", 3, 0, now), 3);
    EXPECT_RESULT(mactcp_tcp_close(b, server, now), 0);
    pass(1000000);
    EXPECT_RESULT(mactcp_tcp_receive(a, client, data, sizeof data, &flags, now), 3);
    mactcp_event event = wait_event(b, MACTCP_EVENT_TERMINATED);
    EXPECT(event.handle == server && event.detail == MACTCP_REASON_CLOSE);
    EXPECT(status_of(a, client).state == MACTCP_STATE_TIME_WAIT);
    EXPECT_RESULT(mactcp_tcp_release(a, client, now), 0);
    EXPECT_RESULT(mactcp_tcp_release(b, server, now), 0);
    EXPECT_RESULT(mactcp_tcp_release(b, listener, now), 0);
    EXPECT_RESULT(mactcp_tcp_receive(b, server, data, sizeof data, &flags, now), MACTCP_INVALID_STREAM);
    EXPECT(counter(a, "tcp.active_opens") == 1 && counter(b, "tcp.passive_opens") == 1);
    EXPECT(counter(a, "tcp.segments_sent") >= 6 && counter(a, "tcp.segments_resent") == 0);
    EXPECT(counter(a, "tcp.bytes_sent") == 11 && counter(a, "tcp.bytes_received") == 3);
    pass(100000000);
    end_hosts();
}

static void test_passive_open_abort_and_options(void) {
    two_hosts("raw", "raw");
    mactcp_endpoint anywhere = mactcp_ipv4(0, 0), peer = mactcp_ipv4(address_a, 5000);
    int64_t waiting = mactcp_tcp_create(b, 16384, 16384), stream = mactcp_tcp_create(a, 0, 0);
    mactcp_open_options options = MACTCP_INIT(mactcp_open_options);
    options.time_to_live = 33;
    options.type_of_service = 0xB8;
    options.user_timeout = 5000000;
    options.user_timeout_reports = 1;
    EXPECT_RESULT(mactcp_tcp_passive_open(b, waiting, &anywhere, &peer, &options, now), 0);
    mactcp_status status = status_of(b, waiting);
    EXPECT(status.state == MACTCP_STATE_LISTEN && status.local.port >= 49152);
    EXPECT(status.time_to_live == 33 && status.type_of_service == 0xB8);
    EXPECT(status.user_timeout == 5000000 && status.user_timeout_aborts == 0);
    mactcp_endpoint service = mactcp_ipv4(address_b, status.local.port);
    EXPECT_RESULT(mactcp_tcp_active_open(a, stream, &service, &peer, NULL, now), 0);
    settle();
    EXPECT(wait_event(b, MACTCP_EVENT_OPENED).handle == waiting);
    EXPECT(status_of(b, waiting).remote.port == 5000);

    static const int64_t settings[][2] = {
        {MACTCP_OPTION_NAGLE, 0}, {MACTCP_OPTION_KEEPALIVE, 1}, {MACTCP_OPTION_USER_TIMEOUT_ABORTS, 30000000},
        {MACTCP_OPTION_USER_TIMEOUT_REPORTS, 0}, {MACTCP_OPTION_TYPE_OF_SERVICE, 0x20}, {MACTCP_OPTION_TIME_TO_LIVE, 9},
        {MACTCP_OPTION_DELAYED_ACKNOWLEDGMENT, 0}, {MACTCP_OPTION_RECEIVE_BUFFER, 300000},
        {MACTCP_OPTION_SEND_BUFFER, 300000}};
    for (size_t index = 0; index < sizeof settings / sizeof *settings; index++)
        EXPECT_RESULT(mactcp_tcp_set(a, stream, (int32_t)settings[index][0], settings[index][1], now), 0);
    EXPECT_RESULT(mactcp_tcp_set_keepalive(a, stream, 10000000, 1000000, 3, now), 0);
    status = status_of(a, stream);
    EXPECT(status.time_to_live == 9 && status.type_of_service == 0x20 && status.user_timeout == 0);
    pass(11000000);
    EXPECT(counter(a, "tcp.keepalive_probes") == 1);

    EXPECT_RESULT(mactcp_tcp_abort(a, stream, now), 0);
    settle();
    mactcp_event event = wait_event(a, MACTCP_EVENT_TERMINATED);
    EXPECT(event.handle == stream && event.detail == MACTCP_REASON_ABORT);
    event = wait_event(b, MACTCP_EVENT_TERMINATED);
    EXPECT(event.handle == waiting && event.detail == MACTCP_REASON_REMOTE_ABORT);
    status = status_of(b, waiting);
    EXPECT(status.state == MACTCP_STATE_CLOSED && status.termination_reason == MACTCP_REASON_REMOTE_ABORT);
    char data[8];
    EXPECT_RESULT(mactcp_tcp_receive(b, waiting, data, sizeof data, NULL, now), MACTCP_CONNECTION_TERMINATED);

    /* Nobody listens: the open fails by event. */
    int64_t refused = mactcp_tcp_create(a, 0, 0);
    EXPECT_RESULT(mactcp_tcp_active_open(a, refused, &service, NULL, NULL, now), 0);
    settle();
    event = wait_event(a, MACTCP_EVENT_TERMINATED);
    EXPECT(event.handle == refused && event.detail == MACTCP_REASON_REMOTE_ABORT);
    end_hosts();
}

/* A megabyte each way, and the memory that it takes. */
static void test_bulk(void) {
    two_hosts("raw", "raw");
    int64_t client, server, listener;
    connect_hosts(&client, &server, &listener);
    static unsigned char data[4096], got[8192];
    uint32_t sent = 0, received = 0;
    int wrong = 0;
    while (received < 1 << 20 && now < 100000000) {
        while (sent < 1 << 20) {
            for (uint32_t index = 0; index < sizeof data; index++) data[index] = (unsigned char)((sent + index) * 31 >> 3);
            int64_t count = mactcp_tcp_send(a, client, data, sizeof data, 0, now);
            EXPECT(count >= 0);
            if (count <= 0) break;
            sent += (uint32_t)count;
        }
        pass(10000);
        EXPECT(mactcp_engine_memory(a) > 0 && mactcp_engine_memory(a) <= 64 << 20);
        int64_t count;
        while ((count = mactcp_tcp_receive(b, server, got, sizeof got, NULL, now)) > 0)
            for (int64_t index = 0; index < count; index++, received++)
                wrong += got[index] != (unsigned char)(received * 31 >> 3);
        EXPECT(count == 0);
    }
    EXPECT(received >= 1 << 20 && wrong == 0);
    EXPECT(counter(a, "tcp.segments_resent") == 0);
    end_hosts();
}

/* ---- UDP, echo, ICMP, ARP ---------------------------------------------------------------------------------------- */

static void test_udp(void) {
    two_hosts("raw", "raw");
    int64_t sender = mactcp_udp_create(a, 0, 0, 0, now), receiver = mactcp_udp_create(b, 700, 702, 4096, now);
    EXPECT(sender > 0 && receiver > 0);
    EXPECT(mactcp_udp_port(a, sender) >= 49152);
    EXPECT_RESULT(mactcp_udp_port(b, receiver), 700);
    EXPECT_RESULT(mactcp_udp_create(b, 702, 0, 0, now), MACTCP_DUPLICATE_SOCKET);
    mactcp_endpoint destination = mactcp_ipv4(address_b, 701);
    EXPECT_RESULT(mactcp_udp_max_size(a, &destination), 1472);
    EXPECT_RESULT(mactcp_udp_send(a, sender, &destination, "question", 8, NULL, now), 0);
    EXPECT_RESULT(mactcp_udp_send(a, sender, &destination, NULL, 0, NULL, now), 0);
    settle();
    EXPECT(wait_event(b, MACTCP_EVENT_DATAGRAM).handle == receiver);
    char data[64];
    mactcp_datagram datagram = MACTCP_INIT(mactcp_datagram);
    EXPECT_RESULT(mactcp_udp_receive(b, receiver, data, 4, &datagram, now), 1);
    EXPECT(datagram.length == 8 && memcmp(data, "ques", 4) == 0);
    EXPECT(datagram.source.port == mactcp_udp_port(a, sender) && memcmp(datagram.source.address, "\xC0\0\2\1", 4) == 0);
    EXPECT(datagram.destination.port == 701);
    EXPECT_RESULT(mactcp_udp_receive(b, receiver, NULL, 0, &datagram, now), 1);
    EXPECT(datagram.length == 0);
    EXPECT_RESULT(mactcp_udp_receive(b, receiver, data, sizeof data, &datagram, now), 0);

    /* Options: DF, without a checksum, from another of the ports. */
    mactcp_datagram_options options = MACTCP_INIT(mactcp_datagram_options);
    options.dont_fragment = 1;
    options.no_checksum = 1;
    options.time_to_live = 3;
    options.source_port = 702;
    mactcp_endpoint back = mactcp_ipv4(address_a, (uint16_t)mactcp_udp_port(a, sender));
    EXPECT_RESULT(mactcp_udp_send(b, receiver, &back, packet, 1473, &options, now), MACTCP_DONT_FRAGMENT);
    EXPECT_RESULT(mactcp_udp_send(b, receiver, &back, "answer", 6, &options, now), 0);
    EXPECT_RESULT(mactcp_engine_transmit(b, packet, sizeof packet, now), 34);
    EXPECT(packet[6] == 0x40 && packet[8] == 3 && packet[26] == 0 && packet[27] == 0);
    EXPECT_RESULT(mactcp_engine_receive(a, packet, 34, now), 0);
    EXPECT_RESULT(mactcp_udp_receive(a, sender, data, sizeof data, &datagram, now), 1);
    EXPECT(datagram.source.port == 702 && datagram.length == 6);
    options.ip_options_length = 44;
    EXPECT_RESULT(mactcp_udp_send(b, receiver, &back, "x", 1, &options, now), MACTCP_INVALID_LENGTH);
    options.ip_options_length = 0;
    options.size = 0;
    EXPECT_RESULT(mactcp_udp_send(b, receiver, &back, "x", 1, &options, now), MACTCP_INVALID_BUFFER);

    /* In fragments. */
    memset(packet, 'f', sizeof packet);
    EXPECT_RESULT(mactcp_udp_send(a, sender, &destination, packet, 4000, NULL, now), 0);
    settle();
    static char large[65536];
    EXPECT_RESULT(mactcp_udp_receive(b, receiver, large, sizeof large, &datagram, now), 1);
    EXPECT(datagram.length == 4000 && large[3999] == 'f');
    EXPECT(counter(a, "ip.fragments_sent") == 3 && counter(b, "ip.reassembled") == 1);

    /* A port that nobody has: an ICMP report. */
    destination.port = 9;
    EXPECT_RESULT(mactcp_udp_send(a, sender, &destination, "x", 1, NULL, now), 0);
    settle();
    mactcp_event event = wait_event(a, MACTCP_EVENT_DATAGRAM_ICMP);
    EXPECT(event.handle == sender && event.report.type == MACTCP_ICMP_PORT_UNREACHABLE);
    EXPECT(event.report.remote.port == 9 && event.report.local.port == back.port);
    EXPECT(memcmp(event.report.sender.address, "\xC0\0\2\2", 4) == 0);
    EXPECT_RESULT(mactcp_udp_release(a, sender, now), 0);
    EXPECT_RESULT(mactcp_udp_release(b, receiver, now), 0);
    destination.family = 5;
    EXPECT_RESULT(mactcp_udp_max_size(a, &destination), MACTCP_BAD_ADDRESS);
    end_hosts();
}

static void test_echo_and_neighbors(void) {
    two_hosts("ethernet 02:00:00:00:00:01", "ethernet 02:00:00:00:00:02");
    mactcp_endpoint destination = mactcp_ipv4(address_b, 0), silent = mactcp_ipv4(0xC0000263, 0);
    EXPECT_RESULT(mactcp_engine_transmit(a, packet, 1513, now), MACTCP_INVALID_LENGTH);
    int64_t echo = mactcp_echo(a, &destination, "ping", 4, NULL, now);
    EXPECT(echo > 0);
    settle();
    mactcp_event event = wait_event(a, MACTCP_EVENT_ECHO_REPLY);
    EXPECT(event.handle == echo && event.detail == 0);
    mactcp_neighbor neighbor = MACTCP_INIT(mactcp_neighbor);
    EXPECT_RESULT(mactcp_neighbor_at(a, 0, &neighbor), 1);
    EXPECT(neighbor.is_known == 1 && memcmp(neighbor.hardware, "\2\0\0\0\0\2", 6) == 0);
    EXPECT(memcmp(neighbor.address.address, "\xC0\0\2\2", 4) == 0);
    EXPECT_RESULT(mactcp_neighbor_at(a, 1, &neighbor), 0);
    EXPECT_RESULT(mactcp_neighbor_at(a, UINT32_MAX, &neighbor), 0);

    mactcp_datagram_options options = MACTCP_INIT(mactcp_datagram_options);
    options.timeout = 500000;
    echo = mactcp_echo(a, &silent, NULL, 0, &options, now);
    EXPECT(echo > 0);
    pass(600000);
    EXPECT(wait_event(a, MACTCP_EVENT_ECHO_TIMEOUT).handle == echo);
    options.timeout = -1;
    EXPECT_RESULT(mactcp_echo(a, &silent, NULL, 0, &options, now), MACTCP_INVALID_LENGTH);

    /* Somebody else has our address (RFC 5227). */
    static const unsigned char conflict[42] =
        "\xFF\xFF\xFF\xFF\xFF\xFF\2\0\0\0\0\3\x08\x06\0\1\x08\0\6\4\0\1\2\0\0\0\0\3\xC0\0\2\1\0\0\0\0\0\0\xC0\0\2\1";
    EXPECT_RESULT(mactcp_engine_receive(a, conflict, 42, now), 0);
    event = wait_event(a, MACTCP_EVENT_ADDRESS_CONFLICT);
    EXPECT(event.handle == 0 && memcmp(event.hardware, "\2\0\0\0\0\3", 6) == 0);
    EXPECT(memcmp(event.report.local.address, "\xC0\0\2\1", 4) == 0);
    end_hosts();
}

/* ---- Time and determinism ---------------------------------------------------------------------------------------- */

static void test_time(void) {
    two_hosts("raw", "raw");
    EXPECT_RESULT(mactcp_engine_advance(a, 0), 0);
    int64_t client, server, listener;
    connect_hosts(&client, &server, &listener);
    EXPECT_RESULT(mactcp_tcp_send(a, client, "x", 1, MACTCP_PUSH, now), 1);
    EXPECT(mactcp_engine_transmit(a, packet, sizeof packet, now) > 0);
    EXPECT(mactcp_engine_deadline(a) > (int64_t)now && mactcp_engine_deadline(a) < MACTCP_NEVER);
    /* All moments there are. */
    EXPECT_RESULT(mactcp_engine_advance(a, UINT64_MAX), 0);
    EXPECT_RESULT(mactcp_engine_advance(a, (uint64_t)1 << 62), 0);
    EXPECT(mactcp_engine_deadline(a) >= 0);
    EXPECT(mactcp_engine_transmit(a, packet, sizeof packet, UINT64_MAX) >= 0);
    end_hosts();
}

/* The same seed and calls give the same packets; another seed gives others. */
static void test_seed(void) {
    unsigned char first[1500];
    int64_t length = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        mactcp_engine *engine = mactcp_engine_new(seed / 2);
        EXPECT_RESULT(mactcp_engine_set(engine, "address", "192.0.2.1/24"), 0);
        mactcp_endpoint peer = mactcp_ipv4(address_b, 7);
        EXPECT_RESULT(mactcp_tcp_active_open(engine, mactcp_tcp_create(engine, 0, 0), &peer, NULL, NULL, 5), 0);
        int64_t count = mactcp_engine_transmit(engine, packet, 1500, 5);
        EXPECT(count >= 40);
        if (count < 40) {
            mactcp_engine_free(engine);
            continue;
        }
        if (seed == 0) memcpy(first, packet, (size_t)(length = count));
        if (seed == 1) EXPECT(count == length && memcmp(first, packet, (size_t)count) == 0);
        if (seed == 2) EXPECT(count == length && memcmp(first, packet, (size_t)count) != 0);
        mactcp_engine_free(engine);
    }
}

/* Bytes without any sense. */
static void test_noise(void) {
    two_hosts("raw", "raw");
    int64_t client, server, listener;
    connect_hosts(&client, &server, &listener);
    uint32_t state = 12345;
    for (int round = 0; round < 20000; round++) {
        static unsigned char noise[200];
        size_t length = (state = state * 1664525 + 1013904223) >> 24;
        if (length > sizeof noise) length = sizeof noise;
        for (size_t index = 0; index < length; index++) noise[index] = (unsigned char)((state = state * 1664525 + 1013904223) >> 24);
        if (length > 20 && round % 2) memcpy(noise, "\x45\0\0\xC8\0\0\0\0\x40\6\0\0\xC0\0\2\2\xC0\0\2\1", 20);
        EXPECT_RESULT(mactcp_engine_receive(a, noise, length, now), 0);
    }
    while (mactcp_engine_transmit(a, packet, sizeof packet, now) > 0) {}
    EXPECT(status_of(a, client).state == MACTCP_STATE_ESTABLISHED);
    end_hosts();
}

int main(void) {
    static const struct { const char *name; void (*run)(void); } tests[] = {
        {"names", test_names}, {"configuration", test_configuration}, {"no engine", test_no_engine},
        {"stale handles", test_stale_handles}, {"bad arguments", test_bad_arguments},
        {"sizes of structures", test_sizes_of_structures}, {"TCP", test_tcp},
        {"passive open, abort, options", test_passive_open_abort_and_options}, {"bulk", test_bulk}, {"UDP", test_udp},
        {"echo and neighbors", test_echo_and_neighbors}, {"time", test_time}, {"seed", test_seed}, {"noise", test_noise}};
    for (size_t index = 0; index < sizeof tests / sizeof *tests; index++) {
        int before = failed;
        tests[index].run();
        if (failed > before) fprintf(stderr, "FAILED: %s, %d\n", tests[index].name, failed - before);
    }
    printf("mactcp_test: %d checks passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
