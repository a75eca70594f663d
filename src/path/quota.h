/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_QUOTA_H
#define TOMBOLO_QUOTA_H
/*
 * emit.quota: what the network takes of one flow (group and port) and of all
 * together. Everything emitted is measured against it; with `over_quota: pace` a
 * flow also has to ask before it may leave. A Transit Gateway drops what is beyond
 * without a word, and 75,000 packets in a second that came within 100 ms are beyond
 * (AWS, Transit Gateway quotas, Multicast). Packets are IPv4 packets, bytes theirs.
 * Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "ops/settings.h"
#include "path/meter.h"
#include "path/pace.h"

#define QUOTA_NONE UINT32_MAX /* no flow */

/* One flow, or all of them. The settings are its own copy. */
struct quota_flow {
	gauge_t group, port; /* 0: all */
	struct meter meter;
	counter_t over[METER_SPANS]; /* datagrams emitted while above the quota */
	gauge_t is_over;             /* above it within the last second */
	mono_t over_last;
	uint64_t over_began; /* over[METER_100MS] before */
	/* Of pacing. */
	struct bucket packets;
	struct pace bytes;
	/* Of the table. */
	uint32_t users;        /* quota_flow() without quota_leave() */
	uint32_t same;         /* the next of those that hash alike */
	uint32_t older, newer; /* among those without users, by when that began */
};

struct quota;

struct quota_ops {
	/* A flow went above its quota, or (within) has been below it for a second;
	 * datagrams: how many were above. */
	void (*over)(void *arg, const struct quota_flow *flow, bool within,
		     uint64_t datagrams);
};

/* flows: capacity. NULL: no memory. */
struct quota *quota_new(const struct emit_settings *settings, uint32_t flows,
			mono_t now, const struct quota_ops *ops, void *arg);
void quota_free(struct quota *q);
size_t quota_memory_bytes(const struct quota *q);

/* Other limits from now on, for the flows that there are as well. */
void quota_set_limits(struct quota *q, const struct emit_settings *settings,
		      mono_t now);

/* Pacing begins: nobody owes for what was emitted before. */
void quota_forgive(struct quota *q, mono_t now);

/* The index of a flow, for one more user; it is made if it is new. A flow that nobody
 * uses goes on with what it has paid, and can be looked at, until its place is needed
 * for another: who was left longest ago goes first. Of more users than places the last
 * flow stands for all that are further. */
uint32_t quota_flow(struct quota *q, uint32_t group, uint16_t port);
/* One user less. */
void quota_leave(struct quota *q, uint32_t flow);

/* Pacing: whether a datagram of the flow may leave now, and when to ask again if it
 * may not; and the same for all flows together. */
bool quota_may(struct quota *q, uint32_t flow, mono_t now, mono_t *again);
bool quota_may_any(struct quota *q, mono_t now, mono_t *again);
/* A datagram of len bytes of payload is on its way out: it is paid for. */
void quota_pay(struct quota *q, uint32_t flow, mono_t now, size_t len);
/* It did not leave: it will pay again. */
void quota_refund(struct quota *q, uint32_t flow, size_t len);

/* It was emitted: it is measured. */
void quota_count(struct quota *q, uint32_t flow, mono_t now, size_t len);
/* Now and then. */
void quota_fade(struct quota *q, mono_t now);

/* For those who look, from any thread: all, and one by one below the count. */
const struct quota_flow *quota_all(const struct quota *q);
const struct quota_flow *quota_at(const struct quota *q, uint32_t flow);
uint32_t quota_count_flows(const struct quota *q);
/* over[METER_100MS] of the flows that had to make room. */
uint64_t quota_over_gone(const struct quota *q);

#endif
