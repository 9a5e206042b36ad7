/* UDP, echo, ICMP and ARP between two engines; time, seeds, noise. */
#include "hosts.h"

/* ---- UDP, echo, ICMP, ARP ---------------------------------------------------------------------------------------- */

void test_udp(void) {
    two_hosts("raw", "raw");
    int64_t sender = mactcp_udp_create(a, 0, 0, 0, now), receiver = mactcp_udp_create(b, 700, 702, 4096, now);
    EXPECT(sender > 0 && receiver > 0);
    EXPECT(mactcp_udp_port(a, sender) >= 49152);
    EXPECT_RESULT(mactcp_udp_port(b, receiver), 700);
    EXPECT_RESULT(mactcp_udp_create(b, 702, 0, 0, now), MACTCP_DUPLICATE_SOCKET);
    mactcp_endpoint destination = mactcp_ipv4(ADDRESS_B, 701);
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
    mactcp_endpoint back = mactcp_ipv4(ADDRESS_A, (uint16_t)mactcp_udp_port(a, sender));
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

void test_echo_and_neighbors(void) {
    two_hosts("ethernet 02:00:00:00:00:01", "ethernet 02:00:00:00:00:02");
    mactcp_endpoint destination = mactcp_ipv4(ADDRESS_B, 0), silent = mactcp_ipv4(0xC0000263, 0);
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

void test_time(void) {
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
void test_seed(void) {
    unsigned char first[1500];
    int64_t length = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        mactcp_engine *engine = mactcp_engine_new(seed / 2);
        EXPECT_RESULT(mactcp_engine_set(engine, "address", "192.0.2.1/24"), 0);
        mactcp_endpoint peer = mactcp_ipv4(ADDRESS_B, 7);
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
void test_noise(void) {
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
