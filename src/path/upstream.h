/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_UPSTREAM_H
#define TOMBOLO_UPSTREAM_H
/*
 * Relay: the last upstream gaps and the last marks, for whoever asks afterwards. Both
 * were made before capture; they are two lists, and neither is ever one of gaps. Bounded
 * rings, the oldest gives way. Pure but for upstream_new(); any thread may read.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "path/capture.h" /* enum drop_point */

#define UPSTREAM_ENTRIES 256 /* of each list */

struct upstream;

struct upstream_gap {
	uint32_t channel; /* of the lane, from 1 */
	utc_t captured;   /* the datagram that showed it */
	uint64_t first;   /* the feed's number that was expected */
	uint64_t missing; /* messages, or datagrams, by framing */
};

struct upstream_mark {
	utc_t told; /* when it was found out */
	enum drop_point point;
	uint64_t datagrams;
};

/* NULL: no memory. */
struct upstream *upstream_new(void);
void upstream_free(struct upstream *u);
size_t upstream_memory_bytes(void);

void upstream_note_gap(struct upstream *u, const struct upstream_gap *gap);
void upstream_note_mark(struct upstream *u, const struct upstream_mark *mark);

/* From any thread: the n-th newest, from 0. False: there is none, or it is not to be
 * read now. */
bool upstream_gap(const struct upstream *u, size_t n, struct upstream_gap *gap);
bool upstream_mark(const struct upstream *u, size_t n, struct upstream_mark *mark);

#endif
