/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_DELAY_H
#define TOMBOLO_BENCH_DELAY_H
/*
 * Packets under way: kept until they are due, handed back in the order of their
 * times, and those of one time in the order in which they came. Bounded.
 */
#include <stddef.h>
#include <stdint.h>

#define DELAY_FRAME_MAX 9216

struct delay;

struct delay_packet {
	int64_t due_ns;
	uint64_t number; /* as it came */
	void *to;        /* the caller's */
	size_t len;
	uint8_t *bytes;
};

/* Room for so many packets. NULL: no memory. */
struct delay *delay_new(size_t packets);
void delay_free(struct delay *d);

/* DELAY_FRAME_MAX bytes for the next packet, or NULL when all are taken. The same
 * until delay_put(), which takes what was written there. */
uint8_t *delay_room(struct delay *d);
void delay_put(struct delay *d, size_t len, int64_t due_ns, void *to);

/* When the first is due; INT64_MAX: none is under way. */
int64_t delay_next_ns(const struct delay *d);

/* The first, which must be there; borrowed until the next delay_put(). */
const struct delay_packet *delay_take(struct delay *d);

#endif
