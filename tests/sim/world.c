/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/core_rig.h"

static const int64_t peer_clock_ns = 7 * NS_PER_MS; /* ahead of the relay's */

/* What the shell allows for a drain. */
#define DRAIN_NS (5 * NS_PER_S)
/* Until then everything must have settled, whatever happened before. */
#define LIMIT_NS (120 * NS_PER_S)

/* ---- time ---- */

static mono_t
soon(struct world *w, double per_second)
{
	double mean_ns;

	if (per_second <= 0)
		return MONO_NEVER;
	mean_ns = (double)NS_PER_S / per_second;
	return mono_add(w->now.mono,
			1 + (int64_t)dice_below(&w->dice, (uint64_t)(2 * mean_ns)));
}

static mono_t
within(struct world *w, int64_t ns)
{
	return mono_add(w->now.mono, (int64_t)dice_below(&w->dice, (uint64_t)ns));
}

struct now
world_peer_now(const struct world *w)
{
	return (struct now){.mono = w->now.mono,
			    .utc = {w->now.utc.ns + peer_clock_ns}};
}

/* ---- what the cores call back ---- */

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	const struct world *w = arg;

	(void)remote;
	if (w->tracing)
		printf("  %12.3f ms session %s -> %s: %s\n",
		       (double)mono_sub(w->now.mono, w->started) / 1e6,
		       session_state_name(from), session_state_name(to), why);
}

static void
on_relay_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	(void)remote, (void)reason;
	wires_close(arg, RELAY, slot);
}

static void
on_peer_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	(void)remote, (void)reason;
	wires_close(arg, PEER, slot);
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	struct world *w = arg;

	(void)remote, (void)text;
	if (reason == WIRE_BYE_DRAINED)
		w->relay_said_bye = true;
	if (reason == WIRE_BYE_PROTOCOL || reason == WIRE_BYE_NODE ||
	    reason == WIRE_BYE_CHANNELS || reason == WIRE_BYE_VERSION)
		FAIL(w, "an honest half was sent away: %s", wire_bye_name(reason));
}

static void
on_epoch(void *arg, unsigned int remote, uint64_t before, uint64_t after, utc_t last)
{
	struct world *w = arg;

	(void)remote, (void)last;
	if (before == after || (w->alive[RELAY] && after != relay_epoch(w->relay)))
		FAIL(w, "an epoch that is not the relay's");
}

static void
on_lost(void *arg, unsigned int remote, const struct peer_channel *c,
	enum lost_reason reason, uint64_t n)
{
	const struct world *w = arg;

	(void)remote;
	if (w->tracing)
		printf("  %12.3f ms lost %lu of %s: %s\n",
		       (double)mono_sub(w->now.mono, w->started) / 1e6, n, c->name,
		       lost_reason_name(reason));
}

static void
on_breaker(void *arg, unsigned int remote, bool open)
{
	const struct world *w = arg;

	(void)remote;
	if (w->tracing)
		printf("  %12.3f ms breaker %s\n",
		       (double)mono_sub(w->now.mono, w->started) / 1e6,
		       open ? "open" : "closed");
}

static void
on_quota(void *arg, const struct quota_flow *flow, bool within, uint64_t datagrams)
{
	const struct world *w = arg;

	(void)flow;
	if (w->tracing)
		printf("  %12.3f ms %s the quota, %" PRIu64 " above\n",
		       (double)mono_sub(w->now.mono, w->started) / 1e6,
		       within ? "within" : "above", datagrams);
}

static void
on_mark(void *arg, unsigned int remote, enum drop_point cause, uint64_t n)
{
	struct world *w = arg;

	(void)remote, (void)cause;
	w->marks_seen += n;
}

static const struct relay_ops relay_ops = {
	.session = on_session,
	.close = on_relay_close,
	.bye = on_bye,
};

static const struct peer_ops peer_ops = {
	.session = on_session,
	.close = on_peer_close,
	.bye = on_bye,
	.epoch = on_epoch,
	.lost = on_lost,
	.breaker = on_breaker,
	.quota = on_quota,
	.mark = on_mark,
};

/* ---- the processes ---- */

static void
start_relay(struct world *w)
{
	w->relay = relay_new(&w->relay_settings, 0, dice_roll(&w->dice) | 1, w->now,
			     &relay_ops, w);
	w->alive[RELAY] = true;
	w->start[RELAY] = MONO_NEVER;
}

