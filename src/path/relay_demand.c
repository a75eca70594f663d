/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which channels the peers want. Gets a set from each session, as its peer says it, and
 * tells by figures which channels nobody wants at all; what is made of that is the main
 * thread's (ops/demand_watch.c). Runs on the lane's thread.
 *
 * A session that is down keeps its set, so that an outage of the line cuts no group; and
 * a peer that said nothing, or never came, wants everything.
 */
#include <stdlib.h>
#include <string.h>

#include "path/relay_internal.h"
#include "path/relay_session.h"

/* A peer that starts anew has asked who its members are by then; and if it does not ask,
 * it wants everything again. */
#define SUCCESSION_NS (5 * NS_PER_S)

static size_t
count_bytes(const struct relay *r)
{
	return r->channel_capacity / 8 + 1;
}

static bool
has_bit(const uint8_t *bits, size_t id)
{
	return (bits[id / 8] >> (id % 8) & 1) != 0;
}

bool
relay_demand_init(struct relay_session *s)
{
	s->unwanted = calloc(count_bytes(s->relay), 1);
	s->demand_until = MONO_NEVER;
	return s->unwanted != NULL;
}

static bool
is_wanted(const struct relay *r, size_t id)
{
	for (size_t i = 0; i < r->session_count; i++) {
		if (!has_bit(r->sessions[i].unwanted, id))
			return true;
	}
	return false;
}

static void
unite(struct relay *r)
{
	for (size_t i = 1; i < r->channel_count; i++)
		gauge_set(&r->channels[i].is_unwanted, !is_wanted(r, i));
}

/* Of channels that there are, and not of the marks. */
static bool
is_sane(const struct relay *r, const struct wire_demand *d)
{
	if (d->len > 0 && has_bit(d->unwanted, 0))
		return false;
	for (size_t id = r->channel_count; id < 8 * d->len; id++) {
		if (has_bit(d->unwanted, id))
			return false;
	}
	return true;
}

bool
relay_demand_take(struct relay_session *s, struct relay_path *p,
		  const struct wire_frame *f)
{
	size_t bytes = count_bytes(s->relay);
	struct wire_demand d;

	if (!wire_get_demand(f, &d) || !is_sane(s->relay, &d))
		return false;
	if (d.generation < s->demand_generation)
		return true; /* the line held it back */
	p->demand_heard = d.generation;
	if (d.generation == s->demand_generation)
		return true; /* said again, since our answer was late or lost */
	memset(s->unwanted, 0, bytes);
	memcpy(s->unwanted, d.unwanted, d.len < bytes ? d.len : bytes);
	s->demand_generation = d.generation;
	s->demand_until = MONO_NEVER;
	counter_inc(&s->relay->figures.demands);
	unite(s->relay);
	return true;
}

void
relay_demand_succeed(struct relay_session *s, mono_t now)
{
	s->demand_generation = 0;
	s->demand_until = mono_add(now, SUCCESSION_NS);
}

void
relay_demand_fill(struct relay_path *p, struct batch *b)
{
	struct wire_demand d = {.generation = p->demand_heard};

	if (d.generation == 0 || !batch_fits(b, WIRE_DEMAND_BYTES) ||
	    !wire_put_demand(&b->w, &d))
		return;
	p->demand_heard = 0;
}

void
relay_demand_tick(struct relay_session *s, mono_t now)
{
	if (!mono_due(s->demand_until, now))
		return;
	s->demand_until = MONO_NEVER;
	memset(s->unwanted, 0, count_bytes(s->relay));
	unite(s->relay);
}

void
relay_set_idle(struct relay *r, const bool *idle, size_t count)
{
	for (size_t i = 1; i < r->channel_count; i++)
		gauge_set(&r->channels[i].is_idle, i < count && idle[i]);
}
