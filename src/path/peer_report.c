/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 9 of 10 (peer): REPORT answers every heartbeat at once, which is what round trips
 * are measured with, and otherwise tells progress. Gets HEARTBEAT from peer_session.
 * Runs on the lane's thread.
 */
#include "path/peer_report.h"

#include "path/peer_internal.h"
#include "path/peer_session.h"

#define PROGRESS_NS (50 * NS_PER_MS)
#define ENTRY_BYTES (10 + 1 + 8 * WIRE_FIGURES_MAX)

/* ---- HEARTBEAT ---- */

bool
peer_report_heartbeat(struct peer_session *s, struct now now, struct peer_path *p,
		      const struct wire_frame *f)
{
	struct wire_timing timing;
	struct wire_books e;
	uint16_t count;
	struct rd r;

	if (!wire_get_timing(f, &timing, &count, &r))
		return false;
	timing_frames(&p->timing, timing.frames, p->frames);
	if (timing_take(&p->timing, now, &timing)) {
		peer_request_timed(s);
		timing_tell(&p->timing, s->peer->ops->clock, s->peer->arg, s->remote,
			    (unsigned int)(p - s->paths));
	}
	p->report_now = true;
	p->report_books |= (f->flags & WIRE_BOOKS) != 0;
	while (count-- > 0) {
		struct peer_channel *c;

		if (!wire_get_books(f, &r, &e) || seq_before(e.next, e.sent))
			return false;
		c = peer_session_find(s, e.channel);
		if (c == NULL)
			continue;
		peer_channel_know(c, e.next);
		peer_gap_passed(c, now.mono, e.sent);
		c->report_due = true;
		if (f->flags & WIRE_BOOKS) {
			figures_store((counter_t *)&c->relay, SENT_FIGURES, e.figures,
				      e.count);
			peer_gap_shed(c, &e);
			c->books_due = true;
		}
	}
	return true;
}

/* ---- REPORT ---- */

void
peer_report_progress(struct peer_session *s, struct peer_channel *c)
{
	c->report_due = true;
	s->progress = true;
}

void
peer_report_last(struct peer_session *s, struct peer_path *p)
{
	p->report_now = p->report_books = p->open;
	for (uint32_t i = 0; i < s->channel_count; i++)
		s->channels[i].books_due = s->channels[i].report_due = true;
}

/* One entry, when the channel has news. False: no room. */
static bool
put_entry(struct peer_channel *c, const struct peer_path *p, struct batch *b,
	  struct wire_draft *d, bool books)
{
	struct wire_books e = {.channel = c->id, .next = peer_channel_settled(c)};
	uint8_t flags = books ? WIRE_BOOKS : 0;

	/* The last report of a path is whole, whatever another path has said. */
	if (!c->active || !(p->bye_due || (books ? c->books_due : c->report_due)))
		return true;
	if (batch_used(b) + ENTRY_BYTES > b->limit)
		return false;
	if (books) {
		peer_channel_balance(c);
		e.count = figures_copy((const counter_t *)&c->book, PEER_FIGURES,
				       e.figures);
		c->books_due = false;
	}
	c->report_due = false;
	wire_put_books(&b->w, WIRE_REPORT, flags, &e);
	d->entries++;
	return true;
}

/* Progress is told within PROGRESS_NS, without a heartbeat to answer. */
static void
hasten_report(const struct peer_session *s, struct peer_path *p, mono_t now)
{
	if (s->progress)
		p->report_due = mono_min(p->report_due, mono_add(now, PROGRESS_NS));
}

void
peer_report_fill(struct peer_session *s, struct now now, struct peer_path *p,
		 struct batch *b)
{
	bool books = p->report_books;
	struct wire_timing timing = timing_stamp(&p->timing, now, p->frames);
	struct wire_draft d;

	hasten_report(s, p, now.mono);
	if (!p->report_now && !mono_due(p->report_due, now.mono))
		return;
	if (!batch_fits(b, WIRE_TIMING_BYTES + ENTRY_BYTES))
		return;
	d = wire_begin(&b->w, WIRE_REPORT, books ? WIRE_BOOKS : 0);
	wire_put_timing(&b->w, &timing);
	wire_entries(&b->w, &d);
	while (p->report_at < s->channel_count &&
	       put_entry(&s->channels[p->report_at], p, b, &d, books))
		p->report_at++;
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
	if (p->report_at < s->channel_count)
		return; /* the rest with the next fill */
	p->report_at = 0;
	p->report_books = p->report_now = s->progress = false;
	p->report_due = mono_add(now.mono, s->peer->settings->session.heartbeat_ns);
}
