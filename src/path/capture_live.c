/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of the relay, from an interface; gets frames from the ring, hands them to
 * decap; runs on the lane's thread.
 *
 * An interface that only goes down keeps its ring and its memberships: the kernel
 * takes both up again by itself with the first frame after it is up. When it goes
 * away, or libpcap gives up, all is closed and opened again with back-off.
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

#define TICK_NS      (100 * NS_PER_MS)
#define RETRY_NS_MIN (100 * NS_PER_MS)
#define RETRY_NS_MAX (2 * NS_PER_S)
/* After a full run the ring may be overflowing: look, but not every time. */
#define DROPS_NS (1 * NS_PER_MS)
/* More than any kernel's tick: in that time an open block is handed on. */
#define BLOCK_WAIT_MS 50
#define ERROR_BYTES   512

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

static void
close_ring(struct capture_live *l)
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
		close_ring(l);
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

static int
open_all(struct capture_live *l, const struct ifstat_state *state, char *error)
{
	int rc = open_ring(l, state, error);

	if (rc == 0) {
		rc = enter_groups(l, state, error);
		if (rc < 0)
			close_ring(l);
	}
	return rc;
}

/* ---- the link ---- */

static int
read_state(struct capture_live *l, struct ifstat_state *state)
{
	int rc = ifstat_read(l->interface, state);

	if (rc < 0)
		*state = (struct ifstat_state){0};
	memcpy(l->operstate, state->operstate, sizeof(l->operstate));
	return rc;
}

static void
tell_link(struct capture_live *l, const char *text)
{
	char line[ERROR_BYTES];

	snprintf(line, sizeof(line), "interface %s %s%s%s%s%s", l->interface,
		 link_text(l->link), text != NULL ? ": " : "", text != NULL ? text : "",
		 l->operstate[0] != '\0' ? " operstate=" : "", l->operstate);
	l->sink->ops.link(l->sink->arg, link_error(l->link), line);
}

/* text says why, or is NULL where the state says it all. */
static void
set_link(struct capture_live *l, enum link link, const char *text)
{
	if (link == l->link)
		return;
	l->link = link;
	gauge_set(&l->sink->figures.link_up, link == LINK_UP);
	if (l->started)
		tell_link(l, text);
}

static void
retry_later(struct capture_live *l, mono_t now)
{
	l->retry = mono_add(now, l->retry_ns);
	l->retry_ns *= 2;
	if (l->retry_ns > RETRY_NS_MAX)
		l->retry_ns = RETRY_NS_MAX;
}

static void
reopen(struct capture_live *l, const struct ifstat_state *state, mono_t now)
{
	char error[RING_ERROR_BYTES];
	int rc = open_all(l, state, error);

	if (rc == 0) {
		l->retry_ns = RETRY_NS_MIN;
		set_link(l, link_judge(state), NULL);
		return;
	}
	retry_later(l, now);
	if (rc != -ENETDOWN && rc != -ENODEV)
		set_link(l, LINK_FAILED, error);
}

/* ---- losses ---- */

static void
read_ring_drops(struct capture_live *l, mono_t now)
{
	l->drops_read = now;
	capture_sink_dropped(l->sink, DROP_KERNEL_RING, ring_drops(&l->ring));
}

static void
read_drops(struct capture_live *l, mono_t now)
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

/* Nothing is left to read: losses up to here are told before all is closed. */
static void
lose(struct capture_live *l, const struct ifstat_state *state, const char *text)
{
	mono_t now = clock_now().mono;
	bool other = (int)state->index != l->ring_settings.index;

	if (l->ring.pcap == NULL)
		return;
	read_drops(l, now);
	close_ring(l);
	if (l->join != NULL && other)
		join_leave(l->join);
	l->retry_ns = RETRY_NS_MIN;
	retry_later(l, now);
	set_link(l, other ? LINK_GONE : LINK_FAILED, text);
}

/* ---- running ---- */

