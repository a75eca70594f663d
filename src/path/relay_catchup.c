/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): how fast what was missed goes out over a datagram path. What
 * is captured now leaves at once, at whatever rate it comes; but after an outage all
 * of its backlog would leave at once too, and overrun the first queue on the way, or
 * the peer's memory: the second loss is then repaired by requests, at a fraction of
 * the speed. So the backlog goes out at a rate that begins moderately, grows while
 * little of it is asked for again, and is halved when much is. It is always more
 * than the live rate, or there would be no end. A stream has TCP for this.
 */
#include "path/relay_catchup.h"

#include "path/relay_internal.h"
#include "path/relay_session.h"

#define PAST_NS    (20 * NS_PER_MS) /* older than this is catch-up */
#define RATE_FIRST 10000            /* datagrams/s, or twice the live rate */
#define RATE_MIN   1000
#define RATE_MAX   10000000
#define DEPTH_NS   NS_PER_MS
#define JUDGE_NS   (10 * NS_PER_MS) /* and a round trip */
/* Asked for again, beyond what the line loses anyhow. */
#define TOO_MUCH_PPM 50000

static uint64_t
slowest(const struct relay_session *s)
{
	uint64_t rate = s->live_rate + s->live_rate / 4;

	return rate > RATE_MIN ? rate : RATE_MIN;
}

static void
set_rate(struct relay_session *s, struct relay_path *p, mono_t now, uint64_t rate)
{
	struct catchup *c = &p->catchup;

	if (rate < slowest(s))
		rate = slowest(s);
	if (rate > RATE_MAX)
		rate = RATE_MAX;
	c->rate = rate;
	bucket_set_rate(&c->budget, now, rate,
			rate / (uint64_t)(NS_PER_S / DEPTH_NS) + 1);
}

static void
start_interval(struct relay_session *s, struct relay_path *p, mono_t now)
{
	p->catchup.judged = now;
	p->catchup.sent = 0;
	p->catchup.asked_before = s->asked_total;
}

static void
begin(struct relay_session *s, struct relay_path *p, mono_t now)
{
	struct catchup *c = &p->catchup;

	c->active = true;
	c->usual_ppm = p->timing.loss_ppm;
	bucket_init(&c->budget, now, RATE_MIN, 1);
	set_rate(s, p, now,
		 2 * s->live_rate > RATE_FIRST ? 2 * s->live_rate : RATE_FIRST);
	start_interval(s, p, now);
}

/* What was sent in one interval is asked for in the next: a round trip late, which
 * evens out but for the first, that is judged leniently. */
static void
judge(struct relay_session *s, struct relay_path *p, mono_t now)
{
	struct catchup *c = &p->catchup;
	uint64_t asked = s->asked_total - c->asked_before;
	uint64_t tolerable_ppm = TOO_MUCH_PPM + 2 * (uint64_t)c->usual_ppm;

	if (mono_sub(now, c->judged) < JUDGE_NS + p->timing.srtt_ns || c->sent == 0)
		return;
	if (asked * 1000000 > c->sent * tolerable_ppm)
		set_rate(s, p, now, c->rate / 2);
	else
		set_rate(s, p, now, c->rate + c->rate / 4);
	start_interval(s, p, now);
}

bool
relay_catchup_may(struct relay_session *s, struct relay_path *p, mono_t now,
		  const struct history_record *rec)
{
	struct catchup *c = &p->catchup;

	if (p->kind == PATH_STREAM)
		return true;
	if (mono_sub(now, rec->arrived) < PAST_NS) {
		c->active = false;
		return true;
	}
	if (!c->active)
		begin(s, p, now);
	judge(s, p, now);
	c->held = !bucket_has(&c->budget, now);
	return !c->held;
}

void
relay_catchup_sent(struct relay_path *p, mono_t now)
{
	struct catchup *c = &p->catchup;

	if (!c->active)
		return;
	(void)bucket_take(&c->budget, now, 1);
	c->sent++;
}

/* A quarter of what the budget holds, rather than one at a time. */
mono_t
relay_catchup_deadline(const struct relay_path *p)
{
	const struct catchup *c = &p->catchup;

	return c->held ? mono_add(bucket_ready(&c->budget, c->budget.filled),
				  DEPTH_NS / 4)
		       : MONO_NEVER;
}
