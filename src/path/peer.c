/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages 8 to 10 of 10 (peer), wired: gets bytes from tunnel, cuts them into
 * frames for the sessions; peer_emission.c shows emit what is ready. Runs on the
 * lane's thread.
 */
#include "path/peer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/names.h"
#include "path/emitted.h"
#include "path/peer_internal.h"
#include "path/peer_session.h"

#define TICK_NS (20 * NS_PER_MS)

/* A stream is not read on with less: one longest datagram. */
#define RESERVE_CHUNKS POOL_IOV_MAX

const char *
lost_reason_name(enum lost_reason reason)
{
	static const char *const names[LOST_REASONS] = {
		[LOST_GIVE_UP] = "give_up", [LOST_AGED] = "aged",
		[LOST_NEVER] = "never",     [LOST_WINDOW] = "window",
		[LOST_RESTART] = "restart", [LOST_DRAIN] = "drain",
	};

	return names[reason];
}

static void
tell_quota(void *arg, const struct quota_flow *flow, bool within, uint64_t datagrams)
{
	const struct peer *p = arg;

	p->ops->quota(p->arg, flow, within, datagrams);
}

static uint32_t
find_flow(void *arg, const struct held *h)
{
	const struct peer *p = arg;

	return p->sessions[h->session].channels[h->channel].flow;
}

static bool
make_queue(struct peer *p, mono_t now)
{
	static const struct quota_ops ops = {.over = tell_quota};
	const struct peer_settings *s = p->settings;
	/* One for each place of a channel, so that none ever has to share. */
	uint32_t flows = (uint32_t)s->remote_count * (s->recovery.channels + 1);

	p->quota = quota_new(&s->emit, flows, now, &ops, p);
	if (p->quota == NULL)
		return false;
	p->ready = ready_new(p->pool, p->quota, flows, s->emit.over_quota == QUOTA_PACE,
			     find_flow, p);
	return p->ready != NULL;
}

/* What the operator wishes of a channel is found by its name. */
static void
index_outputs(struct peer *p)
{
	const struct peer_settings *s = p->settings;

	assert(s->output_count <= CHANNELS_MAX);
	names_clear(p->outputs);
	for (size_t i = 0; i < s->output_count; i++)
		names_put(p->outputs, (uint32_t)i, s->outputs[i].name);
}

struct peer *
peer_new(const struct peer_settings *settings, uint64_t instance, struct now now,
	 const struct peer_ops *ops, void *arg)
{
	struct peer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->settings = settings;
	p->instance = instance;
	p->ops = ops;
	p->arg = arg;
	p->tick_due = now.mono;
	p->now = now;
	p->pool = pool_new(settings->recovery.memory_bytes);
	p->sessions = calloc(settings->remote_count, sizeof *p->sessions);
	p->outputs = names_new(CHANNELS_MAX);
	if (settings->history.memory_bytes > 0)
		p->emitted = emitted_new(&settings->history);
	if (p->pool == NULL || p->sessions == NULL || p->outputs == NULL ||
	    !make_queue(p, now.mono) ||
	    (p->emitted == NULL && settings->history.memory_bytes > 0))
		goto fail;
	index_outputs(p);
	for (size_t i = 0; i < settings->remote_count; i++) {
		p->session_count++;
		if (!peer_session_init(&p->sessions[i], p, (unsigned int)i,
				       &settings->remotes[i], now.mono))
			goto fail;
	}
	return p;
fail:
	peer_free(p);
	return NULL;
}

void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->session_count; i++)
		peer_session_fini(&p->sessions[i]);
	free(p->sessions);
	ready_free(p->ready);
	quota_free(p->quota);
	names_free(p->outputs);
	history_free(p->emitted);
	pool_free(p->pool);
	free(p->groups);
	free(p);
}

size_t
peer_memory_bytes(const struct peer *p)
{
	size_t bytes = sizeof *p + pool_memory_bytes(p->pool) +
		       quota_memory_bytes(p->quota) + names_memory_bytes(CHANNELS_MAX);

	if (p->emitted != NULL)
		bytes += history_memory_bytes(p->emitted);
	for (size_t i = 0; i < p->session_count; i++)
		bytes += sizeof p->sessions[i] +
			 peer_session_memory_bytes(&p->sessions[i]);
	return bytes;
}

long
peer_input(struct peer *p, struct now now, unsigned int remote, unsigned int slot,
	   const uint8_t *bytes, size_t len)
{
	struct peer_session *s = &p->sessions[remote];
	struct wire_frame f;
	size_t done = 0, size;

	if (!s->paths[slot].life.up || p->draining)
		return (long)len;
	p->now = now;
	s->paths[slot].life.heard = now.mono;
	s->paths[slot].unheard = 0;
	if (s->requests.stopped)
		peer_request_heard(s);
	while (wire_next(bytes + done, len - done, &f, &size) == WIRE_WHOLE) {
		switch (peer_session_frame(s, now, slot, &f)) {
		case PEER_TAKEN: break;
		case PEER_NO_ROOM: return (long)done;
		case PEER_BROKEN: counter_inc(&s->figures.protocol_errors); return -1;
		}
		done += size;
		counter_add(&s->paths[slot].traffic.bytes, size);
	}
	return (long)done;
}

