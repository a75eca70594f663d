/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of the relay, from an interface: its link. Gets the interface's state at every
 * tick, tells the operator of it, joins groups anew, and closes and opens the ring.
 * Runs on the lane's thread.
 *
 * An interface that only goes down keeps its ring and its memberships: the kernel
 * takes both up again by itself with the first frame after it is up. When it goes
 * away, or libpcap gives up, all is closed and opened again with back-off.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "path/capture_live.h"
#include "path/capture_live_internal.h"

#define RETRY_NS_MIN (100 * NS_PER_MS)
#define RETRY_NS_MAX (2 * NS_PER_S)
#define ERROR_BYTES  512

int
capture_live_link_read(struct capture_live *l, struct ifstat_state *state)
{
	int rc = ifstat_read(l->interface, state);

	if (rc < 0)
		*state = (struct ifstat_state){0};
	memcpy(l->link.operstate, state->operstate, sizeof(l->link.operstate));
	return rc;
}

static void
tell(struct capture_live *l, const char *text)
{
	char line[ERROR_BYTES];

	snprintf(line, sizeof(line), "interface %s %s%s%s%s%s", l->interface,
		 link_text(l->link.now), text != NULL ? ": " : "",
		 text != NULL ? text : "",
		 l->link.operstate[0] != '\0' ? " operstate=" : "", l->link.operstate);
	l->sink->ops.link(l->sink->arg, link_error(l->link.now), line);
}

/* text says why, or is NULL where the state says it all. */
static void
set_link(struct capture_live *l, enum link link, const char *text)
{
	if (link == l->link.now)
		return;
	l->link.now = link;
	gauge_set(&l->sink->figures.link_up, link == LINK_UP);
	if (l->started)
		tell(l, text);
}

static void
retry_later(struct capture_live *l, mono_t now)
{
	l->link.retry = mono_add(now, l->link.retry_ns);
	l->link.retry_ns *= 2;
	if (l->link.retry_ns > RETRY_NS_MAX)
		l->link.retry_ns = RETRY_NS_MAX;
}

static void
reopen(struct capture_live *l, const struct ifstat_state *state, mono_t now)
{
	char error[RING_ERROR_BYTES];
	int rc = capture_live_ring_open(l, state, error);

	if (rc == 0) {
		l->link.retry_ns = RETRY_NS_MIN;
		set_link(l, link_judge(state), NULL);
		return;
	}
	retry_later(l, now);
	if (rc != -ENETDOWN && rc != -ENODEV)
		set_link(l, LINK_FAILED, error);
}

/* Nothing is left to read: losses up to here are told before all is closed. */
void
capture_live_link_lose(struct capture_live *l, const struct ifstat_state *state,
		       const char *text)
{
	mono_t now = clock_now().mono;
	bool other = (int)state->index != l->ring_settings.index;

	if (l->ring.pcap == NULL)
		return;
	capture_live_drops(l, now);
	capture_live_ring_close(l);
	if (l->join != NULL && other)
		join_leave(l->join);
	l->link.retry_ns = RETRY_NS_MIN;
	retry_later(l, now);
	set_link(l, other ? LINK_GONE : LINK_FAILED, text);
}

/* ---- every tick ---- */

/* It was down, be it for less than a tick. */
static void
renew_groups(struct capture_live *l, const struct ifstat_state *state)
{
	char reason[256];

	if (l->join == NULL || !state->up || !state->running ||
	    (l->link.was_up && l->link.was_running &&
	     state->carrier_changes == l->link.carrier_changes))
		return;
	if (join_renew(l->join, reason, sizeof(reason)) < 0)
		log_warn("capture", "groups are not joined any more interface=%s %s",
			 l->interface, reason);
}

static void
watch_open(struct capture_live *l, const struct ifstat_state *state)
{
	/* libpcap sees that an interface is gone only when it is asked again. */
	if (l->link.now != LINK_UP)
		capture_live_run(l);
	if (l->ring.pcap == NULL || l->stopping)
		return;
	if ((int)state->index != l->ring_settings.index) {
		while (l->ring.pcap != NULL && capture_live_run(l))
			;
		capture_live_link_lose(l, state, NULL);
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
	bool came_up = state->up && !l->link.was_up;

	if (!state->up)
		set_link(l, link_judge(state), NULL);
	else if (came_up || mono_due(l->link.retry, now))
		reopen(l, state, now);
}

void
capture_live_link_watch(struct capture_live *l, const struct ifstat_state *state)
{
	if (l->ring.pcap != NULL)
		watch_open(l, state);
	else
		watch_closed(l, state);
	l->link.was_up = state->up;
	l->link.was_running = state->running;
	l->link.carrier_changes = state->carrier_changes;
}

void
capture_live_link_first(struct capture_live *l, const struct ifstat_state *state)
{
	l->link.retry_ns = RETRY_NS_MIN;
	l->link.now = link_judge(state);
	l->link.was_up = state->up;
	l->link.carrier_changes = state->carrier_changes;
}

void
capture_live_link_start(struct capture_live *l)
{
	gauge_set(&l->sink->figures.link_up, l->link.now == LINK_UP);
	if (l->link.now != LINK_UP)
		tell(l, NULL);
}
