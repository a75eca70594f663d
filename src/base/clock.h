/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CLOCK_H
#define TOMBOLO_CLOCK_H
/*
 * Instants and durations. An instant is a one-field struct, so that the
 * compiler refuses to mix the two clocks or an instant with a duration;
 * a duration is an int64_t whose name ends in _ns.
 *
 * The functional core never reads a clock: it is handed a struct now.
 */
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

/* CLOCK_MONOTONIC: for timers, ages and round-trip times. */
typedef struct {
	int64_t ns;
} mono_t;

/* CLOCK_REALTIME, UTC: for capture times and one-way latency. */
typedef struct {
	int64_t ns;
} utc_t;

/* One reading of both clocks; taken once per turn of a lane's loop. */
struct now {
	mono_t mono;
	utc_t utc;
};

/* Later than every instant: "no timer is set". */
#define MONO_NEVER ((mono_t){INT64_MAX})

static inline mono_t
mono_add(mono_t t, int64_t delta_ns)
{
	if (t.ns == INT64_MAX || delta_ns > INT64_MAX - t.ns)
		return MONO_NEVER;
	return (mono_t){t.ns + delta_ns};
}

/* a - b in nanoseconds. */
static inline int64_t
mono_sub(mono_t a, mono_t b)
{
	return a.ns - b.ns;
}

static inline bool
mono_before(mono_t a, mono_t b)
{
	return a.ns < b.ns;
}

static inline mono_t
mono_min(mono_t a, mono_t b)
{
	return a.ns < b.ns ? a : b;
}

/* True when a timer set for `due` has expired at `now`. MONO_NEVER never is. */
static inline bool
mono_due(mono_t due, mono_t now)
{
	return due.ns != INT64_MAX && due.ns <= now.ns;
}

/* a - b in nanoseconds. */
static inline int64_t
utc_sub(utc_t a, utc_t b)
{
	return a.ns - b.ns;
}

/* Reads both clocks (shell only). */
struct now clock_now(void);

#endif
