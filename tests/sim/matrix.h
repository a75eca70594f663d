/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SIM_MATRIX_H
#define TOMBOLO_SIM_MATRIX_H
/*
 * Scripts with names: 100,000 datagrams at 10,000/s in 4 channels over lines of
 * 500 us each way, as tools/bench does it with real daemons, and what each of them
 * must show. Latencies are less the line's delay: what recovery costs.
 */
#include <stdbool.h>
#include <stddef.h>

/* NULL behind the last. */
const char *matrix_name(size_t i);
/* The names of the columns. */
void matrix_print_head(void);
/* Plays it, prints a line of figures, and what it should have been when it was not.
 * explain: also the story of the slowest datagram. False: it failed, or there is no
 * script of that name. */
bool matrix_play(const char *name, bool explain);

#endif
