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
	const struct relay_settings *next;
	void (*adopt)(void *arg);
	void *arg;
	uint16_t *ids;
	struct classifier *classifier;
	struct capture_change *capture;
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

static int
place_channels(struct change *c, char *error, size_t error_bytes)
{
	const struct relay_settings *s = c->next;
	size_t places;
	int rc;

	c->ids = calloc(s->channel_count + 1, sizeof(*c->ids));
	if (c->ids == NULL)
		return -ENOMEM;
	places = relay_place_channels(c->lane->core, s->channels, s->channel_count,
				      c->ids);
	rc = refuse_for_room(c, places, error, error_bytes);
	if (rc < 0)
		return rc;
	c->classifier = classify_new(s->channels, s->channel_count, c->ids);
	return c->classifier != NULL ? 0 : -ENOMEM;
}

static int
prepare(struct change *c, char *error, size_t error_bytes)
{
	const struct relay_settings *s = c->next;
	int rc;

	if (c->lane->draining) {
		snprintf(error, error_bytes, "the relay is draining: it ends soon");
		return -EBUSY;
	}
	c->context =
		tls_context_new(&s->tls, s->node, &c->expires_s, error, error_bytes);
	if (c->context == NULL) {
		tunnel_renewal_failed(c->lane->tunnel);
		return -EINVAL;
	}
	snprintf(error, error_bytes, "out of memory");
	rc = place_channels(c, error, error_bytes);
	if (rc < 0)
		return rc;
	c->capture = capture_prepare(c->lane->capture, s->channels, s->channel_count,
				     error, error_bytes);
	return c->capture != NULL ? 0 : -EINVAL;
}

/* On the lane's thread. */
static void
apply(void *arg)
{
	struct change *c = arg;
	struct relay_lane *l = c->lane;
	SSL_CTX *before;

	c->classifier =
		relay_set_channels(l->core, clock_now(), c->next->channels,
				   c->next->channel_count, c->ids, c->classifier);
	c->adopt(c->arg);
	relay_settings_changed(l->core);
	capture_apply(l->capture, c->capture);
	before = tunnel_renew(l->tunnel, c->context, c->expires_s);
	if (before != NULL)
		c->context = before;
	relay_lane_turn(l);
}

static void
let_go(struct change *c)
{
	capture_finish(c->capture);
	classify_free(c->classifier);
	SSL_CTX_free(c->context);
	free(c->ids);
}

int
relay_lane_reload(struct relay_lane *l, const struct relay_settings *next,
		  void (*adopt)(void *arg), void *arg, char *error, size_t error_bytes)
{
	struct change c = {.lane = l, .next = next, .adopt = adopt, .arg = arg};
	int rc = prepare(&c, error, error_bytes);

	if (rc == 0)
		lane_call(&l->lane, apply, &c);
	let_go(&c);
	return rc;
}
