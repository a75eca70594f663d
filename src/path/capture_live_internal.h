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

	enum link link;
	char operstate[IFSTAT_OPERSTATE_BYTES];
	/* At the last tick. */
	bool was_up, was_running; /* IFF_UP, IFF_RUNNING */
	unsigned long carrier_changes;
	mono_t retry;
	int64_t retry_ns;

	bool started, stopped;
	bool running;  /* inside ring_run(), which must not be entered twice */
	bool stopping; /* capture_stop() was called from there */
};

#endif
