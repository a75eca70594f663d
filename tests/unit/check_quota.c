/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quota: what its windows measure, against a model that remembers every packet;
 * what pacing lets through, against the strictest reading of the quota; and the queue
 * in front of it: order within a flow, others going past, nothing lost or twice.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "path/ready.h"
#include "seeded.h"
#include "suite.h"

#define START       ((mono_t){1000 * NS_PER_S})
#define HEADERS     28 /* IPv4 and UDP */
#define PACKETS_MAX 200000

/* ---- meter ---- */

static struct {
	mono_t at[PACKETS_MAX];
	uint64_t bytes[PACKETS_MAX];
	size_t count;
} past;

static void
add(struct meter *m, mono_t now, uint64_t bytes)
{
	ck_assert_uint_lt(past.count, PACKETS_MAX);
	past.at[past.count] = now;
	past.bytes[past.count++] = bytes;
	meter_add(m, now, bytes);
}

/* What a window holds: of the tenth that now is in, and the nine before. */
static void
look_back(mono_t now, int64_t span_ns, uint64_t *packets, uint64_t *bytes)
{
	int64_t tenth_ns = span_ns / 10, first = now.ns / tenth_ns - 9;

	*packets = *bytes = 0;
	for (size_t i = past.count; i > 0 && past.at[i - 1].ns / tenth_ns >= first;
	     i--) {
		(*packets)++;
		*bytes += past.bytes[i - 1];
	}
}

START_TEST(meter_against_memory)
{
	struct seeded s = seeded_init(_i);
	struct meter m;
	mono_t now = START;
	uint64_t most[METER_SPANS] = {0}, packets, bytes;

	past.count = 0;
	meter_init(&m, now);
	for (int i = 0; i < 20000; i++) {
		/* Now dense, now sparse, now and then a pause. */
		uint64_t step = seeded_one_in(&s, 50)  ? 300 * NS_PER_MS
				: seeded_one_in(&s, 2) ? 10 * NS_PER_US
						       : NS_PER_MS;

		now = mono_add(now, (int64_t)seeded_below(&s, step));
		add(&m, now, 28 + seeded_below(&s, 1500));
		for (int w = 0; w < METER_SPANS; w++) {
			const struct meter_window *got = &m.windows[w];

			look_back(now, meter_span_ns((enum meter_span)w), &packets,
				  &bytes);
			seeded_check(&s, got->packets == packets && got->bytes == bytes,
				     "packet %d, %s: %llu packets of %llu bytes", i,
				     meter_span_name((enum meter_span)w),
				     (unsigned long long)got->packets,
				     (unsigned long long)got->bytes);
			if (packets > most[w])
				most[w] = packets;
			seeded_check(&s,
				     (uint64_t)gauge_get(&got->peak_packets) == most[w],
				     "packet %d: the peak is not %llu", i,
				     (unsigned long long)most[w]);
		}
	}
}
END_TEST

/* A peak is shown for half a minute at least and a minute at most. */
START_TEST(peaks_fade)
{
	struct meter m;
	const gauge_t *peak = &m.windows[METER_1MS].peak_packets;

	meter_init(&m, START);
	for (int i = 0; i < 10; i++)
		meter_add(&m, START, 100);
	ck_assert_int_eq(gauge_get(peak), 10);
	meter_fade(&m, mono_add(START, 29 * NS_PER_S));
	ck_assert_int_eq(gauge_get(peak), 10);
	meter_fade(&m, mono_add(START, 30 * NS_PER_S));
	ck_assert_int_eq(gauge_get(peak), 10);
	meter_add(&m, mono_add(START, 31 * NS_PER_S), 100);
	ck_assert_int_eq(gauge_get(peak), 10);
	meter_fade(&m, mono_add(START, 60 * NS_PER_S));
	ck_assert_int_eq(gauge_get(peak), 1);
	meter_fade(&m, mono_add(START, 90 * NS_PER_S));
	ck_assert_int_eq(gauge_get(peak), 0);
}
END_TEST

