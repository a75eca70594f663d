/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The greeting, the peer's end: HELLO announces epoch and channels, WELCOME says per
 * channel where the relay is to go on. Gets frames from peer_session, hands channels to
 * peer_channel. Runs on the lane's thread.
 */
#include "path/peer_greeting.h"

#include <string.h>

#include "path/peer_demand.h"
#include "path/peer_internal.h"
#include "path/peer_session.h"

#define RESUME_BYTES 10

/* What still comes on the other paths is of the former process, and says nothing of
 * its epoch. */
static void
close_others(struct peer_session *s, const struct peer_path *p)
{
	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct peer_path *o = &s->paths[i];

		if (o == p || !o->life.up || (!o->open && !o->welcoming))
			continue;
		o->open = o->welcoming = false;
		s->peer->ops->close(s->peer->arg, s->remote, i, WIRE_BYE_REPLACED);
	}
}

static void
begin_epoch(struct peer_session *s, const struct peer_path *path, uint64_t epoch)
{
	const struct peer *p = s->peer;

	close_others(s, path);
	p->ops->epoch(p->arg, s->remote, s->epoch, epoch, s->last_captured);
	for (uint32_t i = 0; i < s->channel_count; i++) {
		if (s->channels[i].active)
			peer_channel_end_epoch(&s->channels[i]);
	}
	gap_log_new_epoch(s->gap_log);
	memset(s->by_id, 0, (UINT16_MAX + 1) * sizeof *s->by_id);
	atomic_store_explicit(&s->epoch, epoch, memory_order_relaxed);
	s->era++;
	s->greeting.number = 0;
	s->greeting.changes_known = SEQ_FIRST;
	counter_inc(&s->figures.epochs);
}

static void
begin_greeting(struct peer_session *s, const struct wire_greeting *g)
{
	s->greeting.number = g->greeting;
	s->greeting.total = g->total;
	s->greeting.seen = 0;
	peer_request_suspend(s);
	counter_inc(&s->figures.greetings);
	peer_session_event(s, SESSION_REGREETED, "the relay greets anew");
}

static enum wire_bye
take_announcement(struct peer_session *s, const struct wire_channel *e)
{
	struct peer_channel *c;
	enum wire_bye bye = peer_session_place(s, e, &c);

	if (bye != 0)
		return bye;
	/* Said again, it may be older than a change that came meanwhile. */
	if (c->greeting != s->greeting.number)
		peer_channel_update(c, e);
	if (c->greeting != s->greeting.number && e->id == MARKS_ID)
		s->greeting.changes_known = e->next;
	/* A relay that numbers less than it did has forgotten its epoch; but newer
	 * datagrams may have come by another path, or before a HELLO said again. */
	if (c->greeting != s->greeting.number && !peer_path_any_open(s) &&
	    seq_before(e->next, peer_channel_resume(c)))
		return WIRE_BYE_PROTOCOL;
	peer_channel_know(c, e->next);
	if (c->greeting != s->greeting.number) {
		c->greeting = s->greeting.number;
		s->greeting.seen++;
	}
	c->welcome_due = true;
	if (c->index < s->greeting.welcome_at)
		s->greeting.welcome_at = c->index;
	return 0;
}

/* 0, or why the relay is sent away. */
static enum wire_bye
take_greeting(struct peer_session *s, struct peer_path *p,
	      const struct wire_greeting *g, struct rd *r)
{
	struct wire_channel e;
	enum wire_bye bye = 0;
	bool anew = g->epoch != s->epoch;
	bool knows_us = !anew && g->instance == s->peer->instance;

	if (anew)
		begin_epoch(s, p, g->epoch);
	if (anew || g->greeting != s->greeting.number)
		begin_greeting(s, g);
	p->welcoming = true;
	for (uint16_t i = 0; i < g->count && bye == 0; i++) {
		if (!wire_get_channel(r, &e))
			return WIRE_BYE_PROTOCOL;
		/* It came after we were greeted, so nobody emitted anything of it: what
		 * was sent came here, where it was unknown. */
		if (knows_us && peer_session_find(s, e.id) == NULL)
			e.fresh = SEQ_FIRST;
		bye = take_announcement(s, &e);
	}
	return bye;
}

static enum wire_bye
check_greeting(const struct peer_session *s, const struct wire_greeting *g)
{
	if (g->version != WIRE_VERSION)
		return WIRE_BYE_VERSION;
	if (strcmp(g->node.text, s->settings->name) != 0)
		return WIRE_BYE_NODE;
	return 0;
}

