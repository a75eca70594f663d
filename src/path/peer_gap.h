/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_GAP_H
#define TOMBOLO_PEER_GAP_H
/* What a channel misses: found, told of, lost. Pure. */
#include "base/clock.h"
#include "base/seq.h"
#include "path/gap_log.h"
#include "path/wire.h"

struct peer_channel;

/* What is known of the causes of a channel's gaps; peer_gap.c alone. */
struct peer_causes {
	/* The relay's last word on shedding, and what had been numbered then. */
	struct gap_shed shed;
	seq_t shed_next;
	bool untold;   /* a gap's cause waits for the next word */
	seq_t resumed; /* what was known of when the last greeting was answered */
};

/* Numbers begin anew. */
void peer_gap_restart(struct peer_channel *c);
/* The relay was told where to go on. */
void peer_gap_resume(struct peer_channel *c);
/* Opens a gap for all before `top` that was not seen yet. */
void peer_gap_open(struct peer_channel *c, mono_t now, seq_t top);
/* Makes room for `end` at the far side of the window, by giving up at the near
 * side what stands in the way. */
void peer_gap_advance(struct peer_channel *c, seq_t end);
/* The relay passed everything before `sent`: what is not here is a gap. */
void peer_gap_passed(struct peer_channel *c, mono_t now, seq_t sent);
/* The relay's book came, of which e is the entry: for the causes of gaps. */
void peer_gap_shed(struct peer_channel *c, const struct wire_books *e);
/* What is missing in [first, end) will not come. */
void peer_gap_lose(struct peer_channel *c, seq_t first, seq_t end,
		   enum lost_reason reason);
/* The relay says that [first, end) will not come, known of or not. */
void peer_gap_gone(struct peer_channel *c, mono_t now, seq_t first, seq_t end,
		   enum lost_reason reason);
/* The epoch ends: all that was numbered and is not here. */
void peer_gap_end_epoch(struct peer_channel *c);

#endif
