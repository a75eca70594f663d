/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of the relay; gets frames from libpcap, hands them to decap; runs on the
 * lane's thread. What is common to both sources, and the choice between them.
 */
#include "path/capture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "path/capture_file.h"
#include "path/capture_live.h"

/* One of live and file is set. */
struct capture {
	struct capture_sink sink;
	struct capture_live *live;
	struct capture_file *file;
};

const char *
drop_point_name(enum drop_point point)
{
	switch (point) {
	case DROP_KERNEL_RING: return "kernel_ring";
	case DROP_INTERFACE: return "interface";
	case DROP_POINT_COUNT: break;
	}
	return "unknown";
}

struct capture *
capture_open(struct event_base *base, const struct capture_settings *s,
	     const struct channel_settings *channels, size_t count,
	     const struct capture_ops *ops, void *arg, char *error, size_t error_bytes)
{
	struct capture *c = calloc(1, sizeof(*c));

	assert((s->file != NULL) != (s->interface != NULL));
	if (c == NULL) {
		snprintf(error, error_bytes, "capture: out of memory");
		return NULL;
	}
	c->sink.ops = *ops;
	c->sink.arg = arg;
	if (s->file != NULL)
		c->file = capture_file_open(base, s, &c->sink, error, error_bytes);
	else
		c->live = capture_live_open(base, s, channels, count, &c->sink, error,
					    error_bytes);
	if (c->file == NULL && c->live == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

/* Of a file nothing changes: it is read whole, and classify does the rest. */
struct capture_change {
	struct capture_live_change *live;
};

struct capture_change *
capture_prepare(const struct capture *c, const struct channel_settings *channels,
		size_t count, char *error, size_t error_bytes)
{
	struct capture_change *change = calloc(1, sizeof(*change));

	if (change == NULL) {
		snprintf(error, error_bytes, "capture: out of memory");
		return NULL;
	}
	if (c->live == NULL)
		return change;
	change->live =
		capture_live_prepare(c->live, channels, count, error, error_bytes);
	if (change->live != NULL)
		return change;
	free(change);
	return NULL;
}

void
capture_apply(struct capture *c, struct capture_change *change)
{
	if (change->live != NULL)
		capture_live_apply(c->live, change->live);
}

void
capture_finish(struct capture_change *change)
{
	if (change == NULL)
		return;
	capture_live_finish(change->live);
	free(change);
}

void
capture_start(struct capture *c)
{
	if (c->file != NULL)
		capture_file_start(c->file);
	else
		capture_live_start(c->live);
}

void
capture_stop(struct capture *c)
{
	if (c->file != NULL)
		capture_file_stop(c->file);
	else
		capture_live_stop(c->live);
}

void
capture_resume(struct capture *c)
{
	if (c->file != NULL)
		capture_file_resume(c->file);
}

void
capture_free(struct capture *c)
{
	if (c == NULL)
		return;
	capture_file_free(c->file);
	capture_live_free(c->live);
	free(c);
}

const struct capture_figures *
capture_figures(const struct capture *c)
{
	return &c->sink.figures;
}
