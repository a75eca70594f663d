/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_LANE_INTERNAL_H
#define TOMBOLO_PEER_LANE_INTERNAL_H
/* Inside of a peer lane's shell, for peer_lane*.c alone. */
#include <stdbool.h>

#include "path/emit.h"
#include "path/lane.h"
#include "path/peer.h"
#include "path/tunnel.h"

struct peer_lane {
	struct lane lane;
	const struct peer_settings *settings;
	gauge_t *since_ns; /* per remote: when its session's state last changed */
	struct peer *core;
	struct tunnel *tunnel;
	struct emitter *emitter;
	struct event *writable; /* pending while the socket is full */
	mono_t emit_at;         /* when to try again otherwise */
	struct now now;
	bool in_turn;
	unsigned int paths_up;
	_Atomic bool draining; /* the main thread looks too */
	mono_t drain_end, farewell_end;
};

/* A turn for what was done outside of any: what became due or possible is done. */
void peer_lane_turn(struct peer_lane *l);

#endif
