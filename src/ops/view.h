/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_VIEW_H
#define TOMBOLO_VIEW_H
/*
 * What the control thread may look at of each lane while the lane runs: settings,
 * which do not change, and figures, which are atomic. Nothing is owned here, and
 * nothing that is pointed to may go while a view of it is in use.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/counter.h"
#include "ops/settings.h"
#include "path/session.h"

struct expect_watch;
struct quiet_watch;
struct members_figures;
struct interfaces;
struct relay;
struct peer;
struct capture_figures;
struct tunnel_figures;
struct emit_figures;
struct histogram;
struct lane;
struct timing;
struct traffic;

/* One lane. What is marked "or NULL" is not shown then. */
struct relay_view {
	const struct relay_settings *settings;
	const struct relay *core;
	const struct capture_figures *capture;
	const struct tunnel_figures *tunnel;
	const struct histogram *turns;     /* of the lane's loop, or NULL */
	const gauge_t *history_used_bytes; /* or NULL */
	const gauge_t *since_ns;           /* of each session's state, or NULL */
	struct lane *lane;                 /* whose history is read; NULL: no thread */
	utc_t started;
	const char *version;
};

struct peer_view {
	const struct peer_settings *settings;
	const struct peer *core;
	const struct emit_figures *emit;
	const struct tunnel_figures *tunnel;
	const struct histogram *turns;   /* of the lane's loop, or NULL */
	const gauge_t *pool_used_chunks; /* or NULL */
	const gauge_t *since_ns;         /* of each session's state, or NULL */
	struct lane *lane;               /* whose history is read; NULL: no thread */
	utc_t started;
	const char *version;
};

/* All lanes of a process, by number: what the routes are given. */
struct relay_views {
	const struct relay_view *lanes;
	size_t count;
	struct expect_watch *expect;   /* or NULL */
	struct quiet_watch *quiet;     /* or NULL */
	struct interfaces *interfaces; /* or NULL */
};

struct peer_views {
	const struct peer_view *lanes;
	size_t count;
	const struct members_figures *members; /* or NULL */
	struct interfaces *interfaces;         /* or NULL */
};

/* ---- what both halves have, told alike ---- */

struct path_view {
	bool known;   /* configured here, or was up at least once */
	bool dialled; /* configured here */
	bool up;
	bool silent;              /* closed for silence, and no path came up since */
	int64_t unreached;        /* as tunnel.h has it: why it is not up */
	int64_t narrow_bytes;     /* longer datagrams vanish; 0: they do not */
	enum transport transport; /* of now, or of the last time */
	const struct timing *timing;
	uint64_t sent_bytes; /* by us */
	const struct traffic *traffic;
	const counter_t *firsts; /* datagrams that it brought first, or NULL */
};

struct lane_view {
	const void *view; /* for the two functions */
	enum session_state (*state)(const void *view, unsigned int remote);
	struct path_view (*path)(const void *view, unsigned int remote,
				 unsigned int slot);
	const struct remote_settings *remotes;
	size_t remote_count;
	const char *node, *version;
	utc_t started;
	size_t memory_bytes;
	const struct tunnel_figures *tunnel;
	const struct histogram *turns;
	const gauge_t *since_ns;
};

/* lanes.at(lanes.views, n) for n below lanes.count. */
struct lane_views {
	const void *views;
	size_t count;
	const struct interfaces *interfaces; /* or NULL */
	struct lane_view (*at)(const void *views, size_t lane);
};

struct lane_views view_relay_lanes(const struct relay_views *v);
struct lane_views view_peer_lanes(const struct peer_views *v);

#endif
