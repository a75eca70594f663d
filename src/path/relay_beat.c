/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): heartbeats. The first comes soon after the last
 * datagram, so that a lost tail is found within two milliseconds, the next ones
 * ever rarer up to session.heartbeat. A heartbeat lists the channels whose newest
 * datagram the peer has not reported as settled; so the list is empty at rest,
 * and a lost heartbeat or report mends itself.
 */
#include "path/relay_beat.h"

#include "path/relay_internal.h"
#include "path/relay_session.h"
#include "path/relay_told.h"

#define BEAT_FIRST_NS   (1 * NS_PER_MS)
#define BOOKS_ALL_EVERY 8 /* rounds; the others list what changed: one may be lost */
#define ENTRY_BYTES     (18 + 1 + 8 * WIRE_FIGURES_MAX)

void
relay_beat_start(struct relay_path *p, struct now now)
{
	p->beat_step_ns = BEAT_FIRST_NS;
	p->beat_due = now.mono;
	p->beat_last = now.mono;
	p->beating = false;
	p->beat_books = false;
	p->beat_at = 0;
}

void
relay_beat_after_data(struct relay_session *s, struct relay_path *p, mono_t now)
{
	int64_t longest_ns = s->relay->settings->session.heartbeat_ns;

	p->beat_step_ns = BEAT_FIRST_NS < longest_ns ? BEAT_FIRST_NS : longest_ns;
	p->beat_due = mono_min(mono_add(now, p->beat_step_ns),
			       mono_add(p->beat_last, longest_ns));
}

static uint64_t
books_key(const struct relay *r, const struct outlet *o, size_t i)
{
	const struct sent_book *b = &o->book;

	return counter_get(&r->channels[i].book.captured) + counter_get(&b->sent) +
	       counter_get(&b->resent) + counter_get(&b->repaired) +
	       counter_get(&b->shed_age) + counter_get(&b->shed_bytes) +
	       counter_get(&b->shed_aged);
}

static bool
is_listed(const struct relay_session *s, const struct relay_path *p, size_t i)
{
	const struct outlet *o = &s->outlets[i];

	if (p->beat_books && s->drain.final && !o->books_answered)
		return true;
	if (p->beat_books && (s->books_all || relay_told_waits(o) ||
			      books_key(s->relay, o, i) != o->books_sent))
		return true;
	return seq_before(o->reported, history_next(s->relay->history, (uint16_t)i));
}

static struct wire_books
entry(struct relay_session *s, const struct relay_path *p, size_t i)
{
	const struct history *h = s->relay->history;
	struct outlet *o = &s->outlets[i];
	struct wire_books e = {.channel = (uint16_t)i,
			       .next = history_next(h, (uint16_t)i)};

	/* At the head nothing is before us: also what aged away was passed. */
	e.sent = p->cursor >= history_head(h) ? e.next : p->sent[i];
	if (p->beat_books) {
		e.count = figures_copy((const counter_t *)&o->book, SENT_FIGURES,
				       e.figures);
		o->books_sent = books_key(s->relay, o, i);
	}
	return e;
}

/* Lists what fits; true when the round is complete. */
static bool
list(struct relay_session *s, struct relay_path *p, struct batch *b,
     struct wire_draft *d, uint8_t flags)
{
	for (; p->beat_at < s->relay->channel_count; p->beat_at++) {
		struct wire_books e;

		if (!is_listed(s, p, p->beat_at))
			continue;
		if (batch_used(b) + ENTRY_BYTES > b->limit)
			return false;
		e = entry(s, p, p->beat_at);
		wire_put_books(&b->w, WIRE_HEARTBEAT, flags, &e);
		d->entries++;
	}
	return true;
}

static void
begin_round(struct relay_session *s, struct relay_path *p, mono_t now)
{
	p->beating = true;
	p->beat_at = 0;
	p->beat_books = mono_due(s->books_due, now) ||
			(s->drain.final && s->drain.final_wanted > 0);
	if (p->beat_books) {
		s->books_due = mono_add(now, RELAY_BOOKS_NS);
		s->books_all = s->books_rounds++ % BOOKS_ALL_EVERY == 0;
		relay_session_balance(s);
	}
}

static void
end_round(struct relay_session *s, struct relay_path *p, mono_t now)
{
	int64_t longest_ns = s->relay->settings->session.heartbeat_ns;

	if (p->beat_books)
		relay_drain_books_sent(s, now);
	p->beating = false;
	p->beat_last = now;
	p->beat_due = mono_add(now, p->beat_step_ns);
	p->beat_step_ns *= 2;
	if (p->beat_step_ns > longest_ns)
		p->beat_step_ns = longest_ns;
}

mono_t
relay_beat_deadline(const struct relay_path *p)
{
	return mono_before(p->beat_due, p->probe.over) ? p->probe.over : p->beat_due;
}

void
relay_beat_fill(struct relay_session *s, struct now now, struct relay_path *p,
		struct batch *b)
{
	struct wire_timing timing = timing_stamp(&p->timing, now, p->frames);
	struct wire_draft d;
	uint8_t flags;

	if (!p->beating && !mono_due(relay_beat_deadline(p), now.mono))
		return;
	if (!batch_fits(b, WIRE_TIMING_BYTES + ENTRY_BYTES))
		return;
	if (!p->beating)
		begin_round(s, p, now.mono);
	flags = p->beat_books ? WIRE_BOOKS : 0;
	d = wire_begin(&b->w, WIRE_HEARTBEAT, flags);
	wire_put_timing(&b->w, &timing);
	wire_entries(&b->w, &d);
	if (list(s, p, b, &d, flags))
		end_round(s, p, now.mono);
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
}
