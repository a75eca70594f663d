/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shell of a peer lane: tunnel and emission on one event loop around the
 * core. Bytes go in by tunnel's callbacks, datagrams are pulled out and given to
 * the kernel; what is decided is decided in peer.c.
 */
#include "path/peer_lane.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "path/peer_lane_internal.h"
#include "path/peer_session.h"
#include "path/quota.h"

/* Batches emitted in a row before the sockets get their turn. */
#define EMIT_TURNS 64

/* ---- emission ---- */

/* The kernel took less than it was given: wait for what it waits for. */
static void
wait_for_room(struct peer_lane *l, struct now now)
{
	int64_t retry_ns = emit_retry_ns(l->emitter);

	if (retry_ns == 0)
		event_add(l->writable, NULL);
	else
		l->emit_at = mono_add(now.mono, retry_ns);
}

static bool
is_waiting(const struct peer_lane *l, struct now now)
{
	return event_pending(l->writable, EV_WRITE, NULL) != 0 ||
	       mono_before(now.mono, l->emit_at);
}

static void
emit_ready(struct peer_lane *l, struct now now)
{
	struct outgoing out[EMIT_BATCH];
	enum emit_verdict verdicts[EMIT_BATCH];
	size_t n, done;

	if (is_waiting(l, now))
		return;
	l->emit_at = (mono_t){0};
	for (int turns = 0; turns < EMIT_TURNS; turns++) {
		n = peer_ready(l->core, now, out, EMIT_BATCH);
		if (n == 0)
			return;
		done = emit_send(l->emitter, out, n, verdicts);
		peer_emitted(l->core, clock_now(), verdicts, done);
		if (done < n) {
			wait_for_room(l, now);
			return;
		}
	}
	/* More is ready: go on after the sockets' turn. */
	l->emit_at = mono_add(now.mono, 1);
}

/* What every turn ends with: whatever became due or possible is done. */
static void
end(struct peer_lane *l)
{
	struct now now = lane_turn(&l->shell.lane);

	if (mono_due(peer_deadline(l->core), now.mono))
		peer_tick(l->core, now);
	emit_ready(l, now);
	tunnel_resume(l->shell.tunnel);
	tunnel_kick_all(l->shell.tunnel);
	lane_turn_end(&l->shell.lane);
	if (l->shell.draining && peer_drained(l->core) && shell_is_finished(&l->shell))
		lane_end(&l->shell.lane, 0);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct peer_lane *l = arg;

	(void)fd, (void)what;
	end(l);
}

/* ---- tunnel ---- */

static void
on_up(void *arg, unsigned int remote, unsigned int slot, enum transport transport,
      size_t mtu)
{
	struct peer_lane *l = arg;

	l->shell.paths_up++;
	peer_path_up(l->core, lane_turn(&l->shell.lane), remote, slot,
		     shell_path_kind(transport), mtu);
	end(l);
}

static void
on_down(void *arg, unsigned int remote, unsigned int slot, const char *reason)
{
	struct peer_lane *l = arg;

	(void)reason; /* the tunnel has logged it */
	l->shell.paths_up--;
	peer_path_down(l->core, lane_turn(&l->shell.lane), remote, slot);
	lane_turn_leave(&l->shell.lane);
}

static long
on_input(void *arg, unsigned int remote, unsigned int slot, const uint8_t *bytes,
	 size_t len)
{
	struct peer_lane *l = arg;

	return peer_input(l->core, lane_turn(&l->shell.lane), remote, slot, bytes, len);
}

static size_t
on_fill(void *arg, unsigned int remote, unsigned int slot, uint8_t *buf, size_t cap)
{
	struct peer_lane *l = arg;

	return peer_fill(l->core, lane_turn(&l->shell.lane), remote, slot, buf,
			 shell_fill_limit(cap), cap);
}

static bool
on_may_read(void *arg, unsigned int remote, unsigned int slot)
{
	struct peer_lane *l = arg;

	return peer_may_read(l->core, remote, slot);
}

static void
on_turn_end(void *arg)
{
	end(arg);
}

static const struct tunnel_ops tunnel_ops = {
	.up = on_up,
	.down = on_down,
	.input = on_input,
	.fill = on_fill,
	.turn_end = on_turn_end,
	.may_read = on_may_read,
};

/* ---- the core ---- */

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	struct peer_lane *l = arg;

	shell_log_session(&l->shell, remote, from, to, why,
			  peer_session_epoch(l->core, remote));
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	struct peer_lane *l = arg;

	log_info("session", "remote=%s said bye reason=%s text=%s",
		 l->shell.remotes[remote].name, wire_bye_name(reason), text);
}

static void
on_epoch(void *arg, unsigned int remote, uint64_t before, uint64_t after, utc_t last)
{
	struct peer_lane *l = arg;

	if (before == 0)
		log_info("session", "remote=%s epoch=%016" PRIx64,
			 l->shell.remotes[remote].name, after);
	else
		log_warn("session",
			 "remote=%s restarted: epoch=%016" PRIx64 " was=%016" PRIx64
			 "; what it captured and did not send after utc_ns=%" PRId64
			 " is not known here",
			 l->shell.remotes[remote].name, after, before, last.ns);
}

static void
on_lost(void *arg, unsigned int remote, const struct peer_channel *c,
	enum lost_reason reason, uint64_t n)
{
	struct peer_lane *l = arg;

	log_warn("recover", "lost remote=%s channel=%s count=%" PRIu64 " reason=%s",
		 l->shell.remotes[remote].name, c->name, n, lost_reason_name(reason));
}

