/* SPDX-License-Identifier: Apache-2.0 */
#include "path/quota.h"

#include <assert.h>
#include <stdlib.h>

/* IPv4 and UDP. */
#define HEADER_BYTES 28

/* Paced, a flow leaves a little below its quota and in bursts of half a millisecond at
 * most, so that no 100 ms are above it: 98.5 + 0.5 (what was saved up) + 0.5 (what
 * was held up between being paid for and leaving) %. */
#define SHARE_PERMILLE 985
#define DEPTH_NS       (NS_PER_MS / 2)
/* As much is waited for at a time: a wake-up for each datagram would cost too much. */
#define SOME_NS (NS_PER_MS / 4)

#define WITHIN_NS NS_PER_S

struct limits {
	uint64_t packets, bytes; /* a second; 0: none */
};

struct quota {
	const struct quota_ops *ops;
	void *arg;
	mono_t began;
	struct limits flow, all;
	struct quota_flow total;
	struct quota_flow *flows;
	uint32_t capacity;
	_Atomic uint32_t count;
};

static void
limit(struct quota_flow *f, const struct limits *l, mono_t now)
{
	uint64_t rate = l->packets * SHARE_PERMILLE / 1000;
	uint64_t depth = rate / (NS_PER_S / DEPTH_NS);

	if (l->packets > 0 && rate == 0)
		rate = 1;
	bucket_init(&f->packets, now, rate, depth > 0 ? depth : 1);
	pace_init(&f->bytes, now, l->bytes * SHARE_PERMILLE / 1000 * 8, DEPTH_NS);
}

static void
start(struct quota_flow *f, const struct limits *l, mono_t now)
{
	meter_init(&f->meter, now);
	limit(f, l, now);
}

static bool
is_same(const struct limits *a, const struct limits *b)
{
	return a->packets == b->packets && a->bytes == b->bytes;
}

static void
take_limits(struct quota *q, const struct emit_settings *s)
{
	q->flow = (struct limits){s->quota.flow_pps, s->quota.flow_bps / 8};
	q->all = (struct limits){s->quota.total_pps, s->quota.total_bps / 8};
}

struct quota *
quota_new(const struct emit_settings *settings, uint32_t flows, mono_t now,
	  const struct quota_ops *ops, void *arg)
{
	struct quota *q = calloc(1, sizeof(*q));

	assert(flows > 0);
	if (q == NULL)
		return NULL;
	q->flows = calloc(flows, sizeof(*q->flows));
	if (q->flows == NULL) {
		free(q);
		return NULL;
	}
	q->began = now;
	q->ops = ops;
	q->arg = arg;
	q->capacity = flows;
	take_limits(q, settings);
	start(&q->total, &q->all, now);
	return q;
}

void
quota_free(struct quota *q)
{
	if (q == NULL)
		return;
	free(q->flows);
	free(q);
}

size_t
quota_memory_bytes(const struct quota *q)
{
	return sizeof(*q) + q->capacity * sizeof(*q->flows);
}

void
quota_set_limits(struct quota *q, const struct emit_settings *settings, mono_t now)
{
	struct limits flow = q->flow, all = q->all;

	/* What is the same goes on with what it has paid. */
	take_limits(q, settings);
	if (!is_same(&all, &q->all))
		limit(&q->total, &q->all, now);
	for (uint32_t i = 0; !is_same(&flow, &q->flow) && i < quota_count_flows(q); i++)
		limit(&q->flows[i], &q->flow, now);
}

uint32_t
quota_flow(struct quota *q, uint32_t group, uint16_t port)
{
	uint32_t n = quota_count_flows(q);
	struct quota_flow *f;

	for (uint32_t i = 0; i < n; i++) {
		if (gauge_get(&q->flows[i].group) == group &&
		    gauge_get(&q->flows[i].port) == port)
			return i;
	}
	if (n == q->capacity)
		return n - 1;
	f = &q->flows[n];
	start(f, &q->flow, q->began);
	gauge_set(&f->group, group);
	gauge_set(&f->port, port);
	atomic_store_explicit(&q->count, n + 1, memory_order_release);
	return n;
}

/* ---- pacing ---- */

