/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SIM_NET_H
#define TOMBOLO_SIM_NET_H
/*
 * One simulated line: packets in flight, with delay, loss, reordering,
 * duplication, a rate, and black-outs. A stream's bytes arrive in order, late
 * rather than never; datagrams meet what the dice say.
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

/* The two halves, and the directions: toward which of them. */
enum half { RELAY, PEER, HALVES };

struct packet {
	mono_t at;
	uint64_t order; /* ties: as sent */
	enum half to;
	uint32_t connection; /* its serial */
	bool end;            /* no bytes: the other end has closed */
	size_t len;
	uint8_t *bytes;
};

struct line {
	bool stream;
	size_t mtu; /* of datagrams */
	int64_t delay_ns;
	int64_t jitter_ns; /* of datagrams: more than a packet apart, it reorders */
	double loss[HALVES];
	double burst; /* losses in a row, in the mean; up to 1: each by itself */
	double duplicate;
	double reorder;
	int64_t reorder_ns;   /* held back for so long at most */
	uint64_t bytes_per_s; /* 0: unlimited */
};

struct net {
	struct dice dice;
	struct line line;
	bool black;          /* datagrams vanish; a stream's bytes wait */
	struct packet *heap; /* by arrival */
	size_t count, room;
	uint64_t sent;
	bool losing[HALVES]; /* within a burst */
	mono_t busy[HALVES]; /* the rate's queue */
	mono_t last[HALVES]; /* a stream's order */
	uint64_t in_flight_bytes[HALVES];
};

/* False: it is lost. */
bool net_send(struct net *n, mono_t now, enum half to, uint32_t connection,
	      const uint8_t *bytes, size_t len);
/* Tells the other end of the end, behind everything sent before. */
void net_send_end(struct net *n, mono_t now, enum half to, uint32_t connection);
mono_t net_deadline(const struct net *n);
/* The next packet due; its bytes are the caller's to free. */
bool net_take(struct net *n, mono_t now, struct packet *p);
void net_clear(struct net *n);

#endif