static void
start_peer(struct world *w)
{
	w->peer = peer_new(&w->peer_settings, dice_roll(&w->dice) | 1,
			   world_peer_now(w), &peer_ops, w);
	w->alive[PEER] = true;
	w->peer_leaving = false;
	w->start[PEER] = MONO_NEVER;
	w->requested_seen = 0; /* its budget is a new one, too */
	w->request_level = 0;
}

static void
kill_relay(struct world *w)
{
	audit_relay_gone(w);
	w->alive[RELAY] = false;
	wires_process_gone(w, RELAY);
	relay_free(w->relay);
	w->relay = NULL;
	w->restarts++;
	w->start[RELAY] = within(w, NS_PER_S);
}

static void
kill_peer(struct world *w)
{
	audit_peer_gone(w);
	w->alive[PEER] = false;
	wires_process_gone(w, PEER);
	peer_free(w->peer);
	w->peer = NULL;
	w->restarts++;
	w->start[PEER] = within(w, NS_PER_S);
}

/* A peer that leaves has gone when its BYE is on the line and has arrived, or when
 * that takes too long. */
static void
leave(struct world *w)
{
	if (!w->alive[PEER] || !w->peer_leaving)
		return;
	if (!mono_due(w->leave_end, w->now.mono)) {
		if (!peer_drained(w->peer))
			return;
		wires_send(w);
		if (!wires_are_flushed(w, PEER))
			return;
	}
	kill_peer(w);
}

/* ---- the turn of the loop ---- */

static void
run_feed(struct world *w)
{
	const struct script *s = &w->script;
	int64_t mean_ns = (int64_t)(1e9 / s->rate);

	while (mono_due(w->feed_at, w->now.mono) &&
	       mono_before(w->feed_at, w->feed_end)) {
		fates_feed(w);
		w->feed_at = mono_add(
			w->feed_at,
			s->even ? mean_ns
				: 1 + (int64_t)dice_below(&w->dice,
							  2 * (uint64_t)mean_ns));
	}
	if (!mono_before(w->feed_at, w->feed_end))
		w->feed_at = MONO_NEVER;
	if (mono_due(w->next_drop, w->now.mono)) {
		w->next_drop = soon(w, s->drops);
		if (w->alive[RELAY]) {
			w->dropped++;
			relay_dropped(w->relay, w->now, DROP_KERNEL_RING, 1);
		}
	}
}

static void
set_loss(struct link *l, const struct link_script *s, bool storm)
{
	l->net.black = storm && s->storm_loss >= 1;
	l->net.line.loss[RELAY] = storm ? s->storm_loss : s->line.loss[RELAY];
	l->net.line.loss[PEER] = storm ? s->storm_loss : s->line.loss[PEER];
}

static void
run_storm(struct link *l, const struct link_script *s, mono_t now)
{
	if (mono_due(l->storm_at, now)) {
		l->storm_at = MONO_NEVER;
		l->storm_end = mono_add(now, s->storm_for_ns);
		set_loss(l, s, true);
	}
	if (mono_due(l->storm_end, now)) {
		l->storm_end = MONO_NEVER;
		set_loss(l, s, false);
	}
}

static void
run_link(struct world *w, unsigned int i)
{
	const struct link_script *s = &w->script.links[i];
	struct link *l = &w->links[i];
	mono_t now = w->now.mono;

	if (mono_due(l->next_cut, now)) {
		l->next_cut = soon(w, s->cuts);
		wires_cut(w, i, !dice_chance(&w->dice, s->unseen));
	}
	if (mono_due(l->next_black, now)) {
		l->next_black = soon(w, s->blacks);
		l->net.black = true;
		l->black_end = within(w, s->black_ns);
	}
	if (mono_due(l->black_end, now)) {
		l->net.black = false;
		l->black_end = MONO_NEVER;
	}
	run_storm(l, s, now);
	if (!mono_due(l->connect_at, now))
		return;
	if (w->alive[RELAY] && w->alive[PEER] && !l->net.black && !w->peer_leaving)
		wires_connect(w, i);
	else
		l->connect_at = mono_add(now, 5 * NS_PER_MS);
}

static void
run_operators(struct world *w)
{
	if (mono_due(w->next_change, w->now.mono)) {
		w->next_change = soon(w, w->script.changes);
		changes_relay(w);
	}
	if (mono_due(w->next_redirect, w->now.mono)) {
		w->next_redirect = soon(w, w->script.redirects);
		changes_peer(w);
	}
}

