/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): requests are answered, always: by a repair, or by the
 * verdict AGED, NEVER or THROTTLED. Repairs have a budget of their own and go out
 * only when nothing live waits; each datagram at most once per round trip.
 */
#include "path/relay_repair.h"

#include <stdlib.h>

#include "path/relay_internal.h"
#include "path/relay_session.h"
#include "path/relay_stream.h"
#include "path/relay_verdict.h"

#define RANGES 1024 /* waiting to be repaired */
#define COPIES 512
#define LINGER 4096 /* repairs remembered for a round trip */

#define RATE_MIN      1000             /* repairs/s, however slow the feed */
#define PENDING_NS    (50 * NS_PER_MS) /* of budget, may wait; more is throttled */
#define PENDING_MIN   64
#define BAD_PPM       40000 /* loss from which repairs are doubled */
#define COPY_NS       (100 * NS_PER_US)
#define RATE_EVERY_NS (100 * NS_PER_MS)

struct repair_range {
	uint16_t channel;
	seq_t next;
	seq_t end;
	size_t part_at; /* of a record that goes in pieces */
	uint8_t slot;   /* the path that asked */
};

struct repaired {
	uint16_t channel;
	seq_t seq;
	mono_t at;
	uint8_t slot;
};

struct relay_repairs {
	struct repair_range ranges[RANGES];
	unsigned int range_head, range_count;
	uint64_t pending; /* datagrams in the ranges that wait */
	struct repaired linger[LINGER];
	/* On a bad path each repair goes out twice, a little apart. */
	struct repaired copies[COPIES];
	unsigned int copy_head, copy_count;
	struct bucket budget;
	uint64_t captured_before; /* when the live rate was measured */
	mono_t rate_measured;
};

struct relay_repairs *
relay_repair_new(mono_t now)
{
	struct relay_repairs *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->rate_measured = now;
	bucket_init(&r->budget, now, 1000, 64);
	return r;
}

void
relay_repair_free(struct relay_repairs *r)
{
	free(r);
}

size_t
relay_repair_memory_bytes(void)
{
	return sizeof(struct relay_repairs);
}

static uint64_t
budget_rate(const struct relay_session *s)
{
	if (s->settings->repair_rate > 0)
		return s->settings->repair_rate;
	return s->live_rate / 4 > RATE_MIN ? s->live_rate / 4 : RATE_MIN;
}

static uint64_t
pending_max(const struct relay_session *s)
{
	uint64_t n = budget_rate(s) * (uint64_t)PENDING_NS / NS_PER_S;

	return n > PENDING_MIN ? n : PENDING_MIN;
}

void
relay_repair_rate(struct relay_session *s, mono_t now)
{
	struct relay_repairs *q = s->repairs;
	int64_t elapsed_ns = mono_sub(now, q->rate_measured);
	uint64_t rate;

	if (elapsed_ns < RATE_EVERY_NS)
		return;
	rate = (s->relay->captured - q->captured_before) * NS_PER_S /
	       (uint64_t)elapsed_ns;
	/* Quick up, so that the first burst has a budget; slow down. */
	s->live_rate = rate > s->live_rate ? rate : (s->live_rate * 3 + rate) / 4;
	q->captured_before = s->relay->captured;
	q->rate_measured = now;
	bucket_set_rate(&q->budget, now, budget_rate(s), pending_max(s));
}

void
relay_repair_forget(struct relay_session *s)
{
	struct relay_repairs *q = s->repairs;

	q->range_count = 0;
	q->pending = 0;
	q->copy_count = 0;
}

static uint32_t
retry_us(const struct relay_session *s, const struct relay_path *p)
{
	int64_t wait_ns = (int64_t)(s->repairs->pending * NS_PER_S / budget_rate(s));

	if (wait_ns < p->timing.srtt_ns)
		wait_ns = p->timing.srtt_ns;
	if (wait_ns > NS_PER_S)
		wait_ns = NS_PER_S;
	return (uint32_t)(wait_ns / NS_PER_US) + 1000;
}

/* Of those that wait, from the first on. */
static struct repair_range *
range_at(struct relay_repairs *q, unsigned int i)
{
	return &q->ranges[(q->range_head + i) % RANGES];
}

