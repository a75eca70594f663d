/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of the relay, from an interface; gets frames from the ring, hands them to
 * decap; runs on the lane's thread.
 */
#include "path/capture_live.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ifstat.h"
#include "base/log.h"
#include "base/offload.h"
#include "path/capture_live_internal.h"

#define TICK_NS (100 * NS_PER_MS)
/* After a full run the ring may be overflowing: look, but not every time. */
#define DROPS_NS (1 * NS_PER_MS)
/* More than any kernel's tick: in that time an open block is handed on. */
#define BLOCK_WAIT_MS 50

static void take_ready(evutil_socket_t fd, short what, void *arg);

/* ---- opening ---- */

static int
watch_ring(struct capture_live *l, char *error)
{
	l->readable = event_new(l->base, ring_fd(&l->ring), EV_READ | EV_PERSIST,
				take_ready, l);
	if (l->readable == NULL) {
		snprintf(error, RING_ERROR_BYTES, "out of memory");
		return -ENOMEM;
	}
	if (l->started)
		event_add(l->readable, NULL);
	return 0;
}

static void
note_ring(struct capture_live *l)
{
	uint64_t asked = l->ring_settings.buffer_bytes;
	uint64_t bytes = l->ring.bytes != 0 ? l->ring.bytes : asked;

	gauge_set(&l->sink->figures.ring_bytes, (int64_t)bytes);
	if (bytes < asked - asked / 20)
		log_warn("capture",
			 "the kernel has no memory for the buffer asked for "
			 "interface=%s asked=%" PRIu64 " got=%" PRIu64,
			 l->interface, asked, bytes);
}

void
capture_live_ring_close(struct capture_live *l)
{
	if (l->readable != NULL)
		event_free(l->readable);
	l->readable = NULL;
	ring_close(&l->ring);
	gauge_set(&l->sink->figures.ring_bytes, 0);
}

/* The ring first, so that nothing a join brings in is missed. */
static int
open_ring(struct capture_live *l, const struct ifstat_state *state, char *error)
{
	int rc;

	l->ring_settings.index = (int)state->index;
	l->ring_settings.mtu = state->mtu;
	rc = ring_open(&l->ring, &l->ring_settings, error);
	if (rc < 0)
		return rc;
	rc = watch_ring(l, error);
	if (rc < 0) {
		capture_live_ring_close(l);
		return rc;
	}
	ifstat_start(&l->ifstat, l->interface, IFSTAT_LOSS_COUNT);
	note_ring(l);
	return 0;
}

static int
enter_groups(struct capture_live *l, const struct ifstat_state *state, char *error)
{
	char reason[256];
	int rc;

	if (l->join == NULL)
		return 0;
	rc = join_enter(l->join, state->index, reason, sizeof(reason));
	if (rc < 0)
		snprintf(error, RING_ERROR_BYTES, "interface %s: %s", l->interface,
			 reason);
	return rc;
}

int
capture_live_ring_open(struct capture_live *l, const struct ifstat_state *state,
		       char *error)
{
	int rc = open_ring(l, state, error);

	if (rc == 0) {
		rc = enter_groups(l, state, error);
		if (rc < 0)
			capture_live_ring_close(l);
	}
	return rc;
}

/* ---- losses ---- */

static void
read_ring_drops(struct capture_live *l, mono_t now)
{
	l->drops_read = now;
	capture_sink_dropped(l->sink, DROP_KERNEL_RING, ring_drops(&l->ring));
}

void
capture_live_drops(struct capture_live *l, mono_t now)
{
	if (l->ring.pcap == NULL)
		return;
	read_ring_drops(l, now);
	/* ps_ifdrop of pcap_stats(3PCAP) is not added: on Linux it is rx_missed_errors
	 * + rx_fifo_errors out of the same files, in 32 bits, and only when promiscuous.
	 */
	capture_sink_dropped(l->sink, DROP_INTERFACE, ifstat_poll(&l->ifstat));
}

/* After a full run, so that a loss is told near its place. */
static void
look_for_drops(struct capture_live *l)
{
	mono_t now = clock_now().mono;

	if (mono_sub(now, l->drops_read) >= DROPS_NS)
		read_ring_drops(l, now);
}

/* ---- running ---- */

static void
visit_frame(void *arg, const struct frame *frame)
{
	struct capture_live *l = arg;

	capture_sink_frame(l->sink, frame);
}

bool
capture_live_run(struct capture_live *l)
{
	char error[RING_ERROR_BYTES];
	struct ifstat_state state;
	int n;

	l->running = true;
	n = ring_run(&l->ring, CAPTURE_TURN_FRAMES, visit_frame, l, error);
	l->running = false;
	if (n < 0) {
		/* Some may have been handed on before the error. */
		l->sink->ops.batch_end(l->sink->arg);
		(void)capture_live_link_read(l, &state);
		capture_live_link_lose(l, &state, error);
		return false;
	}
	if (n == CAPTURE_TURN_FRAMES)
		look_for_drops(l);
	if (n > 0)
		l->sink->ops.batch_end(l->sink->arg);
	return n > 0;
}

