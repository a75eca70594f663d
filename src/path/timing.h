/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TIMING_H
#define TOMBOLO_TIMING_H
/*
 * Round-trip time and clock offset of one path, from the timing that HEARTBEAT
 * and REPORT carry both ways. Pure. Round trips come from the monotonic clocks,
 * so that a stepped clock cannot fake one; smoothing as in RFC 6298 §2. The
 * offset is the classic four-time-stamp estimate (RFC 5905 §8), from the sample
 * with the shortest round trip of the recent ones, whose error is at most half of it.
 */
#include "base/clock.h"
#include "base/counter.h"
#include "path/wire.h"

#define TIMING_SAMPLES 8

struct timing {
	/* What we owe the other side: the last time stamp that it sent. */
	int64_t other_mono_ns;
	mono_t other_arrived;
	/* RFC 6298; srtt 0 = no sample yet. */
	int64_t srtt_ns;
	int64_t rttvar_ns;
	/* The latest samples, a ring. */
	struct {
		int64_t rtt_ns;
		int64_t offset_ns;
	} samples[TIMING_SAMPLES];
	unsigned int count;
	/* Loss of DATA and MARK frames, relay to peer: what one sent against what the
	 * other received, over windows of enough frames; parts per million. */
	uint64_t sent_before, received_before;
	int64_t loss_mean_ppm; /* below 0 when what was on the way has arrived since */
	uint32_t loss_ppm;
	bool apart; /* the clocks were, when last asked */
	/* For scrapes. */
	gauge_t loss;
	gauge_t rtt_ns;
	gauge_t rtt_min_ns;
	gauge_t offset_ns; /* our clock minus the other's */
	gauge_t offset_error_ns;
};

/* Forgets all but what scrapes read; for a path that comes up. */
void timing_reset(struct timing *t);

/* What to send now. */
struct wire_timing timing_stamp(const struct timing *t, struct now now,
				uint64_t frames);

/* Takes what arrived. True when it held a round-trip sample. */
bool timing_take(struct timing *t, struct now now, const struct wire_timing *w);

/* Totals of frames sent and received on this path, as far as both ends know. */
void timing_frames(struct timing *t, uint64_t sent, uint64_t received);

/* The two clocks are apart by more than this beyond doubt. */
#define TIMING_APART_NS (10 * NS_PER_MS)

/* Tells, unless that is NULL, when the clocks came apart, or together again, since it was
 * asked: of which path, ours minus theirs, and the bound of its error. */
typedef void (*timing_tell_fn)(void *arg, unsigned int remote, unsigned int slot,
			       bool apart, int64_t offset_ns, int64_t error_ns);
void timing_tell(struct timing *t, timing_tell_fn tell, void *arg, unsigned int remote,
		 unsigned int slot);

/* Our clock minus the other's; 0 before the first sample. */
int64_t timing_offset_ns(const struct timing *t);

#endif
