/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_WIRES_H
#define TOMBOLO_BENCH_WIRES_H
/*
 * The wires of wan.c: pairs of interfaces, each a line in either direction, what is under
 * way between them, and what became of every frame.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/histogram.h"
#include "delay.h"
#include "line.h"
#include "port.h"

#define WIRES_MAX 4
#define ENDS_MAX  (2 * WIRES_MAX)

/* An interface, and the direction that begins there. */
struct end {
	struct port port;
	struct end *other;
	struct line line;
	uint64_t taken, taken_bytes, given, given_bytes;
	uint64_t refused; /* by the interface at the other end */
	uint64_t crowded; /* out of our own room: the line was too slow for us */
	uint64_t verdicts[LINE_VERDICTS];
};

struct wires {
	struct end ends[ENDS_MAX]; /* those of wire n: 2n and 2n + 1 */
	unsigned int end_count;
	struct delay *under_way;
	struct histogram late; /* came out later than due */
	int64_t looked_ns;     /* when it looked for frames */
	int64_t busy_ns;       /* when it found one */
	int64_t utc_ahead_ns;  /* CLOCK_REALTIME, of CLOCK_MONOTONIC */
};

/* False: no memory. */
bool wires_init(struct wires *w);
void wires_fini(struct wires *w);

/* The next end, whose line is not set yet. False: errno says why. */
bool wires_add(struct wires *w, const char *name, uint64_t seed);

/* Takes the frames that have come. False: more may be there. */
bool wires_look(struct wires *w);
/* Puts out what is due. */
void wires_give_due(struct wires *w);

/* JSON. */
void wires_print(const struct wires *w, FILE *f);

#endif
