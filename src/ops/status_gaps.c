/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "ops/status.h"
#include "ops/status_shared.h"
#include "path/gap_log.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"

/* ---- peer: gaps ---- */

static void
put_channel(struct status *s, json_t *o, const struct peer_channel *c)
{
	char name[NAME_BYTES_MAX];

	peer_channel_name(c, name);
	status_string(s, o, "channel",
		      gauge_get(&c->is_marks) ? STATUS_MARKS_NAME : name);
}

static void
put_outcomes(struct status *s, json_t *o, const struct gap_entry *e)
{
	static const char *const keys[LOST_REASONS] = {
		[LOST_GIVE_UP] = "lost_give_up", [LOST_AGED] = "lost_aged",
		[LOST_NEVER] = "lost_never",     [LOST_WINDOW] = "lost_window",
		[LOST_RESTART] = "lost_restart", [LOST_DRAIN] = "lost_drain",
	};

	status_integer(s, o, "open", (int64_t)e->open);
	status_integer(s, o, "repaired", (int64_t)e->outcomes.repaired);
	status_integer(s, o, "late", (int64_t)e->outcomes.late);
	for (size_t i = 0; i < LOST_REASONS; i++)
		if (e->outcomes.lost[i] > 0)
			status_integer(s, o, keys[i], (int64_t)e->outcomes.lost[i]);
}

static void
put_gap(struct status *s, json_t *gaps, const struct peer_view *v, unsigned int remote,
	const struct gap_entry *e)
{
	uint64_t datagrams = seq_span(e->first, e->end);
	json_t *o = status_append(s, gaps);

	put_channel(s, o, peer_channel(v->core, remote, e->channel));
	status_integer(s, o, "first", (int64_t)e->first.n);
	status_integer(s, o, "datagrams", (int64_t)datagrams);
	if (e->missed > datagrams)
		status_integer(s, o, "again", (int64_t)(e->missed - datagrams));
	status_integer(s, o, "found_ns", e->found.ns);
	status_integer(s, o, "lasted_ns", e->lasted_ns);
	status_string(s, o, "cause", gap_cause_name(e->cause));
	status_integer(s, o, "requests", e->requests);
	put_outcomes(s, o, e);
}

void
status_put_gaps(struct status *s, json_t *remote, const struct peer_view *v,
		unsigned int r, size_t most)
{
	const struct gap_log *log = peer_session(v->core, r)->gap_log;
	json_t *gaps = status_array(s, remote, "gaps");
	struct gap_entry e;

	for (size_t n = 0; n < most && gap_log_get(log, n, &e); n++)
		put_gap(s, gaps, v, r, &e);
}

/* ---- relay: upstream gaps and marks ---- */

static void
put_upstream_gaps(struct status *s, json_t *lane, const struct relay_view *v,
		  size_t most)
{
	json_t *gaps = status_array(s, lane, "upstream_gaps");
	struct upstream_gap g;

	for (size_t n = 0; n < most && upstream_gap(relay_upstream(v->core), n, &g);
	     n++) {
		json_t *o = status_append(s, gaps);

		status_string(s, o, "channel",
			      relay_channel(v->core, g.channel)->settings->name);
		status_integer(s, o, "captured_ns", g.captured.ns);
		status_integer(s, o, "first", (int64_t)g.first);
		status_integer(s, o, "missing", (int64_t)g.missing);
	}
}

void
status_put_upstream(struct status *s, json_t *lane, const struct relay_view *v,
		    size_t most)
{
	struct upstream_mark m;
	json_t *marks;

	put_upstream_gaps(s, lane, v, most);
	marks = status_array(s, lane, "recent_marks");
	for (size_t n = 0; n < most && upstream_mark(relay_upstream(v->core), n, &m);
	     n++) {
		json_t *o = status_append(s, marks);

		status_integer(s, o, "told_ns", m.told.ns);
		status_string(s, o, "point", drop_point_name(m.point));
		status_integer(s, o, "datagrams", (int64_t)m.datagrams);
	}
}

/* ---- /gaps ---- */

void
status_relay_gaps(void *arg, struct evbuffer *out, const char **content_type,
		  int *status)
{
	const struct relay_views *views = arg;
	struct status s = {.failed = false};
	json_t *root = json_object(), *lanes;

	status_put_process(&s, root, "relay", view_relay_lanes(views));
	lanes = status_array(&s, root, "lanes");
	for (size_t i = 0; i < views->count; i++) {
		json_t *lane = status_append(&s, lanes);

		status_integer(&s, lane, "lane", (int64_t)i);
		status_put_upstream(&s, lane, &views->lanes[i], UPSTREAM_ENTRIES);
	}
	status_finish(&s, root, out, content_type, status);
}

static void
put_remotes(struct status *s, json_t *lane, const struct peer_view *v)
{
	json_t *remotes = status_array(s, lane, "remotes");

	for (unsigned int r = 0; r < v->settings->remote_count; r++) {
		json_t *remote = status_append(s, remotes);

		status_string(s, remote, "name", v->settings->remotes[r].name);
		status_put_gaps(s, remote, v, r, GAP_LOG_ENTRIES);
	}
}

void
status_peer_gaps(void *arg, struct evbuffer *out, const char **content_type,
		 int *status)
{
	const struct peer_views *views = arg;
	struct status s = {.failed = false};
	json_t *root = json_object(), *lanes;

	status_put_process(&s, root, "peer", view_peer_lanes(views));
	lanes = status_array(&s, root, "lanes");
	for (size_t i = 0; i < views->count; i++) {
		json_t *lane = status_append(&s, lanes);

		status_integer(&s, lane, "lane", (int64_t)i);
		put_remotes(&s, lane, &views->lanes[i]);
	}
	status_finish(&s, root, out, content_type, status);
}
