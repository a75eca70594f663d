/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which channels nobody receives, told to the relay. Gets the groups that have a member
 * from the main thread, by way of the lane, and says after each greeting, and whenever
 * it is another set, which of the relay's channels are emitted to none of them; again
 * and again on every path, until the relay has answered. Runs on the lane's thread.
 */
#include "path/peer_demand.h"

#include <stdlib.h>
#include <string.h>

#include "path/peer_internal.h"
#include "path/peer_session.h"

#define AGAIN_NS (200 * NS_PER_MS)

struct peer_demand {
	uint8_t unwanted[WIRE_DEMAND_MAX]; /* a bit for each channel id */
	size_t len;
	uint32_t generation; /* of that; 0: nothing was said yet */
	bool stale;          /* channels or members are others now */
	bool answered;       /* the relay has it */
	unsigned int paths;  /* a bit for each that it is due on */
	mono_t again;
};

struct peer_demand *
peer_demand_new(void)
{
	return calloc(1, sizeof(struct peer_demand));
}

void
peer_demand_free(struct peer_demand *d)
{
	free(d);
}

size_t
peer_demand_memory_bytes(void)
{
	return sizeof(struct peer_demand);
}

static bool
has_member(const struct peer *p, uint32_t group)
{
	size_t low = 0, high = p->group_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->groups[mid] < group)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->group_count && p->groups[low] == group;
}

uint32_t *
peer_set_demand(struct peer *p, uint32_t *groups, size_t count)
{
	uint32_t *before = p->groups;

	p->groups = groups;
	p->group_count = count;
	for (size_t i = 0; i < p->session_count; i++)
		peer_demand_changed(&p->sessions[i]);
	return before;
}

void
peer_demand_changed(struct peer_session *s)
{
	s->demand->stale = true;
}

/* Due on every path, from now on. */
static void
say_again(struct peer_demand *d)
{
	d->answered = false;
	d->again = (mono_t){0};
	d->paths = UINT32_MAX;
}

void
peer_demand_greeted(struct peer_session *s)
{
	s->demand->stale = true;
	say_again(s->demand);
}

/* A withdrawn channel counts like any: it is by this that it comes back. */
static size_t
collect(struct peer_session *s, uint8_t bits[WIRE_DEMAND_MAX])
{
	size_t len = 0;

	memset(bits, 0, WIRE_DEMAND_MAX);
	for (uint32_t i = 0; i < s->channel_count; i++) {
		struct peer_channel *c = &s->channels[i];
		bool unwanted = c->active && c->id != MARKS_ID &&
				!has_member(s->peer, c->out_group);

		gauge_set(&c->is_unwanted, unwanted);
		if (!unwanted)
			continue;
		bits[c->id / 8] |= (uint8_t)(1u << c->id % 8);
		if (len < c->id / 8 + 1u)
			len = c->id / 8 + 1u;
	}
	return len;
}

static void
renew(struct peer_session *s)
{
	struct peer_demand *d = s->demand;
	uint8_t bits[WIRE_DEMAND_MAX];
	size_t len = collect(s, bits);

	d->stale = false;
	if (d->generation != 0 && len == d->len && memcmp(bits, d->unwanted, len) == 0)
		return;
	memcpy(d->unwanted, bits, len);
	d->len = len;
	d->generation++;
	say_again(d);
}

/* On a path whose packets are too short for all of it, what is cut off is wanted. */
static bool
put_demand(const struct peer_demand *d, struct batch *b)
{
	size_t room = wr_left(&b->w);
	struct wire_demand demand = {
		.generation = d->generation, .unwanted = d->unwanted, .len = d->len};

	if (batch_used(b) > 0 && !batch_fits(b, WIRE_DEMAND_BYTES + d->len))
		return false;
	if (room < WIRE_DEMAND_BYTES)
		return false;
	if (demand.len > room - WIRE_DEMAND_BYTES)
		demand.len = room - WIRE_DEMAND_BYTES;
	return wire_put_demand(&b->w, &demand);
}

void
peer_demand_fill(struct peer_session *s, unsigned int slot, struct batch *b)
{
	struct peer_demand *d = s->demand;

	if (s->peer->groups == NULL || s->peer->draining)
		return;
	if (d->stale)
		renew(s);
	if (!d->answered && (d->paths >> slot & 1) != 0 && put_demand(d, b))
		d->paths &= ~(1u << slot);
}

bool
peer_demand_answered(struct peer_session *s, const struct wire_frame *f)
{
	struct wire_demand d;

	if (!wire_get_demand(f, &d) || d.len > 0)
		return false;
	s->demand->answered |= d.generation == s->demand->generation;
	return true;
}

void
peer_demand_tick(struct peer_session *s, mono_t now)
{
	if (!mono_due(peer_demand_deadline(s), now))
		return;
	s->demand->again = mono_add(now, AGAIN_NS);
	s->demand->paths = UINT32_MAX;
}

mono_t
peer_demand_deadline(const struct peer_session *s)
{
	bool due = s->peer->groups != NULL && !s->demand->answered;

	return due ? s->demand->again : MONO_NEVER;
}
