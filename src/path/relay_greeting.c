/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The greeting, the relay's end: HELLO binds a path to the epoch and announces the
 * channels, WELCOME says where the peer wants to resume. Gets paths from relay_path, puts
 * their cursors where relay_stream goes on. Runs on the lane's thread.
 */
#include "path/relay_greeting.h"

#include <string.h>

#include "path/relay_beat.h"
#include "path/relay_demand.h"
#include "path/relay_internal.h"
#include "path/relay_session.h"
#include "path/relay_stream.h"

#define NO_GREETER     PATHS_MAX
#define HELLO_AGAIN_NS (20 * NS_PER_MS)

void
relay_greeting_init(struct relay_greeting *g)
{
	g->greeter = NO_GREETER;
	g->changes_told = SEQ_FIRST;
}

void
relay_greeting_start(struct relay_session *s, unsigned int slot)
{
	s->greeting.greeter = slot;
	s->greeting.number++;
	s->greeting.welcomed = 0;
	s->greeting.abandoned = 0;
	s->greeting.changes_told = s->relay->changes_end;
	s->paths[slot].hello_at = 0;
	s->paths[slot].beating = false; /* or a BYE would wait for the round's end */
	relay_path_set_open(s, &s->paths[slot], false);
}

bool
relay_greeting_is_under_way(const struct relay_session *s)
{
	return s->greeting.greeter != NO_GREETER;
}

void
relay_greeting_path_down(struct relay_session *s, unsigned int slot)
{
	if (s->greeting.greeter == slot)
		s->greeting.greeter = NO_GREETER;
}

/* ---- HELLO ---- */

static struct wire_greeting
greeting(const struct relay_session *s, unsigned int slot, bool joins)
{
	const struct relay *r = s->relay;
	struct wire_greeting g = {.version = WIRE_VERSION,
				  .epoch = r->epoch,
				  .lane = r->lane,
				  .instance = s->instance,
				  .greeting = s->greeting.number,
				  .total = joins ? 0 : (uint16_t)r->channel_count,
				  .slot = (uint8_t)slot};

	wire_set_name(&g.node, r->settings->node);
	return g;
}

static struct wire_channel
announcement(const struct relay_session *s, uint16_t i)
{
	const struct relay *r = s->relay;
	const struct channel_settings *c = r->channels[i].settings;
	struct wire_channel e = {.id = i,
				 .next = history_next(r->history, i),
				 .oldest = history_oldest(r->history, i),
				 .fresh = s->peer_left ? s->outlets[i].reported
						       : s->outlets[i].fresh};

	wire_set_name(&e.name, c != NULL ? c->name : "marks");
	if (gauge_get(&r->channels[i].is_withdrawn))
		e.flags = WIRE_WITHDRAWN;
	if (c != NULL) {
		e.group = c->group;
		e.port = c->port;
		e.source = c->source;
	}
	return e;
}

void
relay_greeting_fill(struct relay_session *s, struct now now, unsigned int slot,
		    struct batch *b)
{
	struct relay_path *p = &s->paths[slot];
	bool joins = s->greeting.greeter != slot;
	uint16_t end = joins ? 0 : (uint16_t)s->relay->channel_count;
	struct wire_greeting g = greeting(s, slot, joins);
	struct wire_draft d;

	if (joins && !relay_session_is_carrying(s))
		return; /* another path greets; this one joins when that is done */
	if (p->hello_at >= end && !mono_due(p->hello_due, now.mono))
		return;
	if (!batch_fits(b, WIRE_GREETING_BYTES + WIRE_ENTRY_MAX))
		return;
	if (p->hello_at >= end)
		p->hello_at = 0;
	d = wire_begin(&b->w, WIRE_HELLO, 0);
	wire_put_greeting(&b->w, &g);
	wire_entries(&b->w, &d);
	for (; p->hello_at < end && batch_used(b) + WIRE_ENTRY_MAX <= b->limit;
	     p->hello_at++) {
		struct wire_channel e = announcement(s, p->hello_at);

		if (s->outlets[p->hello_at].welcomed == s->greeting.number)
			continue;
		wire_put_channel(&b->w, &e);
		d.entries++;
	}
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
	/* Over a stream nothing is lost, so nothing is said twice. */
	p->hello_due = p->kind == PATH_STREAM ? MONO_NEVER
					      : mono_add(now.mono, HELLO_AGAIN_NS);
}

mono_t
relay_greeting_deadline(const struct relay_session *s, unsigned int slot)
{
	bool speaks = s->greeting.greeter == slot || relay_session_is_carrying(s);

	return speaks ? s->paths[slot].hello_due : MONO_NEVER;
}

/* ---- WELCOME ---- */

/* A peer process that is not the one of before: what its predecessor had not
 * reported may or may not have been emitted. It is not sent again, since nothing
 * is emitted twice. */
static void
note_instance(struct relay_session *s, uint64_t instance, struct outlet *o, seq_t next)
{
	uint64_t abandoned;

	if (s->instance == 0 || s->instance == instance)
		return;
	abandoned = seq_span(o->reported, next);
	s->greeting.abandoned += abandoned;
	counter_add(&o->book.abandoned, abandoned);
}

