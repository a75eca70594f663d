/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/trouble.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/expect.h"
#include "ops/expect_watch.h"
#include "ops/quiet_watch.h"
#include "path/capture.h"
#include "path/refusal.h"
#include "path/relay.h"
#include "path/timing.h"
#include "path/traffic.h"
#include "path/tunnel.h"

/* As the alerts TomboloPathLoss and TomboloClockOffset have it. */
#define LOSS_TOLD_PPM 5000
#define NAMES_TOLD    3 /* of silent channels, and QUIET_NAMES */

static const char more[] = "; and more";

/* ---- clauses ---- */

static void tell(struct trouble *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Whole, or not at all. */
static void
add_clause(struct trouble *t, const char *lead, const char *clause)
{
	size_t room = sizeof(t->text) - sizeof(more) - t->len;

	if (t->len >= sizeof(more) &&
	    strcmp(t->text + t->len - strlen(more), more) == 0)
		return;
	if (strlen(clause) + strlen(lead) >= room) {
		memcpy(t->text + t->len, more, sizeof(more));
		t->len += strlen(more);
		return;
	}
	t->len += (size_t)snprintf(t->text + t->len, room, "%s%s", lead, clause);
}

static void
tell(struct trouble *t, const char *fmt, ...)
{
	char clause[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(clause, sizeof(clause), fmt, args);
	va_end(args);
	add_clause(t, "; now ", clause);
}

/* "market0, market1, market2 and 4 more". */
struct name_list {
	char text[3 * NAME_BYTES_MAX + 32];
	size_t len, count;
};

static void put(struct name_list *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
put(struct name_list *n, const char *fmt, ...)
{
	size_t room = sizeof(n->text) - n->len;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(n->text + n->len, room, fmt, args);
	va_end(args);
	n->len += len > 0 && (size_t)len < room ? (size_t)len : 0;
}

static void
put_name(struct name_list *n, const char *name)
{
	if (++n->count <= NAMES_TOLD)
		put(n, "%s%s", n->count > 1 ? ", " : "", name);
}

static const char *
end_names(struct name_list *n)
{
	if (n->count > NAMES_TOLD)
		put(n, " and %zu more", n->count - NAMES_TOLD);
	return n->text;
}

/* ---- the capture ---- */

/* A person reads "since 12 s", and later "since 40 min". */
static void
tell_quiet(struct trouble *t, const struct quiet_told *quiet)
{
	char rate[32], since[32], clause[sizeof(struct name_list) + 128];
	long long silent_s = quiet->since_ns / NS_PER_S;
	struct name_list names = {.text = ""};

	for (size_t i = 0; i < quiet->channels; i++)
		put_name(&names, i < QUIET_NAMES ? quiet->names[i] : "");
	if (silent_s < 120)
		snprintf(since, sizeof(since), "since %lld s", silent_s);
	else
		snprintf(since, sizeof(since), "since %lld min", silent_s / 60);
	snprintf(rate, sizeof(rate), quiet->rate_per_s < 10 ? "%.1f" : "%.0f",
		 quiet->rate_per_s);
	if (quiet->nothing)
		snprintf(clause, sizeof(clause),
			 "nothing captured %s (before it was %s/s)", since, rate);
	else
		snprintf(clause, sizeof(clause), "%s nothing of %s (%s brought %s/s)",
			 since, end_names(&names), quiet->channels > 1 ? "they" : "it",
			 rate);
	add_clause(t, "; ", clause);
}

void
trouble_quiet(struct trouble *t, const struct relay_views *views)
{
	for (size_t i = 0; i < views->count; i++) {
		struct quiet_told quiet = quiet_watch_told(views->quiet, i);

		/* While the interface is down, that is said, and is why. */
		if (quiet.channels > 0 &&
		    gauge_get(&views->lanes[i].capture->link_up) != 0)
			tell_quiet(t, &quiet);
	}
}

static void
tell_silent(struct trouble *t, const struct relay_views *views, size_t lane)
{
	const struct relay *core = views->lanes[lane].core;
	struct name_list names = {.text = ""};

	for (size_t i = 1; i < relay_channel_count(core); i++) {
		const struct expect *e = expect_watch_at(views->expect, lane, i);

		if (e != NULL && e->state == EXPECT_SILENT)
			put_name(&names, relay_channel(core, i)->settings->name);
	}
	if (names.count > 0)
		tell(t, "before capture (exchange or network): silent: %s",
		     end_names(&names));
}

/* While the interface is down, silence is its doing. */
void
trouble_capture(struct trouble *t, const struct relay_views *views)
{
	for (size_t i = 0; i < views->count; i++) {
		const struct relay_view *v = &views->lanes[i];
		const char *interface = v->settings->capture.interface;

		if (gauge_get(&v->capture->link_up) == 0)
			tell(t, "in capture: interface %s is down",
			     interface != NULL ? interface : "(file)");
		else
			tell_silent(t, views, i);
	}
}

/* ---- sessions and paths ---- */

/* Why the last attempt failed, " (timed out)", or "". */
static const char *
why_down(const struct path_view *p, char text[80])
{
	text[0] = '\0';
	if (p->unreached > 0 && p->unreached <= REFUSAL_COUNT)
		snprintf(text, 80, " (%s)",
			 refusal_text((enum refusal)(p->unreached - 1)));
	else if (p->silent)
		snprintf(text, 80, " (silent)");
	return text;
}

/* While another path stands, silence is the line's and not the other host's. */
static bool
is_of_line(const struct path_view *p)
{
	return p->unreached == 0 || p->unreached == 1 + REFUSAL_TIMEOUT ||
	       p->unreached == 1 + REFUSAL_CONNECT || p->unreached == 1 + REFUSAL_LOST;
}

static void
tell_path(struct trouble *t, const char *remote, unsigned int slot,
	  const struct path_view *p)
{
	int64_t ppm = gauge_get(&p->timing->loss);
	char why[80];

	if (!p->up) {
		if (p->dialled || p->silent)
			tell(t, "%spath %u of %s is down%s",
			     is_of_line(p) ? "on the line: " : "", slot, remote,
			     why_down(p, why));
	} else if (p->narrow_bytes != 0) {
		tell(t,
		     "on the line: path %u of %s takes short datagrams only (its MTU)",
		     slot, remote);
	} else if (ppm >= LOSS_TOLD_PPM && gauge_get(&p->traffic->frames_per_s) > 0) {
		tell(t, "on the line: path %u of %s loses %" PRId64 ".%" PRId64 " %%",
		     slot, remote, ppm / 10000, ppm / 1000 % 10);
	}
}

/* All paths are down, and each may have its own reason. */
static void
tell_no_session(struct trouble *t, const struct lane_view *v, unsigned int remote)
{
	const int64_t refused = gauge_get(&v->tunnel->refused_last);
	char reasons[128] = "", why[80];
	size_t len = 0;

	for (unsigned int slot = 0; slot < PATHS_MAX; slot++) {
		struct path_view p = v->path(v->view, remote, slot);

		if (p.up || *why_down(&p, why) == '\0' || len >= sizeof(reasons))
			continue;
		len += (size_t)snprintf(reasons + len, sizeof(reasons) - len,
					", path %u%s", slot, why);
	}
	if (refused > 0 && refused <= REFUSAL_COUNT)
		tell(t, "no session with %s%s; last refused by us: %s",
		     v->remotes[remote].name, reasons,
		     refusal_text((enum refusal)(refused - 1)));
	else
		tell(t, "no session with %s%s", v->remotes[remote].name, reasons);
}

/* By the path that knows it best. */
static void
tell_clock(struct trouble *t, const struct lane_view *v, unsigned int remote)
{
	int64_t offset_ns = 0, error_ns = INT64_MAX, apart_ns;

	for (unsigned int slot = 0; slot < PATHS_MAX; slot++) {
		struct path_view p = v->path(v->view, remote, slot);

		if (!p.known || !p.up || gauge_get(&p.timing->rtt_ns) == 0 ||
		    gauge_get(&p.timing->offset_error_ns) >= error_ns)
			continue;
		offset_ns = gauge_get(&p.timing->offset_ns);
		error_ns = gauge_get(&p.timing->offset_error_ns);
	}
	apart_ns = offset_ns < 0 ? -offset_ns : offset_ns;
	if (apart_ns - TIMING_APART_NS <= error_ns || error_ns == INT64_MAX)
		return;
	tell(t, "the clocks here and on %s are %.3f s apart, ours %s",
	     v->remotes[remote].name, (double)apart_ns / 1e9,
	     offset_ns < 0 ? "behind" : "ahead");
}

static void
tell_remote(struct trouble *t, const struct lane_view *v, unsigned int remote)
{
	enum session_state state = v->state(v->view, remote);

	if (state != SESSION_OPEN && state != SESSION_DRAINING) {
		tell_no_session(t, v, remote);
		return;
	}
	for (unsigned int slot = 0; slot < PATHS_MAX; slot++) {
		struct path_view p = v->path(v->view, remote, slot);

		if (p.known)
			tell_path(t, v->remotes[remote].name, slot, &p);
	}
	tell_clock(t, v, remote);
}

void
trouble_tunnel(struct trouble *t, struct lane_views lanes, utc_t now)
{
	for (size_t i = 0; i < lanes.count; i++) {
		struct lane_view v = lanes.at(lanes.views, i);
		int64_t expires_s = gauge_get(&v.tunnel->certificate_expires_s);

		if (expires_s != 0 && expires_s <= now.ns / NS_PER_S)
			tell(t, "on this host: our certificate has expired");
		for (unsigned int r = 0; r < v.remote_count; r++)
			tell_remote(t, &v, r);
	}
}
