/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SIM_NET_H
#define TOMBOLO_SIM_NET_H
/*
 * The simulated line: packets in flight, with delay, loss, reordering,
 * duplication, a rate, and black-outs. A stream path delivers in order, and
 * nothing once it is cut; a datagram path does what the dice say.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* Seeded and small: SplitMix64. */
struct dice {
	uint64_t state;
};
uint64_t dice_roll(struct dice *d);
/* 0 <= result < n. */
uint64_t dice_below(struct dice *d, uint64_t n);
bool dice_chance(struct dice *d, double probability);

struct packet {
	mono_t at;
	uint64_t order; /* ties: as sent */
	bool to_peer;
	uint32_t generation; /* of the path that it travels on */
	size_t len;
	uint8_t *bytes;
};

struct line {
	bool stream;
	int64_t delay_ns, jitter_ns;
	double loss, reorder, duplicate;
	uint64_t bytes_per_s; /* 0: unlimited */
	bool black;           /* datagrams vanish; a stream's bytes wait */
};

struct net {
	struct dice dice;
	struct line line;
	struct packet *heap; /* by arrival */
	size_t count, room;
	uint64_t sent;
	mono_t busy[2]; /* the rate's queue, per direction */
	mono_t last[2]; /* a stream's order, per direction */
	uint64_t lost;
	uint64_t in_flight_bytes[2];
};

void net_send(struct net *n, mono_t now, bool to_peer, uint32_t generation,
	      const uint8_t *bytes, size_t len);
mono_t net_deadline(const struct net *n);
/* The next packet due; its bytes are the caller's to free. */
bool net_take(struct net *n, mono_t now, struct packet *p);
void net_clear(struct net *n);

#endif
