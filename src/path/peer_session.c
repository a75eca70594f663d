/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session, the peer's end: every frame finds its way to the channel that it is for, and
 * to those who answer it. Gets frames from wire, hands datagrams to peer_arrival. Runs on
 * the lane's thread.
 */
#include "path/peer_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "path/parts.h"
#include "path/peer_arrival.h"
#include "path/peer_demand.h"
#include "path/peer_internal.h"
#include "path/peer_record.h"
#include "path/peer_report.h"

#define GAPS_EXTRA 8192 /* per session, beyond one for each channel */

bool
peer_session_init(struct peer_session *s, struct peer *peer, unsigned int remote,
		  const struct remote_settings *settings, mono_t now)
{
	const struct recovery_settings *recovery = &peer->settings->recovery;

	s->peer = peer;
	s->remote = remote;
	s->settings = settings;
	s->capacity = recovery->channels + 1;
	s->channels = calloc(s->capacity, sizeof *s->channels);
	s->by_id = calloc(UINT16_MAX + 1, sizeof *s->by_id);
	s->names = names_new(s->capacity);
	s->parts = parts_new();
	s->recover = recover_new(s->capacity, GAPS_EXTRA, recovery->give_up_ns);
	s->gap_log = gap_log_new();
	s->demand = peer_demand_new();
	if (s->channels == NULL || s->by_id == NULL || s->recover == NULL ||
	    s->gap_log == NULL || s->parts == NULL || s->names == NULL ||
	    s->demand == NULL)
		return false;
	peer_request_init(s, now);
	for (uint32_t i = 0; i < s->capacity; i++) {
		if (!peer_channel_init(&s->channels[i], s, i))
			return false;
	}
	return true;
}

void
peer_session_fini(struct peer_session *s)
{
	for (uint32_t i = 0; s->channels != NULL && i < s->capacity; i++)
		window_fini(&s->channels[i].window);
	free(s->channels);
	free(s->by_id);
	names_free(s->names);
	recover_free(s->recover);
	gap_log_free(s->gap_log);
	parts_free(s->parts);
	peer_demand_free(s->demand);
}

size_t
peer_session_memory_bytes(const struct peer_session *s)
{
	const struct recovery_settings *r = &s->peer->settings->recovery;

	return s->capacity * (sizeof *s->channels +
			      2 * (size_t)r->window_datagrams * sizeof(uint32_t)) +
	       (UINT16_MAX + 1) * sizeof *s->by_id + recover_memory_bytes(s->recover) +
	       gap_log_memory_bytes() + parts_memory_bytes() +
	       names_memory_bytes(s->capacity) + peer_demand_memory_bytes();
}

const struct peer_session *
peer_session(const struct peer *p, unsigned int remote)
{
	return &p->sessions[remote];
}

uint64_t
peer_session_instance(const struct peer_session *s)
{
	return s->peer->instance;
}

void
peer_session_event(struct peer_session *s, enum session_event event, const char *why)
{
	struct session_step step;

	if (!session_take(&s->state, event, &step))
		return;
	if (step.to == SESSION_OPEN)
		counter_inc(&s->figures.sessions_opened);
	s->peer->ops->session(s->peer->arg, s->remote, step.from, step.to, why);
}

/* ---- the table of channels ---- */

/* One that is announced no more. The search goes on where the last one ended, or a
 * greeting of nothing but new names would walk over all that it has placed already. */
static struct peer_channel *
find_idle(struct peer_session *s)
{
	for (uint32_t i = 0; i < s->channel_count; i++) {
		struct peer_channel *c;

		s->idle_at = (s->idle_at + 1) % s->channel_count;
		c = &s->channels[s->idle_at];
		if (!c->active && c->ready == 0)
			return c;
	}
	return NULL;
}

/* The channel of that name of an earlier epoch, whose books go on; else a new
 * one; else, when all are taken, one that is announced no more. NULL: full. */
