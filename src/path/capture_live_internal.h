/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CAPTURE_LIVE_INTERNAL_H
#define TOMBOLO_CAPTURE_LIVE_INTERNAL_H
/* Inside of live capture, for capture_live*.c alone. */
#include <net/if.h>

#include "base/clock.h"
#include "base/ifstat.h"
#include "path/filter.h"
#include "path/join.h"
#include "path/link.h"
#include "path/ring.h"

/* capture_live_link.c alone. */
struct live_link {
	enum link now;
	char operstate[IFSTAT_OPERSTATE_BYTES];
	/* At the last tick. */
	bool was_up, was_running; /* IFF_UP, IFF_RUNNING */
	unsigned long carrier_changes;
	mono_t retry;
	int64_t retry_ns;
};

struct capture_live {
	struct event_base *base;
	struct capture_sink *sink;
	char interface[IF_NAMESIZE];
	struct ring_settings ring_settings; /* interface points above */
	char *filters[FILTER_WIDTH_COUNT];
	struct join *join; /* NULL: JOIN_NONE */

	struct ring ring;
	struct event *readable; /* NULL when the ring is closed */
	struct event *tick;
	struct ifstat ifstat;
	mono_t drops_read;

	struct live_link link;

	bool started, stopped;
	bool running;  /* inside ring_run(), which must not be entered twice */
	bool stopping; /* capture_stop() was called from there */
};

/* ---- capture_live.c: the ring and the groups ---- */

/* On the interface as it is. 0, or a negative errno with a line in error
 * (RING_ERROR_BYTES). */
int capture_live_ring_open(struct capture_live *l, const struct ifstat_state *state,
			   char *error);
void capture_live_ring_close(struct capture_live *l);
/* One run of frames; false when none was ready. */
bool capture_live_run(struct capture_live *l);
/* Tells what the kernel has dropped. */
void capture_live_drops(struct capture_live *l, mono_t now);

/* ---- capture_live_link.c ---- */

int capture_live_link_read(struct capture_live *l, struct ifstat_state *state);
/* As it is when all was opened. */
void capture_live_link_first(struct capture_live *l, const struct ifstat_state *state);
/* From now on it is told of. */
void capture_live_link_start(struct capture_live *l);
/* At every tick. */
void capture_live_link_watch(struct capture_live *l, const struct ifstat_state *state);
/* Nothing is left to read: losses up to here are told before all is closed. text: why, or
 * NULL. */
void capture_live_link_lose(struct capture_live *l, const struct ifstat_state *state,
			    const char *text);

#endif
