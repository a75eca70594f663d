/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): requests are answered, always: by a repair, or by the
 * verdict AGED, NEVER or THROTTLED. Repairs have a budget of their own and go out
 * only when nothing live waits; each datagram at most once per round trip.
 */
#include "path/relay_internal.h"
#include "path/relay_session.h"

#define RATE_MIN      1000             /* repairs/s, however slow the feed */
#define PENDING_NS    (50 * NS_PER_MS) /* of budget, may wait; more is throttled */
#define PENDING_MIN   64
#define ANSWER_BYTES  23
#define BAD_PPM       40000 /* loss from which repairs are doubled */
#define COPY_NS       (100 * NS_PER_US)
#define RATE_EVERY_NS (100 * NS_PER_MS)

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

/* Measures the live rate, which the budget follows. */
void
relay_repair_rate(struct relay_session *s, mono_t now)
{
	int64_t elapsed_ns = mono_sub(now, s->rate_measured);
	uint64_t rate;

	if (elapsed_ns < RATE_EVERY_NS)
		return;
	rate = (s->relay->captured - s->captured_before) * NS_PER_S /
	       (uint64_t)elapsed_ns;
	/* Quick up, so that the first burst has a budget; slow down. */
	s->live_rate = rate > s->live_rate ? rate : (s->live_rate * 3 + rate) / 4;
	s->captured_before = s->relay->captured;
	s->rate_measured = now;
	bucket_set_rate(&s->repair_budget, now, budget_rate(s), pending_max(s));
}

void
relay_repair_forget(struct relay_session *s)
{
	s->repair_count = 0;
	s->repair_pending = 0;
	s->answer_count = 0;
	s->copy_count = 0;
}

static void
count_answer(struct relay_figures *f, enum wire_verdict verdict)
{
	switch (verdict) {
	case WIRE_AGED: counter_inc(&f->answers_aged); break;
	case WIRE_NEVER: counter_inc(&f->answers_never); break;
	case WIRE_THROTTLED: counter_inc(&f->answers_throttled); break;
	}
}

/* When the queue is full the verdict is dropped: the peer asks again. */
void
relay_repair_answer(struct relay_session *s, const struct wire_answer *a)
{
	if (s->answer_count == ANSWERS)
		return;
	s->answers[(s->answer_head + s->answer_count++) % ANSWERS] = *a;
	count_answer(&s->relay->figures, a->verdict);
}

static void
answer(struct relay_session *s, uint16_t channel, enum wire_verdict verdict, seq_t from,
       seq_t to, uint32_t retry_us)
{
	struct wire_answer a = {.channel = channel,
				.verdict = verdict,
				.first = from,
				.count = seq_span(from, to),
				.retry_us = retry_us};

	if (a.count > 0)
		relay_repair_answer(s, &a);
}

static uint32_t
retry_us(const struct relay_session *s, const struct relay_path *p)
{
	int64_t wait_ns = (int64_t)(s->repair_pending * NS_PER_S / budget_rate(s));

	if (wait_ns < p->timing.srtt_ns)
		wait_ns = p->timing.srtt_ns;
	if (wait_ns > NS_PER_S)
		wait_ns = NS_PER_S;
	return (uint32_t)(wait_ns / NS_PER_US) + 1000;
}

