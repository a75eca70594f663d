/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/recording_sources.h"

#include <stdio.h>

#include "ops/view.h"
#include "path/emitted.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"

/* ---- relay: a key is the channel's number in the lane ---- */

static size_t
relay_count(const void *view)
{
	const struct relay_view *v = view;

	return relay_channel_count(v->core);
}

static bool
relay_channel_at(const void *view, size_t n, struct recording_channel *c)
{
	const struct relay_view *v = view;
	const struct channel_settings *s = relay_channel(v->core, n)->settings;

	if (s == NULL)
		return false;
	*c = (struct recording_channel){.group = s->group,
					.source = s->source,
					.port = s->port,
					.key = n,
					.ring = (uint16_t)n};
	snprintf(c->name, sizeof(c->name), "%s", s->name);
	return true;
}

static void
relay_read(const void *view, struct history_record *rec, struct recorded *r)
{
	const struct relay_view *v = view;
	const struct channel_settings *s =
		relay_channel(v->core, rec->channel)->settings;

	*r = (struct recorded){.key = rec->channel, .seq = rec->seq};
	if (s != NULL) {
		r->group = s->group;
		r->port = s->port;
	}
}

struct recording_source
recording_of_relay(const struct relay_view *v)
{
	return (struct recording_source){
		.half = "relay",
		.count = relay_count,
		.channel = relay_channel_at,
		.read = relay_read,
		.view = v,
		.history = relay_history(v->core),
		.lane = v->lane,
		.node = v->settings->node,
		.version = v->version,
	};
}

/* ---- peer: a key is a channel's place among those of all relays ---- */

static size_t
places(const struct peer_view *v)
{
	return v->settings->recovery.channels + 1; /* the marks' among them */
}

static size_t
peer_count(const void *view)
{
	const struct peer_view *v = view;

	return v->settings->remote_count * places(v);
}

static bool
peer_channel_at(const void *view, size_t n, struct recording_channel *to)
{
	const struct peer_view *v = view;
	unsigned int remote = (unsigned int)(n / places(v));
	size_t index = n % places(v);
	const struct peer_channel *c;

	if (index >= peer_channel_count(v->core, remote))
		return false;
	c = peer_channel(v->core, remote, index);
	if (gauge_get(&c->is_marks))
		return false;
	*to = (struct recording_channel){.group = (uint32_t)gauge_get(&c->group_seen),
					 .source = (uint32_t)gauge_get(&c->source_seen),
					 .port = (uint16_t)gauge_get(&c->port_seen),
					 .key = n,
					 .ring = EMITTED_CHANNEL};
	peer_channel_name(c, to->name);
	snprintf(to->remote, sizeof(to->remote), "%s",
		 v->settings->remotes[remote].name);
	return true;
}

static void
peer_read(const void *view, struct history_record *rec, struct recorded *r)
{
	const struct peer_view *v = view;
	struct emitted e = emitted_read(rec);
	const struct peer_channel *c = peer_channel(v->core, e.remote, e.channel);
	bool is_there = e.tenant == c->tenant; /* else its name is not known any more */

	*r = (struct recorded){.key = is_there ? e.remote * places(v) + e.channel
					       : SIZE_MAX,
			       .seq = e.seq,
			       .group = e.group,
			       .port = e.port,
			       .emitted = true,
			       .repaired = e.repaired,
			       .emitted_at = e.emitted};
}

struct recording_source
recording_of_peer(const struct peer_view *v)
{
	return (struct recording_source){
		.half = "peer",
		.count = peer_count,
		.channel = peer_channel_at,
		.read = peer_read,
		.view = v,
		.history = peer_history(v->core),
		.lane = v->lane,
		.node = v->settings->node,
		.version = v->version,
	};
}
