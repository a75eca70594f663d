/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/summary.h"

#include <stdio.h>
#include <string.h>

#include "ops/view.h"
#include "path/capture.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"

struct sum {
	size_t open, sessions, paths, channels;
};

static void
add_lane(struct sum *sum, const struct lane_view *v)
{
	for (unsigned int r = 0; r < v->remote_count; r++) {
		sum->sessions++;
		if (v->state(v->view, r) == SESSION_OPEN)
			sum->open++;
		for (unsigned int slot = 0; slot < PATHS_MAX; slot++)
			if (v->path(v->view, r, slot).up)
				sum->paths++;
	}
}

static struct sum
sum_lanes(struct lane_views lanes)
{
	struct sum sum = {0};

	for (size_t i = 0; i < lanes.count; i++) {
		struct lane_view v = lanes.at(lanes.views, i);

		add_lane(&sum, &v);
	}
	return sum;
}

static const char *
plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void
put(const struct sum *sum, char *text, size_t bytes)
{
	snprintf(text, bytes, "%zu of %zu session%s open, %zu path%s up, %zu channel%s",
		 sum->open, sum->sessions, plural(sum->sessions), sum->paths,
		 plural(sum->paths), sum->channels, plural(sum->channels));
}

void
summary_relay(void *arg, char *text, size_t bytes)
{
	const struct relay_views *views = arg;
	struct sum sum = sum_lanes(view_relay_lanes(views));
	bool captures = true;
	size_t len;

	for (size_t i = 0; i < views->count; i++) {
		const struct relay_view *v = &views->lanes[i];

		sum.channels += relay_channel_count(v->core) - 1; /* not the marks */
		captures &= gauge_get(&v->capture->link_up) != 0;
	}
	put(&sum, text, bytes);
	len = strlen(text);
	if (!captures)
		snprintf(text + len, bytes - len, ", the capture is down");
}

/* Channels of which a relay has told, but for its marks. */
static size_t
count_channels(const struct peer_view *v)
{
	size_t n = 0;

	for (unsigned int r = 0; r < v->settings->remote_count; r++)
		for (size_t i = 0; i < peer_channel_count(v->core, r); i++)
			if (!gauge_get(&peer_channel(v->core, r, i)->is_marks))
				n++;
	return n;
}

void
summary_peer(void *arg, char *text, size_t bytes)
{
	const struct peer_views *views = arg;
	struct sum sum = sum_lanes(view_peer_lanes(views));

	for (size_t i = 0; i < views->count; i++)
		sum.channels += count_channels(&views->lanes[i]);
	put(&sum, text, bytes);
}
