#include "CFuzzer.h"

#include <stdio.h>

void FuzzerTell(const char *text) { fprintf(stderr, "%s\n", text); }
