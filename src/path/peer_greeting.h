/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_GREETING_H
#define TOMBOLO_PEER_GREETING_H
/* HELLO and WELCOME: a relay's epoch, its channels, and where it is to go on. Pure. */
#include "base/seq.h"
#include "path/batch.h"
#include "path/wire.h"

struct peer_path;
struct peer_session;

/* The one that is under way, or the last; peer_greeting.c alone. */
struct peer_greeting {
	uint32_t number;
	uint16_t total, seen; /* channels */
	seq_t changes_known;  /* all before it, of channel 0, it has told */
	uint32_t welcome_at;  /* no channel before this index is due a welcome */
};

/* False: the relay broke the protocol. */
bool peer_greeting_take(struct peer_session *s, struct peer_path *p,
			const struct wire_frame *f);
void peer_greeting_fill(struct peer_session *s, struct now now, struct peer_path *p,
			struct batch *b);
/* A change that came before: a greeting said what came of it. */
bool peer_greeting_knows(const struct peer_session *s, seq_t change);

#endif
