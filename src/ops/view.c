/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/view.h"

#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"
#include "path/relay_session.h"
#include "path/tunnel.h"

/* The transport of a path that never was up is the configured one. */
static struct path_view
show_path(const struct remote_settings *remote, unsigned int slot,
	  const struct life *life, uint64_t sent_bytes)
{
	bool dialled = slot < remote->path_count, up = gauge_get(&life->is_up) != 0;
	struct path_view v = {.known = dialled || up || sent_bytes > 0,
			      .dialled = dialled,
			      .up = up,
			      .silent = gauge_get(&life->is_silent) != 0,
			      .sent_bytes = sent_bytes};

	if (dialled)
		v.transport = remote->paths[slot].transport;
	else
		v.transport = gauge_get(&life->is_datagram) != 0 ? TRANSPORT_DTLS
								 : TRANSPORT_TLS;
	return v;
}

/* ---- relay ---- */

static enum session_state
relay_state(const void *view, unsigned int remote)
{
	const struct relay_view *v = view;

	return relay_session_state(relay_session(v->core, remote));
}

static struct path_view
relay_path(const void *view, unsigned int remote, unsigned int slot)
{
	const struct relay_view *v = view;
	const struct relay_session *s = relay_session(v->core, remote);
	const struct relay_path *p = &s->paths[slot];

	struct path_view shown =
		show_path(s->settings, slot, &p->life, counter_get(&p->traffic.bytes));

	shown.unreached = gauge_get(&v->tunnel->unreached[remote][slot]);
	shown.narrow_bytes = gauge_get(&p->narrow_bytes);
	shown.timing = &p->timing;
	shown.traffic = &p->traffic;
	return shown;
}

static struct lane_view
relay_lane_at(const void *views, size_t lane)
{
	const struct relay_view *v = &((const struct relay_views *)views)->lanes[lane];

	return (struct lane_view){
		.view = v,
		.state = relay_state,
		.path = relay_path,
		.remotes = v->settings->remotes,
		.remote_count = v->settings->remote_count,
		.node = v->settings->node,
		.version = v->version,
		.started = v->started,
		.memory_bytes = relay_memory_bytes(v->core),
		.tunnel = v->tunnel,
		.turns = v->turns,
		.since_ns = v->since_ns,
	};
}

struct lane_views
view_relay_lanes(const struct relay_views *v)
{
	return (struct lane_views){.views = v,
				   .count = v->count,
				   .interfaces = v->interfaces,
				   .at = relay_lane_at};
}

/* ---- peer ---- */

static enum session_state
peer_state(const void *view, unsigned int remote)
{
	const struct peer_view *v = view;

	return peer_session_state(v->core, remote);
}

static struct path_view
peer_path(const void *view, unsigned int remote, unsigned int slot)
{
	const struct peer_view *v = view;
	const struct peer_session *s = peer_session(v->core, remote);
	const struct peer_path *p = &s->paths[slot];

	struct path_view shown =
		show_path(s->settings, slot, &p->life, counter_get(&p->bytes));

	shown.unreached = gauge_get(&v->tunnel->unreached[remote][slot]);
	shown.timing = &p->timing;
	shown.traffic = &p->traffic;
	shown.firsts = &p->firsts;
	return shown;
}

static struct lane_view
peer_lane_at(const void *views, size_t lane)
{
	const struct peer_view *v = &((const struct peer_views *)views)->lanes[lane];

	return (struct lane_view){
		.view = v,
		.state = peer_state,
		.path = peer_path,
		.remotes = v->settings->remotes,
		.remote_count = v->settings->remote_count,
		.node = v->settings->node,
		.version = v->version,
		.started = v->started,
		.memory_bytes = peer_memory_bytes(v->core),
		.tunnel = v->tunnel,
		.turns = v->turns,
		.since_ns = v->since_ns,
	};
}

struct lane_views
view_peer_lanes(const struct peer_views *v)
{
	return (struct lane_views){.views = v,
				   .count = v->count,
				   .interfaces = v->interfaces,
				   .at = peer_lane_at};
}
