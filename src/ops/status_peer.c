/* SPDX-License-Identifier: Apache-2.0 */
#include <event2/buffer.h>
#include <jansson.h>

#include "ops/members.h"
#include "ops/status.h"
#include "ops/status_shared.h"
#include "path/emit.h"
#include "path/peer.h"
#include "path/peer_session.h"

/* ---- the lane ---- */

static void
put_emit(struct status *s, json_t *lane, const struct peer_view *v)
{
	json_t *o = status_object(s, lane, "emit");

	status_string(s, o, "interface", v->settings->emit.interface);
	status_integer(s, o, "mtu_bytes", gauge_get(&v->emit->mtu_bytes));
#define X(id, unit, help) status_counter(s, o, #id, &v->emit->id);
	EMIT_COUNTERS(X)
#undef X
}

static void
put_pool(struct status *s, json_t *lane, const struct peer_view *v)
{
	json_t *o = status_object(s, lane, "pool");

	status_integer(s, o, "bytes",
		       (int64_t)peer_pool_chunks(v->core) * POOL_CHUNK_BYTES);
	if (v->pool_used_chunks)
		status_integer(s, o, "used_bytes",
			       gauge_get(v->pool_used_chunks) * POOL_CHUNK_BYTES);
}

static void
put_history(struct status *s, json_t *lane, const struct peer_view *v)
{
	json_t *o = status_object(s, lane, "history");

	status_integer(s, o, "memory_bytes",
		       (int64_t)v->settings->history.memory_bytes);
	status_integer(s, o, "age_ns", v->settings->history.age_ns);
	status_integer(s, o, "used_bytes", gauge_get(peer_history_used(v->core)));
}

/* ---- channels ---- */

static void
put_books(struct status *s, json_t *o, const struct peer_channel *c)
{
	json_t *residual, *relay;

#define X(name, help) status_counter(s, o, #name, &c->book.name);
	PEER_BOOK(X)
#undef X
	residual = status_object(s, o, "residual");
	status_integer(s, residual, "received", gauge_get(&c->received_residual));
	status_integer(s, residual, "expected", gauge_get(&c->expected_residual));
	relay = status_object(s, o, "relay");
#define X(name, help) status_counter(s, relay, #name, &c->relay.name);
	SENT_BOOK(X)
#undef X
}

static void
put_channel(struct status *s, json_t *o, const struct peer_view *v, unsigned int remote,
	    size_t index)
{
	const struct peer_channel *c = peer_channel(v->core, remote, index);
	struct ledger_page page = ledger_peer_channel(v, remote, index);
	int64_t last_ns = gauge_get(&c->emitted_last_ns);
	char name[NAME_BYTES_MAX];

	peer_channel_name(c, name);
	status_string(s, o, "name", name);
	status_boolean(s, o, "active",
		       atomic_load_explicit(&c->active, memory_order_relaxed));
	status_address(s, o, "group", (uint32_t)gauge_get(&c->group_seen));
	status_integer(s, o, "port", gauge_get(&c->port_seen));
	status_string(s, o, "delivery",
		      gauge_get(&c->is_immediate) ? "immediate" : "ordered");
	status_boolean(s, o, "wanted", gauge_get(&c->is_unwanted) == 0);
	if (last_ns != 0) {
		status_integer(s, o, "emitted_last_ns", last_ns);
		status_integer(s, o, "latency_ns", gauge_get(&c->latency_ns));
	}
	put_books(s, o, c);
	status_verdict(s, o, &page);
}

static void
put_channels(struct status *s, json_t *remote, const struct peer_view *v,
	     unsigned int r)
{
	json_t *channels = status_array(s, remote, "channels");

	for (size_t i = 0; i < peer_channel_count(v->core, r); i++) {
		const struct peer_channel *c = peer_channel(v->core, r, i);

		if (gauge_get(&c->is_marks))
			put_books(s, status_object(s, remote, "marks"), c);
		else
			put_channel(s, status_append(s, channels), v, r, i);
	}
}

/* ---- sessions ---- */

static void
put_figures(struct status *s, json_t *remote, const struct peer_figures *f)
{
	json_t *o = status_object(s, remote, "figures");

#define X(id, help) status_counter(s, o, #id, &f->id);
	PEER_COUNTERS(X)
#undef X
	o = status_object(s, remote, "dropped");
	for (int i = 0; i < DROP_POINT_COUNT; i++)
		status_counter(s, o, drop_point_name((enum drop_point)i),
			       &f->dropped[i]);
	status_histogram(s, remote, "latency", &f->latency);
	status_histogram(s, remote, "time_to_repair", &f->time_to_repair);
}

static void
put_remote(struct status *s, json_t *remotes, const struct peer_view *v,
	   const struct lane_view *lane, unsigned int remote)
{
	json_t *o = status_append(s, remotes);

	status_put_remote(s, o, lane, remote);
	status_hex(s, o, "epoch", peer_session_epoch(v->core, remote));
	put_figures(s, o, peer_figures(v->core, remote));
	put_channels(s, o, v, remote);
	status_put_gaps(s, o, v, remote, STATUS_GAPS);
}

static void
put_lane(struct status *s, json_t *lanes, const struct peer_views *views, size_t index)
{
	const struct peer_view *v = &views->lanes[index];
	struct lane_views all = view_peer_lanes(views);
	struct lane_view lane = all.at(all.views, index);
	json_t *o = status_append(s, lanes), *remotes;

	status_put_lane(s, o, index, &lane);
	if (lane.remote_count > 0)
		status_hex(s, o, "instance",
			   peer_session_instance(peer_session(v->core, 0)));
	put_emit(s, o, v);
	put_pool(s, o, v);
	put_history(s, o, v);
	remotes = status_array(s, o, "remotes");
	for (unsigned int r = 0; r < lane.remote_count; r++)
		put_remote(s, remotes, v, &lane, r);
}

static void
put_members(struct status *s, json_t *root, const struct members_figures *f)
{
	json_t *o;

	if (f == NULL)
		return;
	o = status_object(s, root, "members");
	status_boolean(s, o, "known", gauge_get(&f->is_known) != 0);
	status_integer(s, o, "groups", gauge_get(&f->groups));
	status_counter(s, o, "asked", &f->asked);
	status_counter(s, o, "failed", &f->failed);
	if (gauge_get(&f->answered_ns) != 0)
		status_integer(s, o, "answered_ns", gauge_get(&f->answered_ns));
}

void
status_peer(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	const struct peer_views *views = arg;
	struct ledger_page total = ledger_peer_total(views);
	struct status s = {.failed = false};
	struct trouble now = {.text = ""};
	json_t *root = json_object(), *lanes;

	status_put_process(&s, root, "peer", view_peer_lanes(views));
	trouble_tunnel(&now, view_peer_lanes(views), clock_now().utc);
	status_verdict_now(&s, root, &total, &now);
	put_members(&s, root, views->members);
	lanes = status_array(&s, root, "lanes");
	for (size_t i = 0; i < views->count; i++)
		put_lane(&s, lanes, views, i);
	status_finish(&s, root, out, content_type, status);
}

void
status_peer_health(void *arg, struct evbuffer *out, const char **content_type,
		   int *status)
{
	const struct peer_views *views = arg;

	(void)content_type;
	if (status_sessions_open(out, view_peer_lanes(views)))
		evbuffer_add_printf(out, "ok\n");
	else
		*status = 503;
}
