/*
 * Tests of mactcp.h as a program in C sees it: every function, with arguments that are right and with all kinds that are not.
 * scripts/test-c builds and runs it. Prints what fails, and at the end how many checks passed.
 */
#include "hosts.h"

int main(void) {
    static const struct { const char *name; void (*run)(void); } tests[] = {
        {"names", test_names}, {"configuration", test_configuration}, {"probing", test_probing},
        {"no engine", test_no_engine},
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
