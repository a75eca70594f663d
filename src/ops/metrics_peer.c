/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "ops/members.h"
#include "ops/metrics.h"
#include "ops/metrics_shared.h"
#include "path/emit.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/quota.h"

/* ---- walks ---- */

static const struct peer_view *
view(const struct metrics_walk *w)
{
	return w->view.view;
}

static const struct peer_session *
session(const struct metrics_walk *w)
{
	return peer_session(view(w)->core, w->remote);
}

static bool
next_session(struct metrics_walk *w)
{
	return metrics_next_session(w, "relay");
}

static const struct peer_channel *
channel(const struct metrics_walk *w)
{
	return &session(w)->channels[w->channel];
}

/* All but the marks. */
static bool
next_channel(struct metrics_walk *w)
{
	do {
		while (w->remote == UINT32_MAX ||
		       ++w->channel >= peer_channel_count(view(w)->core, w->remote))
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

static const void *
book(const struct metrics_walk *w)
{
	return &channel(w)->book;
}

static const void *
relay_book(const struct metrics_walk *w)
{
	return &channel(w)->relay;
}

static void
put_books(struct evbuffer *out, struct lane_views lanes)
{
	metrics_put_rows(out, rows, METRICS_ROWS(rows), lanes, next_channel, book);
	metrics_put_rows(out, remote_rows, METRICS_ROWS(remote_rows), lanes,
			 next_channel, relay_book);
}

static void
put_residuals(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_peer_residual_datagrams";
	struct metrics_walk w = metrics_walk(lanes);

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
put_last_emissions(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_peer_last_emission_timestamp_seconds";
	struct metrics_walk w = metrics_walk(lanes);

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

static const void *
session_figures(const struct metrics_walk *w)
{
	return &session(w)->figures;
}

static void
put_figures(struct evbuffer *out, struct lane_views lanes)
{
	static const struct metrics_row figures[] = {
#define X(id, help) \
	{METRICS_COUNTER("peer_" #id), help, offsetof(struct peer_figures, id)},
		PEER_COUNTERS(X)
#undef X
	};

	metrics_put_rows(out, figures, METRICS_ROWS(figures), lanes, next_session,
			 session_figures);
}

static void
put_firsts(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_path_first_datagrams_total";
	struct metrics_walk w = metrics_walk(lanes);
	struct path_view p;

	exposition_family(out, family, EXPOSITION_COUNTER,
			  "Datagrams that this path brought before any other");
	while (metrics_next_path(&w, &p))
		metrics_u64(out, family, &w.labels, counter_get(p.firsts));
}

static void
put_dropped(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_peer_remote_dropped_datagrams_total";
	struct metrics_walk w = metrics_walk(lanes);

	exposition_family(out, family, EXPOSITION_COUNTER,
			  "Datagrams lost before the relay's capture, by its marks, of "
			  "any channel, by place");
	while (next_session(&w))
		for (int i = 0; i < DROP_POINT_COUNT; i++) {
			metrics_label(&w.labels, 2, "point",
				      drop_point_name((enum drop_point)i));
			metrics_u64(out, family, &w.labels,
				    counter_get(&session(&w)->figures.dropped[i]));
		}
}

static void
put_histograms(struct evbuffer *out, struct lane_views lanes)
{
	const char *latency = "tombolo_peer_latency_seconds";
	const char *repair = "tombolo_peer_time_to_repair_seconds";
	struct metrics_walk w;

	exposition_family(out, latency, EXPOSITION_HISTOGRAM,
			  "From capture to emission, by the relay's clock");
	for (w = metrics_walk(lanes); next_session(&w);)
		exposition_histogram(out, latency, w.labels.all, w.labels.count,
				     &session(&w)->figures.latency);
	exposition_family(out, repair, EXPOSITION_HISTOGRAM,
			  "From a gap found to the datagram that was missing");
	for (w = metrics_walk(lanes); next_session(&w);)
		exposition_histogram(out, repair, w.labels.all, w.labels.count,
				     &session(&w)->figures.time_to_repair);
}

/* ---- the lane ---- */

static const void *
emission(const struct metrics_walk *w)
{
	return view(w)->emit;
}

static void
put_emit(struct evbuffer *out, struct lane_views lanes)
{
	static const struct metrics_row counters[] = {
#define X(id, unit, help)                                  \
	{METRICS_COUNTER("emit_" #id), help " (" unit ")", \
	 offsetof(struct emit_figures, id)},
		EMIT_COUNTERS(X)
#undef X
	};
	const char *mtu = "tombolo_emit_mtu_bytes";
	struct metrics_walk w;

	metrics_put_rows(out, counters, METRICS_ROWS(counters), lanes,
			 metrics_next_lane, emission);
	exposition_family(out, mtu, EXPOSITION_GAUGE,
			  "MTU of the interface emitted on");
	for (w = metrics_walk(lanes); metrics_next_lane(&w);)
		exposition_i64(out, mtu, w.labels.all, w.labels.count,
			       gauge_get(&view(&w)->emit->mtu_bytes));
}

/* ---- the quota ---- */

/* From -1 on; NULL: no more in this lane. */
static const struct quota_flow *
next_flow(struct metrics_walk *w, int64_t *flow)
{
	const struct quota *q = peer_quota(view(w)->core);
	const struct quota_flow *f;
	struct in_addr group;

	if (++*flow >= (int64_t)quota_count_flows(q))
		return NULL;
	f = quota_at(q, (uint32_t)*flow);
	group.s_addr = htonl((uint32_t)gauge_get(&f->group));
	inet_ntop(AF_INET, &group, w->name, sizeof(w->name));
	snprintf(w->number, sizeof(w->number), "%" PRId64, gauge_get(&f->port));
	metrics_label(&w->labels, 1, "group", w->name);
	metrics_label(&w->labels, 2, "port", w->number);
	return f;
}

static void
put_spans(struct evbuffer *out, const char *family, struct metrics_labels *l,
	  size_t place, const struct quota_flow *f,
	  uint64_t (*get)(const struct quota_flow *f, enum meter_span span))
{
	for (int i = 0; i < METER_SPANS; i++) {
		metrics_label(l, place, "window", meter_span_name((enum meter_span)i));
		metrics_u64(out, family, l, get(f, (enum meter_span)i));
	}
}

static uint64_t
peak_packets(const struct quota_flow *f, enum meter_span span)
{
	return (uint64_t)gauge_get(&f->meter.windows[span].peak_packets);
}

static uint64_t
peak_bytes(const struct quota_flow *f, enum meter_span span)
{
	return (uint64_t)gauge_get(&f->meter.windows[span].peak_bytes);
}

static uint64_t
over_quota(const struct quota_flow *f, enum meter_span span)
{
	return counter_get(&f->over[span]);
}

static const struct {
	const char *flow, *all;
	enum exposition_type type;
	const char *help;
	uint64_t (*get)(const struct quota_flow *f, enum meter_span span);
} quota_families[] = {
	{"tombolo_peer_flow_peak_packets", "tombolo_peer_emit_peak_packets",
	 EXPOSITION_GAUGE, "Most packets emitted within the window, of the last minute",
	 peak_packets},
	{"tombolo_peer_flow_peak_bytes", "tombolo_peer_emit_peak_bytes",
	 EXPOSITION_GAUGE,
	 "Most bytes emitted within the window, IPv4 headers included, of the last "
	 "minute",
	 peak_bytes},
	{"tombolo_peer_flow_over_quota_packets_total",
	 "tombolo_peer_emit_over_quota_packets_total", EXPOSITION_COUNTER,
	 "Packets emitted while the window held more than emit.quota", over_quota},
};

static void
put_quota(struct evbuffer *out, struct lane_views lanes)
{
	const struct quota_flow *f;

	for (size_t i = 0; i < METRICS_ROWS(quota_families); i++) {
		struct metrics_walk w = metrics_walk(lanes);

		exposition_family(out, quota_families[i].flow, quota_families[i].type,
				  quota_families[i].help);
		while (metrics_next_lane(&w))
			for (int64_t n = -1; (f = next_flow(&w, &n)) != NULL;)
				put_spans(out, quota_families[i].flow, &w.labels, 3, f,
					  quota_families[i].get);
		exposition_family(out, quota_families[i].all, quota_families[i].type,
				  quota_families[i].help);
		for (w = metrics_walk(lanes); metrics_next_lane(&w);)
			put_spans(out, quota_families[i].all, &w.labels, 1,
				  quota_all(peer_quota(view(&w)->core)),
				  quota_families[i].get);
	}
}

/* What the peaks are to be held against. Bytes, as everywhere here. */
static void
put_quota_limits(struct evbuffer *out, struct lane_views lanes)
{
	static const struct {
		const char *family, *help;
		size_t offset; /* of a uint64_t */
		uint64_t unit;
	} limits[] = {
#define LIMIT(family, help, key, unit)               \
	{family, help " by emit.quota; 0: no limit", \
	 offsetof(struct emit_settings, quota.key), unit}
		LIMIT("tombolo_peer_flow_quota_packets",
		      "Packets of one flow in a second", flow_pps, 1),
		LIMIT("tombolo_peer_flow_quota_bytes", "Bytes of one flow in a second",
		      flow_bps, 8),
		LIMIT("tombolo_peer_emit_quota_packets",
		      "Packets of all flows in a second", total_pps, 1),
		LIMIT("tombolo_peer_emit_quota_bytes", "Bytes of all flows in a second",
		      total_bps, 8),
#undef LIMIT
	};

	for (size_t i = 0; i < METRICS_ROWS(limits); i++) {
		struct metrics_walk w = metrics_walk(lanes);

		exposition_family(out, limits[i].family, EXPOSITION_GAUGE,
				  limits[i].help);
		while (metrics_next_lane(&w)) {
			const char *emit = (const void *)&view(&w)->settings->emit;
			const uint64_t *limit = (const void *)(emit + limits[i].offset);

			metrics_u64(out, limits[i].family, &w.labels,
				    *limit / limits[i].unit);
		}
	}
}

/* ---- memory ---- */

static void
put_pool(struct evbuffer *out, struct lane_views lanes)
{
	const char *size = "tombolo_peer_pool_bytes";
	const char *used = "tombolo_peer_pool_used_bytes";
	struct metrics_walk w;

	exposition_family(out, size, EXPOSITION_GAUGE, "Memory for what is held");
	for (w = metrics_walk(lanes); metrics_next_lane(&w);)
		metrics_u64(out, size, &w.labels,
			    peer_pool_chunks(view(&w)->core) * POOL_CHUNK_BYTES);
	exposition_family(out, used, EXPOSITION_GAUGE,
			  "Memory in use for what is held");
	for (w = metrics_walk(lanes); metrics_next_lane(&w);)
		if (view(&w)->pool_used_chunks)
			exposition_i64(out, used, w.labels.all, w.labels.count,
				       gauge_get(view(&w)->pool_used_chunks) *
					       POOL_CHUNK_BYTES);
}

/* ---- members ---- */

static void
put_members(struct evbuffer *out, const struct members_figures *f)
{
	static const struct metrics_row counters[] = {
		{METRICS_COUNTER("members_asked"),
		 "Times that EC2 was asked who is in the multicast domain",
		 offsetof(struct members_figures, asked)},
		{METRICS_COUNTER("members_failed"),
		 "Times that it did not answer, or with a refusal",
		 offsetof(struct members_figures, failed)},
	};
	const char *known = "tombolo_members_known", *groups = "tombolo_members_groups";
	struct metrics_labels none = {.count = 0};

	if (f == NULL)
		return;
	for (size_t i = 0; i < METRICS_ROWS(counters); i++) {
		metrics_row_head(out, counters, i);
		metrics_row_put(out, &counters[i], &none, f);
	}
	exposition_family(out, known, EXPOSITION_GAUGE,
			  "1 when EC2 answered when it was last asked for members");
	exposition_i64(out, known, NULL, 0, gauge_get(&f->is_known));
	exposition_family(out, groups, EXPOSITION_GAUGE,
			  "Groups that have a member, by its last answer");
	exposition_i64(out, groups, NULL, 0, gauge_get(&f->groups));
}

static void
put_history(struct evbuffer *out, struct lane_views lanes)
{
	const char *family = "tombolo_peer_history_used_bytes";
	struct metrics_walk w;

	exposition_family(out, family, EXPOSITION_GAUGE,
			  "Bytes of the history that hold what was emitted lately");
	for (w = metrics_walk(lanes); metrics_next_lane(&w);)
		exposition_i64(out, family, w.labels.all, w.labels.count,
			       gauge_get(peer_history_used(view(&w)->core)));
}

void
metrics_peer(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	const struct peer_views *views = arg;
	struct lane_views lanes = view_peer_lanes(views);

	(void)status;
	*content_type = EXPOSITION_CONTENT_TYPE;
	metrics_common(out, lanes);
	put_figures(out, lanes);
	put_firsts(out, lanes);
	put_dropped(out, lanes);
	put_histograms(out, lanes);
	put_pool(out, lanes);
	put_history(out, lanes);
	put_books(out, lanes);
	put_residuals(out, lanes);
	put_last_emissions(out, lanes);
	put_emit(out, lanes);
	put_quota(out, lanes);
	put_quota_limits(out, lanes);
	put_members(out, views->members);
}
