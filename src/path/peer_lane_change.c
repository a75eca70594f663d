/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer lane goes on with other settings: files are read by the main thread, before;
 * the lane's thread exchanges old and new in one call.
 */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "path/emit.h"
#include "path/peer_lane.h"
#include "path/peer_lane_internal.h"
#include "path/tls.h"

struct change {
	struct peer_lane *lane;
	void (*adopt)(void *arg);
	void *arg;
	SSL_CTX *context;
	int64_t expires_s;
};

/* On the lane's thread. */
static void
apply(void *arg)
{
	struct change *c = arg;
	struct peer_lane *l = c->lane;
	SSL_CTX *before;

	c->adopt(c->arg);
	peer_settings_changed(l->core, clock_now());
	before = tunnel_renew(l->shell.tunnel, c->context, c->expires_s);
	if (before != NULL)
		c->context = before;
	peer_lane_turn(l);
}

int
peer_lane_reload(struct peer_lane *l, const struct peer_settings *next,
		 void (*adopt)(void *arg), void *arg, char *error, size_t error_bytes)
{
	struct change c = {.lane = l, .adopt = adopt, .arg = arg};

	if (l->shell.draining) {
		snprintf(error, error_bytes, "the peer is draining: it ends soon");
		return -EBUSY;
	}
	c.context = tls_context_new(&next->tls, next->node, &c.expires_s, error,
				    error_bytes);
	if (c.context == NULL) {
		tunnel_renewal_failed(l->shell.tunnel);
		return -EINVAL;
	}
	/* The last that may fail: an option of the socket needs no exchange. */
	if (emit_mark(l->emitter, &next->emit, error, error_bytes) != 0) {
		SSL_CTX_free(c.context);
		return -EINVAL;
	}
	lane_call(&l->shell.lane, apply, &c);
	SSL_CTX_free(c.context);
	return 0;
}

struct demanded {
	struct peer_lane *lane;
	uint32_t *groups;
	size_t count;
};

/* On the lane's thread. */
static void
apply_demand(void *arg)
{
	struct demanded *d = arg;

	d->groups = peer_set_demand(d->lane->core, d->groups, d->count);
	peer_lane_turn(d->lane);
}

void
peer_lane_demand(struct peer_lane *l, uint32_t *groups, size_t count)
{
	struct demanded d = {l, groups, count};

	lane_call(&l->shell.lane, apply_demand, &d);
	free(d.groups); /* those of before */
}
