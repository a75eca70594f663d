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
