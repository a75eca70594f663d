/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of a session, the peer's end: they come and go, fall silent, and part by
 * BYE. Gets them from tunnel by way of the lane. Runs on the lane's thread.
 */
#include "path/peer_path.h"

#include "path/peer_internal.h"
#include "path/peer_report.h"
#include "path/peer_session.h"

void
peer_path_up(struct peer *peer, struct now now, unsigned int remote, unsigned int slot,
	     enum path_kind kind, size_t mtu)
{
	struct peer_session *s = &peer->sessions[remote];
	struct peer_path *p = &s->paths[slot];

	life_begin(&p->life, now.mono, kind);
	for (size_t i = 0; i < PATHS_MAX; i++)
		gauge_set(&s->paths[i].life.is_silent, false);
	p->kind = kind;
	p->mtu = mtu;
	p->open = p->welcoming = p->join_due = p->greet_due = p->blocked = false;
	p->bye_due = false;
	p->report_now = p->report_books = false;
	p->report_due = MONO_NEVER;
	p->frames = 0;
	p->unheard = 0;
	timing_reset(&p->timing);
	peer_session_event(s, SESSION_PATH_UP, "a path is up");
}

void
peer_path_down(struct peer *peer, struct now now, unsigned int remote,
	       unsigned int slot)
{
	struct peer_session *s = &peer->sessions[remote];
	bool any_up = false;

	(void)now;
	life_end(&s->paths[slot].life);
	s->paths[slot].open = s->paths[slot].welcoming = false;
	for (size_t i = 0; i < PATHS_MAX; i++)
		any_up |= s->paths[i].life.up;
	if (!peer_path_any_open(s))
		peer_request_suspend(s);
	if (!any_up)
		peer_session_event(s, SESSION_PATHS_GONE, "no path is left");
}

const struct timing *
peer_path_timing(const struct peer *p, unsigned int remote, unsigned int slot)
{
	return &p->sessions[remote].paths[slot].timing;
}

bool
peer_path_is_up(const struct peer *p, unsigned int remote, unsigned int slot)
{
	return gauge_get(&p->sessions[remote].paths[slot].life.is_up) != 0;
}

bool
peer_path_any_open(const struct peer_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].open)
			return true;
	}
	return false;
}

int64_t
peer_path_offset_ns(const struct peer_session *s)
{
	const struct timing *best = NULL;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct timing *t = &s->paths[i].timing;

		if (s->paths[i].life.up && t->count > 0 &&
		    (best == NULL || t->srtt_ns < best->srtt_ns))
			best = t;
	}
	return best != NULL ? timing_offset_ns(best) : 0;
}

/* ---- BYE ---- */

bool
peer_path_take_bye(struct peer_session *s, struct peer_path *p,
		   const struct wire_frame *f)
{
	const struct peer *peer = s->peer;
	struct wire_name text;

	if (!life_take_bye(&p->life, f, &text))
		return false;
	peer->ops->bye(peer->arg, s->remote, p->life.bye, text.text);
	peer_session_event(s, SESSION_BYE, "the relay said bye");
	return true;
}

void
peer_path_say_bye(struct peer_path *p, enum wire_bye reason)
{
	p->life.bye = reason;
	p->bye_due = true;
}

void
peer_path_leave(struct peer_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		struct peer_path *p = &s->paths[i];

		if (!p->life.up || p->bye_due || p->life.bye_sent || p->life.bye_heard)
			continue;
		peer_path_say_bye(p, WIRE_BYE_SHUTDOWN);
		peer_report_last(s, p);
	}
}

bool
peer_path_has_left(const struct peer_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct life *l = &s->paths[i].life;

		if (l->up && !l->bye_sent && !l->bye_heard)
			return false;
	}
	return true;
}

void
peer_path_fill_bye(struct peer_session *s, struct peer_path *p, struct batch *b)
{
	if (p->report_now ||
	    !wire_put_bye(&b->w, p->life.bye, wire_bye_name(p->life.bye)))
		return;
	p->bye_due = false;
	p->life.bye_sent = true;
	if (p->life.bye == WIRE_BYE_SHUTDOWN)
		peer_session_event(s, SESSION_BYE, "we said bye");
}

/* ---- time ---- */

static void
close_path(struct peer_session *s, unsigned int slot, enum wire_bye reason)
{
	s->peer->ops->close(s->peer->arg, s->remote, slot, reason);
}

static bool
has_parted(const struct life *l)
{
	return l->bye_heard || (l->bye_sent && l->bye != WIRE_BYE_SHUTDOWN);
}

void
peer_path_check(struct peer_session *s, mono_t now)
{
	int64_t timeout_ns = s->peer->settings->session.path_timeout_ns;
	bool paused = life_was_paused(&s->checked, now, timeout_ns);

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct peer_path *p = &s->paths[i];

		if (!p->life.up)
			continue;
		if (p->blocked || paused)
			p->life.heard = now; /* it is we who do not listen */
		if (has_parted(&p->life)) {
			close_path(s, i, p->life.bye);
		} else if (life_is_over(&p->life, now, timeout_ns)) {
			counter_inc(&s->figures.path_timeouts);
			close_path(s, i, WIRE_BYE_TIMEOUT);
		}
	}
}
