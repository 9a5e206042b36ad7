// The driver of libFuzzer, for programs that have a main of their own.
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(
    int *_Nonnull argc, char *_Nullable *_Nonnull *_Nonnull argv,
    int (*_Nonnull test)(const uint8_t *_Nullable data, size_t size));

// A line on standard error, which libFuzzer does not keep back when it stops the program.
void FuzzerTell(const char *_Nonnull text);
