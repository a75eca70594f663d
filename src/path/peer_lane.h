/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_LANE_H
#define TOMBOLO_PEER_LANE_H
/*
 * A peer lane: the core with its shell, one thread. The main thread makes it,
 * starts it, tells it things, and reads its figures.
 */
#include <stddef.h>

#include "ops/settings.h"

struct peer_lane;
struct emit_figures;
struct peer;
struct shell;

/* Opens tunnel and emission and allocates everything; the settings must outlive
 * it. NULL, with a line for the operator in error. */
struct peer_lane *peer_lane_new(const struct peer_settings *settings, unsigned int n,
				char *error, size_t error_bytes);
void peer_lane_free(struct peer_lane *l);

/* Its lane, to start it, tell it, join it; its tunnel, and what is known of sessions. */
struct shell *peer_lane_shell(struct peer_lane *l);

/* Main thread: the lane goes on with what `next` says of the keys that may change while
 * it runs. All is read, joined and allocated here; the lane only exchanges it, in one
 * lane_call(), in which adopt(arg) puts the new values into the settings that the lane
 * was given. 0, or a negative errno with a line for the operator in error: then nothing
 * has changed. */
int peer_lane_reload(struct peer_lane *l, const struct peer_settings *next,
		     void (*adopt)(void *arg), void *arg, char *error,
		     size_t error_bytes);

/* Main thread: the groups that have a member, as peer_set_demand() takes them; to be
 * released with free() by the lane. */
void peer_lane_demand(struct peer_lane *l, uint32_t *groups, size_t count);

/* For the books and the scrape; valid until peer_lane_free(). */
struct peer *peer_lane_core(struct peer_lane *l);
const struct emit_figures *peer_lane_emit(const struct peer_lane *l);

#endif
