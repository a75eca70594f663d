/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_GAP_LOG_H
#define TOMBOLO_GAP_LOG_H
/*
 * Peer: the last gaps of a session, each with what became of it: for whoever asks
 * afterwards. recover decides, this one only watches, and says of a cause no more than
 * is known. A bounded ring; the oldest gives way, and what becomes of it later is added
 * to the outcomes of all that have left. Pure but for gap_log_new(); any thread may read.
 *
 * The gaps of a channel in it do not overlap. For each of them
 *	missed = repaired + late + lost + open
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/seq.h"
#include "path/peer.h" /* enum lost_reason */

#define GAP_LOG_ENTRIES 256

struct gap_log;

/*
 * A hole that data, or a heartbeat, has shown was lost on a path or shed by the relay.
 * Which, tells the relay's book when it comes: what it counts as shed up to there.
 */
#define GAP_CAUSES(X)                                                               \
	X(UNTOLD, "path_or_shed", "lost on a path, or shed: not told yet")          \
	X(PATH, "path", "lost, or late, on a path")                                 \
	X(SHED_AGE, "shed_age", "shed by the relay: older than shed_age")           \
	X(SHED_BYTES, "shed_bytes", "shed by the relay: backlog past shed_bytes")   \
	X(SHED, "shed", "shed by the relay, for age and for bytes")                 \
	X(BOTH, "path_and_shed", "some shed, and some lost or late on a path")      \
	X(OUTAGE, "outage", "gone from the history when the session came back")     \
	X(AGED, "aged", "gone from the history before it could be sent")            \
	X(RESTART, "restart", "numbered by a relay that has restarted, never here") \
	X(MEMORY, "memory", "was held here, and given up for want of memory")

enum gap_cause {
#define X(id, name, help) GAP_##id,
	GAP_CAUSES(X)
#undef X
		GAP_CAUSE_COUNT
};

const char *gap_cause_name(enum gap_cause cause);
const char *gap_cause_help(enum gap_cause cause);

/* What the relay's book of a channel says of shedding. */
struct gap_shed {
	bool known;
	uint64_t by_age, by_bytes;
};

struct gap_outcomes {
	uint64_t repaired; /* a repair brought it */
	uint64_t late;     /* it came by itself, after the gap was found */
	uint64_t lost[LOST_REASONS];
};

struct gap_entry {
	uint32_t channel; /* index within the session */
	uint32_t era;     /* counts the epochs */
	seq_t first;
	seq_t end; /* behind the last */
	utc_t found;
	mono_t opened;
	int64_t lasted_ns; /* until the last of it was settled; open: until the latest */
	enum gap_cause cause;
	uint32_t requests; /* that asked for some of it, repeats included */
	uint64_t missed;   /* how often one of them went missing: mostly end - first */
	uint64_t open;     /* still missing */
	struct gap_outcomes outcomes;
	struct gap_shed shed; /* when it was found */
};

/* NULL: no memory. */
struct gap_log *gap_log_new(void);
void gap_log_free(struct gap_log *l);
size_t gap_log_memory_bytes(void);

/* [first, end) is missing and was in no gap so far; where it goes on from the newest
 * gap, found at the same moment, it is of that one. */
void gap_log_open(struct gap_log *l, struct now now, uint32_t channel, seq_t first,
		  seq_t end, enum gap_cause cause, const struct gap_shed *shed);
/* seq was here, and is missing again for want of memory. */
void gap_log_again(struct gap_log *l, struct now now, uint32_t channel, seq_t seq);

/* seq, which was missing, was brought by a repair or by itself. */
void gap_log_came(struct gap_log *l, mono_t now, uint32_t channel, seq_t seq,
		  bool repair);
/* n of those from seq on, which were missing, are lost. */
void gap_log_lost(struct gap_log *l, mono_t now, uint32_t channel, seq_t seq,
		  uint64_t n, enum lost_reason reason);

/* What is missing in [first, end) was asked for. */
void gap_log_requested(struct gap_log *l, uint32_t channel, seq_t first, seq_t end);
/* The relay's book, with all in it that was passed before `sent`. True: it decides
 * every gap of the channel. */
bool gap_log_told(struct gap_log *l, uint32_t channel, seq_t sent,
		  const struct gap_shed *shed);

/* Numbers begin anew: what is in the log is of the past, and settled. */
void gap_log_new_epoch(struct gap_log *l);
/* The channel's place is taken by another: its gaps go. */
void gap_log_forget(struct gap_log *l, uint32_t channel);

/* Of all gaps that have left the log; lane's thread. */
const struct gap_outcomes *gap_log_left(const struct gap_log *l);
/* From any thread: the n-th newest, from 0. False: there is none, or it is not to be
 * read now. */
bool gap_log_get(const struct gap_log *l, size_t n, struct gap_entry *entry);

#endif