static void
visit_frame(void *arg, const struct frame *frame)
{
	struct capture_live *l = arg;

	capture_sink_frame(l->sink, frame);
}

/* One run of frames; false when none was ready. */
static bool
run(struct capture_live *l)
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
		(void)read_state(l, &state);
		lose(l, &state, error);
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
		while (l->ring.pcap != NULL && run(l))
			;
	} while (wait_block(l));
	read_drops(l, clock_now().mono);
}

static void
end_capture(struct capture_live *l)
{
	l->stopped = true;
	event_del(l->tick);
	if (l->started && l->ring.pcap != NULL)
		drain(l);
	l->started = false;
	close_ring(l);
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
	run(l);
	if (l->stopping)
		end_capture(l);
}

/* ---- every tick ---- */

/* It was down, be it for less than a tick. */
static void
renew_groups(struct capture_live *l, const struct ifstat_state *state)
{
	char reason[256];

	if (l->join == NULL || !state->up || !state->running ||
	    (l->was_up && l->was_running &&
	     state->carrier_changes == l->carrier_changes))
		return;
	if (join_renew(l->join, reason, sizeof(reason)) < 0)
		log_warn("capture", "groups are not joined any more interface=%s %s",
			 l->interface, reason);
}

static void
watch_open(struct capture_live *l, const struct ifstat_state *state)
{
	/* libpcap sees that an interface is gone only when it is asked again. */
	if (l->link != LINK_UP)
		run(l);
	if (l->ring.pcap == NULL || l->stopping)
		return;
	if ((int)state->index != l->ring_settings.index) {
		while (l->ring.pcap != NULL && run(l))
			;
		lose(l, state, NULL);
		return;
	}
	set_link(l, link_judge(state), NULL);
	renew_groups(l, state);
	if (state->mtu <= l->ring_settings.mtu)
		return;
	log_warn("capture",
		 "the MTU grew: frames over the old one are cut until the next start "
		 "interface=%s mtu=%d was=%d",
		 l->interface, state->mtu, l->ring_settings.mtu);
	l->ring_settings.mtu = state->mtu;
}

static void
watch_closed(struct capture_live *l, const struct ifstat_state *state)
{
	mono_t now = clock_now().mono;
	bool came_up = state->up && !l->was_up;

	if (!state->up)
		set_link(l, link_judge(state), NULL);
	else if (came_up || mono_due(l->retry, now))
		reopen(l, state, now);
}

static void
take_tick(evutil_socket_t fd, short what, void *arg)
{
	struct capture_live *l = arg;
	struct ifstat_state state;

	(void)fd;
	(void)what;
	(void)read_state(l, &state);
	read_drops(l, clock_now().mono);
	if (l->stopped) /* by the one who was told of drops */
		return;
	if (l->ring.pcap != NULL)
		watch_open(l, &state);
	else
		watch_closed(l, &state);
	l->was_up = state.up;
	l->was_running = state.running;
	l->carrier_changes = state.carrier_changes;
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
	l->retry_ns = RETRY_NS_MIN;
	l->link = LINK_UP;
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
	int rc = read_state(l, &state);

	if (rc < 0) {
		snprintf(error, RING_ERROR_BYTES, "interface %s: %s", l->interface,
			 strerror(-rc));
		return rc;
	}
	rc = open_all(l, &state, error);
	if (rc == -ENETDOWN)
		rc = enter_groups(l, &state, error);
	if (rc == 0)
		l->link = link_judge(&state);
	l->was_up = state.up;
	l->carrier_changes = state.carrier_changes;
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
	gauge_set(&l->sink->figures.link_up, l->link == LINK_UP);
	event_add(l->tick, &tv);
	if (l->readable != NULL)
		event_add(l->readable, NULL);
	if (l->link != LINK_UP)
		tell_link(l, NULL);
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
	close_ring(l);
	join_free(l->join);
	if (l->tick != NULL)
		event_free(l->tick);
	filter_free_texts(l->filters);
	free(l);
}