/* ---- quota ---- */

static struct {
	int above, within;
	uint64_t datagrams;
	const struct quota_flow *flow;
} told;

static void
on_over(void *arg, const struct quota_flow *flow, bool within, uint64_t datagrams)
{
	(void)arg;
	told.flow = flow;
	told.datagrams = datagrams;
	if (within)
		told.within++;
	else
		told.above++;
}

static const struct quota_ops ops = {.over = on_over};

static struct emit_settings
quota_settings(uint64_t flow_pps, uint64_t flow_bps, uint64_t total_pps)
{
	return (struct emit_settings){.quota = {.flow_pps = flow_pps,
						.flow_bps = flow_bps,
						.total_pps = total_pps},
				      .over_quota = QUOTA_PACE};
}

static struct quota *
make(uint64_t flow_pps, uint64_t flow_bps, uint64_t total_pps)
{
	struct emit_settings s = quota_settings(flow_pps, flow_bps, total_pps);
	struct quota *q = quota_new(&s, 8, START, &ops, NULL);

	memset(&told, 0, sizeof told);
	ck_assert_ptr_nonnull(q);
	return q;
}

START_TEST(flows_by_group_and_port)
{
	struct quota *q = make(1000, 0, 0);
	uint32_t a = quota_flow(q, 0xe9250001, 30001);

	ck_assert_uint_eq(quota_flow(q, 0xe9250001, 30001), a);
	ck_assert_uint_ne(quota_flow(q, 0xe9250001, 30002), a);
	ck_assert_uint_ne(quota_flow(q, 0xe9250002, 30001), a);
	ck_assert_uint_eq(quota_count_flows(q), 3);
	for (uint16_t i = 0; i < 20; i++)
		ck_assert_uint_lt(quota_flow(q, 0xe9250003, i), 8);
	ck_assert_uint_eq(quota_count_flows(q), 8);
	ck_assert_uint_eq(quota_flow(q, 0xe9250001, 30001), a);
	quota_free(q);
}
END_TEST

/* ---- flows that come and go ---- */

/* One user moves from address to address: each flow begins anew, and is measured by
 * itself, long after there were more of them than there is room for. */
START_TEST(a_flow_is_given_back)
{
	struct quota *q = make(1000, 0, 0);
	uint32_t stays = quota_flow(q, 0xe9260001, 30001), flow = QUOTA_NONE;
	mono_t now = START;

	quota_count(q, stays, now, 100);
	for (uint32_t i = 0; i < 5000; i++) {
		const struct quota_flow *f;

		if (flow != QUOTA_NONE)
			quota_leave(q, flow);
		flow = quota_flow(q, 0xe9250000 + i, (uint16_t)(30000 + i));
		ck_assert_uint_ne(flow, stays);
		f = quota_at(q, flow);
		ck_assert_int_eq(gauge_get(&f->group), 0xe9250000 + i);
		ck_assert_int_eq(gauge_get(&f->port), (uint16_t)(30000 + i));
		ck_assert_uint_eq(counter_get(&f->over[METER_1MS]), 0);
		ck_assert_int_eq(gauge_get(&f->is_over), 0);
		ck_assert_int_eq(gauge_get(&f->meter.windows[METER_1S].peak_packets),
				 0);
		for (uint32_t k = 0; k < 4; k++)
			quota_count(q, flow, now, 100);
		ck_assert_uint_eq(f->meter.windows[METER_1S].packets, 4);
		/* A millisecond takes one. */
		ck_assert_uint_eq(counter_get(&f->over[METER_1MS]), 3);
		now = mono_add(now, NS_PER_MS);
	}
	ck_assert_uint_eq(quota_count_flows(q), 8);
	ck_assert_uint_eq(quota_flow(q, 0xe9260001, 30001), stays);
	quota_free(q);
}
END_TEST