/* Cuts off what waits for its repair already: it was asked for again meanwhile. */
static void
skip_pending(struct relay_session *s, unsigned int slot, uint16_t channel, seq_t *from,
	     seq_t *to)
{
	for (unsigned int i = 0; i < s->repairs->range_count; i++) {
		struct repair_range *r = range_at(s->repairs, i);

		if (r->channel != channel || !seq_before(*from, r->end) ||
		    !seq_before(r->next, *to))
			continue;
		r->slot = (uint8_t)slot; /* the other path may be dead */
		if (!seq_before(*from, r->next))
			*from = r->end;
		if (!seq_before(r->end, *to))
			*to = r->next;
	}
}

/* What can be repaired waits its turn, unless too much waits already. */
static void
enqueue(struct relay_session *s, unsigned int slot, uint16_t channel, seq_t from,
	seq_t to)
{
	struct relay_repairs *q = s->repairs;
	uint64_t max = pending_max(s), room;
	seq_t cut;

	skip_pending(s, slot, channel, &from, &to);
	if (seq_span(from, to) == 0)
		return;
	room = q->pending < max ? max - q->pending : 0;
	if (q->range_count == RANGES)
		room = 0;
	cut = seq_min(to, seq_add(from, room));
	relay_verdict_give(s, channel, WIRE_THROTTLED, cut, to,
			   retry_us(s, &s->paths[slot]));
	if (room == 0)
		return;
	*range_at(q, q->range_count++) = (struct repair_range){
		.channel = channel, .next = from, .end = cut, .slot = (uint8_t)slot};
	q->pending += seq_span(from, cut);
	s->asked_total += seq_span(from, cut);
}

static void
request_range(struct relay_session *s, unsigned int slot,
	      const struct wire_range *range)
{
	const struct history *h = s->relay->history;
	const struct relay_path *p = &s->paths[slot];
	uint16_t ch = range->channel;
	seq_t next = history_next(h, ch), oldest = history_oldest(h, ch);
	seq_t first = range->first, end = seq_add(first, range->count);
	/* Behind the cursor it comes by itself, live or as catch-up. */
	seq_t sent = !relay_path_is_active(s, p)    ? s->outlets[ch].high
		     : p->cursor >= history_head(h) ? next
						    : p->sent[ch];

	counter_inc(&s->relay->figures.requests);
	counter_add(&s->relay->figures.requested, range->count);
	relay_verdict_give(s, ch, WIRE_NEVER, seq_max(first, next), end, 0);
	end = seq_min(end, next);
	relay_verdict_give(s, ch, WIRE_AGED, first, seq_min(end, oldest), 0);
	first = seq_max(first, oldest);
	relay_verdict_give(s, ch, WIRE_THROTTLED, seq_max(first, sent), end,
			   retry_us(s, p));
	enqueue(s, slot, ch, first, seq_min(end, sent));
}

bool
relay_repair_request(struct relay_session *s, unsigned int slot,
		     const struct wire_frame *f)
{
	struct wire_range range;
	uint16_t count;
	struct rd r;

	if (!wire_get_count(f, &count, &r))
		return false;
	while (count-- > 0) {
		if (!wire_get_range(&r, &range) ||
		    range.channel >= s->relay->channel_count)
			return false;
		request_range(s, slot, &range);
	}
	return true;
}

/* At most one repair per datagram and round trip: the peer's request and our
 * repair may have crossed. A small cache is enough; what it forgets costs one
 * repair too many. */
static struct repaired *
linger_slot(struct relay_session *s, uint16_t channel, seq_t seq)
{
	return &s->repairs->linger[(seq.n + channel * 257u) % LINGER];
}

static bool
lingers(const struct repaired *l, mono_t now, const struct relay_path *p,
	uint16_t channel, seq_t seq)
{
	return l->channel == channel && seq_cmp(l->seq, seq) == 0 &&
	       mono_sub(now, l->at) < p->timing.srtt_ns;
}

static void
keep_copy(struct relay_session *s, const struct relay_path *p,
	  const struct repaired *repair)
{
	struct relay_repairs *q = s->repairs;
	struct repaired copy = *repair;

	if (p->kind == PATH_STREAM || p->timing.loss_ppm < BAD_PPM ||
	    q->copy_count == COPIES || 2 * q->budget.tokens < q->budget.depth)
		return;
	copy.at = mono_add(copy.at, COPY_NS);
	copy.slot = (uint8_t)(p - s->paths);
	q->copies[(q->copy_head + q->copy_count++) % COPIES] = copy;
}

/* Copies whose time has come; the budget pays for them too. Datagrams that go in
 * pieces are not copied. */
