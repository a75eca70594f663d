/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LIFE_H
#define TOMBOLO_LIFE_H
/*
 * The life of a session's path, the same on both halves: it comes up, is heard, falls
 * silent or hears BYE, and goes down. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/counter.h"
#include "path/session.h"
#include "path/wire.h"

struct life {
	bool up;
	mono_t heard;
	bool bye_sent, bye_heard;
	enum wire_bye bye;          /* heard, or why we close */
	gauge_t is_up, is_datagram; /* up, and what it is, for scrapes */
	gauge_t is_silent;          /* closed for silence, and no path came up since */
};

void life_begin(struct life *l, mono_t now, enum path_kind kind);
void life_end(struct life *l);

/* A BYE, with what it says for people. False: it broke the protocol. */
bool life_take_bye(struct life *l, const struct wire_frame *f, struct wire_name *text);

/* True once a path is silent for so long that it is to be closed. Asked every turn. */
static inline bool
life_is_over(struct life *l, mono_t now, int64_t timeout_ns)
{
	if (mono_sub(now, l->heard) < timeout_ns)
		return false;
	gauge_set(&l->is_silent, true);
	return true;
}

/* We were away: what was said meanwhile is still to be read, so that no path is silent.
 * checked: when this was asked before. */
static inline bool
life_was_paused(mono_t *checked, mono_t now, int64_t timeout_ns)
{
	bool paused = mono_sub(now, *checked) > timeout_ns / 2;

	*checked = now;
	return paused;
}

#endif
