/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_CHANNEL_H
#define TOMBOLO_PEER_CHANNEL_H
/*
 * One channel of a session, as the peer has it: who it is, where it goes, from where on
 * it counts, and its books. Pure. What arrives of it is peer_arrival.c's, what is missing
 * of it peer_gap.c's. Read by those who print figures.
 */
#include "base/counter.h"
#include "base/seq.h"
#include "ops/settings.h"
#include "path/figures.h"
#include "path/peer_gap.h"
#include "path/window.h"
#include "path/wire.h"

struct peer_session;

/* Channel 0 of the relay's lane carries marks and changes: peer_record.c. */
#define MARKS_ID 0

struct peer_channel {
	struct peer_session *session;
	uint32_t index;
	_Atomic bool active; /* announced in this epoch */
	uint16_t id;         /* in this epoch */
	char name[NAME_BYTES_MAX];
	uint32_t group, source; /* as captured */
	uint16_t port;
	uint32_t out_group; /* as emitted */
	uint16_t out_port;
	uint32_t flow; /* these two, for the quota, or QUOTA_NONE */
	enum delivery delivery;
	int64_t max_age_ns;

	struct window window;
	seq_t first;              /* of this epoch, for this process */
	seq_t announced;          /* the relay's newest + 1 */
	uint64_t expected_before; /* of earlier epochs */
	uint64_t ready;           /* released, waiting to be emitted */
	seq_t ready_low;   /* the lowest of these, or lower; valid while ready > 0 */
	bool unordered;    /* some of those may have been released out of order */
	uint32_t greeting; /* announced by this one */
	struct peer_causes causes;
	bool welcome_due, report_due, books_due;

	struct peer_book book;
	struct sent_book relay;  /* as the relay last told it */
	gauge_t emitted_last_ns; /* UTC of the last emission */
	gauge_t latency_ns;      /* capture to emission, a mean of the last few */
	/* As last balanced: between two balances the books alone do not add up. */
	gauge_t received_residual, expected_residual;
	/* For scrapes: what the last announcement said, again. */
	counter_t name_seen[NAME_BYTES_MAX / sizeof(uint64_t)];
	gauge_t is_marks, is_immediate, group_seen, port_seen; /* as emitted */
	gauge_t is_withdrawn; /* the relay no longer captures it */
	gauge_t is_unwanted;  /* its group has no member */
	gauge_t source_seen;  /* as captured */
	uint32_t tenant;      /* counts who had the place before */
};

bool peer_channel_init(struct peer_channel *c, struct peer_session *s, uint32_t index);
/* Its place is taken by a channel of another name: the books begin anew. */
void peer_channel_forget(struct peer_channel *c);
/* Takes over an entry of HELLO, or of CHANGE, for a new epoch. */
void peer_channel_announce(struct peer_channel *c, const struct wire_channel *e);
/* The same channel told of again: it may have moved, gone or come back. */
void peer_channel_update(struct peer_channel *c, const struct wire_channel *e);
/* Where it goes, and how, by the settings as they are now. */
void peer_channel_redirect(struct peer_channel *c);
/* A new epoch: what was missing is lost, what is held is released. */
void peer_channel_end_epoch(struct peer_channel *c);
/* The relay numbered everything before next. */
static inline void
peer_channel_know(struct peer_channel *c, seq_t next)
{
	c->announced = seq_max(c->announced, next);
}
/* Where the relay should go on after a reconnect, and what to report. */
seq_t peer_channel_resume(const struct peer_channel *c);
seq_t peer_channel_settled(const struct peer_channel *c);
void peer_channel_drain(struct peer_channel *c);
void peer_channel_balance(struct peer_channel *c);
/* From any thread; at the moment when another channel takes this place the name may
 * be a mixture of both. */
void peer_channel_name(const struct peer_channel *c, char name[NAME_BYTES_MAX]);

#endif
