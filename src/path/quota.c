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
	counter_t over_gone;
	uint32_t *buckets; /* flows by group and port */
	uint32_t mask;
	uint32_t oldest, newest; /* without users */
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
tell_within(struct quota *q, struct quota_flow *f)
{
	if (gauge_get(&f->is_over) == 0)
		return;
	gauge_set(&f->is_over, 0);
	q->ops->over(q->arg, f, true,
		     counter_get(&f->over[METER_100MS]) - f->over_began);
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

static bool
make_table(struct quota *q)
{
	uint32_t buckets = 16;

	while (buckets < q->capacity)
		buckets *= 2;
	q->mask = buckets - 1;
	q->oldest = q->newest = QUOTA_NONE;
	q->buckets = malloc(buckets * sizeof(*q->buckets));
	for (uint32_t i = 0; q->buckets != NULL && i < buckets; i++)
		q->buckets[i] = QUOTA_NONE;
	return q->buckets != NULL;
}

struct quota *
quota_new(const struct emit_settings *settings, uint32_t flows, mono_t now,
	  const struct quota_ops *ops, void *arg)
{
	struct quota *q = calloc(1, sizeof(*q));

	assert(flows > 0);
	if (q == NULL)
		return NULL;
	q->capacity = flows;
	q->flows = calloc(flows, sizeof(*q->flows));
	if (q->flows == NULL || !make_table(q)) {
		quota_free(q);
		return NULL;
	}
	q->began = now;
	q->ops = ops;
	q->arg = arg;
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
	free(q->buckets);
	free(q);
}

size_t
quota_memory_bytes(const struct quota *q)
{
	return sizeof(*q) + q->capacity * sizeof(*q->flows) +
	       (q->mask + (size_t)1) * sizeof(*q->buckets);
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

/* While nothing is paced everybody pays, and nobody has to have paid: what a flow owes
 * then grows as long as the process runs. */
void
quota_forgive(struct quota *q, mono_t now)
{
	limit(&q->total, &q->all, now);
	for (uint32_t i = 0; i < quota_count_flows(q); i++)
		limit(&q->flows[i], &q->flow, now);
}

/* ---- the table ---- */

/* Groups and ports are numbered densely: a multiplication spreads them (Fibonacci). */
static uint32_t *
bucket(const struct quota *q, uint32_t group, uint16_t port)
{
	uint64_t hash = ((uint64_t)group << 16 | port) * 0x9e3779b97f4a7c15u;

	return &q->buckets[hash >> 32 & q->mask];
}

static uint32_t *
bucket_of(const struct quota *q, const struct quota_flow *f)
{
	return bucket(q, (uint32_t)gauge_get(&f->group), (uint16_t)gauge_get(&f->port));
}

static uint32_t
find(const struct quota *q, uint32_t group, uint16_t port)
{
	uint32_t i = *bucket(q, group, port);

	while (i != QUOTA_NONE && (gauge_get(&q->flows[i].group) != group ||
				   gauge_get(&q->flows[i].port) != port))
		i = q->flows[i].same;
	return i;
}

static void
link_idle(struct quota *q, uint32_t i)
{
	struct quota_flow *f = &q->flows[i];

	f->older = q->newest;
	f->newer = QUOTA_NONE;
	if (f->older != QUOTA_NONE)
		q->flows[f->older].newer = i;
	else
		q->oldest = i;
	q->newest = i;
}

static void
unlink_idle(struct quota *q, uint32_t i)
{
	const struct quota_flow *f = &q->flows[i];

	if (f->older != QUOTA_NONE)
		q->flows[f->older].newer = f->newer;
	else
		q->oldest = f->newer;
	if (f->newer != QUOTA_NONE)
		q->flows[f->newer].older = f->older;
	else
		q->newest = f->older;
}

/* What was said and counted of it is brought to an end. */
static void
forget(struct quota *q, uint32_t i)
{
	struct quota_flow *f = &q->flows[i];
	uint32_t *link = bucket_of(q, f);

	unlink_idle(q, i);
	while (*link != i)
		link = &q->flows[*link].same;
	*link = f->same;
	tell_within(q, f);
	counter_add(&q->over_gone, counter_get(&f->over[METER_100MS]));
	for (int span = 0; span < METER_SPANS; span++)
		counter_set(&f->over[span], 0);
}

/* One that was never used, else the one that was left longest ago. */
static uint32_t
find_free(struct quota *q)
{
	uint32_t n = quota_count_flows(q), i = q->oldest;

	if (n < q->capacity)
		return n;
	if (i != QUOTA_NONE)
		forget(q, i);
	return i;
}

static uint32_t
add(struct quota *q, uint32_t group, uint16_t port)
{
	uint32_t i = find_free(q), *head = bucket(q, group, port);
	struct quota_flow *f;

	if (i == QUOTA_NONE)
		return QUOTA_NONE;
	f = &q->flows[i];
	start(f, &q->flow, q->began);
	gauge_set(&f->group, group);
	gauge_set(&f->port, port);
	f->same = *head;
	*head = i;
	if (i == quota_count_flows(q))
		atomic_store_explicit(&q->count, i + 1, memory_order_release);
	return i;
}

uint32_t
quota_flow(struct quota *q, uint32_t group, uint16_t port)
{
	uint32_t i = find(q, group, port);

	if (i == QUOTA_NONE)
		i = add(q, group, port);
	else if (q->flows[i].users == 0)
		unlink_idle(q, i);
	if (i == QUOTA_NONE)
		i = q->capacity - 1;
	q->flows[i].users++;
	return i;
}

void
quota_leave(struct quota *q, uint32_t flow)
{
	assert(q->flows[flow].users > 0);
	if (--q->flows[flow].users == 0)
		link_idle(q, flow);
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
	if (mono_sub(now, f->over_last) >= WITHIN_NS)
		tell_within(q, f);
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

uint64_t
quota_over_gone(const struct quota *q)
{
	return counter_get(&q->over_gone);
}
