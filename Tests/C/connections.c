/* TCP between two engines. */
#include "hosts.h"

void test_tcp(void) {
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

void test_passive_open_abort_and_options(void) {
    two_hosts("raw", "raw");
    mactcp_endpoint anywhere = mactcp_ipv4(0, 0), peer = mactcp_ipv4(ADDRESS_A, 5000);
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
    mactcp_endpoint service = mactcp_ipv4(ADDRESS_B, status.local.port);
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
void test_bulk(void) {
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
