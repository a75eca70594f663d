/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the peer reports: how far it has settled each channel, its books, and the echo by
 * which round trips are measured. Gets REPORT from relay_session. Runs on the lane's
 * thread.
 */
#include "path/relay_report.h"

#include "path/relay_internal.h"
#include "path/relay_session.h"
#include "path/relay_told.h"

/* Moves the position before which the peer has settled everything. */
static void
advance_acked(struct relay_session *s)
{
	const struct history *h = s->relay->history;
	struct history_record rec;

	while (history_at(h, &s->acked, &rec) &&
	       seq_before(rec.seq, s->outlets[rec.channel].reported))
		s->acked = history_after(h, s->acked);
}

static void
take_entry(struct relay_session *s, const struct wire_frame *f,
	   const struct wire_timing *timing, const struct wire_books *e)
{
	struct outlet *o = &s->outlets[e->channel];

	o->reported = seq_max(o->reported, e->next);
	if ((f->flags & WIRE_BOOKS) == 0)
		return;
	figures_store((counter_t *)&o->peer, PEER_FIGURES, e->figures, e->count);
	relay_told_answer(o, timing);
	relay_drain_books_heard(s, o, timing);
}

bool
relay_report_take(struct relay_session *s, struct now now, struct relay_path *p,
		  const struct wire_frame *f)
{
	struct wire_timing timing;
	struct wire_books e;
	uint16_t count;
	struct rd r;

	if (!wire_get_timing(f, &timing, &count, &r))
		return false;
	/* Before it settles what it was told has aged. */
	relay_greeting_retell(s);
	if (timing_take(&p->timing, now, &timing))
		timing_tell(&p->timing, s->relay->ops->clock, s->relay->arg, s->remote,
			    (unsigned int)(p - s->paths));
	relay_probe_heard(s, p, &timing);
	/* What is on the way counts as lost for a moment; it evens out. A stream loses
	 * nothing. */
	if (p->kind == PATH_DATAGRAM)
		timing_frames(&p->timing, p->frames, timing.frames);
	while (count-- > 0) {
		if (!wire_get_books(f, &r, &e) ||
		    e.channel >= s->relay->channel_count ||
		    seq_before(history_next(s->relay->history, e.channel), e.next))
			return false;
		take_entry(s, f, &timing, &e);
	}
	advance_acked(s);
	return true;
}
