/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_LANE_INTERNAL_H
#define TOMBOLO_RELAY_LANE_INTERNAL_H
/* Inside of a relay lane's shell, for relay_lane*.c alone. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "path/capture.h"
#include "path/relay.h"
#include "path/shell.h"

struct relay_lane {
	struct shell shell; /* what callbacks are given is both */
	const struct relay_settings *settings;
	struct relay *core;
	struct capture *capture;
	int status;
};
static_assert(offsetof(struct relay_lane, shell) == 0, "shell.h says so");

/* A turn for what was done outside of any: what became due or possible is done. */
void relay_lane_turn(struct relay_lane *l);

#endif