static bool
may(struct quota_flow *f, mono_t now, mono_t *again)
{
	int64_t wait_ns;

	*again = now;
	if (f->packets.rate > 0 && !bucket_has(&f->packets, now))
		*again = mono_add(bucket_ready(&f->packets, now), SOME_NS);
	wait_ns = pace_wait_ns(&f->bytes, now);
	if (wait_ns > 0 && mono_before(*again, mono_add(now, wait_ns + SOME_NS)))
		*again = mono_add(now, wait_ns + SOME_NS);
	return !mono_before(now, *again);
}

bool
quota_may(struct quota *q, uint32_t flow, mono_t now, mono_t *again)
{
	return may(&q->flows[flow], now, again);
}

bool
quota_may_any(struct quota *q, mono_t now, mono_t *again)
{
	return may(&q->total, now, again);
}

static void
pay(struct quota_flow *f, mono_t now, uint64_t bytes)
{
	if (f->packets.rate > 0)
		(void)bucket_take(&f->packets, now, 1);
	pace_charge(&f->bytes, bytes);
}

void
quota_pay(struct quota *q, uint32_t flow, mono_t now, size_t len)
{
	pay(&q->flows[flow], now, len + HEADER_BYTES);
	pay(&q->total, now, len + HEADER_BYTES);
}

static void
refund(struct quota_flow *f, uint64_t bytes)
{
	bucket_return(&f->packets, 1);
	pace_refund(&f->bytes, bytes);
}

void
quota_refund(struct quota *q, uint32_t flow, size_t len)
{
	refund(&q->flows[flow], len + HEADER_BYTES);
	refund(&q->total, len + HEADER_BYTES);
}

/* ---- measuring ---- */

static bool
is_above(const struct meter_window *w, const struct limits *l, int64_t ns)
{
	/* 10^9 packets in a second: no overflow. */
	return (l->packets > 0 && w->packets * NS_PER_S > l->packets * (uint64_t)ns) ||
	       (l->bytes > 0 && (unsigned __int128)w->bytes * NS_PER_S >
					(unsigned __int128)l->bytes * (uint64_t)ns);
}

static void
tell_over(struct quota *q, struct quota_flow *f, mono_t now)
{
	bool before = gauge_get(&f->is_over) != 0;

	f->over_last = now;
	if (before)
		return;
	gauge_set(&f->is_over, 1);
	f->over_began = counter_get(&f->over[METER_100MS]);
	q->ops->over(q->arg, f, false, 0);
}

static void
measure(struct quota *q, struct quota_flow *f, const struct limits *l, mono_t now,
	uint64_t bytes)
{
	bool above[METER_SPANS];

	meter_add(&f->meter, now, bytes);
	for (int i = 0; i < METER_SPANS; i++)
		above[i] = is_above(&f->meter.windows[i], l,
				    meter_span_ns((enum meter_span)i));
	/* A burst of a millisecond is counted; an event is more. */
	if (above[METER_100MS] || above[METER_1S])
		tell_over(q, f, now);
	for (int i = 0; i < METER_SPANS; i++)
		if (above[i])
			counter_inc(&f->over[i]);
}

void
quota_count(struct quota *q, uint32_t flow, mono_t now, size_t len)
{
	measure(q, &q->flows[flow], &q->flow, now, len + HEADER_BYTES);
	measure(q, &q->total, &q->all, now, len + HEADER_BYTES);
}

static void
fade(struct quota *q, struct quota_flow *f, mono_t now)
{
	meter_fade(&f->meter, now);
	if (gauge_get(&f->is_over) == 0 || mono_sub(now, f->over_last) < WITHIN_NS)
		return;
	gauge_set(&f->is_over, 0);
	q->ops->over(q->arg, f, true,
		     counter_get(&f->over[METER_100MS]) - f->over_began);
}

void
quota_fade(struct quota *q, mono_t now)
{
	fade(q, &q->total, now);
	for (uint32_t i = 0; i < quota_count_flows(q); i++)
		fade(q, &q->flows[i], now);
}

/* ---- for those who look ---- */

const struct quota_flow *
quota_all(const struct quota *q)
{
	return &q->total;
}

const struct quota_flow *
quota_at(const struct quota *q, uint32_t flow)
{
	return &q->flows[flow];
}

uint32_t
quota_count_flows(const struct quota *q)
{
	return atomic_load_explicit(&q->count, memory_order_acquire);
}
