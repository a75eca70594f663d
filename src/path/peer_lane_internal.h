/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_LANE_INTERNAL_H
#define TOMBOLO_PEER_LANE_INTERNAL_H
/* Inside of a peer lane's shell, for peer_lane*.c alone. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "path/emit.h"
#include "path/peer.h"
#include "path/shell.h"

struct peer_lane {
	struct shell shell; /* what callbacks are given is both */
	const struct peer_settings *settings;
	struct peer *core;
	struct emitter *emitter;
	struct event *writable; /* pending while the socket is full */
	mono_t emit_at;         /* when to try again otherwise */
};
static_assert(offsetof(struct peer_lane, shell) == 0, "shell.h says so");

/* A turn for what was done outside of any: what became due or possible is done. */
void peer_lane_turn(struct peer_lane *l);

#endif
