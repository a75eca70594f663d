/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_GREETING_H
#define TOMBOLO_RELAY_GREETING_H
/* HELLO and WELCOME: the peer is told of epoch and channels, and says where to resume.
 * Pure. */
#include "base/clock.h"
#include "path/batch.h"
#include "path/wire.h"

struct relay_session;

/* The one that is under way, or the last; relay_greeting.c alone. */
struct relay_greeting {
	uint32_t number;
	unsigned int greeter;   /* slot of the path that greets; PATHS_MAX: none */
	uint16_t welcomed;      /* channels */
	uint64_t abandoned;     /* of all channels, as this greeting found */
	uint16_t capacity_said; /* channels that the peer takes, by its WELCOME */
	seq_t changes_told;     /* all before it, of channel 0, a greeting has said */
};

void relay_greeting_init(struct relay_greeting *g);
/* Begins anew, on this path. */
void relay_greeting_start(struct relay_session *s, unsigned int slot);
/* A path is gone, and the greeting with it if it was the greeter. */
void relay_greeting_path_down(struct relay_session *s, unsigned int slot);
bool relay_greeting_is_under_way(const struct relay_session *s);
/* Channels came, moved or went, and (told) channel 0 says so. */
void relay_greeting_channels_changed(struct relay_session *s, bool told);
/* A change left the history before the peer had it: only a greeting can tell it now. */
void relay_greeting_retell(struct relay_session *s);
/* HELLO frames until all channels are announced. */
void relay_greeting_fill(struct relay_session *s, struct now now, unsigned int slot,
			 struct batch *b);
mono_t relay_greeting_deadline(const struct relay_session *s, unsigned int slot);
/* WELCOME; false: the peer broke the protocol. */
bool relay_greeting_take(struct relay_session *s, struct now now, unsigned int slot,
			 const struct wire_frame *f);

#endif
