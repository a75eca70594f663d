/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining: when all is settled the final books are exchanged, then BYE. Gets the wish
 * from the lane. Runs on the lane's thread.
 */
#include "path/relay_drain.h"

#include "path/relay_internal.h"
#include "path/relay_session.h"

#define BYE_AGAIN_NS (20 * NS_PER_MS) /* a datagram path may lose it */

void
relay_drain(struct relay *r, bool patient)
{
	r->draining = true;
	r->patient = patient;
	for (size_t i = 0; i < r->session_count; i++) {
		r->sessions[i].drain.wanted = true;
		relay_session_event(&r->sessions[i], SESSION_DRAIN, "draining");
	}
}

/* BYE was said, on every path that is up. */
static bool
has_left(const struct relay_session *s)
{
	bool any = false;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].life.up && !s->paths[i].life.bye_sent)
			return s->drain.bye_said;
		any |= s->paths[i].life.up;
	}
	return any || s->drain.bye_said;
}

bool
relay_drained(const struct relay *r)
{
	for (size_t i = 0; i < r->session_count; i++) {
		if (has_left(&r->sessions[i]))
			continue;
		if (relay_session_state(&r->sessions[i]) != SESSION_DOWN || r->patient)
			return false;
	}
	return r->draining;
}

void
relay_give_up_drain(struct relay *r)
{
	r->patient = false;
	for (size_t i = 0; i < r->session_count; i++)
		r->sessions[i].drain.bye_due = true;
}

/* ---- the final books ---- */

static void
restart_final_books(struct relay_session *s)
{
	s->drain.final = s->drain.bye_due = s->drain.bye_said = false;
	for (size_t i = 0; i < s->relay->channel_count; i++)
		s->outlets[i].books_answered = false;
}

void
relay_drain_greeted(struct relay_session *s)
{
	if (!s->drain.wanted)
		return;
	/* The final books may have been under way when the last path died. */
	restart_final_books(s);
	relay_session_event(s, SESSION_DRAIN, "draining");
}

void
relay_drain_channels_changed(struct relay_session *s)
{
	if (s->drain.final && !s->drain.bye_due && !s->drain.bye_said)
		restart_final_books(s); /* they are of more channels now */
}

void
relay_drain_books_sent(struct relay_session *s, mono_t now)
{
	if (s->drain.final && s->drain.final_at.ns == MONO_NEVER.ns)
		s->drain.final_at = now;
}

void
relay_drain_books_heard(struct relay_session *s, struct outlet *o,
			const struct wire_timing *timing)
{
	if (s->drain.final && !o->books_answered &&
	    timing->echo_mono_ns >= s->drain.final_at.ns) {
		o->books_answered = true;
		s->drain.final_wanted--;
	}
}

static bool
is_settled(const struct relay_session *s)
{
	for (size_t i = 0; i < s->relay->channel_count; i++) {
		if (seq_before(s->outlets[i].reported,
			       history_next(s->relay->history, (uint16_t)i)))
			return false;
	}
	return true;
}

void
relay_drain_tick(struct relay_session *s, mono_t now)
{
	if (relay_session_state(s) != SESSION_DRAINING || s->drain.bye_due ||
	    !is_settled(s))
		return;
	if (s->drain.final) {
		s->drain.bye_due = s->drain.final_wanted == 0;
	} else {
		s->drain.final = true;
		s->drain.final_at = MONO_NEVER;
		s->drain.final_wanted = (uint16_t)s->relay->channel_count;
		s->books_due = now;
		for (size_t i = 0; i < s->relay->channel_count; i++)
			s->outlets[i].books_sent = UINT64_MAX;
		for (size_t i = 0; i < PATHS_MAX; i++)
			s->paths[i].beat_due = now;
	}
}

/* ---- BYE ---- */

void
relay_drain_fill_bye(struct relay_session *s, mono_t now, struct relay_path *p,
		     struct batch *b)
{
	enum wire_bye reason = s->drain.final && s->drain.final_wanted == 0
				       ? WIRE_BYE_DRAINED
				       : WIRE_BYE_SHUTDOWN;

	if (!s->drain.bye_due || p->beating)
		return;
	if (!wire_put_bye(&b->w, reason, wire_bye_name(reason)))
		return;
	p->life.bye_sent = s->drain.bye_said = true;
	p->bye_again =
		p->kind == PATH_STREAM ? MONO_NEVER : mono_add(now, BYE_AGAIN_NS);
	relay_session_event(s, SESSION_BYE, "we said bye");
}
