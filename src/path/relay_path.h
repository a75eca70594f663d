/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_PATH_H
#define TOMBOLO_RELAY_PATH_H
/*
 * The paths of a session, as the relay has them: they come up, are greeted and open,
 * carry, fall silent, part by BYE. Pure. Those of relay.h that are about paths are in
 * relay_path.c too.
 */
#include "base/seq.h"
#include "path/life.h"
#include "path/relay_catchup.h"
#include "path/relay_probe.h"
#include "path/timing.h"
#include "path/traffic.h"

struct relay_session;

struct relay_path {
	struct life life;
	enum path_kind kind;
	size_t mtu;
	struct probe probe;
	gauge_t narrow_bytes; /* of frames in a datagram, when longer ones vanish; or 0 */
	bool open;            /* greeted: carries data */
	uint16_t hello_at;    /* next channel to announce; past the last: all are */
	mono_t hello_due;     /* to announce again what was not welcomed */
	bool standby;         /* carries data only when no better path is open */
	uint64_t cursor;      /* position in the history */
	uint64_t part_pos;    /* the record being sent in pieces, and how far it is */
	size_t part_at;
	struct catchup catchup;
	uint64_t frames; /* DATA and MARK frames written */
	seq_t *sent;     /* per channel: all before it was passed on this path */
	/* Heartbeat ladder: soon after the last datagram, then ever rarer. */
	mono_t beat_due;
	int64_t beat_step_ns;
	mono_t beat_last;
	bool beating; /* a round is not complete: the next entry is beat_at */
	bool beat_books;
	uint16_t beat_at;
	uint32_t demand_heard; /* a DEMAND to be answered: its generation; 0: none */
	mono_t bye_again;      /* a datagram path may have lost it */
	struct timing timing;
	struct traffic traffic;
};

/* The one setter of open. */
void relay_path_set_open(struct relay_session *s, struct relay_path *p, bool open);
/* The path to greet on: one that carries or carried frames before one that only came
 * up, and no standby one if possible. PATHS_MAX: none is up. */
unsigned int relay_path_best_up(const struct relay_session *s);
/* Is this open standby path the one that carries data now? Of them only the first does,
 * and only when nothing better is open. */
bool relay_path_stands_in(const struct relay_session *s, const struct relay_path *p);
/* Does this open path carry data now? */
static inline bool
relay_path_is_active(const struct relay_session *s, const struct relay_path *p)
{
	return !p->standby || relay_path_stands_in(s, p);
}

/* The peer goes, or sends us away. False: it broke the protocol. */
bool relay_path_take_bye(struct relay_session *s, struct relay_path *p,
			 const struct wire_frame *f);
/* A path ends when the peer said BYE on it, or nothing at all for too long. */
void relay_path_check(struct relay_session *s, mono_t now);

#endif
