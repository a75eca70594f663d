/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CAPTURE_SINK_H
#define TOMBOLO_CAPTURE_SINK_H
/*
 * What either source of frames needs to hand on what it finds: the caller's
 * functions, and the figures that go with them. Inside capture only.
 */
#include "path/capture.h"

/* Frames handed on in one turn of the event loop, so that a flood cannot starve the
 * tunnel's sockets. */
#define CAPTURE_TURN_FRAMES 256

struct capture_sink {
	struct capture_ops ops;
	void *arg;
	struct capture_figures figures;
};

static inline void
capture_sink_frame(struct capture_sink *sink, const struct frame *frame)
{
	counter_inc(&sink->figures.frames);
	sink->ops.frame(sink->arg, frame);
}

static inline void
capture_sink_dropped(struct capture_sink *sink, enum drop_point point, uint64_t n)
{
	if (n == 0)
		return;
	counter_add(&sink->figures.drops[point], n);
	sink->ops.dropped(sink->arg, point, n);
}

#endif
