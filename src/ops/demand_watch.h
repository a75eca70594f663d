/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DEMAND_WATCH_H
#define TOMBOLO_DEMAND_WATCH_H
/*
 * With `join: demand`: channels that no peer wants are left, and those that one wants
 * are captured again. Main thread, looked at once a second.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "ops/settings.h"

struct demand_watch;
struct relay;
struct relay_lane;

/* Nobody wants it for so long before it is left: a member that is started again, or that
 * moves, does not cut its group. What is wanted is joined at once. */
#define DEMAND_HOLD_NS (5 * NS_PER_S)

/* NULL: no memory. */
struct demand_watch *demand_watch_new(const struct relay_settings *settings,
				      struct relay_lane *lane);
void demand_watch_free(struct demand_watch *w);

void demand_watch_look(struct demand_watch *w, mono_t now);

/* Should the channel be idle from now on? since: when nobody wanted it first, kept from
 * look to look, 0 while somebody does. Pure. */
bool demand_is_idle(bool unwanted, bool idle, mono_t *since, mono_t now);

#endif
