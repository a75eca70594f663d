/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels come, move and go while a relay lane runs. Gets a list of channels from the
 * operator by way of the main thread, tells the peers in band, by a change in channel 0:
 * it is ordered before the first datagram that it is about, and repaired like any.
 * Runs on the lane's thread.
 *
 * A channel is its name. It keeps its number for as long as the lane lives, and its
 * sequence goes on when it comes back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "path/classify.h"
#include "path/relay_internal.h"
#include "path/relay_session.h"

size_t
relay_place_channels(const struct relay *r, const struct channel_settings *channels,
		     size_t count, uint16_t *ids)
{
	size_t used = r->channel_count;

	for (size_t i = 0; i < count; i++) {
		uint32_t id = names_find(r->names, channels[i].name);

		ids[i] = id != NAMES_NONE ? (uint16_t)id : (uint16_t)used++;
	}
	return used;
}

size_t
relay_channel_capacity(const struct relay *r)
{
	return r->channel_capacity;
}

size_t
relay_peer_capacity(const struct relay *r, size_t remote)
{
	return (size_t)gauge_get(&r->sessions[remote].peer_capacity);
}

/* The channel as it is now. False: the history has no room. */
static bool
announce(struct relay *r, struct now now, uint16_t id)
{
	const struct relay_channel *c = &r->channels[id];
	struct wire_channel e = {.id = id,
				 .group = c->own.group,
				 .port = c->own.port,
				 .source = c->own.source,
				 .next = history_next(r->history, id),
				 .oldest = history_oldest(r->history, id),
				 .fresh = SEQ_FIRST};
	uint8_t bytes[WIRE_ENTRY_MAX];
	struct wr w = wr_init(bytes, sizeof bytes);

	if (gauge_get(&c->is_withdrawn))
		e.flags = WIRE_WITHDRAWN;
	wire_set_name(&e.name, c->own.name);
	wire_put_channel(&w, &e);
	if (!relay_remember(r, now.mono, 0, HISTORY_CHANGE, now.utc, bytes,
			    sizeof bytes - wr_left(&w)))
		return false;
	r->changes_end = history_next(r->history, 0);
	return true;
}

static bool
withdraw(struct relay *r, struct now now, uint16_t id)
{
	if (gauge_get(&r->channels[id].is_withdrawn))
		return true;
	gauge_set(&r->channels[id].is_withdrawn, true);
	return announce(r, now, id);
}

static bool
is_moved(const struct channel_settings *a, const struct channel_settings *b)
{
	return a->group != b->group || a->port != b->port || a->source != b->source;
}

/* In a place that it has, or in the next. */
static bool
set_channel(struct relay *r, struct now now, uint16_t id,
	    const struct channel_settings *settings)
{
	struct relay_channel *c = &r->channels[id];
	bool comes = c->settings == NULL || gauge_get(&c->is_withdrawn);
	bool moves = !comes && is_moved(&c->own, settings);

	/* It speaks to us from somewhere else, or in another tongue. */
	if (comes || moves || c->own.feed != settings->feed)
		c->feed = (struct feed){.next = 0};
	c->own = *settings;
	if (c->settings == NULL)
		names_put(r->names, id, c->own.name);
	c->settings = &c->own;
	gauge_set(&c->is_withdrawn, false);
	if (id >= r->channel_count)
		r->channel_count = id + 1u;
	return (!comes && !moves) || announce(r, now, id);
}

struct classifier *
relay_set_channels(struct relay *r, struct now now,
		   const struct channel_settings *channels, size_t count,
		   const uint16_t *ids, struct classifier *classifier)
{
	struct classifier *before = r->classifier;
	size_t known = r->channel_count;
	bool told = true;

	r->classifier = classifier;
	r->changes++;
	for (size_t i = 0; i < count; i++)
		r->channels[ids[i]].listed = r->changes;
	for (size_t i = 1; i < known; i++) {
		if (r->channels[i].listed != r->changes)
			told &= withdraw(r, now, (uint16_t)i);
	}
	for (size_t i = 0; i < count; i++)
		told &= set_channel(r, now, ids[i], &channels[i]);
	for (size_t i = 0; i < r->session_count; i++)
		relay_session_channels_changed(&r->sessions[i], told);
	return before;
}

void
relay_settings_changed(struct relay *r)
{
	history_set_age(r->history, r->settings->history.age_ns);
}