/* Who comes back soon finds what it has paid; who was left longest ago makes room. */
START_TEST(the_one_left_longest_ago_makes_room)
{
	struct quota *q = make(1000, 0, 0);
	uint32_t flows[8];

	for (uint16_t i = 0; i < 8; i++) {
		flows[i] = quota_flow(q, 0xe9250001, i);
		ck_assert_uint_eq(flows[i], i);
		for (uint16_t k = 0; k <= i; k++)
			quota_count(q, flows[i], START, 100);
	}
	quota_leave(q, flows[5]);
	quota_leave(q, flows[2]);
	quota_leave(q, flows[7]);
	ck_assert_uint_eq(quota_flow(q, 0xe9250001, 2), 2);
	ck_assert_uint_eq(quota_at(q, 2)->meter.windows[METER_1S].packets, 3);
	ck_assert_uint_eq(quota_flow(q, 0xe9250002, 1), 5);
	ck_assert_uint_eq(quota_flow(q, 0xe9250002, 2), 7);
	ck_assert_uint_eq(quota_at(q, 7)->meter.windows[METER_1S].packets, 0);
	/* Now all are used, and the last one has to be shared. */
	ck_assert_uint_eq(quota_flow(q, 0xe9250002, 3), 7);
	quota_leave(q, 7);
	ck_assert_uint_eq(quota_flow(q, 0xe9250002, 2), 7);
	quota_leave(q, 7);
	quota_leave(q, 7);
	ck_assert_uint_eq(quota_flow(q, 0xe9250001, 7), 7);
	ck_assert_int_eq(gauge_get(&quota_at(q, 7)->group), 0xe9250001);
	quota_free(q);
}
END_TEST

/* Two channels of one address: it goes on until both have left. */
START_TEST(a_flow_of_two_users)
{
	struct quota *q = make(1000, 0, 0);
	uint32_t a = quota_flow(q, 0xe9250001, 1);

	ck_assert_uint_eq(quota_flow(q, 0xe9250001, 1), a);
	quota_leave(q, a);
	for (uint16_t i = 0; i < 100; i++)
		quota_leave(q, quota_flow(q, 0xe9250002, i));
	ck_assert_int_eq(gauge_get(&quota_at(q, a)->group), 0xe9250001);
	quota_leave(q, a);
	for (uint16_t i = 0; i < 100; i++)
		quota_leave(q, quota_flow(q, 0xe9250003, i));
	ck_assert_int_eq(gauge_get(&quota_at(q, a)->group), 0xe9250003);
	quota_free(q);
}
END_TEST

/* What was said of it is taken back, what was counted stays counted. */
START_TEST(a_flow_makes_room_that_is_above)
{
	struct quota *q = make(1000, 0, 0);
	uint32_t flow = quota_flow(q, 0xe9250001, 30001);

	for (int i = 0; i < 130; i++)
		quota_count(q, flow, START, 100);
	ck_assert_int_eq(told.above, 1);
	quota_leave(q, flow);
	for (uint16_t i = 0; i < 7; i++)
		(void)quota_flow(q, 0xe9250002, i);
	ck_assert_int_eq(told.within, 0);
	ck_assert_uint_eq(quota_over_gone(q), 0);
	ck_assert_uint_eq(quota_flow(q, 0xe9250002, 7), flow);
	ck_assert_int_eq(told.within, 1);
	ck_assert_uint_eq(told.datagrams, 30);
	ck_assert_uint_eq(quota_over_gone(q), 30);
	ck_assert_uint_eq(counter_get(&quota_at(q, flow)->over[METER_100MS]), 0);
	quota_fade(q, mono_add(START, 2 * NS_PER_S));
	ck_assert_int_eq(told.within, 1);
	quota_free(q);
}
END_TEST