static bool
take_resume(struct relay_session *s, struct relay_path *p,
	    const struct wire_greeting *g, const struct wire_resume *e)
{
	struct outlet *o;

	if (e->id >= s->relay->channel_count ||
	    seq_before(history_next(s->relay->history, e->id), e->next))
		return false;
	o = &s->outlets[e->id];
	p->sent[e->id] = e->next;
	if (o->welcomed != s->greeting.number) {
		o->welcomed = s->greeting.number;
		s->greeting.welcomed++;
		note_instance(s, g->instance, o, e->next);
	}
	o->reported = seq_max(o->reported, e->next);
	return true;
}

static void
open_path(struct relay_session *s, struct now now, struct relay_path *p)
{
	relay_path_set_open(s, p, true);
	relay_beat_start(p, now);
}

/* A further path of an open session starts where the best one is. */
static void
join_path(struct relay_session *s, struct now now, struct relay_path *p)
{
	const struct relay_path *best = NULL;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct relay_path *o = &s->paths[i];

		if (o->open && (best == NULL || o->cursor > best->cursor))
			best = o;
	}
	if (best == NULL || p->open)
		return;
	p->cursor = best->cursor;
	memcpy(p->sent, best->sent, s->relay->channel_count * sizeof *p->sent);
	open_path(s, now, p);
}

/* The other paths lead to a peer process that is no more. */
static void
close_others(struct relay_session *s, const struct relay_path *p)
{
	const struct relay *r = s->relay;

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct relay_path *o = &s->paths[i];

		if (o == p || !o->open)
			continue;
		relay_path_set_open(s, o, false);
		r->ops->close(r->arg, s->remote, i, WIRE_BYE_REPLACED);
	}
}

static void
complete_greeting(struct relay_session *s, struct now now, struct relay_path *p,
		  uint64_t instance)
{
	const struct relay *r = s->relay;

	if (s->instance != 0 && s->instance != instance) {
		close_others(s, p);
		if (r->ops->restarted != NULL)
			r->ops->restarted(r->arg, s->remote, s->greeting.abandoned);
		relay_demand_succeed(s, now.mono);
	}
	s->instance = instance;
	gauge_set(&s->peer_capacity, s->greeting.capacity_said);
	counter_set(&s->instance_seen, instance);
	s->peer_left = false;
	s->greeting.greeter = NO_GREETER;
	relay_stream_resume(s, p);
	open_path(s, now, p);
	relay_session_event(s, SESSION_GREETED, "the peer said where to resume");
	s->books_due = now.mono;
	relay_drain_greeted(s);
}

bool
relay_greeting_take(struct relay_session *s, struct now now, unsigned int slot,
		    const struct wire_frame *f)
{
	struct relay_path *p = &s->paths[slot];
	struct wire_greeting g;
	struct wire_resume e;
	struct rd r;

	if (!wire_get_greeting(f, &g, &r) || g.version != WIRE_VERSION ||
	    g.epoch != s->relay->epoch || g.instance == 0)
		return false;
	if (!p->open && g.greeting == 0 && s->greeting.greeter == NO_GREETER) {
		/* It knows no session to join: the old path died unnoticed, or the
		 * peer is another process. */
		relay_greeting_start(s, slot);
		relay_session_event(s, SESSION_REGREETED,
				    "the peer asks to be greeted");
		return true;
	}
	p->standby |= (f->flags & WIRE_STANDBY) != 0;
	if (p->open || g.greeting != s->greeting.number)
		return true; /* an echo of an earlier greeting */
	for (uint16_t i = 0; i < g.count; i++) {
		if (s->greeting.greeter != slot || !wire_get_resume(&r, &e) ||
		    !take_resume(s, p, &g, &e))
			return false;
	}
	if (s->greeting.greeter != slot && relay_session_is_carrying(s))
		join_path(s, now, p);
	if (s->greeting.greeter != slot)
		return true;
	s->greeting.capacity_said = g.total;
	if (s->greeting.welcomed == s->relay->channel_count)
		complete_greeting(s, now, p, g.instance);
	return true;
}

/* ---- once more ---- */

static void
greet_again(struct relay_session *s, const char *why)
{
	unsigned int slot = relay_path_best_up(s);

	if (!relay_session_is_carrying(s) || slot == PATHS_MAX)
		return;
	relay_session_event(s, SESSION_REGREETED, why);
	relay_greeting_start(s, slot);
}

void
relay_greeting_retell(struct relay_session *s)
{
	const struct relay *r = s->relay;
	seq_t reported = s->outlets[0].reported;

	if (s->greeting.greeter == NO_GREETER &&
	    seq_before(s->greeting.changes_told, r->changes_end) &&
	    seq_before(reported, r->changes_end) &&
	    seq_before(reported, history_oldest(r->history, 0)))
		greet_again(s, "a change of channels left the history unheard");
}

void
relay_greeting_channels_changed(struct relay_session *s, bool told)
{
	/* What is under way announced too little. */
	if (s->greeting.greeter != NO_GREETER)
		relay_greeting_start(s, s->greeting.greeter);
	else if (!told)
		greet_again(s, "the history has no room for a change of channels");
}
