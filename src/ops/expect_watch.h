/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EXPECT_WATCH_H
#define TOMBOLO_EXPECT_WATCH_H
/*
 * What is expected of each channel of a relay, looked at every second on the control
 * thread from the lanes' figures, and told when that changes. What is kept is read by
 * that thread alone, in an answer to /metrics or /status.
 */
#include <stddef.h>

#include "base/clock.h"

struct expect;
struct expect_watch;
struct relay_views;

/* NULL when memory is short. */
struct expect_watch *expect_watch_new(void);
void expect_watch_free(struct expect_watch *w);

/* Follows the channels as they are now: one whose `expect` changed begins anew. */
void expect_watch_look(struct expect_watch *w, const struct relay_views *views,
		       struct now now);

/* index as of relay_channel(). NULL: of this channel nothing is expected, or it was
 * never looked at; w may be NULL. */
const struct expect *expect_watch_at(const struct expect_watch *w, size_t lane,
				     size_t index);

#endif
