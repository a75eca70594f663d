/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "ops/expect.h"
#include "ops/expect_watch.h"
#include "ops/metrics.h"
#include "ops/metrics_shared.h"
#include "path/capture.h"
#include "path/relay.h"
#include "path/relay_session.h"

/* ---- walks ---- */

static const struct relay_view *
view(const struct metrics_walk *w)
{
	return w->view.view;
}

static const struct relay_channel *
channel(const struct metrics_walk *w)
{
	return relay_channel(view(w)->core, w->channel);
}

/* To the next of a lane or a session; false: it has no more. All but the marks. */
static bool
go_on(struct metrics_walk *w)
{
	w->channel = w->channel == SIZE_MAX ? 1 : w->channel + 1;
	return w->channel < relay_channel_count(view(w)->core);
}

static bool
next_channel(struct metrics_walk *w)
{
	while (w->view.view == NULL || !go_on(w))
		if (!metrics_next_lane(w))
			return false;
	metrics_label(&w->labels, 1, "channel", channel(w)->settings->name);
	return true;
}

static bool
next_outlet(struct metrics_walk *w)
{
	while (w->remote == UINT32_MAX || !go_on(w))
		if (!metrics_next_session(w, "remote"))
			return false;
	metrics_label(&w->labels, 2, "channel", channel(w)->settings->name);
	return true;
}

static const struct relay_session *
session(const struct metrics_walk *w)
{
	return relay_session(view(w)->core, w->remote);
}

/* ---- the books ---- */

#define ROW_captured         METRICS_COUNTER("relay_captured_datagrams")
#define ROW_captured_bytes   METRICS_COUNTER("relay_captured_bytes")
#define ROW_refused          METRICS_COUNTER("relay_refused_datagrams")
#define ROW_upstream_gaps    METRICS_COUNTER("relay_upstream_gaps")
#define ROW_upstream_missing METRICS_COUNTER("relay_upstream_missing_messages")
#define ROW_feed_resets      METRICS_COUNTER("relay_feed_resets")
#define ROW_feed_repeats     METRICS_COUNTER("relay_feed_repeats")
#define ROW_feed_malformed   METRICS_COUNTER("relay_feed_malformed_datagrams")

static const struct metrics_row capture_rows[] = {
#define X(name, help) {ROW_##name, help, offsetof(struct capture_book, name)},
	CAPTURE_BOOK(X)
#undef X
};

#define SHED(reason)                                                                   \
	METRICS_BY("relay_shed_datagrams", "reason", reason,                           \
		   "Datagrams not sent live, by reason: older than shed_age, backlog " \
		   "past shed_bytes, or aged out of the history")
#define ROW_owed       METRICS_COUNTER("relay_owed_datagrams")
#define ROW_sent       METRICS_COUNTER("relay_sent_datagrams")
#define ROW_shed_age   SHED("age")
#define ROW_shed_bytes SHED("bytes")
#define ROW_shed_aged  SHED("aged")
#define ROW_unsent     METRICS_GAUGE("relay_unsent_datagrams")
#define ROW_resent     METRICS_COUNTER("relay_resent_datagrams")
#define ROW_repaired   METRICS_COUNTER("relay_repaired_datagrams")
#define ROW_abandoned  METRICS_COUNTER("relay_abandoned_datagrams")
#define ROW_copied     METRICS_COUNTER("relay_copied_datagrams")

static const struct metrics_row sent_rows[] = {
#define X(name, help) {ROW_##name, help, offsetof(struct sent_book, name)},
	SENT_BOOK(X)
#undef X
};

