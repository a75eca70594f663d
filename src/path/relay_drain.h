/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_DRAIN_H
#define TOMBOLO_RELAY_DRAIN_H
/*
 * The end of a session by our operator's wish: all is settled, the final books are
 * exchanged, BYE. Pure. Those of relay.h that are about draining are in relay_drain.c too.
 */
#include "base/clock.h"
#include "path/batch.h"
#include "path/wire.h"

struct outlet;
struct relay_path;
struct relay_session;

/* relay_drain.c writes; relay_beat.c lists what the final books want. */
struct relay_drain {
	bool wanted;
	bool final;            /* the final books are being sent */
	mono_t final_at;       /* their last frame; MONO_NEVER before */
	uint16_t final_wanted; /* channels whose final books were not answered */
	bool bye_due;
	bool bye_said;
};

/* A greeting is complete: the final books may have been under way. */
void relay_drain_greeted(struct relay_session *s);
void relay_drain_channels_changed(struct relay_session *s);
/* The last frame of a round of books was sent. */
void relay_drain_books_sent(struct relay_session *s, mono_t now);
/* The peer's book of a channel came, in a report that echoes our time stamp. */
void relay_drain_books_heard(struct relay_session *s, struct outlet *o,
			     const struct wire_timing *timing);
void relay_drain_tick(struct relay_session *s, mono_t now);
void relay_drain_fill_bye(struct relay_session *s, mono_t now, struct relay_path *p,
			  struct batch *b);

#endif
