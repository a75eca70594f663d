/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_SESSION_H
#define TOMBOLO_RELAY_SESSION_H
/*
 * One session of a relay lane: what is said to a peer, and how far it is. Pure. Used by
 * relay*.c, and read by those who print figures.
 *
 *   relay_path.c      paths: up, standby, silent, BYE, down
 *   relay_greeting.c  HELLO, answered by WELCOME
 *   relay_stream.c    live data and catch-up, from a path's cursor
 *   relay_catchup.c   … how fast the latter
 *   relay_beat.c      HEARTBEAT, answered by REPORT
 *   relay_report.c    REPORT
 *   relay_told.c      … and what no report has told of
 *   relay_probe.c     whether long datagrams arrive
 *   relay_repair.c    REQUEST, answered by repairs
 *   relay_verdict.c   … or by VERDICT
 *   relay_demand.c    DEMAND
 *   relay_drain.c     the final books, and BYE
 */
#include "path/batch.h"
#include "path/relay.h"
#include "path/relay_drain.h"
#include "path/relay_greeting.h"
#include "path/relay_path.h"

struct relay_demand;
struct relay_repairs;
struct relay_verdicts;

struct relay_session {
	struct relay *relay;
	unsigned int remote;
	const struct remote_settings *settings;
	_Atomic int state;       /* enum session_state; one writer */
	uint64_t instance;       /* of the peer process, 0 before the first WELCOME */
	counter_t instance_seen; /* again, for scrapes */
	gauge_t peer_capacity;   /* channels that it takes; 0: it was not greeted yet */
	struct relay_greeting greeting;
	struct outlet *outlets; /* per channel */
	gauge_t *residuals; /* per channel, as last balanced: between two balances the
			     * books alone do not add up */
	struct relay_path paths[PATHS_MAX];
	unsigned int open_paths;
	mono_t checked; /* the paths, for silence */
	struct relay_repairs *repairs;
	struct relay_verdicts *verdicts;
	uint64_t live_rate;   /* datagrams/s, measured, smoothed */
	uint64_t asked_total; /* datagrams that were to be repaired */
	struct relay_demand *demand;
	uint64_t acked; /* position: the peer has settled all before it */
	mono_t books_due;
	mono_t told_due; /* to look what the peer's books do not cover */
	unsigned int books_rounds;
	bool books_all; /* this round lists every channel */
	bool peer_left; /* said BYE: what it reported is all that it emitted */
	struct relay_drain drain;
};

bool relay_session_init(struct relay_session *s, struct relay *relay,
			unsigned int remote, const struct remote_settings *settings,
			mono_t now);
void relay_session_fini(struct relay_session *s);
size_t relay_session_memory_bytes(const struct relay_session *s);

/* One frame; false: the remote broke the protocol. */
bool relay_session_frame(struct relay_session *s, struct now now, unsigned int slot,
			 const struct wire_frame *f);
/* Appends whole frames. */
void relay_session_fill(struct relay_session *s, struct now now, unsigned int slot,
			struct batch *b);
/* Channels came, moved or went, and (told) channel 0 says so. */
void relay_session_channels_changed(struct relay_session *s, bool told);
void relay_session_tick(struct relay_session *s, struct now now);
mono_t relay_session_deadline(const struct relay_session *s);
/* The one setter of the state. */
void relay_session_event(struct relay_session *s, enum session_event event,
			 const char *why);
/* Brings the books up to date. */
void relay_session_balance(struct relay_session *s);

static inline enum session_state
relay_session_state(const struct relay_session *s)
{
	return session_state(&s->state);
}

/* Greeted, so that paths may join. */
bool relay_session_is_carrying(const struct relay_session *s);

#endif
