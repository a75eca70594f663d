/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/metrics.h"

#include <stdio.h>

#include "base/histogram.h"
#include "ops/metrics_shared.h"
#include "path/timing.h"
#include "path/traffic.h"
#include "path/tunnel.h"

/* ---- the process and its lanes ---- */

static void
put_build(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_build_info";
	struct exposition_label label;

	exposition_family(out, family, EXPOSITION_GAUGE,
			  "Version of the program; always 1");
	if (lanes.count == 0)
		return;
	label = (struct exposition_label){"version", lanes.at(lanes.views, 0).version};
	exposition_u64(out, family, &label, 1, 1);
}

typedef void put_lane(struct evbuffer *out, const char *family,
		      const struct metrics_labels *l, const struct lane_view *v);

static void
put_started(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	    const struct lane_view *v)
{
	exposition_seconds(out, family, l->all, l->count, v->started.ns);
}

static void
put_memory(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	   const struct lane_view *v)
{
	metrics_u64(out, family, l, v->memory_bytes);
}

/* In whole seconds: a certificate may end after the year 2262. */
static void
put_expiry(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	   const struct lane_view *v)
{
	exposition_i64(out, family, l->all, l->count,
		       gauge_get(&v->tunnel->certificate_expires_s));
}

static void
put_turns(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	  const struct lane_view *v)
{
	if (v->turns)
		exposition_histogram(out, family, l->all, l->count, v->turns);
}

static const struct {
	const char *family;
	enum exposition_type type;
	const char *help;
	put_lane *put;
} lane_families[] = {
	{"tombolo_start_time_seconds", EXPOSITION_GAUGE,
	 "When the lane started, since 1970 UTC", put_started},
	{"tombolo_memory_bytes", EXPOSITION_GAUGE,
	 "Memory that the lane's core allocated at start", put_memory},
	{"tombolo_certificate_expiry_timestamp_seconds", EXPOSITION_GAUGE,
	 "When our certificate expires, since 1970 UTC", put_expiry},
	{"tombolo_lane_turn_seconds", EXPOSITION_HISTOGRAM,
	 "How long a turn of the lane's loop took", put_turns},
};

static void
put_lanes(struct evbuffer *out, struct lane_views lanes)
{
	for (size_t f = 0; f < METRICS_ROWS(lane_families); f++) {
		struct metrics_walk w = metrics_walk(lanes);

		exposition_family(out, lane_families[f].family, lane_families[f].type,
				  lane_families[f].help);
		while (metrics_next_lane(&w))
			lane_families[f].put(out, lane_families[f].family, &w.labels,
					     &w.view);
	}
}

static const void *
tunnel(const struct metrics_walk *w)
{
	return w->view.tunnel;
}

