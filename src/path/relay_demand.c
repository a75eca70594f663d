/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which channels the peers want. Gets a set from each session, as its peer says it, and
 * tells by figures which channels nobody wants at all; what is made of that is the main
 * thread's (ops/demand_watch.c). Runs on the lane's thread.
 *
 * A session that is down keeps its set, so that an outage of the line cuts no group; and
 * a peer that said nothing, or never came, wants everything.
 */
#include "path/relay_demand.h"

#include <stdlib.h>
#include <string.h>

#include "path/relay_internal.h"
#include "path/relay_session.h"

/* A peer that starts anew has asked who its members are by then; and if it does not ask,
 * it wants everything again. */
#define SUCCESSION_NS (5 * NS_PER_S)

struct relay_demand {
	uint32_t generation; /* of unwanted; 0: this process said nothing yet */
	mono_t until;        /* then what its predecessor said is forgotten */
	uint8_t unwanted[];  /* a bit for each channel: the peer can do without */
};

static size_t
count_bytes(size_t channels)
{
	return channels / 8 + 1;
}

static bool
has_bit(const uint8_t *bits, size_t id)
{
	return (bits[id / 8] >> (id % 8) & 1) != 0;
}

struct relay_demand *
relay_demand_new(size_t channels)
{
	struct relay_demand *d = calloc(1, relay_demand_memory_bytes(channels));

	if (d != NULL)
		d->until = MONO_NEVER;
	return d;
}

void
relay_demand_free(struct relay_demand *d)
{
	free(d);
}

size_t
relay_demand_memory_bytes(size_t channels)
{
	return sizeof(struct relay_demand) + count_bytes(channels);
}

static bool
is_wanted(const struct relay *r, size_t id)
{
	for (size_t i = 0; i < r->session_count; i++) {
		if (!has_bit(r->sessions[i].demand->unwanted, id))
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
	size_t bytes = count_bytes(s->relay->channel_capacity);
	struct wire_demand d;

	if (!wire_get_demand(f, &d) || !is_sane(s->relay, &d))
		return false;
	if (d.generation < s->demand->generation)
		return true; /* the line held it back */
	p->demand_heard = d.generation;
	if (d.generation == s->demand->generation)
		return true; /* said again, since our answer was late or lost */
	memset(s->demand->unwanted, 0, bytes);
	memcpy(s->demand->unwanted, d.unwanted, d.len < bytes ? d.len : bytes);
	s->demand->generation = d.generation;
	s->demand->until = MONO_NEVER;
	counter_inc(&s->relay->figures.demands);
	unite(s->relay);
	return true;
}

void
relay_demand_succeed(struct relay_session *s, mono_t now)
{
	s->demand->generation = 0;
	s->demand->until = mono_add(now, SUCCESSION_NS);
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
	if (!mono_due(s->demand->until, now))
		return;
	s->demand->until = MONO_NEVER;
	memset(s->demand->unwanted, 0, count_bytes(s->relay->channel_capacity));
	unite(s->relay);
}

void
relay_set_idle(struct relay *r, const bool *idle, size_t count)
{
	for (size_t i = 1; i < r->channel_count; i++)
		gauge_set(&r->channels[i].is_idle, i < count && idle[i]);
}
