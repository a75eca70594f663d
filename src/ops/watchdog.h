/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_WATCHDOG_H
#define TOMBOLO_WATCHDOG_H
/*
 * Whether a lane still lives, by what a look at its heartbeat shows. Pure. Time is
 * counted in looks, not by a clock: a process that was stopped as a whole, or had no
 * processor, finds its lanes where they were, and that is no fault of theirs.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Looks within the time that the service manager allows: it is fed at each of them
 * while all lanes move, so that one that comes late does no harm. */
#define WATCHDOG_LOOKS 4

/* A lane without work turns every 20 ms; a look must find that it has. */
#define WATCHDOG_LOOK_MIN_NS (50 * NS_PER_MS)

/* One lane, as the last look found it. Begins zeroed. */
struct watchdog {
	uint64_t heartbeat;
	unsigned int still; /* looks in a row at which it had not moved */
};

enum watchdog_verdict {
	WATCHDOG_MOVES,
	WATCHDOG_STILL, /* not since the look before */
	WATCHDOG_HANGS, /* not for half the time allowed: said once */
	WATCHDOG_MOVES_AGAIN,
};

enum watchdog_verdict watchdog_look(struct watchdog *w, uint64_t heartbeat);

/* The service manager may be told that all is well, as far as this lane goes. */
bool watchdog_is_content(enum watchdog_verdict verdict);

/* From one look to the next; 0 when nobody asks for a sign of life. allowed_ns: as of
 * notify_watchdog_ns(). */
int64_t watchdog_period_ns(int64_t allowed_ns);

#endif