/* Told once when it begins, and once when it has been over for a second. */
START_TEST(above_and_within)
{
	struct quota *q = make(1000, 0, 0);
	uint32_t flow = quota_flow(q, 0xe9250001, 30001);
	mono_t now = START;

	for (int i = 0; i < 100; i++)
		quota_count(q, flow, now, 100);
	ck_assert_int_eq(told.above, 0);
	/* A millisecond takes one of these: 99 were above it, and that is no event. */
	ck_assert_uint_eq(counter_get(&quota_at(q, flow)->over[METER_1MS]), 99);
	for (int i = 0; i < 30; i++)
		quota_count(q, flow, now, 100);
	ck_assert_int_eq(told.above, 1);
	ck_assert_ptr_eq(told.flow, quota_at(q, flow));
	ck_assert_uint_eq(counter_get(&quota_at(q, flow)->over[METER_100MS]), 30);
	ck_assert_uint_eq(counter_get(&quota_at(q, flow)->over[METER_1S]), 0);
	quota_fade(q, mono_add(now, NS_PER_S - 1));
	ck_assert_int_eq(told.within, 0);
	quota_fade(q, mono_add(now, NS_PER_S));
	ck_assert_int_eq(told.within, 1);
	ck_assert_uint_eq(told.datagrams, 30);
	quota_fade(q, mono_add(now, 2 * NS_PER_S));
	ck_assert_int_eq(told.within, 1);
	quota_free(q);
}
END_TEST

START_TEST(above_by_bytes_and_all_together)
{
	struct quota *q = make(0, 8000000, 1000); /* 100,000 bytes in 100 ms */
	uint32_t a = quota_flow(q, 0xe9250001, 30001),
		 b = quota_flow(q, 0xe9250002, 30001);

	for (int i = 0; i < 100; i++)
		quota_count(q, a, START, 1000 - HEADERS);
	ck_assert_int_eq(told.above, 0);
	quota_count(q, b, START, 10);
	ck_assert_int_eq(told.above, 1);
	ck_assert_ptr_eq(told.flow, quota_all(q));
	quota_count(q, a, START, 1000 - HEADERS);
	ck_assert_int_eq(told.above, 2);
	ck_assert_ptr_eq(told.flow, quota_at(q, a));
	quota_free(q);
}
END_TEST

/* What a sliding window of 100 ms, wherever it begins, holds at most. */
static void
check_windows(struct seeded *s, uint64_t most_packets, uint64_t most_bytes)
{
	uint64_t bytes = 0;
	size_t from = 0;

	for (size_t i = 0; i < past.count; i++) {
		bytes += past.bytes[i];
		while (mono_sub(past.at[i], past.at[from]) >= 100 * NS_PER_MS)
			bytes -= past.bytes[from++];
		seeded_check(s, i - from + 1 <= most_packets && bytes <= most_bytes,
			     "%zu packets of %llu bytes in 100 ms", i - from + 1,
			     (unsigned long long)bytes);
	}
}

/* As fast as it may for two seconds: never above, and not far below. */
static void
rush(struct seeded *s, uint64_t pps, uint64_t bps, size_t len)
{
	struct quota *q = make(pps, bps, 0);
	uint32_t flow = quota_flow(q, 0xe9250001, 30001);
	mono_t now = START, again, end = mono_add(START, 2 * NS_PER_S);
	uint64_t by_packets = pps * 2, by_bytes = bps / 8 * 2 / (len + HEADERS), least;

	past.count = 0;
	while (mono_before(now, end)) {
		while (quota_may(q, flow, now, &again)) {
			quota_pay(q, flow, now, len);
			past.at[past.count] = now;
			past.bytes[past.count++] = len + HEADERS;
		}
		ck_assert(mono_before(now, again));
		/* The loop comes late at times. */
		now = mono_add(again, (int64_t)seeded_below(s, 200 * NS_PER_US));
	}
	check_windows(s, pps > 0 ? pps / 10 : UINT64_MAX,
		      bps > 0 ? bps / 80 + len + HEADERS : UINT64_MAX);
	least = pps == 0 || (bps > 0 && by_bytes < by_packets) ? by_bytes : by_packets;
	seeded_check(s, past.count * 100 >= least * 60, "only %zu of %llu left",
		     past.count, (unsigned long long)least);
	quota_free(q);
}