static void
put_tunnel(struct evbuffer *out, struct lane_views lanes)
{
	static const struct metrics_row rows[] = {
#define X(id, unit, help)                                    \
	{METRICS_COUNTER("tunnel_" #id), help " (" unit ")", \
	 offsetof(struct tunnel_figures, id)},
		TUNNEL_COUNTERS(X)
#undef X
	};

	metrics_put_rows(out, rows, METRICS_ROWS(rows), lanes, metrics_next_lane,
			 tunnel);
}

/* ---- sessions ---- */

static void
put_state(struct evbuffer *out, const char *family, struct metrics_labels *l,
	  enum session_state state)
{
	for (int s = 0; s < SESSION_STATES; s++) {
		metrics_label(l, 2, "state", session_state_name((enum session_state)s));
		metrics_u64(out, family, l, state == (enum session_state)s);
	}
}

static void
put_sessions(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_session_state";
	struct metrics_walk w = metrics_walk(lanes);

	exposition_family(out, family, EXPOSITION_GAUGE,
			  "1 for the state that the session is in, 0 for the others");
	while (metrics_next_session(&w, "remote"))
		put_state(out, family, &w.labels, w.view.state(w.view.view, w.remote));
}

/* ---- paths ---- */

typedef void put_path(struct evbuffer *out, const char *family,
		      const struct metrics_labels *l, const struct path_view *p);

static void
put_up(struct evbuffer *out, const char *family, const struct metrics_labels *l,
       const struct path_view *p)
{
	metrics_u64(out, family, l, p->up);
}

static void
put_dialled(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	    const struct path_view *p)
{
	metrics_u64(out, family, l, p->dialled);
}

static void
put_sent_bytes(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	       const struct path_view *p)
{
	metrics_u64(out, family, l, p->sent_bytes);
}

/* What was measured on a path that is gone says nothing of now. */
static void
put_measured(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	     const struct path_view *p, const gauge_t *value_ns)
{
	if (p->up && gauge_get(&p->timing->rtt_ns) > 0)
		exposition_seconds(out, family, l->all, l->count, gauge_get(value_ns));
}

static void
put_rtt(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	const struct path_view *p)
{
	put_measured(out, family, l, p, &p->timing->rtt_ns);
}

static void
put_rtt_min(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	    const struct path_view *p)
{
	put_measured(out, family, l, p, &p->timing->rtt_min_ns);
}

static void
put_offset(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	   const struct path_view *p)
{
	put_measured(out, family, l, p, &p->timing->offset_ns);
}

static void
put_offset_error(struct evbuffer *out, const char *family,
		 const struct metrics_labels *l, const struct path_view *p)
{
	put_measured(out, family, l, p, &p->timing->offset_error_ns);
}

static void
put_loss(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	 const struct path_view *p)
{
	if (p->up)
		exposition_double(out, family, l->all, l->count,
				  (double)gauge_get(&p->timing->loss) / 1e6);
}

static void
put_narrow(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	   const struct path_view *p)
{
	exposition_i64(out, family, l->all, l->count, p->up ? p->narrow_bytes : 0);
}

static void
put_frames(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	   const struct path_view *p)
{
	metrics_u64(out, family, l, counter_get(&p->traffic->frames));
}

static void
put_bytes(struct evbuffer *out, const char *family, const struct metrics_labels *l,
	  const struct path_view *p)
{
	metrics_u64(out, family, l, counter_get(&p->traffic->bytes));
}

static const struct {
	const char *family;
	enum exposition_type type;
	const char *help;
	put_path *put;
} path_families[] = {
	{"tombolo_path_up", EXPOSITION_GAUGE, "1 when the path is up", put_up},
	{"tombolo_path_dialled", EXPOSITION_GAUGE,
	 "1 when we dial the path, 0 when it dialled in and may never come back",
	 put_dialled},
	{"tombolo_path_sent_bytes_total", EXPOSITION_COUNTER,
	 "Bytes of frames given to the path", put_sent_bytes},
	{"tombolo_path_data_frames_total", EXPOSITION_COUNTER,
	 "Frames with data that the path carried from relay to peer", put_frames},
	{"tombolo_path_data_bytes_total", EXPOSITION_COUNTER,
	 "Bytes of all frames that the path carried from relay to peer", put_bytes},
	{"tombolo_path_loss_ratio", EXPOSITION_GAUGE,
	 "Share of the data frames that the line lost, as last measured", put_loss},
	{"tombolo_path_narrow_bytes", EXPOSITION_GAUGE,
	 "Bytes of frames in a datagram when longer ones vanish on the line; else 0",
	 put_narrow},
	{"tombolo_path_rtt_seconds", EXPOSITION_GAUGE,
	 "Round-trip time of the path, smoothed", put_rtt},
	{"tombolo_path_rtt_min_seconds", EXPOSITION_GAUGE,
	 "Shortest of the path's latest round trips", put_rtt_min},
	{"tombolo_path_clock_offset_seconds", EXPOSITION_GAUGE,
	 "Our clock minus the remote's, measured on the path", put_offset},
	{"tombolo_path_clock_error_seconds", EXPOSITION_GAUGE,
	 "Bound of the clock offset's error", put_offset_error},
};

static void
put_paths(struct evbuffer *out, struct lane_views lanes)
{
	for (size_t f = 0; f < METRICS_ROWS(path_families); f++) {
		struct metrics_walk w = metrics_walk(lanes);
		struct path_view p;

		exposition_family(out, path_families[f].family, path_families[f].type,
				  path_families[f].help);
		while (metrics_next_path(&w, &p))
			path_families[f].put(out, path_families[f].family, &w.labels,
					     &p);
	}
}

void
metrics_common(struct evbuffer *out, struct lane_views lanes)
{
	put_build(out, lanes);
	put_lanes(out, lanes);
	put_tunnel(out, lanes);
	metrics_interfaces(out, lanes.interfaces);
	put_sessions(out, lanes);
	put_paths(out, lanes);
}