static struct peer_channel *
find_place(struct peer_session *s, const struct wire_channel *e)
{
	struct peer_channel *idle;

	for (uint32_t i = names_find(s->names, e->name.text); i != NAMES_NONE;
	     i = names_next(s->names, i)) {
		struct peer_channel *c = &s->channels[i];

		if (!c->active && (e->id == MARKS_ID) == (c->group == 0))
			return c;
	}
	if (s->channel_count < s->capacity)
		return &s->channels[s->channel_count];
	idle = find_idle(s);
	if (idle != NULL)
		peer_channel_forget(idle); /* the books are another's */
	return idle;
}

/* Two channels of one name would be one to whoever reads the figures. */
static bool
is_announced(const struct peer_session *s, const struct wire_channel *e)
{
	for (uint32_t i = names_find(s->names, e->name.text); i != NAMES_NONE;
	     i = names_next(s->names, i)) {
		const struct peer_channel *c = &s->channels[i];

		if (c->active && (e->id == MARKS_ID) == (c->id == MARKS_ID))
			return true;
	}
	return false;
}

static bool
add_channel(struct peer_session *s, const struct wire_channel *e)
{
	struct peer_channel *c = find_place(s, e);

	if (c == NULL)
		return false;
	peer_channel_announce(c, e);
	s->by_id[e->id] = (uint16_t)(c->index + 1);
	if (c->index == s->channel_count)
		atomic_store_explicit(&s->channel_count, c->index + 1,
				      memory_order_release);
	return true;
}

/* As on the wire: nothing may make us emit to a host, or to 224.0.0.0/24. */
static bool
is_emittable(const struct wire_channel *e)
{
	return e->id == MARKS_ID ||
	       (e->group >> 28 == 0xe && e->group >> 8 != 0xe00000 && e->port != 0);
}

enum wire_bye
peer_session_place(struct peer_session *s, const struct wire_channel *e,
		   struct peer_channel **found)
{
	const struct peer_channel *c = peer_session_find(s, e->id);

	if (!is_emittable(e))
		return WIRE_BYE_PROTOCOL;
	if (c == NULL) {
		if (is_announced(s, e))
			return WIRE_BYE_PROTOCOL;
		if (!add_channel(s, e))
			return WIRE_BYE_CHANNELS;
	} else if (strcmp(c->name, e->name.text) != 0) {
		return WIRE_BYE_PROTOCOL;
	}
	*found = peer_session_find(s, e->id);
	return 0;
}

void
peer_session_settings_changed(struct peer_session *s)
{
	recover_set_give_up(s->recover, s->peer->settings->recovery.give_up_ns);
	peer_demand_changed(s);
	for (uint32_t i = 0; i < s->channel_count; i++) {
		if (s->channels[i].active)
			peer_channel_redirect(&s->channels[i]);
	}
}

/* ---- data ---- */

/* A stream's frame that finds no room is left unread. */
static enum peer_frame
take_datagram(struct peer_session *s, struct now now, struct peer_path *p,
	      const struct wire_data *d, bool repair)
{
	struct peer_channel *c = peer_session_find(s, d->channel);
	bool first;

	if (c == NULL) {
		counter_inc(&s->figures.unknown_channel);
		return PEER_TAKEN;
	}
	first = window_check(&c->window, d->seq) == WINDOW_NEW;
	if (!peer_arrival_take(c, now, d, repair, p->kind == PATH_STREAM)) {
		p->blocked = true;
		counter_inc(&s->figures.blocked);
		return PEER_NO_ROOM;
	}
	if (first)
		counter_inc(&p->firsts);
	if (s->last_captured.ns < d->captured.ns)
		s->last_captured = d->captured;
	return PEER_TAKEN;
}

/* A piece of a datagram: what comes before it is a gap already. */
static enum peer_frame
take_part(struct peer_session *s, struct now now, struct peer_path *p,
	  const struct wire_data *d, bool repair)
{
	struct peer_channel *c = peer_session_find(s, d->channel);
	struct wire_data whole;

	if (c == NULL || window_check(&c->window, d->seq) != WINDOW_NEW)
		return PEER_TAKEN; /* a further piece of what is complete */
	switch (parts_put(s->parts, s->era, d, &whole)) {
	case PARTS_WHOLE: return take_datagram(s, now, p, &whole, repair);
	case PARTS_HELD: break;
	case PARTS_MALFORMED: return PEER_BROKEN;
	}
	peer_gap_passed(c, now.mono, d->seq);
	return PEER_TAKEN;
}