START_TEST(paced_is_within_and_not_far_below)
{
	struct seeded s = seeded_init(_i);

	rush(&s, 75000, 1000000000, 300);
	rush(&s, 75000, 0, 300);
	rush(&s, 15000, 0, 1400);
	rush(&s, 0, 100000000, 1400);
	rush(&s, 0, 1000000000, 8000);
	rush(&s, 100, 0, 50);
}
END_TEST

/* How many may leave in a second from start on. */
static uint64_t
count_second(struct quota *q, uint32_t flow, mono_t start)
{
	mono_t now = start, again, end = mono_add(start, NS_PER_S);
	uint64_t n = 0;

	for (; mono_before(now, end); now = again) {
		while (quota_may(q, flow, now, &again) && n < 1000000) {
			quota_pay(q, flow, now, 100);
			n++;
		}
		if (n == 1000000)
			break;
	}
	return n;
}

START_TEST(the_pace_follows_other_limits)
{
	struct quota *q = make(1000, 0, 0);
	uint32_t flow = quota_flow(q, 0xe9250001, 30001), later;
	struct emit_settings s = quota_settings(20000, 0, 0);

	ck_assert_uint_le(count_second(q, flow, START), 1000);
	quota_set_limits(q, &s, mono_add(START, NS_PER_S));
	ck_assert_uint_ge(count_second(q, flow, mono_add(START, NS_PER_S)), 15000);
	s = quota_settings(500, 0, 0);
	quota_set_limits(q, &s, mono_add(START, 2 * NS_PER_S));
	ck_assert_uint_le(count_second(q, flow, mono_add(START, 2 * NS_PER_S)), 500);
	later = quota_flow(q, 0xe9250002, 30001);
	ck_assert_uint_le(count_second(q, later, mono_add(START, 3 * NS_PER_S)), 500);
	s = quota_settings(0, 0, 0);
	quota_set_limits(q, &s, mono_add(START, 4 * NS_PER_S));
	ck_assert_uint_eq(count_second(q, flow, mono_add(START, 4 * NS_PER_S)),
			  1000000);
	quota_free(q);
}
END_TEST

START_TEST(a_refund_is_as_if_never_paid)
{
	struct quota *q = make(75000, 1000000000, 75000);
	uint32_t flow = quota_flow(q, 0xe9250001, 30001);
	uint64_t once = 0, again = 0;
	mono_t later;

	while (quota_may(q, flow, START, &later)) {
		quota_pay(q, flow, START, 1000);
		once++;
	}
	ck_assert_uint_gt(once, 1);
	for (uint64_t i = 0; i < once; i++)
		quota_refund(q, flow, 1000);
	while (quota_may(q, flow, START, &later)) {
		quota_pay(q, flow, START, 1000);
		again++;
	}
	ck_assert_uint_eq(again, once);
	quota_free(q);
}
END_TEST

/* ---- the queue ---- */

#define FLOWS 4

struct rig {
	struct pool *pool;
	struct quota *quota;
	struct ready *ready;
	uint64_t put[FLOWS], taken[FLOWS]; /* numbers, by flow */
};

/* By channel; NULL: each goes where it was put for. */
static uint32_t
flow_of(void *arg, const struct held *h)
{
	const uint32_t *flows = arg;

	return flows != NULL ? flows[h->channel] : h->flow;
}