static void
on_mark(void *arg, unsigned int remote, enum drop_point cause, uint64_t n)
{
	struct peer_lane *l = arg;

	log_warn("session",
		 "remote=%s lost datagrams before capture point=%s count=%" PRIu64,
		 l->shell.remotes[remote].name, drop_point_name(cause), n);
}

static void
on_breaker(void *arg, unsigned int remote, bool open)
{
	struct peer_lane *l = arg;

	if (open)
		log_warn("recover",
			 "remote=%s answers no request: asking no more until "
			 "something arrives",
			 l->shell.remotes[remote].name);
	else
		log_info("recover", "remote=%s is heard again: requesting goes on",
			 l->shell.remotes[remote].name);
}

static void
on_quota(void *arg, const struct quota_flow *flow, bool within, uint64_t datagrams)
{
	char group[INET_ADDRSTRLEN] = "all";
	uint32_t address = htonl((uint32_t)gauge_get(&flow->group));
	const struct meter_window *w = &flow->meter.windows[METER_100MS];

	(void)arg;
	if (address != 0)
		inet_ntop(AF_INET, &address, group, sizeof(group));
	if (within)
		log_info("emit",
			 "within emit.quota again flow=%s:%" PRId64 " above=%" PRIu64,
			 group, gauge_get(&flow->port), datagrams);
	else
		log_warn("emit",
			 "above emit.quota flow=%s:%" PRId64
			 " in_100ms packets=%" PRIu64 " bytes=%" PRIu64
			 "; the network may drop what is beyond: see "
			 "emit.over_quota",
			 group, gauge_get(&flow->port), w->packets, w->bytes);
}

static const struct peer_ops peer_ops = {
	.clock = shell_clock,
	.breaker = on_breaker,
	.quota = on_quota,
	.session = on_session,
	.close = shell_close,
	.bye = on_bye,
	.epoch = on_epoch,
	.lost = on_lost,
	.mark = on_mark,
};

/* ---- time and mail ---- */

static mono_t
deadline(void *arg)
{
	const struct peer_lane *l = arg;
	mono_t due = peer_deadline(l->core);

	if (l->emit_at.ns != 0)
		due = mono_min(due, l->emit_at);
	return shell_deadline(&l->shell, due);
}

static void
tick(void *arg)
{
	struct peer_lane *l = arg;
	struct now now = lane_turn(&l->shell.lane);

	if (mono_due(l->shell.drain_end, now.mono) ||
	    mono_due(l->shell.farewell_end, now.mono)) {
		if (!peer_drained(l->core))
			log_warn("session",
				 "drain timed out: what is held was not emitted");
		lane_end(&l->shell.lane, 0);
	}
	end(l);
}

static void
message(void *arg, unsigned int bits)
{
	struct peer_lane *l = arg;

	if (bits & LANE_STOP) {
		lane_end(&l->shell.lane, 1);
		return;
	}
	if (bits & LANE_DRAIN && !l->shell.draining) {
		log_info("session", "draining");
		l->shell.draining = true;
		l->shell.drain_end = mono_add(lane_turn(&l->shell.lane).mono,
					      l->settings->session.drain_timeout_ns);
		tunnel_stop_dialling(l->shell.tunnel);
		peer_drain(l->core);
		end(l);
	}
}

static const struct lane_ops lane_ops = {
	.deadline = deadline,
	.tick = tick,
	.message = message,
};

/* ---- the beginning ---- */

static bool
open_shell(struct peer_lane *l, char *error, size_t error_bytes)
{
	struct half_settings both = HALF_SETTINGS(l->settings);

	l->emitter = emit_new(&l->settings->emit, error, error_bytes);
	if (l->emitter == NULL)
		return false;
	l->writable = event_new(l->shell.lane.base, emit_fd(l->emitter), EV_WRITE,
				on_writable, l);
	return shell_open(&l->shell, &both, &tunnel_ops, error, error_bytes) &&
	       l->writable != NULL;
}

struct peer_lane *
peer_lane_new(const struct peer_settings *settings, unsigned int n, char *error,
	      size_t error_bytes)
{
	struct half_settings both = HALF_SETTINGS(settings);
	struct peer_lane *l = calloc(1, sizeof *l);

	snprintf(error, error_bytes, "out of memory");
	if (l == NULL)
		return NULL;
	l->settings = settings;
	if (shell_init(&l->shell, &both, &lane_ops) != 0)
		goto fail;
	l->core = peer_new(settings, random_id(), clock_now(), &peer_ops, l);
	if (l->core == NULL) {
		snprintf(error, error_bytes,
			 "out of memory: lower recovery.memory, recovery.window or "
			 "recovery.channels, or give the host more");
		goto fail;
	}
	if (!open_shell(l, error, error_bytes))
		goto fail;
	log_info("lane", "lane=%u memory_bytes=%zu", n, peer_memory_bytes(l->core));
	tunnel_start(l->shell.tunnel);
	return l;
fail:
	peer_lane_free(l);
	return NULL;
}

void
peer_lane_free(struct peer_lane *l)
{
	if (l == NULL)
		return;
	if (l->shell.tunnel != NULL)
		tunnel_free(l->shell.tunnel);
	if (l->writable != NULL)
		event_free(l->writable);
	if (l->emitter != NULL)
		emit_free(l->emitter);
	peer_free(l->core);
	shell_fini(&l->shell);
	free(l);
}

void
peer_lane_turn(struct peer_lane *l)
{
	end(l);
}

struct shell *
peer_lane_shell(struct peer_lane *l)
{
	return &l->shell;
}

struct peer *
peer_lane_core(struct peer_lane *l)
{
	return l->core;
}

const struct emit_figures *
peer_lane_emit(const struct peer_lane *l)
{
	return emit_figures(l->emitter);
}
