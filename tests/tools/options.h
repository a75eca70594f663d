/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TEST_OPTIONS_H
#define TOMBOLO_TEST_OPTIONS_H
/*
 * Arguments of the test tools. What cannot be understood ends the program with
 * status 2, so that a mistyped test never passes for a tested one.
 */
#include <stdint.h>

/* Prints "program: what: text" and exits with 2. */
_Noreturn void options_die(const char *what, const char *text);

/* A whole number within the bounds. */
uint64_t options_number(const char *text, uint64_t min, uint64_t max);

/* "239.1.2.3", host byte order. */
uint32_t options_address(const char *text);

/* "239.1.2.3:30001"; returns group << 16 | port. */
uint64_t options_channel(const char *text);

#endif
