/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CAPTURE_LIVE_H
#define TOMBOLO_CAPTURE_LIVE_H
/*
 * Frames from an interface: the ring, the joins, and what the operator is told of
 * the link and of losses. Called by capture.c only; the functions are those of
 * capture.h.
 */
#include "path/capture_sink.h"

struct capture_live;
struct capture_live_change;

/* sink is borrowed until capture_live_free(). NULL: a line in error. */
struct capture_live *capture_live_open(struct event_base *base,
				       const struct capture_settings *s,
				       const struct channel_settings *channels,
				       size_t count, struct capture_sink *sink,
				       char *error, size_t error_bytes);
struct capture_live_change *
capture_live_prepare(const struct capture_live *l,
		     const struct channel_settings *channels, size_t count, char *error,
		     size_t error_bytes);
void capture_live_apply(struct capture_live *l, struct capture_live_change *change);
void capture_live_finish(struct capture_live_change *change);
void capture_live_start(struct capture_live *l);
void capture_live_stop(struct capture_live *l);
void capture_live_free(struct capture_live *l);

#endif
