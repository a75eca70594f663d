/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/quiet.h"

/*
 * When is a silence one that a person wants to read of? What is judged is the one or two
 * minutes before the last datagram, so that neither what a channel did in the morning
 * nor the silence itself says what is usual.
 *
 * - Steady is who brought COUNT_LEAST datagrams in a span of SPAN_NS at least, one a
 *   second. With less a mean says little, and its silence is seen after minutes only;
 *   that is for `expect`.
 * - SILENCE_LEAST_NS: a switch that reconverges, or a failover of the exchange, takes
 *   seconds, and is over before somebody has read of it.
 * - GAPS mean gaps: datagrams that come at random are apart by so many only once in
 *   e^50 times; it is what a channel of one a second waits for.
 * - PAUSES of the longest pause in that time: who sends in bursts, a snapshot every
 *   20 seconds, is steady in its way, and not quiet between two.
 * - FORGOTTEN_NS: after the close everything is quiet, and in the evening that is no
 *   news.
 */
#define SPAN_NS          (60 * NS_PER_S)
#define COUNT_LEAST      60
#define SILENCE_LEAST_NS (10 * NS_PER_S)
#define GAPS             50
#define PAUSES           4
#define FORGOTTEN_NS     (3600 * NS_PER_S)

static int64_t
max_ns(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
judged_ns(const struct quiet *q)
{
	return q->before.ns + q->span.ns;
}

static uint64_t
judged_count(const struct quiet *q)
{
	return q->before.count + q->span.count;
}

static bool
is_steady(const struct quiet *q)
{
	return judged_count(q) >= COUNT_LEAST && judged_ns(q) >= SPAN_NS;
}

/* The shortest silence that is none of its usual ones. */
static int64_t
unusual_ns(const struct quiet *q)
{
	int64_t pause_ns = max_ns(q->before.pause_ns, q->span.pause_ns);
	int64_t gaps_ns =
		(int64_t)(GAPS * (double)judged_ns(q) / (double)judged_count(q));

	return max_ns(SILENCE_LEAST_NS, max_ns(gaps_ns, PAUSES * pause_ns));
}

static void
begin(struct quiet *q, mono_t at)
{
	q->span = (struct quiet_span){.count = 0};
	q->began = at;
}

static enum quiet_verdict
take(struct quiet *q, mono_t now, uint64_t more)
{
	int64_t pause_ns = mono_sub(now, q->last);
	bool was_quiet = q->is_quiet;

	if (was_quiet) {
		q->is_quiet = false;
		q->before = (struct quiet_span){.count = 0};
		begin(q, now);
	} else if (q->span.ns >= SPAN_NS) {
		q->before = q->span;
		begin(q, q->last);
	}
	q->span.count += more;
	q->span.ns = mono_sub(now, q->began);
	q->span.pause_ns = max_ns(q->span.pause_ns, pause_ns);
	q->last = now;
	return was_quiet ? QUIET_SPEAKS_AGAIN : QUIET_SAME;
}

static enum quiet_verdict
wait(struct quiet *q, mono_t now)
{
	int64_t silent_ns = mono_sub(now, q->last);

	if (q->is_quiet && silent_ns >= FORGOTTEN_NS) {
		*q = (struct quiet){.looked = true,
				    .captured = q->captured,
				    .last = now,
				    .began = now};
		return QUIET_FORGOTTEN;
	}
	if (q->is_quiet || !is_steady(q) || silent_ns <= unusual_ns(q))
		return QUIET_SAME;
	q->is_quiet = true;
	return QUIET_FELL;
}

enum quiet_verdict
quiet_look(struct quiet *q, mono_t now, uint64_t captured)
{
	uint64_t more = captured - q->captured;

	q->captured = captured;
	if (!q->looked) {
		q->looked = true;
		q->last = q->began = now;
		return QUIET_SAME;
	}
	return more > 0 ? take(q, now, more) : wait(q, now);
}

int64_t
quiet_since_ns(const struct quiet *q, mono_t now)
{
	return mono_sub(now, q->last);
}

double
quiet_rate_per_s(const struct quiet *q)
{
	int64_t ns = judged_ns(q);

	return ns > 0 ? (double)judged_count(q) * NS_PER_S / (double)ns : 0;
}