/* Cuts off what waits for its repair already: it was asked for again meanwhile. */
static void
skip_pending(struct relay_session *s, unsigned int slot, uint16_t channel, seq_t *from,
	     seq_t *to)
{
	for (unsigned int i = 0; i < s->repair_count; i++) {
		struct repair_range *r =
			&s->repairs[(s->repair_head + i) % REPAIR_RANGES];

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
	uint64_t max = pending_max(s), room;
	seq_t cut;

	skip_pending(s, slot, channel, &from, &to);
	if (seq_span(from, to) == 0)
		return;
	room = s->repair_pending < max ? max - s->repair_pending : 0;
	if (s->repair_count == REPAIR_RANGES)
		room = 0;
	cut = seq_min(to, seq_add(from, room));
	answer(s, channel, WIRE_THROTTLED, cut, to, retry_us(s, &s->paths[slot]));
	if (room == 0)
		return;
	s->repairs[(s->repair_head + s->repair_count++) % REPAIR_RANGES] =
		(struct repair_range){.channel = channel,
				      .next = from,
				      .end = cut,
				      .slot = (uint8_t)slot};
	s->repair_pending += seq_span(from, cut);
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
	seq_t sent = !relay_session_is_active(s, p) ? s->outlets[ch].high
		     : p->cursor >= history_head(h) ? next
						    : p->sent[ch];

	counter_inc(&s->relay->figures.requests);
	counter_add(&s->relay->figures.requested, range->count);
	answer(s, ch, WIRE_NEVER, seq_max(first, next), end, 0);
	end = seq_min(end, next);
	answer(s, ch, WIRE_AGED, first, seq_min(end, oldest), 0);
	first = seq_max(first, oldest);
	answer(s, ch, WIRE_THROTTLED, seq_max(first, sent), end, retry_us(s, p));
	enqueue(s, slot, ch, first, seq_min(end, sent));
}

bool
relay_repair_request(struct relay_session *s, struct now now, unsigned int slot,
		     const struct wire_frame *f)
{
	struct wire_range range;
	uint16_t count;
	struct rd r;

	(void)now;
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

void
relay_repair_fill_answers(struct relay_session *s, struct batch *b)
{
	struct wire_draft d;

	if (s->answer_count == 0 ||
	    !batch_fits(b, WIRE_HEADER_BYTES + 2 + ANSWER_BYTES))
		return;
	d = wire_begin(&b->w, WIRE_VERDICT, 0);
	wire_entries(&b->w, &d);
	while (s->answer_count > 0 && batch_used(b) + ANSWER_BYTES <= b->limit) {
		wire_put_answer(&b->w, &s->answers[s->answer_head]);
		s->answer_head = (s->answer_head + 1) % ANSWERS;
		s->answer_count--;
		d.entries++;
	}
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
}

/* At most one repair per datagram and round trip: the peer's request and our
 * repair may have crossed. A small cache is enough; what it forgets costs one
 * repair too many. */
static struct repaired *
linger_slot(struct relay_session *s, uint16_t channel, seq_t seq)
{
	return &s->linger[(seq.n + channel * 257u) % LINGER];
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
	struct repaired copy = *repair;

	if (p->kind == PATH_STREAM || p->timing.loss_ppm < BAD_PPM ||
	    s->copy_count == REPAIR_COPIES ||
	    2 * s->repair_budget.tokens < s->repair_budget.depth)
		return;
	copy.at = mono_add(copy.at, COPY_NS);
	copy.slot = (uint8_t)(p - s->paths);
	s->copies[(s->copy_head + s->copy_count++) % REPAIR_COPIES] = copy;
}

/* Copies whose time has come; the budget pays for them too. Datagrams that go in
 * pieces are not copied. */
static void
fill_copies(struct relay_session *s, mono_t now, struct relay_path *p, struct batch *b)
{
	while (s->copy_count > 0) {
		const struct repaired *copy = &s->copies[s->copy_head];
		struct history_record rec;
		size_t at = 0;

		if (&s->paths[copy->slot] != p && s->paths[copy->slot].open)
			return;
		if (!mono_due(copy->at, now) || !bucket_has(&s->repair_budget, now))
			return;
		if (history_find(s->relay->history, copy->channel, copy->seq, &rec,
				 NULL) == HISTORY_HIT &&
		    WIRE_DATA_BYTES + rec.len <= b->limit) {
			if (!relay_put_record(p, b, WIRE_REPAIR, &rec, &at))
				return;
			(void)bucket_take(&s->repair_budget, now, 1);
			counter_inc(&s->outlets[copy->channel].book.repaired);
		}
		s->copy_head = (s->copy_head + 1) % REPAIR_COPIES;
		s->copy_count--;
	}
}

mono_t
relay_repair_deadline(const struct relay_session *s)
{
	mono_t due = MONO_NEVER;

	if (s->copy_count > 0)
		due = s->copies[s->copy_head].at;
	if (s->repair_count > 0)
		due = mono_min(
			due, bucket_ready(&s->repair_budget, s->repair_budget.filled));
	return due;
}

static bool
pass_one(struct relay_session *s, struct repair_range *range)
{
	range->next = seq_add(range->next, 1);
	range->part_at = 0;
	s->repair_pending--;
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

		answer(s, range->channel, WIRE_AGED, range->next, upto, 0);
		s->repair_pending -= seq_span(range->next, upto);
		range->next = upto;
		return true;
	}
	if (range->part_at == 0 &&
	    lingers(linger, now, p, range->channel, range->next)) {
		counter_inc(&s->relay->figures.lingered);
		return pass_one(s, range);
	}
	if (range->part_at == 0 && !bucket_has(&s->repair_budget, now))
		return false;
	if (!relay_put_record(p, b, WIRE_REPAIR, &rec, &range->part_at))
		return false;
	(void)bucket_take(&s->repair_budget, now, 1);
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
	struct repair_range *head = &s->repairs[s->repair_head];

	for (unsigned int i = 0; i < s->repair_count; i++) {
		struct repair_range *r =
			&s->repairs[(s->repair_head + i) % REPAIR_RANGES];

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
	struct repair_range *range;

	fill_copies(s, now.mono, p, b);
	while ((range = next_range(s, p)) != NULL) {

		while (seq_before(range->next, range->end)) {
			if (!repair_one(s, now.mono, p, b, range))
				return;
		}
		s->repair_head = (s->repair_head + 1) % REPAIR_RANGES;
		s->repair_count--;
	}
}