static void
run_processes(struct world *w)
{
	const struct script *s = &w->script;
	mono_t now = w->now.mono;

	if (mono_due(w->next_stall, now)) {
		w->next_stall = soon(w, s->stalls);
		w->stall_end = within(w, s->stall_ns);
	}
	if (mono_due(w->next_relay_kill, now) && w->alive[RELAY]) {
		w->next_relay_kill = soon(w, s->relay_kills);
		kill_relay(w);
	}
	if (mono_due(w->next_peer_kill, now) && w->alive[PEER]) {
		w->next_peer_kill = soon(w, s->peer_kills);
		kill_peer(w);
	}
	if (mono_due(w->next_peer_term, now) && w->alive[PEER]) {
		w->next_peer_term = soon(w, s->peer_terms);
		w->peer_leaving = true;
		w->leave_end = mono_add(now, DRAIN_NS);
		peer_drain(w->peer);
	}
	if (mono_due(w->start[RELAY], now))
		start_relay(w);
	if (mono_due(w->start[PEER], now))
		start_peer(w);
}

static mono_t
next_instant(const struct world *w)
{
	mono_t due = mono_min(w->feed_at, wires_deadline(w));

	due = mono_min(due, mono_min(w->next_stall, w->next_drop));
	due = mono_min(due, mono_min(w->next_relay_kill, w->next_peer_kill));
	due = mono_min(due, mono_min(w->start[RELAY], w->start[PEER]));
	due = mono_min(due, w->next_peer_term);
	due = mono_min(due, mono_min(w->next_change, w->next_redirect));
	if (w->peer_leaving)
		due = mono_min(due, w->leave_end);
	if (w->alive[RELAY])
		due = mono_min(due, relay_deadline(w->relay));
	if (w->alive[PEER])
		due = mono_min(due, peer_deadline(w->peer));
	if (mono_before(w->now.mono, w->stall_end))
		due = mono_min(due, w->stall_end);
	/* What is overdue waits for a path: look again in a while, as the shell does. */
	if (!mono_before(w->now.mono, due))
		due = mono_add(w->now.mono, 500 * NS_PER_US);
	return due;
}

static void
advance_to(struct world *w, mono_t t)
{
	core_rig_pass(&w->now, mono_sub(t, w->now.mono));
}

static void
turn(struct world *w)
{
	w->turns++;
	run_operators(w);
	run_feed(w);
	for (unsigned int i = 0; i < w->script.link_count; i++)
		run_link(w, i);
	run_processes(w);
	wires_receive(w);
	if (w->alive[RELAY])
		relay_tick(w->relay, w->now);
	if (w->alive[PEER])
		peer_tick(w->peer, world_peer_now(w));
	wires_close_wanted(w);
	fates_emit(w);
	wires_send(w);
	audit_requests(w);
	leave(w);
}

/* ---- the beginning and the end ---- */

/* The half that dials has the paths in its configuration. */
static void
make_remotes(struct world *w)
{
	const struct script *s = &w->script;
	struct remote_settings *dials = &w->remotes[s->peer_dials ? PEER : RELAY];

	snprintf(w->remotes[RELAY].name, sizeof w->remotes[RELAY].name, "vpc");
	snprintf(w->remotes[PEER].name, sizeof w->remotes[PEER].name, "colo");
	w->remotes[RELAY].shed_age_ns = s->shed_age_ns;
	w->remotes[RELAY].shed_bytes = s->shed_bytes;
	dials->path_count = s->link_count;
	for (unsigned int i = 0; i < s->link_count; i++)
		dials->paths[i].use =
			s->links[i].standby ? PATH_STANDBY : PATH_DUPLICATE;
}

static void
make_settings(struct world *w)
{
	const struct script *s = &w->script;

	make_remotes(w);
	w->relay_settings = (struct relay_settings){
		.node = "colo",
		.capture = {.interface = (char[]){"sim"},
			    .fragment_datagrams = 2,
			    .fragment_timeout_ns = NS_PER_S},
		.history = {.memory_bytes = s->history_bytes,
			    .age_ns = s->history_age_ns,
			    .channels = SCRIPT_CHANNELS},
		.remotes = &w->remotes[RELAY],
		.remote_count = 1,
		.session = core_rig_session,
	};
	w->peer_settings = (struct peer_settings){
		.node = "vpc",
		.remotes = &w->remotes[PEER],
		.remote_count = 1,
		.outputs = w->outputs,
		.output_count = s->channels,
		.emit = {.quota = {.flow_pps = s->flow_pps, .total_pps = s->total_pps},
			 .over_quota = s->flow_pps > 0 ? QUOTA_PACE : QUOTA_WARN},
		.recovery = {.give_up_ns = s->give_up_ns,
			     .reorder_ns = s->reorder_ns,
			     .window_datagrams = s->window,
			     .memory_bytes = s->pool_bytes,
			     /* a flow of the quota for every address */
			     .channels = s->changes > 0
						 ? SCRIPT_CHANNELS * SCRIPT_PLACES * 2
						 : SCRIPT_CHANNELS + 2},
		.session = core_rig_session,
	};
	changes_init(w);
}