bool
peer_may_read(struct peer *p, unsigned int remote, unsigned int slot)
{
	struct peer_path *path = &p->sessions[remote].paths[slot];

	/* With nothing ready to leave, what is held makes room for what comes. */
	if (peer_waiting(p) == 0 || pool_free_chunks(p->pool) >= RESERVE_CHUNKS)
		path->blocked = false;
	return !path->blocked;
}

size_t
peer_fill(struct peer *p, struct now now, unsigned int remote, unsigned int slot,
	  uint8_t *buf, size_t limit, size_t cap)
{
	struct batch b = batch_init(buf, limit, cap);

	peer_session_fill(&p->sessions[remote], now, slot, &b);
	return batch_used(&b);
}

static void
expire(struct peer *p, mono_t now)
{
	if (p->emitted == NULL)
		return;
	history_expire(p->emitted, now);
	gauge_set(&p->emitted_used, (int64_t)history_backlog(p->emitted, 0));
}

void
peer_tick(struct peer *p, struct now now)
{
	p->now = now;
	for (size_t i = 0; i < p->session_count; i++)
		peer_session_tick(&p->sessions[i], now);
	if (!mono_due(p->tick_due, now.mono))
		return;
	p->tick_due = mono_add(now.mono, TICK_NS);
	quota_fade(p->quota, now.mono);
	expire(p, now.mono);
	for (size_t i = 0; i < p->session_count; i++)
		for (size_t j = 0; j < PATHS_MAX; j++)
			traffic_measure(&p->sessions[i].paths[j].traffic, now.mono);
	gauge_set(&p->pool_used,
		  (int64_t)(pool_chunks(p->pool) - pool_free_chunks(p->pool)));
	peer_balance(p);
}

static void
change_pacing(struct peer *p, mono_t now)
{
	bool paced = p->settings->emit.over_quota == QUOTA_PACE;

	if (paced && !ready_is_paced(p->ready))
		quota_forgive(p->quota, now);
	ready_set_paced(p->ready, paced);
}

void
peer_settings_changed(struct peer *p, struct now now)
{
	index_outputs(p);
	quota_set_limits(p->quota, &p->settings->emit, now.mono);
	change_pacing(p, now.mono);
	if (p->emitted != NULL)
		history_set_age(p->emitted, p->settings->history.age_ns);
	for (size_t i = 0; i < p->session_count; i++)
		peer_session_settings_changed(&p->sessions[i]);
}

mono_t
peer_deadline(const struct peer *p)
{
	mono_t due = mono_min(p->tick_due, ready_deadline(p->ready));

	for (size_t i = 0; i < p->session_count; i++)
		due = mono_min(due, peer_session_deadline(&p->sessions[i]));
	return due;
}

/* ---- the end ---- */

void
peer_drain(struct peer *p)
{
	p->draining = true;
	for (size_t i = 0; i < p->session_count; i++) {
		struct peer_session *s = &p->sessions[i];

		for (uint32_t j = 0; j < s->channel_count; j++)
			peer_channel_drain(&s->channels[j]);
		peer_session_event(s, SESSION_DRAIN, "draining");
	}
}

/* Byes follow the last emission, so that the final report is final. */
bool
peer_drained(struct peer *p)
{
	bool done = true;

	if (!p->draining || peer_waiting(p) > 0)
		return false;
	for (size_t i = 0; i < p->session_count; i++) {
		peer_path_leave(&p->sessions[i]);
		done = peer_path_has_left(&p->sessions[i]) && done;
	}
	return done;
}

/* ---- for those who look ---- */

const struct peer_settings *
peer_settings(const struct peer *p)
{
	return p->settings;
}

const struct peer_figures *
peer_figures(const struct peer *p, unsigned int remote)
{
	return &p->sessions[remote].figures;
}

enum session_state
peer_session_state(const struct peer *p, unsigned int remote)
{
	return session_state(&p->sessions[remote].state);
}

uint64_t
peer_session_epoch(const struct peer *p, unsigned int remote)
{
	return atomic_load_explicit(&p->sessions[remote].epoch, memory_order_relaxed);
}

size_t
peer_channel_count(const struct peer *p, unsigned int remote)
{
	return atomic_load_explicit(&p->sessions[remote].channel_count,
				    memory_order_acquire);
}

const struct peer_channel *
peer_channel(const struct peer *p, unsigned int remote, size_t index)
{
	return &p->sessions[remote].channels[index];
}

const struct quota *
peer_quota(const struct peer *p)
{
	return p->quota;
}

const struct history *
peer_history(const struct peer *p)
{
	return p->emitted;
}

const gauge_t *
peer_history_used(const struct peer *p)
{
	return &p->emitted_used;
}

size_t
peer_pool_free(const struct peer *p)
{
	return pool_free_chunks(p->pool);
}

const gauge_t *
peer_pool_used(const struct peer *p)
{
	return &p->pool_used;
}

size_t
peer_pool_chunks(const struct peer *p)
{
	return pool_chunks(p->pool);
}

void
peer_balance(struct peer *p)
{
	for (size_t i = 0; i < p->session_count; i++) {
		struct peer_session *s = &p->sessions[i];

		for (uint32_t j = 0; j < s->channel_count; j++)
			peer_channel_balance(&s->channels[j]);
	}
}
