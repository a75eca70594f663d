/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 8 of 10 (peer): what is missing of a channel. Gets holes from peer_arrival and
 * from what the relay says, opens gaps in recover, writes the log of gaps, and counts
 * what is lost. Runs on the lane's thread.
 */
#include "path/peer_gap.h"

#include "path/peer_arrival.h"
#include "path/peer_internal.h"
#include "path/peer_report.h"
#include "path/peer_session.h"

void
peer_gap_restart(struct peer_channel *c)
{
	c->causes.shed = (struct gap_shed){.known = false};
	c->causes.shed_next = SEQ_NONE;
	c->causes.untold = false;
}

void
peer_gap_resume(struct peer_channel *c)
{
	c->causes.resumed = c->window.top;
}

/* ---- the log of gaps ---- */

static bool
has_one_path(const struct peer_session *s)
{
	unsigned int open = 0;

	for (size_t i = 0; i < PATHS_MAX; i++)
		open += s->paths[i].open;
	return open == 1;
}

static void
note_gap(struct peer_channel *c, seq_t first, seq_t end, enum gap_cause cause)
{
	struct gap_shed shed = c->causes.shed;

	if (!seq_before(first, end))
		return;
	/* With several paths a book may count what was shed behind what it tells of. */
	shed.known = shed.known && (has_one_path(c->session) ||
				    !seq_before(first, c->causes.shed_next));
	c->causes.untold |= cause == GAP_UNTOLD;
	gap_log_open(c->session->gap_log, c->session->peer->now, c->index, first, end,
		     cause, &shed);
}

static void
note_lost(struct peer_channel *c, seq_t first, uint64_t n, enum lost_reason reason)
{
	gap_log_lost(c->session->gap_log, c->session->peer->now.mono, c->index, first,
		     n, reason);
}

/* Why the relay says AGED of what was never heard of here. */
static enum gap_cause
aged(const struct peer_channel *c)
{
	return seq_cmp(c->window.top, c->causes.resumed) == 0 ? GAP_OUTAGE : GAP_AGED;
}

void
peer_gap_shed(struct peer_channel *c, const struct wire_books *e)
{
	if (seq_before(e->next, c->causes.shed_next))
		return; /* overtaken on the line */
	c->causes.shed =
		(struct gap_shed){.known = true,
				  .by_age = counter_get(&c->relay.shed_age),
				  .by_bytes = counter_get(&c->relay.shed_bytes)};
	c->causes.shed_next = e->next;
	if (c->causes.untold)
		c->causes.untold = !gap_log_told(c->session->gap_log, c->index, e->sent,
						 &c->causes.shed);
}

/* ---- losses ---- */

static counter_t *
lost_counter(struct peer_book *b, enum lost_reason reason)
{
	counter_t *const counters[LOST_REASONS] = {
		[LOST_GIVE_UP] = &b->lost_give_up, [LOST_AGED] = &b->lost_aged,
		[LOST_NEVER] = &b->lost_never,     [LOST_WINDOW] = &b->lost_window,
		[LOST_RESTART] = &b->lost_restart, [LOST_DRAIN] = &b->lost_drain,
	};

	return counters[reason];
}

static void
count_lost(struct peer_channel *c, enum lost_reason reason, uint64_t n)
{
	const struct peer *p = c->session->peer;

	if (n == 0)
		return;
	counter_add(lost_counter(&c->book, reason), n);
	p->ops->lost(p->arg, c->session->remote, c, reason, n);
}

void
peer_gap_lose(struct peer_channel *c, seq_t first, seq_t end, enum lost_reason reason)
{
	struct window *w = &c->window;
	seq_t known = seq_min(end, w->top);

	for (seq_t s = seq_max(first, w->next); seq_before(s, known);
	     s = seq_add(s, 1)) {
		if (!window_is_missing(w, s))
			continue;
		recover_fill(c->session->recover, (mono_t){0}, c->index, s, false);
		note_lost(c, s, 1, reason);
	}
	count_lost(c, reason, window_lose(w, first, end));
	peer_arrival_release(c);
	peer_report_progress(c->session, c);
}

/* Jumps over what nobody has seen; nothing may be in the window. */
static void
skip(struct peer_channel *c, seq_t to, enum lost_reason reason)
{
	note_gap(c, c->window.top, to, reason == LOST_AGED ? aged(c) : GAP_UNTOLD);
	note_lost(c, c->window.top, seq_span(c->window.top, to), reason);
	count_lost(c, reason, seq_span(c->window.top, to));
	window_skip(&c->window, to);
	peer_report_progress(c->session, c);
}

/* Makes room for `end` at the far side of the window, by giving up at the near
 * side what stands in the way. Not in channel 0: a change that is missed is never
 * told again while the relay has it. What is too far ahead there comes again. */
void
peer_gap_advance(struct peer_channel *c, seq_t end)
{
	struct window *w = &c->window;
	seq_t near = seq_add(w->next, seq_span(window_limit(w), end));

	peer_gap_lose(c, w->next, near, LOST_WINDOW);
	if (seq_before(w->top, near))
		skip(c, near, LOST_WINDOW);
}

/* Opens a gap for all before `top` that was not seen yet. */
static void
extend(struct peer_channel *c, mono_t now, seq_t top, bool suspended)
{
	enum gap_cause cause;
	seq_t first;

	if (seq_before(window_limit(&c->window), top) && c->id != MARKS_ID)
		peer_gap_advance(c, top);
	cause = suspended ? aged(c) : GAP_UNTOLD;
	if (window_extend(&c->window, top, &first) == 0)
		return;
	counter_inc(&c->session->figures.gaps);
	recover_open(c->session->recover, now, c->index, first, c->window.top,
		     suspended);
	note_gap(c, first, c->window.top, cause);
}

void
peer_gap_passed(struct peer_channel *c, mono_t now, seq_t sent)
{
	peer_channel_know(c, sent);
	if (seq_before(c->window.top, sent))
		extend(c, now, sent, false);
	recover_resume(c->session->recover, now, c->index, sent);
}

void
peer_gap_gone(struct peer_channel *c, mono_t now, seq_t first, seq_t end,
	      enum lost_reason reason)
{
	struct window *w = &c->window;

	peer_channel_know(c, end);
	if (seq_before(w->top, first))
		extend(c, now, first, false);
	peer_gap_lose(c, first, end, reason);
	if (!seq_before(w->top, end))
		return;
	/* What is farther than the window reaches moves it on. */
	if (seq_before(window_limit(w), end))
		peer_gap_lose(c, w->next, w->top, LOST_WINDOW);
	if (seq_cmp(w->next, w->top) == 0) {
		skip(c, end, reason);
	} else {
		extend(c, now, end, true);
		peer_gap_lose(c, first, end, reason);
	}
}

void
peer_gap_open(struct peer_channel *c, mono_t now, seq_t top)
{
	extend(c, now, top, false);
}

void
peer_gap_end_epoch(struct peer_channel *c)
{
	struct window *w = &c->window;

	peer_gap_lose(c, w->next, w->top, LOST_RESTART);
	note_gap(c, w->top, c->announced, GAP_RESTART);
	note_lost(c, w->top, seq_span(w->top, c->announced), LOST_RESTART);
	count_lost(c, LOST_RESTART, seq_span(w->top, c->announced));
}
