/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_QUIET_WATCH_H
#define TOMBOLO_QUIET_WATCH_H
/*
 * Channels of a relay that brought datagrams steadily and bring none: looked at every
 * second on the control thread from the lanes' figures. Not told of are those with an
 * `expect`, which knows better, and those that are not captured. What is kept is read by
 * that thread alone, in an answer to /status.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct quiet_watch;
struct relay_views;

/* NULL when memory is short. */
struct quiet_watch *quiet_watch_new(void);
void quiet_watch_free(struct quiet_watch *w);

/* A line in the log when some fall quiet, and one when they speak again: of all
 * together, and no more than one each within a minute. */
void quiet_watch_look(struct quiet_watch *w, const struct relay_views *views,
		      mono_t now);

#define QUIET_NAMES 3

/* Of one lane, as of the last look. */
struct quiet_told {
	size_t channels; /* that are quiet; 0: nothing is to be told */
	const char *names[QUIET_NAMES];
	int64_t since_ns;  /* of all of these */
	double rate_per_s; /* that they brought together */
	bool nothing;      /* nor does any other channel bring anything, in that time */
};

/* w may be NULL. */
struct quiet_told quiet_watch_told(const struct quiet_watch *w, size_t lane);

#endif
