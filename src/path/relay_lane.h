/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_LANE_H
#define TOMBOLO_RELAY_LANE_H
/*
 * A relay lane: the core with its shell, one thread. The main thread makes it,
 * starts it, tells it things, and reads its figures.
 */
#include <stdbool.h>
#include <stddef.h>

#include "ops/settings.h"

struct relay_lane;
struct capture_figures;
struct relay;
struct shell;

/* Opens capture and tunnel and allocates everything, under the privileges of the
 * caller; the settings must outlive it. NULL, with a line for the operator in
 * error. */
struct relay_lane *relay_lane_new(const struct relay_settings *settings, unsigned int n,
				  char *error, size_t error_bytes);
void relay_lane_free(struct relay_lane *l);

/* Its lane, to start it, tell it, join it: its status is 0, or 1 when a capture file was
 * damaged; its tunnel, and what is known of sessions. */
struct shell *relay_lane_shell(struct relay_lane *l);

/* Main thread: the lane goes on with what `next` says of the keys that may change while
 * it runs. All is read, joined and allocated here; the lane only exchanges it, in one
 * lane_call(), in which adopt(arg) puts the new values into the settings that the lane
 * was given. 0, or a negative errno with a line for the operator in error: then nothing
 * has changed. */
int relay_lane_reload(struct relay_lane *l, const struct relay_settings *next,
		      void (*adopt)(void *arg), void *arg, char *error,
		      size_t error_bytes);

/* Main thread: of the channels that are configured all are captured but the idle, told by
 * their numbers (relay_place_channels()), as many as relay_channel_count(). As with a
 * reload, the others notice nothing, and those that come back go on. */
int relay_lane_choose(struct relay_lane *l, const bool *idle, char *error,
		      size_t error_bytes);

/* For the books and the scrape; valid until relay_lane_free(). */
struct relay *relay_lane_core(struct relay_lane *l);
const struct capture_figures *relay_lane_capture(const struct relay_lane *l);

#endif
