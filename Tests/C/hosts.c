/* Two engines and the wire between them. */
#include "hosts.h"

int passed, failed;

uint64_t now;
mactcp_engine *a, *b;
unsigned char packet[70000];

static mactcp_engine *new_host(uint64_t seed, const char *address, const char *link) {
    mactcp_engine *engine = mactcp_engine_new(seed);
    EXPECT_RESULT(mactcp_engine_set(engine, "address", address), 0);
    EXPECT_RESULT(mactcp_engine_set(engine, "link", link), 0);
    EXPECT_RESULT(mactcp_engine_start(engine), 0);
    return engine;
}

void two_hosts(const char *link_a, const char *link_b) {
    now = 1000000;
    a = new_host(1, "192.0.2.1/24", link_a);
    b = new_host(2, "192.0.2.2/24", link_b);
}

void end_hosts(void) {
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
void settle(void) {
    for (int round = 0; round < 1000; round++)
        if (carry(a, b) + carry(b, a) == 0) return;
    EXPECT(!"the hosts come to rest");
}

/* Time passes, in steps from deadline to deadline. */
void pass(uint64_t microseconds) {
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
mactcp_event wait_event(mactcp_engine *engine, uint32_t kind) {
    mactcp_event event = MACTCP_INIT(mactcp_event);
    while (mactcp_next_event(engine, &event) == 1)
        if (event.kind == kind) return event;
    event = MACTCP_INIT(mactcp_event);
    return event;
}

mactcp_status status_of(mactcp_engine *engine, int64_t stream) {
    mactcp_status status = MACTCP_INIT(mactcp_status);
    EXPECT_RESULT(mactcp_tcp_status(engine, stream, &status, now), 0);
    EXPECT(status.size == sizeof status);
    return status;
}

/* The value of a counter by its name; -1 if there is none. */
int64_t counter(mactcp_engine *engine, const char *name) {
    for (uint32_t number = 0; mactcp_counter_name(number) != NULL; number++)
        if (strcmp(mactcp_counter_name(number), name) == 0) return mactcp_engine_counter(engine, number);
    return -1;
}

/* Opens a connection from a to a listener of b's on port 7. */
void connect_hosts(int64_t *client, int64_t *server, int64_t *listener) {
    mactcp_endpoint service = mactcp_ipv4(ADDRESS_B, 7);
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
