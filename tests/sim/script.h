/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SIM_SCRIPT_H
#define TOMBOLO_SIM_SCRIPT_H
/* What happens in one simulated world. */
#include "net.h"

#define SCRIPT_CHANNELS 6
#define SCRIPT_PLACES   8 /* addresses of each */
#define SCRIPT_LINKS    3

/* A path that is configured: the line that it runs over, and the line's troubles.
 * Rates are events a second, on average. */
struct link_script {
	struct line line;
	bool standby;
	double cuts;      /* the connection dies, and is dialled again */
	double unseen;    /* … the share of cuts that neither end is told of */
	double blacks;    /* the line goes dark for a while */
	int64_t black_ns; /* … this long at most */
	/* Once, so long after the start (0: never), for so long, it loses so much; all:
	 * it is dark. */
	int64_t storm_at_ns, storm_for_ns;
	double storm_loss;
};

struct script {
	uint64_t seed;
	unsigned int channels;
	unsigned int link_count;
	struct link_script links[SCRIPT_LINKS];
	bool peer_dials;
	double rate;        /* datagrams/s over all channels */
	bool even;          /* evenly spaced, the channels in turn; else at random */
	int64_t connect_ns; /* the first connections are made within */
	int64_t run_ns;     /* how long the feed speaks */
	int64_t warm_ns;    /* latencies are taken from here on */
	size_t payload_max;
	double longs; /* share of datagrams up to 9,000 bytes, in some channels */
	uint64_t history_bytes;
	int64_t history_age_ns;
	int64_t shed_age_ns;
	uint64_t shed_bytes;
	int64_t give_up_ns;
	int64_t reorder_ns;
	int64_t max_age_ns;
	uint32_t window;
	uint64_t pool_bytes;
	bool immediate;
	uint64_t flow_pps, total_pps; /* a quota that is paced to; 0: none */
	double stalls;                /* the interface takes nothing for a while */
	int64_t stall_ns;
	double relay_kills, peer_kills, peer_terms;
	double drops;     /* capture drops, each a mark */
	double changes;   /* of the relay's channels */
	double redirects; /* of the peer's outputs */
	double refusals;  /* probability that a datagram is refused as too long */
};

/* Random, but reasonable: what thousands of seeds are made of. */
struct script script_random(uint64_t seed);
/* Nothing at all may be lost in it. */
bool script_is_lossless(const struct script *s);
/* One datagram path without troubles but loss, reordering and duplication: one seed
 * in five. */
bool script_is_plain(const struct script *s);
void script_print(const struct script *s);

#endif
