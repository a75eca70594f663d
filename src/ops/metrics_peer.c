/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "ops/metrics.h"
#include "ops/metrics_shared.h"
#include "path/emit.h"
#include "path/peer.h"
#include "path/peer_session.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- walks: over lanes, their sessions, and a session's channels ---- */

struct walk {
	const struct peer_views *views;
	size_t lane;
	unsigned int remote;
	size_t channel;
	const struct peer_view *view;
	const struct peer_session *session;
	struct metrics_labels labels;
	char name[NAME_BYTES_MAX];
};

static struct walk
start(const struct peer_views *views)
{
	return (struct walk){.views = views, .lane = SIZE_MAX};
}

static bool
next_lane(struct walk *w)
{
	if (++w->lane >= w->views->count)
		return false;
	w->view = &w->views->lanes[w->lane];
	w->session = NULL;
	w->remote = UINT32_MAX;
	metrics_label_lane(&w->labels, w->lane);
	return true;
}

static bool
next_session(struct walk *w)
{
	while (!w->view || ++w->remote >= w->view->settings->remote_count)
		if (!next_lane(w))
			return false;
	w->session = peer_session(w->view->core, w->remote);
	w->channel = SIZE_MAX;
	metrics_label(&w->labels, 1, "relay", w->session->settings->name);
	return true;
}

static const struct peer_channel *
channel(const struct walk *w)
{
	return &w->session->channels[w->channel];
}

/* All but the marks. */
static bool
next_channel(struct walk *w)
{
	do {
		while (!w->session ||
		       ++w->channel >= peer_channel_count(w->view->core, w->remote))
			if (!next_session(w))
				return false;
	} while (gauge_get(&channel(w)->is_marks));
	peer_channel_name(channel(w), w->name);
	metrics_label(&w->labels, 2, "channel", w->name);
	return true;
}

/* ---- the books ---- */

#define REFUSED(reason)                                                               \
	METRICS_BY("peer_refused_datagrams", "reason", reason,                        \
		   "Datagrams refused, by reason: too long for the interface or "     \
		   "refused by the kernel, which loses them; memory or window full, " \
		   "which has them asked for again")
#define LOST(reason)                                        \
	METRICS_BY("peer_lost_datagrams", "reason", reason, \
		   "Datagrams lost between capture and emission, by reason")
#define ROW_received         METRICS_COUNTER("peer_received_datagrams")
#define ROW_emitted          METRICS_COUNTER("peer_emitted_datagrams")
#define ROW_duplicate        METRICS_COUNTER("peer_duplicate_datagrams")
#define ROW_late             METRICS_COUNTER("peer_late_datagrams")
#define ROW_stale            METRICS_COUNTER("peer_stale_datagrams")
#define ROW_refused_oversize REFUSED("oversize")
#define ROW_refused_error    REFUSED("error")
#define ROW_refused_memory   REFUSED("memory")
#define ROW_refused_window   REFUSED("window")
#define ROW_held             METRICS_GAUGE("peer_held_datagrams")
#define ROW_missing          METRICS_GAUGE("peer_missing_datagrams")
#define ROW_lost_give_up     LOST("give_up")
#define ROW_lost_aged        LOST("aged")
#define ROW_lost_never       LOST("never")
#define ROW_lost_window      LOST("window")
#define ROW_lost_restart     LOST("restart")
#define ROW_lost_drain       LOST("drain")
#define ROW_expected         METRICS_COUNTER("peer_expected_datagrams")

static const struct metrics_row rows[] = {
#define X(name, help) {ROW_##name, help, offsetof(struct peer_book, name)},
	PEER_BOOK(X)
#undef X
};

/* What the relay says of itself. */
#define REMOTE_SHED(name)                                                                  \
	{                                                                                  \
		METRICS_BY(                                                                \
			"peer_remote_shed_datagrams", "reason", #name,                     \
			"Datagrams not sent live by the relay's own books, as last told, " \
			"by reason"),                                                      \
			"", offsetof(struct sent_book, shed_##name)                        \
	}

static const struct metrics_row remote_rows[] = {
	{METRICS_COUNTER("peer_remote_captured_datagrams"),
	 "Datagrams captured by the relay's own books, as last told",
	 offsetof(struct sent_book, owed)},
	{METRICS_COUNTER("peer_remote_sent_datagrams"),
	 "Datagrams sent by the relay's own books, as last told",
	 offsetof(struct sent_book, sent)},
	REMOTE_SHED(age),
	REMOTE_SHED(bytes),
	REMOTE_SHED(aged),
	{METRICS_GAUGE("peer_remote_unsent_datagrams"),
	 "Datagrams that wait at the relay to be sent, as last told",
	 offsetof(struct sent_book, unsent)},
};

static void
put_books(struct evbuffer *out, const struct peer_views *views)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct walk w = start(views);

		metrics_row_head(out, rows, i);
		while (next_channel(&w))
			metrics_row_put(out, &rows[i], &w.labels, &channel(&w)->book);
	}
	for (size_t i = 0; i < ROWS(remote_rows); i++) {
		struct walk w = start(views);

		metrics_row_head(out, remote_rows, i);
		while (next_channel(&w))
			metrics_row_put(out, &remote_rows[i], &w.labels,
					&channel(&w)->relay);
	}
}

