/* Names, configuration, and all kinds of wrong arguments. */
#include "hosts.h"

/* ---- Names and numbers ----------------------------------------------------------------------------------------- */

void test_names(void) {
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

void test_configuration(void) {
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
        {"probes_addresses", "off"}, {"hystart", "off"}, {"frto", "off"}, {"tail_loss_probe", "off"},
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
    engine = mactcp_engine_new(7);
    EXPECT_RESULT(mactcp_engine_set(engine, "address", "127.0.0.1/8"), 0);
    EXPECT_RESULT(mactcp_engine_start(engine), MACTCP_BAD_ADDRESS);
    mactcp_engine_free(engine);
    mactcp_engine_free(NULL);
}

/* With probes_addresses an Ethernet host asks for its address before it has it (RFC 5227 section 2.1.1). */
static void expect_first_frame(const char *probes, int is_probe) {
    mactcp_engine *engine = mactcp_engine_new(7);
    unsigned char frame[1514];
    uint64_t time = 1000000;
    int64_t length = 0;
    EXPECT_RESULT(mactcp_engine_set(engine, "address", "192.0.2.1/24"), 0);
    EXPECT_RESULT(mactcp_engine_set(engine, "link", "ethernet 02:00:00:00:00:01"), 0);
    EXPECT_RESULT(mactcp_engine_set(engine, "probes_addresses", probes), 0);
    for (int round = 0; round < 10 && length == 0; round++) {
        EXPECT_RESULT(mactcp_engine_advance(engine, time), 0);
        length = mactcp_engine_transmit(engine, frame, sizeof frame, time);
        if (length == 0) time = (uint64_t)mactcp_engine_deadline(engine);
    }
    EXPECT(length >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 1);
    /* A probe has no sender's address; an announcement has ours. */
    EXPECT(memcmp(frame + 28, is_probe ? "\0\0\0\0" : "\xC0\0\2\1", 4) == 0);
    EXPECT(memcmp(frame + 38, "\xC0\0\2\1", 4) == 0);
    mactcp_engine_free(engine);
}

void test_probing(void) {
    expect_first_frame("on", 1);
    expect_first_frame("off", 0);
}

/* ---- Misuse ------------------------------------------------------------------------------------------------------ */

/* Every function that takes an engine is given none. */
void test_no_engine(void) {
    mactcp_endpoint peer = mactcp_ipv4(ADDRESS_B, 7);
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
void test_stale_handles(void) {
    two_hosts("raw", "raw");
    int64_t released = mactcp_tcp_create(a, 0, 0);
    EXPECT_RESULT(mactcp_tcp_release(a, released, now), 0);
    int64_t released_udp = mactcp_udp_create(a, 0, 0, 0, now);
    EXPECT_RESULT(mactcp_udp_release(a, released_udp, now), 0);
    const int64_t handles[] = {0, -1, INT64_MIN, INT64_MAX, 1000000, (int64_t)1 << 32, released, released_udp,
                               released + 1, released + ((int64_t)1 << 32)};
    mactcp_endpoint peer = mactcp_ipv4(ADDRESS_B, 7), here = mactcp_ipv4(ADDRESS_A, 7);
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
void test_bad_arguments(void) {
    two_hosts("raw", "raw");
    int64_t client, server, listener;
    connect_hosts(&client, &server, &listener);
    mactcp_endpoint peer = mactcp_ipv4(ADDRESS_B, 9);
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
    mactcp_endpoint strange = mactcp_ipv4(ADDRESS_B, 7);
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
void test_sizes_of_structures(void) {
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