static void
plan_troubles(struct world *w)
{
	const struct script *s = &w->script;

	w->next_stall = soon(w, s->stalls);
	w->next_relay_kill = soon(w, s->relay_kills);
	w->next_peer_kill = soon(w, s->peer_kills);
	w->next_peer_term = soon(w, s->peer_terms);
	w->next_drop = soon(w, s->drops);
	w->next_change = soon(w, s->changes);
	w->next_redirect = soon(w, s->redirects);
	for (unsigned int i = 0; i < s->link_count; i++) {
		const struct link_script *k = &s->links[i];

		w->links[i].next_cut = soon(w, k->cuts);
		w->links[i].next_black = soon(w, k->blacks);
		if (k->storm_at_ns > 0)
			w->links[i].storm_at = mono_add(w->started, k->storm_at_ns);
	}
}

void
world_init(struct world *w, const struct script *s)
{
	memset(w, 0, sizeof *w);
	w->script = *s;
	w->now = core_rig_start();
	w->started = w->request_at = w->now.mono;
	w->dice.state = s->seed;
	w->stall_end = (mono_t){0};
	make_settings(w);
	start_relay(w);
	start_peer(w);
	wires_init(w);
	w->feed_at = mono_add(w->now.mono, NS_PER_MS);
	w->feed_end = mono_add(w->now.mono, s->run_ns);
	plan_troubles(w);
}

void
world_fini(struct world *w)
{
	wires_fini(w);
	relay_free(w->relay);
	peer_free(w->peer);
	fates_free(w);
}

/* The feed is over: trouble ends too, so that all can settle. */
static void
calm(struct world *w)
{
	w->next_stall = w->next_drop = MONO_NEVER;
	w->next_change = w->next_redirect = MONO_NEVER;
	w->next_relay_kill = w->next_peer_kill = w->next_peer_term = MONO_NEVER;
	for (unsigned int i = 0; i < w->script.link_count; i++)
		w->links[i].next_cut = w->links[i].next_black = MONO_NEVER;
}

static bool
may_drain(const struct world *w)
{
	return w->alive[RELAY] && w->alive[PEER] && !w->peer_leaving;
}

static void
give_up(struct world *w)
{
	FAIL(w, "did not settle: relay %s peer %s",
	     w->alive[RELAY] ? session_state_name(relay_session_state(
				       relay_session(w->relay, WORLD_REMOTE)))
			     : "dead",
	     w->alive[PEER]
		     ? session_state_name(peer_session_state(w->peer, WORLD_REMOTE))
		     : "dead");
}

static bool
is_waiting(const struct world *w)
{
	for (size_t i = 0; i < peer_channel_count(w->peer, WORLD_REMOTE); i++)
		if (peer_channel(w->peer, WORLD_REMOTE, i)->ready > 0)
			return true;
	return false;
}

/* The quota may let it wait. */
static void
emit_rest(struct world *w)
{
	mono_t end = mono_add(w->now.mono, 10 * NS_PER_S);

	fates_emit(w);
	while (w->alive[PEER] && is_waiting(w) && mono_before(w->now.mono, end)) {
		advance_to(w, mono_add(w->now.mono, NS_PER_MS));
		fates_emit(w);
	}
}

bool
world_run(struct world *w)
{
	mono_t limit = mono_add(w->feed_end, LIMIT_NS), rest = MONO_NEVER;

	while (w->failure[0] == '\0' && !w->relay_said_bye) {
		turn(w);
		if (w->feed_at.ns == MONO_NEVER.ns && rest.ns == MONO_NEVER.ns) {
			calm(w);
			if (may_drain(w)) {
				rest = w->now.mono;
				relay_drain(w->relay, true);
			}
		}
		if (mono_before(limit, w->now.mono))
			give_up(w);
		if (!w->relay_said_bye)
			advance_to(w, next_instant(w));
	}
	w->settled_ns = mono_sub(w->now.mono, rest);
	/* What was ready when BYE came is still emitted. */
	w->stall_end = (mono_t){0};
	if (w->failure[0] == '\0') {
		emit_rest(w);
		audit_rest(w);
	}
	return w->failure[0] == '\0';
}