/* The relay dialled anew while we still took the old connection for alive. */
static void
close_replaced(struct peer_session *s, const struct peer_path *p)
{
	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *o = &s->paths[i];

		if (o != p && o->life.up && (o->open || o->welcoming) &&
		    o->relay_slot == p->relay_slot)
			s->peer->ops->close(s->peer->arg, s->remote, i,
					    WIRE_BYE_REPLACED);
	}
}

bool
peer_greeting_take(struct peer_session *s, struct peer_path *p,
		   const struct wire_frame *f)
{
	struct wire_greeting g;
	enum wire_bye bye;
	struct rd r;

	if (!wire_get_greeting(f, &g, &r))
		return false;
	bye = check_greeting(s, &g);
	p->relay_slot = g.slot;
	if (bye == 0)
		close_replaced(s, p);
	if (bye == 0 && g.epoch == s->epoch && g.greeting < s->greeting.number)
		return true; /* the line held it back */
	if (bye == 0 && g.total == 0) {
		p->greet_epoch = g.epoch;
		p->greet_due = g.epoch != s->epoch || !peer_path_any_open(s);
		p->join_due = !p->greet_due;
	} else if (bye == 0) {
		bye = take_greeting(s, p, &g, &r);
	}
	if (bye != 0)
		peer_path_say_bye(p, bye);
	return true;
}

bool
peer_greeting_knows(const struct peer_session *s, seq_t change)
{
	return seq_before(change, s->greeting.changes_known);
}

/* ---- WELCOME ---- */

static struct wire_draft
begin_welcome(const struct peer_session *s, uint8_t flags, struct wire_greeting *g,
	      struct batch *b)
{
	struct wire_draft d = wire_begin(&b->w, WIRE_WELCOME, flags);

	g->version = WIRE_VERSION;
	g->instance = s->peer->instance;
	wire_set_name(&g->node, s->peer->settings->node);
	wire_put_greeting(&b->w, g);
	wire_entries(&b->w, &d);
	return d;
}

static uint8_t
welcome_flags(const struct peer_session *s, const struct peer_path *p)
{
	unsigned int slot = (unsigned int)(p - s->paths);
	bool standby = slot < s->settings->path_count &&
		       s->settings->paths[slot].use == PATH_STANDBY;

	return standby ? WIRE_STANDBY : 0;
}

/* We have no session that the path could join: greeting 0 asks for one. */
static void
fill_greet_me(const struct peer_session *s, struct peer_path *p, struct batch *b)
{
	struct wire_greeting g = {.epoch = p->greet_epoch};
	struct wire_draft d;

	if (!batch_fits(b, WIRE_GREETING_BYTES))
		return;
	d = begin_welcome(s, 0, &g, b);
	if (wire_end(&b->w, &d))
		p->greet_due = false;
}

static void
open_path(struct peer_session *s, struct now now, struct peer_path *p)
{
	p->welcoming = p->join_due = false;
	p->open = true;
	p->report_due = now.mono;
	peer_session_event(s, SESSION_GREETED, "the relay was told where to resume");
}

static void
fill_welcome(struct peer_session *s, struct now now, struct peer_path *p,
	     struct batch *b)
{
	struct wire_greeting g = {.epoch = s->epoch,
				  .greeting = s->greeting.number,
				  .total = (uint16_t)s->capacity};
	struct wire_draft d;
	uint32_t i;

	if (!batch_fits(b, WIRE_GREETING_BYTES + RESUME_BYTES))
		return;
	d = begin_welcome(s, welcome_flags(s, p), &g, b);
	for (i = s->greeting.welcome_at;
	     i < s->channel_count && batch_used(b) + RESUME_BYTES <= b->limit; i++) {
		struct peer_channel *c = &s->channels[i];
		struct wire_resume e = {.id = c->id, .next = peer_channel_resume(c)};

		if (!c->active || !c->welcome_due || p->join_due)
			continue;
		wire_put_resume(&b->w, &e);
		c->welcome_due = false;
		peer_gap_resume(c);
		d.entries++;
	}
	if (!p->join_due)
		s->greeting.welcome_at = i;
	if (d.entries == 0 && !p->join_due) {
		b->w.p = d.start; /* nothing was announced yet */
		return;
	}
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
	if (!p->join_due)
		peer_demand_greeted(s);
	if (p->join_due ||
	    (i == s->channel_count && s->greeting.seen == s->greeting.total))
		open_path(s, now, p);
}

void
peer_greeting_fill(struct peer_session *s, struct now now, struct peer_path *p,
		   struct batch *b)
{
	if (p->welcoming || p->join_due)
		fill_welcome(s, now, p, b);
	if (p->greet_due)
		fill_greet_me(s, p, b);
}
