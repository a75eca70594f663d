/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages 8 to 10 of 10 (peer), wired: gets bytes from tunnel, cuts them into
 * frames for the sessions, and shows emit what is ready, oldest first over all
 * channels. Runs on the lane's thread.
 */
#include "path/peer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
	p->ready = ready_new(p->pool,
			     s->emit.over_quota == QUOTA_PACE ? p->quota : NULL, flows);
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

void
peer_path_up(struct peer *p, struct now now, unsigned int remote, unsigned int slot,
	     enum path_kind kind, size_t mtu)
{
	peer_session_path_up(&p->sessions[remote], now, slot, kind, mtu);
}

void
peer_path_down(struct peer *p, struct now now, unsigned int remote, unsigned int slot)
{
	(void)now;
	peer_session_path_down(&p->sessions[remote], slot);
}

long
peer_input(struct peer *p, struct now now, unsigned int remote, unsigned int slot,
	   const uint8_t *bytes, size_t len)
{
	struct peer_session *s = &p->sessions[remote];
	struct wire_frame f;
	size_t done = 0, size;

	if (!s->paths[slot].up || p->draining)
		return (long)len;
	p->now = now;
	s->paths[slot].heard = now.mono;
	s->paths[slot].unheard = 0;
	if (s->breaker_open)
		peer_report_heard(s);
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

	peer_report_fill(&p->sessions[remote], now, slot, &b);
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

void
peer_settings_changed(struct peer *p, struct now now)
{
	index_outputs(p);
	quota_set_limits(p->quota, &p->settings->emit, now.mono);
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

/* ---- what is ready ---- */

uint64_t
peer_waiting(const struct peer *p)
{
	return ready_count(p->ready) + p->shown_count;
}

static struct peer_channel *
channel_of(struct peer *p, const struct held *h)
{
	return &p->sessions[h->session].channels[h->channel];
}

/* One leaves for good, and the books say how. */
static void
settle(struct peer *p, uint32_t chunk, counter_t *outcome)
{
	const struct held *h = pool_held(p->pool, chunk);
	struct peer_channel *c = channel_of(p, h);

	/* In order, this one was the lowest; else the lowest is not known until all
	 * that wait are gone. */
	if (--c->ready == 0)
		c->unordered = false;
	if (c->delivery == DELIVERY_ORDERED && !c->unordered &&
	    h->era == c->session->era)
		c->ready_low = seq_add(h->seq, 1);
	counter_inc(outcome);
	peer_report_progress(c->session, c);
	pool_drop(p->pool, chunk);
}

/* Age by the relay's clock, as far as it is known. */
static int64_t
age_ns(struct peer *p, struct now now, const struct held *h)
{
	return utc_sub(now.utc, h->captured) -
	       peer_session_offset_ns(&p->sessions[h->session]);
}

/* Too old to be emitted: then it is gone. */
static bool
is_dropped(struct peer *p, struct now now, uint32_t chunk)
{
	const struct held *h = pool_held(p->pool, chunk);
	struct peer_channel *c = channel_of(p, h);

	if (c->max_age_ns == 0 || age_ns(p, now, h) <= c->max_age_ns)
		return false;
	settle(p, chunk, &c->book.stale);
	return true;
}

/* What the kernel did not take is shown again, if it may leave then. */
static void
take_back(struct peer *p)
{
	while (p->shown_count > 0) {
		uint32_t chunk = p->shown[--p->shown_count];
		const struct held *h = pool_held(p->pool, chunk);

		quota_refund(p->quota, h->flow, h->len);
		ready_return(p->ready, chunk);
	}
}

static void
show(struct peer *p, struct now now, size_t max)
{
	uint32_t chunk;

	while (p->shown_count < max &&
	       (chunk = ready_next(p->ready, now.mono)) != POOL_NONE) {
		const struct held *h = pool_held(p->pool, chunk);

		ready_take(p->ready);
		if (is_dropped(p, now, chunk))
			continue;
		quota_pay(p->quota, h->flow, now.mono, h->len);
		p->shown[p->shown_count++] = chunk;
	}
}

size_t
peer_ready(struct peer *p, struct now now, struct outgoing *out, size_t max)
{
	assert(max <= EMIT_BATCH);
	take_back(p);
	show(p, now, max);
	for (size_t i = 0; i < p->shown_count; i++) {
		const struct held *h = pool_held(p->pool, p->shown[i]);
		const struct peer_channel *c = channel_of(p, h);

		out[i] = (struct outgoing){
			.group = c->out_group,
			.port = c->out_port,
			.iov = p->iov[i],
			.iov_count = pool_iov(p->pool, p->shown[i], p->iov[i]),
			.len = h->len,
		};
	}
	return p->shown_count;
}

/* The channel's mean, of an eighth of each, is for a plot: what it was lately. */
static void
note_latency(struct peer_channel *c, struct now now, int64_t latency_ns)
{
	int64_t mean_ns = gauge_get(&c->latency_ns);

	if (gauge_get(&c->emitted_last_ns) == 0)
		mean_ns = latency_ns;
	histogram_record(&c->session->figures.latency, latency_ns);
	gauge_set(&c->latency_ns, mean_ns + (latency_ns - mean_ns) / 8);
	gauge_set(&c->emitted_last_ns, now.utc.ns);
}

static void
remember(struct peer *p, struct now now, const struct peer_channel *c, uint32_t chunk)
{
	const struct held *h = pool_held(p->pool, chunk);
	struct iovec iov[POOL_IOV_MAX];
	struct emitted e = {.remote = h->session,
			    .channel = h->channel,
			    .tenant = c->tenant,
			    .seq = h->seq,
			    .emitted = now.utc,
			    .group = c->out_group,
			    .port = c->out_port,
			    .repaired = h->repaired};

	if (p->emitted != NULL)
		emitted_put(p->emitted, now.mono, &e, h->captured, iov,
			    pool_iov(p->pool, chunk, iov));
}

static void
take_verdict(struct peer *p, struct now now, uint32_t chunk, enum emit_verdict verdict)
{
	const struct held *h = pool_held(p->pool, chunk);
	struct peer_channel *c = channel_of(p, h);

	switch (verdict) {
	case EMIT_SENT:
		note_latency(c, now, age_ns(p, now, h));
		quota_count(p->quota, h->flow, now.mono, h->len);
		remember(p, now, c, chunk);
		settle(p, chunk, &c->book.emitted);
		break;
	case EMIT_OVERSIZE: settle(p, chunk, &c->book.refused_oversize); break;
	case EMIT_ERROR: settle(p, chunk, &c->book.refused_error); break;
	case EMIT_AGAIN: assert(!"an AGAIN is not among the verdicts");
	}
}

void
peer_emitted(struct peer *p, struct now now, const enum emit_verdict *verdicts,
	     size_t n)
{
	assert(n <= p->shown_count);
	for (size_t i = 0; i < n; i++)
		take_verdict(p, now, p->shown[i], verdicts[i]);
	p->shown_count -= n;
	memmove(p->shown, p->shown + n, p->shown_count * sizeof(p->shown[0]));
	take_back(p);
}

/* ---- the end ---- */

static void
say_bye(struct peer_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		struct peer_path *path = &s->paths[i];

		if (!path->up || path->bye_due || path->bye_sent || path->bye_heard)
			continue;
		path->bye = WIRE_BYE_SHUTDOWN;
		path->bye_due = true;
		path->report_now = path->report_books = path->open;
		for (uint32_t j = 0; j < s->channel_count; j++)
			s->channels[j].books_due = s->channels[j].report_due = true;
	}
}

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
		struct peer_session *s = &p->sessions[i];

		say_bye(s);
		for (size_t j = 0; j < PATHS_MAX; j++)
			done = done && (!s->paths[j].up || s->paths[j].bye_sent ||
					s->paths[j].bye_heard);
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
	return (enum session_state)atomic_load_explicit(&p->sessions[remote].state,
							memory_order_relaxed);
}

uint64_t
peer_session_epoch(const struct peer *p, unsigned int remote)
{
	return atomic_load_explicit(&p->sessions[remote].epoch, memory_order_relaxed);
}

const struct timing *
peer_path_timing(const struct peer *p, unsigned int remote, unsigned int slot)
{
	return &p->sessions[remote].paths[slot].timing;
}

bool
peer_path_is_up(const struct peer *p, unsigned int remote, unsigned int slot)
{
	return gauge_get(&p->sessions[remote].paths[slot].is_up) != 0;
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
