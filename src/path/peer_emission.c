/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 10 of 10 (peer): what is ready leaves. Shows emit the next datagrams, oldest
 * first over all channels as far as the quota lets them, and takes the kernel's verdicts
 * into the books. Runs on the lane's thread.
 */
#include <assert.h>
#include <string.h>

#include "path/emitted.h"
#include "path/peer_internal.h"
#include "path/peer_report.h"
#include "path/peer_session.h"

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
	       peer_path_offset_ns(&p->sessions[h->session]);
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
