/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SPARK_H
#define TOMBOLO_SPARK_H
/* A sparkline: a character for each value, as high as the value is beside the highest
 * of them. Pure. */
#include <stdbool.h>
#include <stddef.h>

/* Bytes that n values need, with the NUL. */
#define SPARK_BYTES(n) (3 * (n) + 1)

/* 0 is a blank, and nothing else is. utf8: eighths of a block, else ASCII. */
void spark_draw(const double *values, size_t n, bool utf8, char *text);

#endif
