/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/watchdog.h"

#define STILL_MAX (WATCHDOG_LOOKS / 2)

enum watchdog_verdict
watchdog_look(struct watchdog *w, uint64_t heartbeat)
{
	bool hung = w->still >= STILL_MAX;

	if (heartbeat != w->heartbeat) {
		*w = (struct watchdog){.heartbeat = heartbeat};
		return hung ? WATCHDOG_MOVES_AGAIN : WATCHDOG_MOVES;
	}
	if (hung)
		return WATCHDOG_STILL;
	return ++w->still == STILL_MAX ? WATCHDOG_HANGS : WATCHDOG_STILL;
}

bool
watchdog_is_content(enum watchdog_verdict verdict)
{
	return verdict == WATCHDOG_MOVES || verdict == WATCHDOG_MOVES_AGAIN;
}

int64_t
watchdog_period_ns(int64_t allowed_ns)
{
	int64_t period_ns = allowed_ns / WATCHDOG_LOOKS;

	if (allowed_ns > 0 && period_ns < WATCHDOG_LOOK_MIN_NS)
		period_ns = WATCHDOG_LOOK_MIN_NS;
	return period_ns;
}