static struct rig
rig_init_moving(uint64_t flow_pps, uint64_t total_pps, bool paced, uint32_t *flows)
{
	struct rig x = {.pool = pool_new(64 << 20),
			.quota = make(flow_pps, 0, total_pps)};

	ck_assert_ptr_nonnull(x.pool);
	for (uint16_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(quota_flow(x.quota, 0xe9250001, i), i);
	x.ready = ready_new(x.pool, x.quota, FLOWS, paced, flow_of, flows);
	ck_assert_ptr_nonnull(x.ready);
	return x;
}

static struct rig
rig_init(uint64_t flow_pps, uint64_t total_pps, bool paced)
{
	return rig_init_moving(flow_pps, total_pps, paced, NULL);
}

static void
rig_fini(struct rig *x)
{
	ready_free(x->ready);
	quota_free(x->quota);
	pool_free(x->pool);
}

static void
put(struct rig *x, mono_t now, uint32_t flow)
{
	struct held h = {
		.flow = flow, .seq = {x->put[flow]++}, .arrived = now, .len = 100};
	uint8_t payload[100] = {0};
	uint32_t chunk = pool_put(x->pool, &h, payload);

	ck_assert_uint_ne(chunk, POOL_NONE);
	ready_put(x->ready, chunk);
}

/* Takes one; returns its flow, or -1. */
static int
take(struct rig *x, mono_t now)
{
	uint32_t chunk = ready_next(x->ready, now), flow;

	if (chunk == POOL_NONE)
		return -1;
	flow = pool_held(x->pool, chunk)->flow;
	ck_assert_uint_eq(pool_held(x->pool, chunk)->seq.n, x->taken[flow]);
	x->taken[flow]++;
	ready_take(x->ready);
	quota_pay(x->quota, flow, now, 100);
	pool_drop(x->pool, chunk);
	return (int)flow;
}

START_TEST(without_pacing_in_the_order_of_arrival)
{
	struct seeded s = seeded_init(_i);
	struct rig x = rig_init(1, 1, false);
	uint32_t order[1000];

	for (int i = 0; i < 1000; i++) {
		order[i] = (uint32_t)seeded_below(&s, FLOWS);
		put(&x, START, order[i]);
	}
	ck_assert_uint_eq(ready_count(x.ready), 1000);
	ck_assert_int_eq(ready_deadline(x.ready).ns, MONO_NEVER.ns);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(take(&x, START), (int)order[i]);
	ck_assert_int_eq(take(&x, START), -1);
	ck_assert_uint_eq(ready_count(x.ready), 0);
	rig_fini(&x);
}
END_TEST

/* One flow at its quota does not hold up another. */
START_TEST(others_go_past)
{
	struct rig x = rig_init(2000, 0, true);
	int first = 0, second = 0, flow;

	for (int i = 0; i < 100; i++)
		put(&x, START, 0);
	put(&x, START, 1);
	while ((flow = take(&x, START)) >= 0)
		flow == 0 ? first++ : second++;
	ck_assert_int_eq(second, 1);
	ck_assert_int_ge(first, 1);
	ck_assert_int_lt(first, 10);
	ck_assert(mono_before(START, ready_deadline(x.ready)));
	ck_assert_int_ge(take(&x, ready_deadline(x.ready)), 0);
	rig_fini(&x);
}
END_TEST

/* With all of them at the common quota, each has its share. */
START_TEST(all_together_take_turns)
{
	struct rig x = rig_init(0, 1000, true);
	mono_t now = START;

	for (int i = 0; i < 100; i++)
		for (uint32_t f = 0; f < FLOWS; f++)
			put(&x, START, f);
	while (x.taken[0] + x.taken[1] + x.taken[2] + x.taken[3] < 200) {
		while (take(&x, now) >= 0)
			;
		ck_assert(mono_before(now, ready_deadline(x.ready)));
		now = ready_deadline(x.ready);
	}
	for (uint32_t f = 0; f < FLOWS; f++)
		ck_assert_uint_ge(x.taken[f], 45);
	/* 200 at 985 a second. */
	ck_assert_int_ge(mono_sub(now, START), 200 * NS_PER_MS);
	ck_assert_int_le(mono_sub(now, START), 260 * NS_PER_MS);
	rig_fini(&x);
}
END_TEST

/* What waited leaves at once, each flow in order, and what comes behind it. */
START_TEST(no_more_paced)
{
	struct rig x = rig_init(2000, 3000, true);
	int flow;

	for (int i = 0; i < 100; i++)
		for (uint32_t f = 0; f < FLOWS; f++)
			put(&x, START, f);
	while (take(&x, START) >= 0)
		;
	ck_assert_uint_gt(ready_count(x.ready), 300);
	ready_set_paced(x.ready, false);
	ck_assert(!ready_is_paced(x.ready));
	put(&x, START, 2);
	ck_assert_int_eq(ready_deadline(x.ready).ns, MONO_NEVER.ns);
	while ((flow = take(&x, START)) >= 0)
		;
	ck_assert_uint_eq(ready_count(x.ready), 0);
	ck_assert_uint_eq(x.taken[2], 101);
	rig_fini(&x);
}
END_TEST

/* What was emitted before is not to be paid for now: a flow would wait for as long as
 * that was too much. */
START_TEST(paced_from_now_on)
{
	struct rig x = rig_init(2000, 0, false);
	struct emit_settings s = quota_settings(2000, 800000, 3000);
	int taken = 0;

	quota_set_limits(x.quota, &s, START);
	for (int i = 0; i < 10000; i++) {
		put(&x, START, 0);
		ck_assert_int_eq(take(&x, START), 0);
	}
	quota_forgive(x.quota, START);
	ready_set_paced(x.ready, true);
	for (int i = 0; i < 100; i++)
		put(&x, START, 0);
	while (take(&x, START) >= 0)
		taken++;
	ck_assert_int_ge(taken, 1);
	ck_assert_int_lt(taken, 20);
	ck_assert_int_lt(mono_sub(ready_deadline(x.ready), START), 10 * NS_PER_MS);
	rig_fini(&x);
}
END_TEST

/* Whatever is put, taken and returned, paced or not: each flow in order, nothing lost. */
START_TEST(order_whatever_happens)
{
	struct seeded s = seeded_init(_i);
	struct rig x = rig_init(100 + seeded_below(&s, 20000),
				seeded_one_in(&s, 2) ? 0 : 5000, true);
	bool changes = seeded_one_in(&s, 2);
	mono_t now = START;
	uint32_t shown[8];
	uint64_t left;

	for (int i = 0; i < 5000; i++) {
		size_t n = 0, gone;

		now = mono_add(now, (int64_t)seeded_below(&s, 400 * NS_PER_US));
		for (uint64_t k = seeded_below(&s, 4); k > 0; k--)
			put(&x, now, (uint32_t)seeded_below(&s, FLOWS));
		if (changes && seeded_one_in(&s, 100)) {
			quota_forgive(x.quota, now);
			ready_set_paced(x.ready, !ready_is_paced(x.ready));
		}
		while (n < 8 && (shown[n] = ready_next(x.ready, now)) != POOL_NONE) {
			ready_take(x.ready);
			quota_pay(x.quota, pool_held(x.pool, shown[n])->flow, now, 100);
			n++;
		}
		gone = n > 0 ? seeded_below(&s, n + 1) : 0;
		for (size_t k = 0; k < gone; k++) {
			const struct held *h = pool_held(x.pool, shown[k]);

			seeded_check(&s, h->seq.n == x.taken[h->flow],
				     "step %d: flow %u has %llu, not %llu", i, h->flow,
				     (unsigned long long)h->seq.n,
				     (unsigned long long)x.taken[h->flow]);
			x.taken[h->flow]++;
			pool_drop(x.pool, shown[k]);
		}
		while (n > gone) {
			quota_refund(x.quota, pool_held(x.pool, shown[--n])->flow, 100);
			ready_return(x.ready, shown[n]);
		}
	}
	for (int tries = 0; ready_count(x.ready) > 0 && tries < 1000000; tries++) {
		if (take(&x, now) < 0)
			now = ready_deadline(x.ready);
	}
	left = 0;
	for (uint32_t f = 0; f < FLOWS; f++)
		left += x.put[f] - x.taken[f];
	seeded_check(&s, left == 0, "%llu were lost", (unsigned long long)left);
	rig_fini(&x);
}
END_TEST

/* Channels 0 to 3, each of some flow: whatever moves, each stays in order. */
START_TEST(order_of_channels_that_move)
{
	struct seeded s = seeded_init(_i);
	bool paced = !seeded_one_in(&s, 4);
	uint32_t flows[FLOWS] = {0, 1, 2, 3}, chunk;
	struct rig x = rig_init_moving(100 + seeded_below(&s, 20000),
				       seeded_one_in(&s, 2) ? 0 : 5000, paced, flows);
	uint8_t payload[100] = {0};
	mono_t now = START;

	for (int i = 0; i < 5000; i++) {
		uint32_t c = (uint32_t)seeded_below(&s, FLOWS);

		now = mono_add(now, (int64_t)seeded_below(&s, 400 * NS_PER_US));
		for (uint64_t k = seeded_below(&s, 4); k > 0; k--) {
			struct held h = {.channel = c,
					 .flow = flows[c],
					 .seq = {x.put[c]++},
					 .arrived = now,
					 .len = 100};

			chunk = pool_put(x.pool, &h, payload);
			ck_assert_uint_ne(chunk, POOL_NONE);
			ready_put(x.ready, chunk);
		}
		if (seeded_one_in(&s, 20)) {
			uint32_t to = (uint32_t)seeded_below(&s, FLOWS);

			uint32_t from = flows[c];

			flows[c] = to;
			ready_redirect(x.ready, 0, c, from, to);
		}
		while ((chunk = ready_next(x.ready, now)) != POOL_NONE ||
		       (i == 4999 && ready_count(x.ready) > 0)) {
			const struct held *h;

			if (chunk == POOL_NONE) {
				now = ready_deadline(x.ready);
				continue;
			}
			h = pool_held(x.pool, chunk);
			seeded_check(&s,
				     h->seq.n == x.taken[h->channel] &&
					     h->flow == flows[h->channel],
				     "step %d: channel %u has %llu, not %llu", i,
				     h->channel, (unsigned long long)h->seq.n,
				     (unsigned long long)x.taken[h->channel]);
			x.taken[h->channel]++;
			ready_take(x.ready);
			quota_pay(x.quota, h->flow, now, 100);
			pool_drop(x.pool, chunk);
		}
	}
	for (uint32_t c = 0; c < FLOWS; c++)
		seeded_check(&s, x.put[c] == x.taken[c], "channel %u lost some", c);
	rig_fini(&x);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("quota");
	TCase *tc = tcase_create("quota");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, meter_against_memory, 0, 4);
	tcase_add_test(tc, peaks_fade);
	tcase_add_test(tc, flows_by_group_and_port);
	tcase_add_test(tc, a_flow_is_given_back);
	tcase_add_test(tc, the_one_left_longest_ago_makes_room);
	tcase_add_test(tc, a_flow_of_two_users);
	tcase_add_test(tc, a_flow_makes_room_that_is_above);
	tcase_add_test(tc, above_and_within);
	tcase_add_test(tc, above_by_bytes_and_all_together);
	tcase_add_loop_test(tc, paced_is_within_and_not_far_below, 0, 10);
	tcase_add_test(tc, the_pace_follows_other_limits);
	tcase_add_test(tc, a_refund_is_as_if_never_paid);
	tcase_add_loop_test(tc, without_pacing_in_the_order_of_arrival, 0, 5);
	tcase_add_test(tc, others_go_past);
	tcase_add_test(tc, all_together_take_turns);
	tcase_add_test(tc, no_more_paced);
	tcase_add_test(tc, paced_from_now_on);
	tcase_add_loop_test(tc, order_whatever_happens, 0, 40);
	tcase_add_loop_test(tc, order_of_channels_that_move, 0, 40);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
