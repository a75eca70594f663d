/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_TICK_H
#define TOMBOLO_BENCH_TICK_H
/*
 * Time, for the instruments: they need it to the microsecond, before and after
 * each datagram. Network namespaces share both clocks.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"

static inline int64_t
tick_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* By how much CLOCK_REALTIME is ahead of CLOCK_MONOTONIC: the best of a few readings,
 * since one may be interrupted. Holds until the clock is set. */
static inline int64_t
tick_utc_ahead_ns(void)
{
	int64_t shortest = INT64_MAX, ahead = 0;

	for (int i = 0; i < 3; i++) {
		int64_t before = tick_ns(CLOCK_MONOTONIC);
		int64_t utc = tick_ns(CLOCK_REALTIME);
		int64_t took = tick_ns(CLOCK_MONOTONIC) - before;

		if (took < shortest) {
			shortest = took;
			ahead = utc - before - took / 2;
		}
	}
	return ahead;
}

/* An instrument that waits for a processor would measure itself. Without the
 * privilege it goes on with what it has. */
static inline void
tick_hurry(void)
{
	struct sched_param p = {.sched_priority = 1};

	(void)prctl(PR_SET_TIMERSLACK, 1);
	if (sched_setscheduler(0, SCHED_FIFO, &p) != 0)
		fprintf(stderr, "no real-time priority: times are less sure\n");
}

#endif
