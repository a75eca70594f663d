/* SPDX-License-Identifier: Apache-2.0 */
#include "path/timing.h"

#include <string.h>

/* A round trip longer than this is a clock that lies or a path that was dead. */
#define RTT_LIMIT_NS (60 * NS_PER_S)

void
timing_reset(struct timing *t)
{
	t->other_mono_ns = 0;
	t->other_arrived = (mono_t){0};
	t->srtt_ns = 0;
	t->rttvar_ns = 0;
	t->count = 0;
	t->sent_before = t->received_before = 0;
	t->loss_ppm = 0;
	t->loss_mean_ppm = 0;
	t->apart = false;
}

struct wire_timing
timing_stamp(const struct timing *t, struct now now, uint64_t frames)
{
	struct wire_timing w = {.sent_mono_ns = now.mono.ns,
				.sent_utc_ns = now.utc.ns,
				.frames = frames};

	if (t->other_mono_ns != 0) {
		w.echo_mono_ns = t->other_mono_ns;
		w.hold_ns = mono_sub(now.mono, t->other_arrived);
	}
	return w;
}

/* RFC 6298 §2.2, 2.3, with its alpha and beta. */
static void
smooth(struct timing *t, int64_t rtt_ns)
{
	int64_t error_ns = rtt_ns - t->srtt_ns;

	if (t->srtt_ns == 0) {
		t->srtt_ns = rtt_ns;
		t->rttvar_ns = rtt_ns / 2;
	} else {
		t->rttvar_ns +=
			((error_ns < 0 ? -error_ns : error_ns) - t->rttvar_ns) / 4;
		t->srtt_ns += error_ns / 8;
	}
	if (t->srtt_ns < 1)
		t->srtt_ns = 1;
	gauge_set(&t->rtt_ns, t->srtt_ns);
}

static unsigned int
shortest(const struct timing *t)
{
	unsigned int n = t->count < TIMING_SAMPLES ? t->count : TIMING_SAMPLES;
	unsigned int best = 0;

	for (unsigned int i = 1; i < n; i++) {
		if (t->samples[i].rtt_ns < t->samples[best].rtt_ns)
			best = i;
	}
	return best;
}

static void
add_sample(struct timing *t, int64_t rtt_ns, int64_t offset_ns)
{
	unsigned int i = t->count++ % TIMING_SAMPLES, best;

	t->samples[i].rtt_ns = rtt_ns;
	t->samples[i].offset_ns = offset_ns;
	best = shortest(t);
	gauge_set(&t->rtt_min_ns, t->samples[best].rtt_ns);
	gauge_set(&t->offset_ns, t->samples[best].offset_ns);
	gauge_set(&t->offset_error_ns, t->samples[best].rtt_ns / 2);
}

bool
timing_take(struct timing *t, struct now now, const struct wire_timing *w)
{
	int64_t since_ns, rtt_ns, one_way_ns;

	/* All differences of what the other side says are guarded: they may hold
	 * anything. */
	if (w->sent_mono_ns <= 0 || w->sent_utc_ns <= 0 ||
	    w->sent_utc_ns > (int64_t)WIRE_SEQ_MAX)
		return false;
	t->other_mono_ns = w->sent_mono_ns;
	t->other_arrived = now.mono;
	if (w->echo_mono_ns <= 0 || w->echo_mono_ns > now.mono.ns || w->hold_ns < 0)
		return false;
	since_ns = now.mono.ns - w->echo_mono_ns;
	if (w->hold_ns > since_ns || since_ns - w->hold_ns > RTT_LIMIT_NS)
		return false;
	rtt_ns = since_ns - w->hold_ns;
	one_way_ns = now.utc.ns - w->sent_utc_ns;
	smooth(t, rtt_ns);
	add_sample(t, rtt_ns, one_way_ns - rtt_ns / 2);
	return true;
}

static bool
has_clock_changed(struct timing *t)
{
	int64_t offset_ns = gauge_get(&t->offset_ns);
	int64_t apart_ns = (offset_ns < 0 ? -offset_ns : offset_ns) -
			   gauge_get(&t->offset_error_ns);
	/* Half of it, so that it is not said again and again. */
	int64_t limit_ns = t->apart ? TIMING_APART_NS / 2 : TIMING_APART_NS;
	bool before = t->apart;

	t->apart = t->count > 0 && apart_ns > limit_ns;
	return t->apart != before;
}

void
timing_tell(struct timing *t, timing_tell_fn tell, void *arg, unsigned int remote,
	    unsigned int slot)
{
	if (has_clock_changed(t) && tell != NULL)
		tell(arg, remote, slot, t->apart, gauge_get(&t->offset_ns),
		     gauge_get(&t->offset_error_ns));
}

int64_t
timing_offset_ns(const struct timing *t)
{
	return t->count > 0 ? t->samples[shortest(t)].offset_ns : 0;
}

/* Enough that one frame more or less in flight does not matter much. */
#define LOSS_FRAMES    200
#define LOSS_MOST_PPM  1000000
#define LOSS_LEAST_PPM (-100000)

/* Of the frames of a window some count as lost that are on the way, and as too many in
 * the next one, when they have arrived: the mean evens it out. */
static int64_t
lost_ppm(uint64_t sent, uint64_t received)
{
	int64_t ppm;

	/* The other side may have said anything. */
	while (sent > UINT32_MAX || received > UINT32_MAX) {
		sent >>= 1;
		received >>= 1;
	}
	ppm = ((int64_t)sent - (int64_t)received) * 1000000 /
	      (int64_t)(sent > 0 ? sent : 1);
	if (ppm > LOSS_MOST_PPM)
		return LOSS_MOST_PPM;
	return ppm < LOSS_LEAST_PPM ? LOSS_LEAST_PPM : ppm;
}

void
timing_frames(struct timing *t, uint64_t sent, uint64_t received)
{
	uint64_t sent_n = sent - t->sent_before,
		 received_n = received - t->received_before;

	if (sent < t->sent_before || received < t->received_before) {
		t->sent_before = sent;
		t->received_before = received;
		t->loss_mean_ppm = 0;
		return;
	}
	if (sent_n < LOSS_FRAMES)
		return;
	t->loss_mean_ppm = (t->loss_mean_ppm * 3 + lost_ppm(sent_n, received_n)) / 4;
	t->loss_ppm = t->loss_mean_ppm > 0 ? (uint32_t)t->loss_mean_ppm : 0;
	t->sent_before = sent;
	t->received_before = received;
	gauge_set(&t->loss, t->loss_ppm);
}
