/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two operators who change their files: the relay's has channels that come, move, go
 * and come back, the peer's has outputs that go elsewhere and are delivered otherwise.
 */
#include <stdio.h>
#include <string.h>

#include "path/classify.h"
#include "world.h"

#define RELAY_BASE 0xe9250000U
#define PEER_BASE  0xef000000U
#define PORT_BASE  30000
#define AT_ONCE    3 /* in one file, at most */

static void
put_at(struct channel_settings *c, unsigned int channel, unsigned int place)
{
	c->group = RELAY_BASE + channel * SCRIPT_PLACES + place;
	c->port = (uint16_t)(PORT_BASE + channel * SCRIPT_PLACES + place);
}

/* The file, of those that are listed. */
static void
write_file(struct world *w)
{
	size_t n = 0;

	for (unsigned int i = 0; i < w->script.channels; i++) {
		if (w->listed[i])
			w->file[n++] = w->channels[i];
	}
	w->relay_settings.channels = w->file;
	w->relay_settings.channel_count = n;
}

void
changes_init(struct world *w)
{
	for (unsigned int i = 0; i < w->script.channels; i++) {
		struct output_settings *o = &w->outputs[i];

		snprintf(w->channels[i].name, sizeof w->channels[i].name, "ch%u", i);
		put_at(&w->channels[i], i, 0);
		w->listed[i] = true;
		snprintf(o->name, sizeof o->name, "ch%u", i);
		o->delivery =
			w->script.immediate ? DELIVERY_IMMEDIATE : DELIVERY_ORDERED;
		o->max_age_ns = w->script.max_age_ns;
	}
	write_file(w);
}

static void
change_one(struct world *w)
{
	unsigned int i = (unsigned int)dice_below(&w->dice, w->script.channels);

	if (w->listed[i] && dice_chance(&w->dice, 0.4)) {
		w->listed[i] = false;
		return;
	}
	w->listed[i] = true;
	if (dice_chance(&w->dice, 0.7))
		put_at(&w->channels[i], i,
		       (unsigned int)dice_below(&w->dice, SCRIPT_PLACES));
}

void
changes_relay(struct world *w)
{
	const struct relay_settings *s = &w->relay_settings;
	uint16_t ids[SCRIPT_CHANNELS];

	for (uint64_t n = 1 + dice_below(&w->dice, AT_ONCE); n > 0; n--)
		change_one(w);
	write_file(w);
	if (!w->alive[RELAY])
		return;
	if (relay_place_channels(w->relay, s->channels, s->channel_count, ids) >
	    relay_channel_capacity(w->relay))
		FAIL(w, "no room for as many channels as there are names");
	else
		classify_free(relay_set_channels(
			w->relay, w->now, s->channels, s->channel_count, ids,
			classify_new(s->channels, s->channel_count, ids)));
}

void
changes_peer(struct world *w)
{
	unsigned int i = (unsigned int)dice_below(&w->dice, w->script.channels);
	struct output_settings *o = &w->outputs[i];

	if (dice_chance(&w->dice, 0.3))
		o->delivery = o->delivery == DELIVERY_ORDERED ? DELIVERY_IMMEDIATE
							      : DELIVERY_ORDERED;
	else
		o->group = o->group != 0 ? 0 : PEER_BASE + i;
	if (o->delivery == DELIVERY_IMMEDIATE)
		w->fates[i].shuffled = true;
	if (w->alive[PEER])
		peer_settings_changed(w->peer, world_peer_now(w));
}

/* It may lag behind the files, but not go astray. */
bool
changes_is_address(const struct world *w, unsigned int channel, uint32_t group,
		   uint16_t port)
{
	unsigned int place = port - PORT_BASE - channel * SCRIPT_PLACES;

	if (w->script.changes + w->script.redirects == 0)
		return group == w->channels[channel].group &&
		       port == w->channels[channel].port;
	return place < SCRIPT_PLACES &&
	       (group == PEER_BASE + channel ||
		group == RELAY_BASE + channel * SCRIPT_PLACES + place);
}

/* At rest: both ends have what the files say. */
static void
audit_one(struct world *w, unsigned int i, const struct peer_channel *c)
{
	const struct channel_settings *s = &w->channels[i];
	const struct output_settings *o = &w->outputs[i];

	if ((gauge_get(&c->is_withdrawn) != 0) == w->listed[i])
		FAIL(w, "the peer has %s as %s", c->name,
		     w->listed[i] ? "withdrawn" : "captured");
	/* Of one that moved while it was not captured nobody was told. */
	if (w->listed[i] && (c->group != s->group || c->out_port != s->port ||
			     c->out_group != (o->group != 0 ? o->group : s->group)))
		FAIL(w, "the peer has %s at %x, and emits to %x:%u", c->name, c->group,
		     c->out_group, c->out_port);
	if (c->delivery != o->delivery)
		FAIL(w, "the peer delivers %s otherwise", c->name);
}

void
changes_audit(struct world *w)
{
	for (unsigned int i = 0; i < w->script.channels; i++) {
		bool known = false;

		for (size_t j = 0; j < peer_channel_count(w->peer, WORLD_REMOTE); j++) {
			const struct peer_channel *c =
				peer_channel(w->peer, WORLD_REMOTE, j);

			if (!c->active || strcmp(c->name, w->channels[i].name) != 0)
				continue;
			known = true;
			audit_one(w, i, c);
		}
		if (w->listed[i] && !known)
			FAIL(w, "the peer does not know %s", w->channels[i].name);
	}
}
