/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_SESSION_H
#define TOMBOLO_PEER_SESSION_H
/*
 * One session of a peer lane: its channels, and the dispatch of frames to those who
 * answer them. Pure. Used by peer*.c, and read by those who print figures.
 *
 *   peer_path.c      paths: up, silent, BYE, down
 *   peer_greeting.c  HELLO, answered by WELCOME
 *   peer_channel.c   one channel: who it is, its numbers, its books
 *   peer_arrival.c   … what arrives of it
 *   peer_gap.c       … what is missing of it
 *   peer_request.c   REQUEST, answered by repairs and VERDICT
 *   peer_report.c    HEARTBEAT, answered by REPORT
 *   peer_demand.c    DEMAND
 */
#include "path/batch.h"
#include "path/peer.h"
#include "path/peer_channel.h"
#include "path/peer_greeting.h"
#include "path/peer_path.h"
#include "path/peer_request.h"

struct names;
struct peer_demand;

struct peer_session {
	struct peer *peer;
	unsigned int remote;
	const struct remote_settings *settings;
	_Atomic int state;
	_Atomic uint64_t epoch;
	uint32_t era;      /* counts epochs */
	uint32_t capacity; /* channels at most, the marks' among them */
	struct peer_greeting greeting;
	struct peer_channel *channels;
	_Atomic uint32_t channel_count;
	uint16_t *by_id;     /* index + 1 of each channel id, 0 for none */
	struct names *names; /* of the channels, by index */
	uint32_t idle_at;    /* where the last search for an idle place ended */
	struct recover *recover;
	struct gap_log *gap_log;
	struct parts *parts;
	struct peer_requests requests;
	struct peer_path paths[PATHS_MAX];
	mono_t checked; /* the paths, for silence */
	utc_t last_captured;
	bool progress; /* not reported yet */
	struct peer_demand *demand;
	struct peer_figures figures;
};

bool peer_session_init(struct peer_session *s, struct peer *peer, unsigned int remote,
		       const struct remote_settings *settings, mono_t now);
void peer_session_fini(struct peer_session *s);
size_t peer_session_memory_bytes(const struct peer_session *s);

/* What became of one frame. */
enum peer_frame {
	PEER_TAKEN,
	PEER_NO_ROOM, /* a stream's: give it again when memory is free */
	PEER_BROKEN,  /* the relay broke the protocol */
};
enum peer_frame peer_session_frame(struct peer_session *s, struct now now,
				   unsigned int slot, const struct wire_frame *f);
/* Appends whole frames. */
void peer_session_fill(struct peer_session *s, struct now now, unsigned int slot,
		       struct batch *b);
void peer_session_tick(struct peer_session *s, struct now now);
mono_t peer_session_deadline(const struct peer_session *s);
/* The one setter of the state. */
void peer_session_event(struct peer_session *s, enum session_event event,
			const char *why);
/* The settings were changed in place. */
void peer_session_settings_changed(struct peer_session *s);

static inline struct peer_channel *
peer_session_find(struct peer_session *s, uint16_t id)
{
	return s->by_id[id] == 0 ? NULL : &s->channels[s->by_id[id] - 1];
}

/* The place of a channel that the relay tells of, a new one if need be. 0, or why the
 * relay is to be sent away. */
enum wire_bye peer_session_place(struct peer_session *s, const struct wire_channel *e,
				 struct peer_channel **found);
/* A change of the relay's channels, at its place among the marks. */
void peer_session_change(struct peer_session *s, seq_t seq, const uint8_t *entry,
			 size_t len);

/* For those who print figures. */
const struct peer_session *peer_session(const struct peer *p, unsigned int remote);
uint64_t peer_session_instance(const struct peer_session *s); /* of this process */

#endif