static void
count_frame(struct peer_path *p)
{
	p->frames++;
	counter_inc(&p->traffic.frames);
}

static enum peer_frame
take_data(struct peer_session *s, struct now now, struct peer_path *p,
	  const struct wire_frame *f)
{
	struct wire_data d;

	if (!wire_get_data(f, &d) || d.channel == MARKS_ID)
		return PEER_BROKEN;
	count_frame(p);
	if (d.part)
		return take_part(s, now, p, &d, f->flags & WIRE_REPAIR);
	return take_datagram(s, now, p, &d, f->flags & WIRE_REPAIR);
}

static enum peer_frame
take_record(struct peer_session *s, struct now now, struct peer_path *p,
	    const struct wire_frame *f)
{
	uint8_t bytes[RECORD_BYTES_MAX];
	struct wire_data d;

	if (!peer_record_get(f, bytes, &d))
		return PEER_BROKEN;
	count_frame(p);
	return take_datagram(s, now, p, &d, f->flags & WIRE_REPAIR);
}

/* ---- frames ---- */

static enum peer_frame
taken(bool ok)
{
	return ok ? PEER_TAKEN : PEER_BROKEN;
}

enum peer_frame
peer_session_frame(struct peer_session *s, struct now now, unsigned int slot,
		   const struct wire_frame *f)
{
	struct peer_path *p = &s->paths[slot];

	if (p->bye_due || p->life.bye_sent)
		return PEER_TAKEN;
	switch (f->type) {
	case WIRE_HELLO: return taken(peer_greeting_take(s, p, f));
	case WIRE_DATA: return p->open ? take_data(s, now, p, f) : PEER_TAKEN;
	case WIRE_MARK:
	case WIRE_CHANGE: return p->open ? take_record(s, now, p, f) : PEER_TAKEN;
	case WIRE_HEARTBEAT:
		return taken(!p->open || peer_report_heartbeat(s, now, p, f));
	case WIRE_VERDICT: return taken(!p->open || peer_request_answered(s, now, f));
	case WIRE_DEMAND: return taken(!p->open || peer_demand_answered(s, f));
	case WIRE_BYE: return taken(peer_path_take_bye(s, p, f));
	case WIRE_WELCOME:
	case WIRE_REQUEST:
	case WIRE_REPORT: return PEER_BROKEN; /* only a peer says these */
	default: return taken((f->flags & WIRE_OPTIONAL) != 0);
	}
}

void
peer_session_fill(struct peer_session *s, struct now now, unsigned int slot,
		  struct batch *b)
{
	struct peer_path *p = &s->paths[slot];
	size_t used = batch_used(b);

	if (!p->life.up || p->life.bye_sent || p->life.bye_heard)
		return;
	if (peer_path_is_greeted(p) && !p->bye_due)
		peer_greeting_fill(s, now, p, b);
	if (p->open) {
		peer_request_fill(s, now, slot, b);
		peer_report_fill(s, now, p, b);
		peer_demand_fill(s, slot, b);
	}
	if (p->bye_due)
		peer_path_fill_bye(s, p, b);
	counter_add(&p->bytes, batch_used(b) - used);
}

/* ---- time ---- */

void
peer_session_tick(struct peer_session *s, struct now now)
{
	peer_path_check(s, now.mono);
	peer_demand_tick(s, now.mono);
	peer_request_tick(s, now.mono);
}

mono_t
peer_session_deadline(const struct peer_session *s)
{
	mono_t due = MONO_NEVER;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *p = &s->paths[i];

		if (p->life.up && p->open && !p->life.bye_sent && !p->life.bye_heard)
			due = mono_min(due, p->report_due);
	}
	if (peer_path_any_open(s) && !s->peer->draining)
		due = mono_min(due, mono_min(recover_deadline(s->recover),
					     peer_demand_deadline(s)));
	return due;
}