/* What the remote says of itself: the half of its books that asks for action. */
#define REMOTE_LOST(name)                                                               \
	{                                                                               \
		METRICS_BY(                                                             \
			"relay_remote_lost_datagrams", "reason", #name,                 \
			"Datagrams lost by the peer's own books, as last reported, by " \
			"reason"),                                                      \
			"", offsetof(struct peer_book, lost_##name)                     \
	}

static const struct metrics_row remote_rows[] = {
	{METRICS_COUNTER("relay_remote_emitted_datagrams"),
	 "Datagrams emitted by the peer's own books, as last reported",
	 offsetof(struct peer_book, emitted)},
	REMOTE_LOST(give_up),
	REMOTE_LOST(aged),
	REMOTE_LOST(never),
	REMOTE_LOST(window),
	REMOTE_LOST(restart),
	REMOTE_LOST(drain),
};

static const void *
capture_book(const struct metrics_walk *w)
{
	return &channel(w)->book;
}

static void
put_channels(struct evbuffer *out, struct lane_views lanes)
{
	metrics_put_rows(out, capture_rows, METRICS_ROWS(capture_rows), lanes,
			 next_channel, capture_book);
}

/* Of the channels of which something is expected; NULL: no more. */
static const struct expect *
next_expected(struct metrics_walk *w)
{
	const struct relay_views *views = w->lanes.views;
	const struct expect *e = NULL;

	while (e == NULL && next_channel(w))
		e = expect_watch_at(views->expect, w->lane, w->channel);
	return e;
}

static void
put_expected(struct evbuffer *out, struct lane_views lanes)
{
	const char *rate = "tombolo_relay_expected_datagrams_per_second";
	const char *silent = "tombolo_relay_channel_silent";
	const struct expect *e;
	struct metrics_walk w = metrics_walk(lanes);

	exposition_family(out, rate, EXPOSITION_GAUGE,
			  "Datagrams that the channel has to bring by its expect; 0 "
			  "outside its hours");
	while ((e = next_expected(&w)) != NULL)
		exposition_double(out, rate, w.labels.all, w.labels.count,
				  expect_rate_per_s(e, &channel(&w)->settings->expect));
	exposition_family(out, silent, EXPOSITION_GAUGE,
			  "1 when the channel brings less than its expect says");
	for (w = metrics_walk(lanes); (e = next_expected(&w)) != NULL;)
		metrics_u64(out, silent, &w.labels, e->state == EXPECT_SILENT);
}

static bool
is_unwanted(const struct relay_channel *c)
{
	return gauge_get(&c->is_unwanted) != 0;
}

static bool
is_idle(const struct relay_channel *c)
{
	return gauge_get(&c->is_idle) != 0;
}

static bool
is_removed(const struct relay_channel *c)
{
	return gauge_get(&c->is_withdrawn) != 0 && !is_idle(c);
}

static void
put_states(struct evbuffer *out, struct lane_views lanes)
{
	static const struct {
		const char *family, *help;
		bool (*is)(const struct relay_channel *c);
	} rows[] = {
		{"tombolo_relay_channel_unwanted",
		 "1 when no peer wants the channel, by what the peers say",
		 is_unwanted},
		{"tombolo_relay_channel_idle",
		 "1 when the channel is not captured since no peer wants it", is_idle},
		{"tombolo_relay_channel_withdrawn",
		 "1 when the channel is not captured since a reload removed it",
		 is_removed},
	};

	for (size_t i = 0; i < METRICS_ROWS(rows); i++) {
		struct metrics_walk w = metrics_walk(lanes);

		exposition_family(out, rows[i].family, EXPOSITION_GAUGE, rows[i].help);
		while (next_channel(&w))
			metrics_u64(out, rows[i].family, &w.labels,
				    rows[i].is(channel(&w)));
	}
}

static const void *
sent_book(const struct metrics_walk *w)
{
	return &session(w)->outlets[w->channel].book;
}

static const void *
peer_book(const struct metrics_walk *w)
{
	return &session(w)->outlets[w->channel].peer;
}

static void
put_outlets(struct evbuffer *out, struct lane_views lanes)
{
	metrics_put_rows(out, sent_rows, METRICS_ROWS(sent_rows), lanes, next_outlet,
			 sent_book);
	metrics_put_rows(out, remote_rows, METRICS_ROWS(remote_rows), lanes,
			 next_outlet, peer_book);
}

static void
put_residuals(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_relay_residual_datagrams";
	struct metrics_walk w = metrics_walk(lanes);

	exposition_family(out, family, EXPOSITION_GAUGE,
			  "Datagrams that the books do not explain: always 0");
	while (next_outlet(&w))
		exposition_i64(out, family, w.labels.all, w.labels.count,
			       gauge_get(&session(&w)->residuals[w.channel]));
}

/* ---- the lane ---- */

static const void *
lane_figures(const struct metrics_walk *w)
{
	return relay_figures(view(w)->core);
}

static void
put_figures(struct evbuffer *out, struct lane_views lanes)
{
	static const struct metrics_row rows[] = {
#define X(id, help) \
	{METRICS_COUNTER("relay_" #id), help, offsetof(struct relay_figures, id)},
		RELAY_COUNTERS(X)
#undef X
	};

	metrics_put_rows(out, rows, METRICS_ROWS(rows), lanes, metrics_next_lane,
			 lane_figures);
}

/* A family with one sample for each of n counters. */
static void
put_array(struct evbuffer *out, struct metrics_walk *w, const char *family,
	  const char *label, const char *const *names, const counter_t *counters,
	  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		metrics_label(&w->labels, 1, label, names[i]);
		metrics_u64(out, family, &w->labels, counter_get(&counters[i]));
	}
}

static void
put_frames(struct evbuffer *out, struct lane_views lanes)
{
	static const char *const names[DECAP_VERDICT_COUNT] = {
#define X(id, name, help) [DECAP_##id] = name,
		DECAP_VERDICTS(X)
#undef X
	};
	const char *family = "tombolo_relay_frames_total";
	struct metrics_walk w = metrics_walk(lanes);

	exposition_family(
		out, family, EXPOSITION_COUNTER,
		"Captured frames, and datagrams reassembled, by what they were");
	while (metrics_next_lane(&w))
		put_array(out, &w, family, "verdict", names,
			  relay_figures(view(&w)->core)->decap, DECAP_VERDICT_COUNT);
}

static void
put_fragments(struct evbuffer *out, struct lane_views lanes)
{
	static const char *const names[REASSEMBLE_VERDICT_COUNT] = {
#define X(id, name, help) [REASSEMBLE_##id] = name,
		REASSEMBLE_VERDICTS(X)
#undef X
	};
	const char *family = "tombolo_relay_fragments_total";
	struct metrics_walk w = metrics_walk(lanes);

	exposition_family(out, family, EXPOSITION_COUNTER,
			  "IP fragments by what became of them");
	while (metrics_next_lane(&w))
		put_array(out, &w, family, "verdict", names,
			  relay_figures(view(&w)->core)->reassembly,
			  REASSEMBLE_VERDICT_COUNT);
}

static void
put_dropped(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_relay_dropped_datagrams_total";
	const char *names[DROP_POINT_COUNT];
	struct metrics_walk w = metrics_walk(lanes);

	for (int i = 0; i < DROP_POINT_COUNT; i++)
		names[i] = drop_point_name((enum drop_point)i);
	exposition_family(out, family, EXPOSITION_COUNTER,
			  "Datagrams lost before capture, of any channel, by place");
	while (metrics_next_lane(&w))
		put_array(out, &w, family, "point", names,
			  relay_figures(view(&w)->core)->dropped, DROP_POINT_COUNT);
}

static const void *
capture(const struct metrics_walk *w)
{
	return view(w)->capture;
}

static void
put_capture(struct evbuffer *out, struct lane_views lanes)
{
	static const struct metrics_row frames = {
		METRICS_COUNTER("capture_frames"), "Frames handed on by the capture",
		offsetof(struct capture_figures, frames)};
	const char *up = "tombolo_capture_link_up",
		   *ring = "tombolo_capture_ring_bytes";
	struct metrics_walk w;

	metrics_put_rows(out, &frames, 1, lanes, metrics_next_lane, capture);
	exposition_family(out, up, EXPOSITION_GAUGE, "1 when the capture delivers");
	for (w = metrics_walk(lanes); metrics_next_lane(&w);)
		exposition_i64(out, up, w.labels.all, w.labels.count,
			       gauge_get(&view(&w)->capture->link_up));
	exposition_family(out, ring, EXPOSITION_GAUGE, "Size of the capture's ring");
	for (w = metrics_walk(lanes); metrics_next_lane(&w);)
		exposition_i64(out, ring, w.labels.all, w.labels.count,
			       gauge_get(&view(&w)->capture->ring_bytes));
}

static void
put_history(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_relay_history_used_bytes";
	struct metrics_walk w = metrics_walk(lanes);

	exposition_family(out, family, EXPOSITION_GAUGE,
			  "Bytes of the history that hold datagrams");
	while (metrics_next_lane(&w))
		if (view(&w)->history_used_bytes)
			exposition_i64(out, family, w.labels.all, w.labels.count,
				       gauge_get(view(&w)->history_used_bytes));
}

void
metrics_relay(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	const struct relay_views *views = arg;
	struct lane_views lanes = view_relay_lanes(views);

	(void)status;
	*content_type = EXPOSITION_CONTENT_TYPE;
	metrics_common(out, lanes);
	put_capture(out, lanes);
	put_frames(out, lanes);
	put_fragments(out, lanes);
	put_dropped(out, lanes);
	put_figures(out, lanes);
	put_history(out, lanes);
	put_channels(out, lanes);
	put_expected(out, lanes);
	put_states(out, lanes);
	put_outlets(out, lanes);
	put_residuals(out, lanes);
}