static void
fill_copies(struct relay_session *s, mono_t now, struct relay_path *p, struct batch *b)
{
	struct relay_repairs *q = s->repairs;

	while (q->copy_count > 0) {
		const struct repaired *copy = &q->copies[q->copy_head];
		struct history_record rec;
		size_t at = 0;

		if (&s->paths[copy->slot] != p && s->paths[copy->slot].open)
			return;
		if (!mono_due(copy->at, now) || !bucket_has(&q->budget, now))
			return;
		if (history_find(s->relay->history, copy->channel, copy->seq, &rec,
				 NULL) == HISTORY_HIT &&
		    WIRE_DATA_BYTES + rec.len <= b->limit) {
			if (!relay_stream_put(p, b, WIRE_REPAIR, &rec, &at))
				return;
			(void)bucket_take(&q->budget, now, 1);
			counter_inc(&s->outlets[copy->channel].book.repaired);
		}
		q->copy_head = (q->copy_head + 1) % COPIES;
		q->copy_count--;
	}
}

mono_t
relay_repair_deadline(const struct relay_session *s)
{
	const struct relay_repairs *q = s->repairs;
	mono_t due = MONO_NEVER;

	if (q->copy_count > 0)
		due = q->copies[q->copy_head].at;
	if (q->range_count > 0)
		due = mono_min(due, bucket_ready(&q->budget, q->budget.filled));
	return due;
}

static bool
pass_one(struct relay_session *s, struct repair_range *range)
{
	range->next = seq_add(range->next, 1);
	range->part_at = 0;
	s->repairs->pending--;
	return true;
}

/* One datagram of the first range. False: no room now, or no budget. */
static bool
repair_one(struct relay_session *s, mono_t now, struct relay_path *p, struct batch *b,
	   struct repair_range *range)
{
	struct repaired *linger = linger_slot(s, range->channel, range->next);
	struct history_record rec;

	/* A range that aged away is answered whole, not one by one. */
	if (history_find(s->relay->history, range->channel, range->next, &rec, NULL) !=
	    HISTORY_HIT) {
		seq_t oldest = history_oldest(s->relay->history, range->channel);
		seq_t upto =
			seq_max(seq_min(oldest, range->end), seq_add(range->next, 1));

		relay_verdict_give(s, range->channel, WIRE_AGED, range->next, upto, 0);
		s->repairs->pending -= seq_span(range->next, upto);
		range->next = upto;
		return true;
	}
	if (range->part_at == 0 &&
	    lingers(linger, now, p, range->channel, range->next)) {
		counter_inc(&s->relay->figures.lingered);
		return pass_one(s, range);
	}
	if (range->part_at == 0 && !bucket_has(&s->repairs->budget, now))
		return false;
	if (!relay_stream_put(p, b, WIRE_REPAIR, &rec, &range->part_at))
		return false;
	(void)bucket_take(&s->repairs->budget, now, 1);
	counter_inc(&s->outlets[range->channel].book.repaired);
	*linger = (struct repaired){
		.channel = range->channel, .seq = range->next, .at = now};
	keep_copy(s, p, linger);
	return pass_one(s, range);
}

/* The first range that was asked for on this path, or on one that is gone, becomes
 * the head. NULL: there is none. */
static struct repair_range *
next_range(struct relay_session *s, const struct relay_path *p)
{
	struct repair_range *head = range_at(s->repairs, 0);

	for (unsigned int i = 0; i < s->repairs->range_count; i++) {
		struct repair_range *r = range_at(s->repairs, i);

		if (&s->paths[r->slot] == p || !s->paths[r->slot].open) {
			struct repair_range found = *r;

			*r = *head;
			*head = found;
			return head;
		}
	}
	return NULL;
}

void
relay_repair_fill(struct relay_session *s, struct now now, struct relay_path *p,
		  struct batch *b)
{
	struct relay_repairs *q = s->repairs;
	struct repair_range *range;

	fill_copies(s, now.mono, p, b);
	while ((range = next_range(s, p)) != NULL) {
		while (seq_before(range->next, range->end)) {
			if (!repair_one(s, now.mono, p, b, range))
				return;
		}
		q->range_head = (q->range_head + 1) % RANGES;
		q->range_count--;
	}
}

bool
relay_repair_adds_up(const struct relay_session *s)
{
	const struct relay_repairs *q = s->repairs;

	return q->range_count <= RANGES && q->copy_count <= COPIES &&
	       (q->range_count > 0 || q->pending == 0);
}
