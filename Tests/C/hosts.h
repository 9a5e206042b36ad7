/* What the tests of mactcp.h share: how a check is made, and two hosts to talk. */
#ifndef HOSTS_H
#define HOSTS_H

#include <mactcp.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

extern int passed, failed;

/* Two engines, and the wire between them: a loop. Virtual time. */
extern uint64_t now;
extern mactcp_engine *a, *b;
#define ADDRESS_A 0xC0000201u
#define ADDRESS_B 0xC0000202u
extern unsigned char packet[70000];

/* Engines 192.0.2.1 and 192.0.2.2 on links of these kinds; end_hosts frees them. */
void two_hosts(const char *link_a, const char *link_b);
void end_hosts(void);
/* Carries packets until none is left. */
void settle(void);
/* Time passes, in steps from deadline to deadline. */
void pass(uint64_t microseconds);
/* The next event of this kind; others before it are passed over. A kind of 0 if there is none. */
mactcp_event wait_event(mactcp_engine *engine, uint32_t kind);
mactcp_status status_of(mactcp_engine *engine, int64_t stream);
/* The value of a counter by its name; -1 if there is none. */
int64_t counter(mactcp_engine *engine, const char *name);
/* Opens a connection from a to a listener of b's on port 7. */
void connect_hosts(int64_t *client, int64_t *server, int64_t *listener);

/* The tests. Each is one function, whose failures are counted. */
void test_names(void);
void test_configuration(void);
void test_probing(void);
void test_no_engine(void);
void test_stale_handles(void);
void test_bad_arguments(void);
void test_sizes_of_structures(void);
void test_tcp(void);
void test_passive_open_abort_and_options(void);
void test_bulk(void);
void test_udp(void);
void test_echo_and_neighbors(void);
void test_time(void);
void test_seed(void);
void test_noise(void);

#endif
