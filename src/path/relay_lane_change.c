/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay lane goes on with other settings. What takes time, files, IGMP, the filter's
 * compiler and memory, is the main thread's and comes first; then the lane's thread
 * exchanges old and new in one call; then the main thread lets go of the old.
 */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "path/classify.h"
#include "path/relay_lane.h"
#include "path/relay_lane_internal.h"
#include "path/tls.h"

struct change {
	struct relay_lane *lane;
	/* What is configured then, and what is chosen of it: the rest is idle. */
	const struct channel_settings *channels;
	size_t count;
	struct channel_settings *chosen;
	uint16_t *ids;
	size_t chosen_count;
	bool *idle; /* by number */
	size_t idle_count;
	struct classifier *classifier;
	struct capture_change *capture;
	/* Of a reload alone. */
	void (*adopt)(void *arg);
	void *arg;
	SSL_CTX *context;
	int64_t expires_s;
};

static int
refuse_for_room(const struct change *c, size_t places, char *error, size_t error_bytes)
{
	const struct relay_lane *l = c->lane;
	size_t room = relay_channel_capacity(l->core);

	if (places > room) {
		snprintf(error, error_bytes,
			 "channels: %zu with those that were removed since the start, "
			 "and room for %zu; raise history.channels and restart",
			 places - 1, room - 1);
		return -ENOSPC;
	}
	for (size_t i = 0; i < l->settings->remote_count; i++) {
		room = relay_peer_capacity(l->core, i);
		if (room == 0 || places <= room)
			continue;
		snprintf(error, error_bytes,
			 "channels: %zu with those that were removed since the start, "
			 "and peer %s takes %zu; raise recovery.channels there and "
			 "restart it",
			 places - 1, l->settings->remotes[i].name, room - 1);
		return -ENOSPC;
	}
	return 0;
}

/* It comes back with the same words; else its peers are to be told first. */
static bool
is_same_place(const struct relay *core, uint16_t id, const struct channel_settings *s)
{
	const struct channel_settings *own = relay_channel(core, id)->settings;

	return own->group == s->group && own->port == s->port &&
	       own->source == s->source;
}

/* What is to be captured: all but the idle. */
static void
choose(struct change *c, const bool *idle)
{
	const struct relay *core = c->lane->core;

	for (size_t i = 0; i < c->count; i++) {
		uint16_t id = c->ids[i];

		if (id < c->idle_count && idle[id] &&
		    is_same_place(core, id, &c->channels[i])) {
			c->idle[id] = true;
			continue;
		}
		c->chosen[c->chosen_count] = c->channels[i];
		c->ids[c->chosen_count++] = id;
	}
}

static bool
allocate(struct change *c)
{
	c->idle_count = relay_channel_count(c->lane->core);
	c->ids = calloc(c->count + 1, sizeof(*c->ids));
	c->chosen = calloc(c->count + 1, sizeof(*c->chosen));
	c->idle = calloc(c->idle_count, sizeof(*c->idle));
	return c->ids != NULL && c->chosen != NULL && c->idle != NULL;
}

static int
place_channels(struct change *c, const bool *idle, char *error, size_t error_bytes)
{
	size_t places;
	int rc;

	if (!allocate(c))
		return -ENOMEM;
	places = relay_place_channels(c->lane->core, c->channels, c->count, c->ids);
	rc = refuse_for_room(c, places, error, error_bytes);
	if (rc < 0)
		return rc;
	choose(c, idle);
	c->classifier = classify_new(c->chosen, c->chosen_count, c->ids);
	return c->classifier != NULL ? 0 : -ENOMEM;
}

static int
prepare_channels(struct change *c, const bool *idle, char *error, size_t error_bytes)
{
	int rc;

	if (c->lane->shell.draining) {
		snprintf(error, error_bytes, "the relay is draining: it ends soon");
		return -EBUSY;
	}
	snprintf(error, error_bytes, "out of memory");
	rc = place_channels(c, idle, error, error_bytes);
	if (rc < 0)
		return rc;
	c->capture = capture_prepare(c->lane->capture, c->chosen, c->chosen_count,
				     error, error_bytes);
	return c->capture != NULL ? 0 : -EINVAL;
}

/* What is idle now stays so. */
static bool *
list_idle(const struct relay *core)
{
	size_t count = relay_channel_count(core);
	bool *idle = calloc(count, sizeof(*idle));

	for (size_t i = 1; idle != NULL && i < count; i++)
		idle[i] = gauge_get(&relay_channel(core, i)->is_idle) != 0;
	return idle;
}

static int
prepare_reload(struct change *c, const struct relay_settings *next, char *error,
	       size_t error_bytes)
{
	bool *idle;
	int rc;

	if (c->lane->shell.draining)
		return prepare_channels(c, NULL, error, error_bytes);
	c->context = tls_context_new(&next->tls, next->node, &c->expires_s, error,
				     error_bytes);
	if (c->context == NULL) {
		tunnel_renewal_failed(c->lane->shell.tunnel);
		return -EINVAL;
	}
	snprintf(error, error_bytes, "out of memory");
	idle = list_idle(c->lane->core);
	if (idle == NULL)
		return -ENOMEM;
	rc = prepare_channels(c, idle, error, error_bytes);
	free(idle);
	return rc;
}

static void
apply_channels(struct change *c)
{
	struct relay *core = c->lane->core;

	c->classifier = relay_set_channels(core, clock_now(), c->chosen,
					   c->chosen_count, c->ids, c->classifier);
	relay_set_idle(core, c->idle, c->idle_count);
}

/* On the lane's thread. */
static void
apply_reload(void *arg)
{
	struct change *c = arg;
	struct relay_lane *l = c->lane;
	SSL_CTX *before;

	apply_channels(c);
	c->adopt(c->arg);
	relay_settings_changed(l->core);
	capture_apply(l->capture, c->capture);
	before = tunnel_renew(l->shell.tunnel, c->context, c->expires_s);
	if (before != NULL)
		c->context = before;
	relay_lane_turn(l);
}

/* On the lane's thread. */
static void
apply_choice(void *arg)
{
	struct change *c = arg;

	apply_channels(c);
	capture_apply(c->lane->capture, c->capture);
	relay_lane_turn(c->lane);
}

static void
let_go(struct change *c)
{
	capture_finish(c->capture);
	classify_free(c->classifier);
	SSL_CTX_free(c->context);
	free(c->chosen);
	free(c->idle);
	free(c->ids);
}

int
relay_lane_reload(struct relay_lane *l, const struct relay_settings *next,
		  void (*adopt)(void *arg), void *arg, char *error, size_t error_bytes)
{
	struct change c = {.lane = l,
			   .channels = next->channels,
			   .count = next->channel_count,
			   .adopt = adopt,
			   .arg = arg};
	int rc = prepare_reload(&c, next, error, error_bytes);

	if (rc == 0)
		lane_call(&l->shell.lane, apply_reload, &c);
	let_go(&c);
	return rc;
}

int
relay_lane_choose(struct relay_lane *l, const bool *idle, char *error,
		  size_t error_bytes)
{
	struct change c = {.lane = l,
			   .channels = l->settings->channels,
			   .count = l->settings->channel_count};
	int rc = prepare_channels(&c, idle, error, error_bytes);

	if (rc == 0)
		lane_call(&l->shell.lane, apply_choice, &c);
	let_go(&c);
	return rc;
}
