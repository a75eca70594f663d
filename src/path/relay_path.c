/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of a session, the relay's end: they come and go, stand by for one another,
 * fall silent, and part by BYE. Gets them from tunnel by way of the lane. Runs on the
 * lane's thread.
 */
#include "path/relay_path.h"

#include "path/relay_internal.h"
#include "path/relay_repair.h"
#include "path/relay_session.h"
#include "path/relay_verdict.h"

void
relay_path_set_open(struct relay_session *s, struct relay_path *p, bool open)
{
	if (p->open != open)
		s->open_paths += open ? 1u : -1u;
	p->open = open;
}

unsigned int
relay_path_best_up(const struct relay_session *s)
{
	unsigned int best = PATHS_MAX;
	int best_rank = -1;

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		const struct relay_path *p = &s->paths[i];
		int rank = 2 * p->open + !p->standby;

		if (p->life.up && rank > best_rank) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

static bool
any_better_open(const struct relay_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].open && !s->paths[i].standby)
			return true;
	}
	return false;
}

bool
relay_path_stands_in(const struct relay_session *s, const struct relay_path *p)
{
	if (any_better_open(s))
		return false;
	for (const struct relay_path *o = s->paths; o < p; o++) {
		if (o->open)
			return false;
	}
	return true;
}

void
relay_path_up(struct relay *r, struct now now, unsigned int remote, unsigned int slot,
	      enum path_kind kind, size_t mtu)
{
	struct relay_session *s = &r->sessions[remote];
	struct relay_path *p = &s->paths[slot];

	life_begin(&p->life, now.mono, kind);
	for (size_t i = 0; i < PATHS_MAX; i++)
		gauge_set(&s->paths[i].life.is_silent, false);
	p->kind = kind;
	relay_probe_start(p, mtu);
	relay_path_set_open(s, p, false);
	p->hello_at = 0;
	p->hello_due = now.mono;
	p->beating = false;
	p->demand_heard = 0;
	p->standby = slot < s->settings->path_count &&
		     s->settings->paths[slot].use == PATH_STANDBY;
	p->frames = 0;
	p->part_at = 0;
	timing_reset(&p->timing);
	relay_session_event(s, SESSION_PATH_UP, "a path is up");
	if (!relay_session_is_carrying(s) && !relay_greeting_is_under_way(s))
		relay_greeting_start(s, slot);
}

void
relay_path_down(struct relay *r, struct now now, unsigned int remote, unsigned int slot)
{
	struct relay_session *s = &r->sessions[remote];
	struct relay_path *p = &s->paths[slot];
	bool carried = p->open && relay_path_is_active(s, p);
	/* A peer that leaves says so on all its paths: it is greeted no more. */
	bool leaves = p->life.bye_heard && p->life.bye == WIRE_BYE_SHUTDOWN;
	unsigned int other;

	(void)now;
	life_end(&p->life);
	relay_path_set_open(s, p, false);
	relay_greeting_path_down(s, slot);
	other = relay_path_best_up(s);
	if (other == PATHS_MAX) {
		relay_repair_forget(s);
		relay_verdict_forget(s);
		relay_session_event(s, SESSION_PATHS_GONE, "no path is left");
	} else if (!relay_greeting_is_under_way(s) && !leaves &&
		   (s->open_paths == 0 || (carried && !any_better_open(s)))) {
		/* One that wanted to join, or a standby path, takes over. It begins
		 * where the peer says, since what was on the way may be lost. */
		relay_session_event(s, SESSION_REGREETED,
				    "the path that carried it is gone");
		relay_greeting_start(s, other);
	}
}

bool
relay_path_take_bye(struct relay_session *s, struct relay_path *p,
		    const struct wire_frame *f)
{
	const struct relay *r = s->relay;
	struct wire_name text;

	if (!life_take_bye(&p->life, f, &text))
		return false;
	/* Only a stream is sure to have brought the final report before. */
	s->peer_left |=
		p->life.bye == WIRE_BYE_SHUTDOWN && p->kind == PATH_STREAM && p->open;
	r->ops->bye(r->arg, s->remote, p->life.bye, text.text);
	return true;
}

void
relay_path_check(struct relay_session *s, mono_t now)
{
	const struct relay *r = s->relay;
	int64_t timeout_ns = r->settings->session.path_timeout_ns;
	bool paused = life_was_paused(&s->checked, now, timeout_ns);

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct relay_path *p = &s->paths[i];

		if (!p->life.up)
			continue;
		if (paused)
			p->life.heard = now;
		if (p->life.bye_heard) {
			r->ops->close(r->arg, s->remote, i, p->life.bye);
		} else if (life_is_over(&p->life, now, timeout_ns)) {
			counter_inc(&s->relay->figures.path_timeouts);
			r->ops->close(r->arg, s->remote, i, WIRE_BYE_TIMEOUT);
		}
	}
}