static void
put_residuals(struct evbuffer *out, const struct peer_views *views)
{
	const char *family = "tombolo_peer_residual_datagrams";
	struct walk w = start(views);

	exposition_family(out, family, EXPOSITION_GAUGE,
			  "Datagrams that the books do not explain: always 0");
	while (next_channel(&w)) {
		metrics_label(&w.labels, 3, "book", "received");
		exposition_i64(out, family, w.labels.all, w.labels.count,
			       gauge_get(&channel(&w)->received_residual));
		metrics_label(&w.labels, 3, "book", "expected");
		exposition_i64(out, family, w.labels.all, w.labels.count,
			       gauge_get(&channel(&w)->expected_residual));
	}
}

static void
put_last_emissions(struct evbuffer *out, const struct peer_views *views)
{
	const char *family = "tombolo_peer_last_emission_timestamp_seconds";
	struct walk w = start(views);

	exposition_family(out, family, EXPOSITION_GAUGE,
			  "When the channel was last emitted, since 1970 UTC");
	while (next_channel(&w)) {
		int64_t last_ns = gauge_get(&channel(&w)->emitted_last_ns);

		if (last_ns != 0)
			exposition_seconds(out, family, w.labels.all, w.labels.count,
					   last_ns);
	}
}

/* ---- sessions ---- */

static void
put_figures(struct evbuffer *out, const struct peer_views *views)
{
	static const struct metrics_row figures[] = {
#define X(id, help) \
	{METRICS_COUNTER("peer_" #id), help, offsetof(struct peer_figures, id)},
		PEER_COUNTERS(X)
#undef X
	};

	for (size_t i = 0; i < ROWS(figures); i++) {
		struct walk w = start(views);

		metrics_row_head(out, figures, i);
		while (next_session(&w))
			metrics_row_put(out, &figures[i], &w.labels,
					&w.session->figures);
	}
}

static void
put_dropped(struct evbuffer *out, const struct peer_views *views)
{
	const char *family = "tombolo_peer_remote_dropped_datagrams_total";
	struct walk w = start(views);

	exposition_family(out, family, EXPOSITION_COUNTER,
			  "Datagrams lost before the relay's capture, by its marks, of "
			  "any channel, by place");
	while (next_session(&w))
		for (int i = 0; i < DROP_POINT_COUNT; i++) {
			metrics_label(&w.labels, 2, "point",
				      drop_point_name((enum drop_point)i));
			metrics_u64(out, family, &w.labels,
				    counter_get(&w.session->figures.dropped[i]));
		}
}

static void
put_histograms(struct evbuffer *out, const struct peer_views *views)
{
	const char *latency = "tombolo_peer_latency_seconds";
	const char *repair = "tombolo_peer_time_to_repair_seconds";
	struct walk w;

	exposition_family(out, latency, EXPOSITION_HISTOGRAM,
			  "From capture to emission, by the relay's clock");
	for (w = start(views); next_session(&w);)
		exposition_histogram(out, latency, w.labels.all, w.labels.count,
				     &w.session->figures.latency);
	exposition_family(out, repair, EXPOSITION_HISTOGRAM,
			  "From a gap found to the datagram that was missing");
	for (w = start(views); next_session(&w);)
		exposition_histogram(out, repair, w.labels.all, w.labels.count,
				     &w.session->figures.time_to_repair);
}

/* ---- the lane ---- */

static void
put_emit(struct evbuffer *out, const struct peer_views *views)
{
	static const struct metrics_row counters[] = {
#define X(id, unit, help)                                  \
	{METRICS_COUNTER("emit_" #id), help " (" unit ")", \
	 offsetof(struct emit_figures, id)},
		EMIT_COUNTERS(X)
#undef X
	};
	const char *mtu = "tombolo_emit_mtu_bytes";
	struct walk w;

	for (size_t i = 0; i < ROWS(counters); i++) {
		metrics_row_head(out, counters, i);
		for (w = start(views); next_lane(&w);)
			metrics_row_put(out, &counters[i], &w.labels, w.view->emit);
	}
	exposition_family(out, mtu, EXPOSITION_GAUGE,
			  "MTU of the interface emitted on");
	for (w = start(views); next_lane(&w);)
		exposition_i64(out, mtu, w.labels.all, w.labels.count,
			       gauge_get(&w.view->emit->mtu_bytes));
}

static void
put_pool(struct evbuffer *out, const struct peer_views *views)
{
	const char *size = "tombolo_peer_pool_bytes";
	const char *used = "tombolo_peer_pool_used_bytes";
	struct walk w;

	exposition_family(out, size, EXPOSITION_GAUGE, "Memory for what is held");
	for (w = start(views); next_lane(&w);)
		metrics_u64(out, size, &w.labels,
			    peer_pool_chunks(w.view->core) * POOL_CHUNK_BYTES);
	exposition_family(out, used, EXPOSITION_GAUGE,
			  "Memory in use for what is held");
	for (w = start(views); next_lane(&w);)
		if (w.view->pool_used_chunks)
			exposition_i64(out, used, w.labels.all, w.labels.count,
				       gauge_get(w.view->pool_used_chunks) *
					       POOL_CHUNK_BYTES);
}

void
metrics_peer(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	const struct peer_views *views = arg;

	(void)status;
	*content_type = EXPOSITION_CONTENT_TYPE;
	metrics_common(out, view_peer_lanes(views));
	put_figures(out, views);
	put_dropped(out, views);
	put_histograms(out, views);
	put_pool(out, views);
	put_books(out, views);
	put_residuals(out, views);
	put_last_emissions(out, views);
	put_emit(out, views);
}