static bool
wait_block(struct capture_live *l)
{
	struct pollfd p = {.events = POLLIN};

	if (l->ring.pcap == NULL || !l->ring.by_block)
		return false;
	p.fd = ring_fd(&l->ring);
	return poll(&p, 1, BLOCK_WAIT_MS) > 0 && (p.revents & POLLIN) != 0;
}

/* The one place where a lane waits, and only when not immediate: a block that is
 * still the kernel's is handed on by a timer. */
static void
drain(struct capture_live *l)
{
	ring_mute(&l->ring);
	do {
		while (l->ring.pcap != NULL && capture_live_run(l))
			;
	} while (wait_block(l));
	capture_live_drops(l, clock_now().mono);
}

static void
end_capture(struct capture_live *l)
{
	l->stopped = true;
	event_del(l->tick);
	if (l->started && l->ring.pcap != NULL)
		drain(l);
	l->started = false;
	capture_live_ring_close(l);
	if (l->join != NULL)
		join_leave(l->join);
	gauge_set(&l->sink->figures.link_up, 0);
}

static void
take_ready(evutil_socket_t fd, short what, void *arg)
{
	struct capture_live *l = arg;

	(void)fd;
	(void)what;
	capture_live_run(l);
	if (l->stopping)
		end_capture(l);
}

static void
take_tick(evutil_socket_t fd, short what, void *arg)
{
	struct capture_live *l = arg;
	struct ifstat_state state;

	(void)fd;
	(void)what;
	(void)capture_live_link_read(l, &state);
	capture_live_drops(l, clock_now().mono);
	if (l->stopped) /* by the one who was told of drops */
		return;
	capture_live_link_watch(l, &state);
	if (l->stopping && !l->stopped)
		end_capture(l);
}

/* ---- start and end ---- */

static struct capture_live *
make(struct event_base *base, const struct capture_settings *s,
     const struct channel_settings *channels, size_t count, struct capture_sink *sink)
{
	struct capture_live *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->base = base;
	l->sink = sink;
	snprintf(l->interface, sizeof(l->interface), "%s", s->interface);
	l->ring_settings = (struct ring_settings){
		.interface = l->interface,
		.filters = (const char *const *)l->filters,
		.buffer_bytes = s->buffer_bytes,
		.immediate = s->immediate,
		.promiscuous = s->promiscuous,
	};
	l->tick = event_new(base, -1, EV_PERSIST, take_tick, l);
	if (s->join != JOIN_NONE)
		l->join = join_new(channels, count);
	if (l->tick == NULL || (s->join != JOIN_NONE && l->join == NULL) ||
	    !filter_make_texts(l->filters, channels, count)) {
		capture_live_free(l);
		return NULL;
	}
	return l;
}

/* A start-up error, but for an interface that is there and down: that one is waited
 * for, with its groups joined already. */
static int
open_first(struct capture_live *l, char *error)
{
	struct ifstat_state state;
	int rc = capture_live_link_read(l, &state);

	if (rc < 0) {
		snprintf(error, RING_ERROR_BYTES, "interface %s: %s", l->interface,
			 strerror(-rc));
		return rc;
	}
	rc = capture_live_ring_open(l, &state, error);
	if (rc == -ENETDOWN)
		rc = enter_groups(l, &state, error);
	if (rc == 0)
		capture_live_link_first(l, &state);
	return rc;
}

struct capture_live *
capture_live_open(struct event_base *base, const struct capture_settings *s,
		  const struct channel_settings *channels, size_t count,
		  struct capture_sink *sink, char *error, size_t error_bytes)
{
	char reason[RING_ERROR_BYTES], all[256];
	struct capture_live *l = NULL;
	int rc = -ENODEV;

	if (strlen(s->interface) < IF_NAMESIZE && if_nametoindex(s->interface) != 0) {
		l = make(base, s, channels, count, sink);
		rc = l != NULL ? open_first(l, reason) : -ENOMEM;
	}
	if (rc == 0) {
		offload_warn_of_merging("capture", l->interface);
		return l;
	}
	if (rc == -ENODEV) {
		ifstat_list(all, sizeof(all));
		snprintf(error, error_bytes,
			 "no interface %s to capture on; there are: %s", s->interface,
			 all);
	} else {
		snprintf(error, error_bytes, "%s",
			 l != NULL ? reason : "out of memory");
	}
	capture_live_free(l);
	return NULL;
}

void
capture_live_start(struct capture_live *l)
{
	struct timeval tv = {.tv_usec = TICK_NS / NS_PER_US};

	assert(!l->started && !l->stopped);
	l->started = true;
	event_add(l->tick, &tv);
	if (l->readable != NULL)
		event_add(l->readable, NULL);
	capture_live_link_start(l);
}

void
capture_live_stop(struct capture_live *l)
{
	if (l->running)
		l->stopping = true;
	else if (!l->stopped)
		end_capture(l);
}

void
capture_live_free(struct capture_live *l)
{
	if (l == NULL)
		return;
	capture_live_ring_close(l);
	join_free(l->join);
	if (l->tick != NULL)
		event_free(l->tick);
	filter_free_texts(l->filters);
	free(l);
}
