/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/demand_watch.h"

#include <stdlib.h>

#include "base/log.h"
#include "path/relay.h"
#include "path/relay_lane.h"

#define RETRY_NS (10 * NS_PER_S)

struct demand_watch {
	const struct relay_settings *settings;
	struct relay_lane *lane;
	mono_t *since; /* by number */
	bool *idle;
	uint16_t *ids; /* of the configured, in their order */
	size_t room, ids_room;
	size_t left, joined; /* by the change that is due */
	const char *name;    /* of the first of these */
	bool failing;
	mono_t retry;
};

struct demand_watch *
demand_watch_new(const struct relay_settings *settings, struct relay_lane *lane)
{
	struct demand_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->settings = settings;
	w->lane = lane;
	return w;
}

void
demand_watch_free(struct demand_watch *w)
{
	if (w == NULL)
		return;
	free(w->since);
	free(w->idle);
	free(w->ids);
	free(w);
}

static bool
make_room(struct demand_watch *w, size_t count)
{
	size_t ids = w->settings->channel_count;
	mono_t *since;
	uint16_t *more;
	bool *idle;

	if (ids > w->ids_room) {
		more = realloc(w->ids, ids * sizeof(*more));
		if (more == NULL)
			return false;
		w->ids = more;
		w->ids_room = ids;
	}
	if (count <= w->room)
		return true;
	since = realloc(w->since, count * sizeof(*since));
	if (since != NULL)
		w->since = since;
	idle = realloc(w->idle, count * sizeof(*idle));
	if (idle != NULL)
		w->idle = idle;
	if (since == NULL || idle == NULL)
		return false;
	for (; w->room < count; w->room++)
		w->since[w->room] = (mono_t){0};
	return true;
}

bool
demand_is_idle(bool unwanted, bool idle, mono_t *since, mono_t now)
{
	if (!unwanted) {
		*since = (mono_t){0};
		return false;
	}
	if (since->ns == 0)
		*since = now;
	return idle || mono_sub(now, *since) >= DEMAND_HOLD_NS;
}

static void
look_at(struct demand_watch *w, const struct relay_channel *c, uint16_t id, mono_t now)
{
	bool idle = gauge_get(&c->is_idle) != 0;

	w->idle[id] = demand_is_idle(gauge_get(&c->is_unwanted) != 0, idle,
				     &w->since[id], now);
	if (w->idle[id] == idle)
		return;
	if (w->left + w->joined == 0)
		w->name = c->settings->name;
	w->left += w->idle[id];
	w->joined += idle;
}

/* Which are to be idle; false: as it is, or no memory. */
static bool
decide(struct demand_watch *w, mono_t now)
{
	const struct relay *core = relay_lane_core(w->lane);
	const struct relay_settings *s = w->settings;
	size_t count = relay_channel_count(core);

	w->left = w->joined = 0;
	if (!make_room(w, count))
		return false;
	for (size_t i = 0; i < count; i++)
		w->idle[i] = false;
	(void)relay_place_channels(core, s->channels, s->channel_count, w->ids);
	for (size_t i = 0; i < s->channel_count; i++)
		if (w->ids[i] < count)
			look_at(w, relay_channel(core, w->ids[i]), w->ids[i], now);
	return w->left + w->joined > 0;
}

static void
change(struct demand_watch *w, mono_t now)
{
	char error[512];
	int rc = relay_lane_choose(w->lane, w->idle, error, sizeof(error));

	if (rc == 0) {
		log_info("demand", "joined=%zu left=%zu first=%s", w->joined, w->left,
			 w->name);
	} else {
		w->retry = mono_add(now, RETRY_NS);
		if (!w->failing)
			log_warn("demand",
				 "what the peers want cannot be joined or left, all "
				 "stays as it was: %s",
				 error);
	}
	w->failing = rc != 0;
}

void
demand_watch_look(struct demand_watch *w, mono_t now)
{
	if (w->settings->capture.join != JOIN_DEMAND || !mono_due(w->retry, now))
		return;
	if (decide(w, now))
		change(w, now);
}
