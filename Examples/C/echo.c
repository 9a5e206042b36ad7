/*
 * An echo server and its client, on two engines in one program. The wire between them is a loop, and time is a variable.
 *
 *     scripts/build-c-library /tmp/mactcp
 *     cc -std=c11 -I/tmp/mactcp/include Examples/C/echo.c /tmp/mactcp/lib/libmactcp.a -lstdc++ -lm -o echo && ./echo
 *
 * Exit status: 0 the server's answer came, 1 something failed.
 */
#include <mactcp.h>
#include <stdio.h>
#include <stdlib.h>

/* A program says what failed; with this all results are looked at. */
static int64_t check(int64_t result, const char *call) {
    if (result < 0) {
        fprintf(stderr, "%s: %s (%lld)\n", call, mactcp_result_name(result), (long long)result);
        exit(1);
    }
    return result;
}
#define CHECK(call) check((call), #call)

/* Takes all packets that `from` has to send to `to`. A real program writes them to its link, and reads from it. */
static int carry(mactcp_engine *from, mactcp_engine *to, uint64_t now) {
    static unsigned char packet[1500];
    int count = 0;
    for (int64_t length; (length = CHECK(mactcp_engine_transmit(from, packet, sizeof packet, now))) > 0; count++)
        CHECK(mactcp_engine_receive(to, packet, (size_t)length, now));
    return count;
}

/* The server sends back what it receives, and closes when its peer has. */
static void serve(mactcp_engine *engine, int64_t listener, uint64_t now) {
    mactcp_event event = MACTCP_INIT(mactcp_event);
    while (CHECK(mactcp_next_event(engine, &event)) > 0) {
        if (event.kind == MACTCP_EVENT_INCOMING) {
            CHECK(mactcp_tcp_accept(engine, listener));
        } else if (event.kind == MACTCP_EVENT_DATA || event.kind == MACTCP_EVENT_CLOSING) {
            char data[512];
            uint32_t flags;
            int64_t count;
            while ((count = CHECK(mactcp_tcp_receive(engine, event.handle, data, sizeof data, &flags, now))) > 0)
                CHECK(mactcp_tcp_send(engine, event.handle, data, (size_t)count, MACTCP_PUSH, now));
            if (flags & MACTCP_END) mactcp_tcp_close(engine, event.handle, now);
        } else if (event.kind == MACTCP_EVENT_TERMINATED) {
            CHECK(mactcp_tcp_release(engine, event.handle, now));
        }
    }
}

int main(void) {
    uint64_t now = 0;
    mactcp_endpoint service = mactcp_ipv4(0xC0000202, 7); /* 192.0.2.2 */

    mactcp_engine *server = mactcp_engine_new(1); /* a real seed is random */
    CHECK(mactcp_engine_set(server, "address", "192.0.2.2/24"));
    int64_t listener = CHECK(mactcp_tcp_create(server, 0, 0));
    CHECK(mactcp_tcp_listen(server, listener, &service, 0, NULL, now));

    mactcp_engine *client = mactcp_engine_new(2);
    CHECK(mactcp_engine_set(client, "address", "192.0.2.1/24"));
    int64_t stream = CHECK(mactcp_tcp_create(client, 0, 0));
    CHECK(mactcp_tcp_active_open(client, stream, &service, NULL, NULL, now));

    char answer[64] = "";
    size_t length = 0;
    for (int done = 0; !done;) {
        mactcp_event event = MACTCP_INIT(mactcp_event);
        while (CHECK(mactcp_next_event(client, &event)) > 0) {
            if (event.kind == MACTCP_EVENT_OPENED) {
                CHECK(mactcp_tcp_send(client, stream, "hello, engine", 13, MACTCP_PUSH, now));
                CHECK(mactcp_tcp_close(client, stream, now));
            } else if (event.kind == MACTCP_EVENT_DATA) {
                length += (size_t)CHECK(
                    mactcp_tcp_receive(client, stream, answer + length, sizeof answer - 1 - length, NULL, now));
            } else if (event.kind == MACTCP_EVENT_TERMINATED) {
                done = 1;
            }
        }
        serve(server, listener, now);
        if (carry(client, server, now) + carry(server, client, now) > 0 || done) continue;

        /* Nothing moves: time may jump to what is due next. */
        int64_t due = CHECK(mactcp_engine_deadline(client)), other = CHECK(mactcp_engine_deadline(server));
        if (other < due) due = other;
        if (due == MACTCP_NEVER) return fprintf(stderr, "nothing will ever happen\n"), 1;
        if ((uint64_t)due > now) now = (uint64_t)due;
        CHECK(mactcp_engine_advance(client, now));
        CHECK(mactcp_engine_advance(server, now));
    }
    printf("%s, after %.3f seconds of virtual time\n", answer, (double)now / 1e6);
    mactcp_engine_free(client);
    mactcp_engine_free(server);
    return length == 13 ? 0 : 1;
}
