/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_LANE_INTERNAL_H
#define TOMBOLO_RELAY_LANE_INTERNAL_H
/* Inside of a relay lane's shell, for relay_lane*.c alone. */
#include <stdbool.h>

#include "path/capture.h"
#include "path/lane.h"
#include "path/relay.h"
#include "path/tunnel.h"

struct relay_lane {
	struct lane lane;
	const struct relay_settings *settings;
	gauge_t *since_ns; /* per remote: when its session's state last changed */
	struct relay *core;
	struct capture *capture;
	struct tunnel *tunnel;
	struct now now; /* of this turn */
	bool in_turn;   /* now was read */
	unsigned int paths_up;
	_Atomic bool draining; /* the main thread looks too */
	mono_t drain_end;      /* MONO_NEVER: as long as it takes */
	mono_t farewell_end;   /* set when all byes are said */
	int status;
};

/* A turn for what was done outside of any: what became due or possible is done. */
void relay_lane_turn(struct relay_lane *l);

#endif
