/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_PATH_H
#define TOMBOLO_PEER_PATH_H
/*
 * The paths of a session, as the peer has them: they come up, are greeted and open, fall
 * silent, part by BYE. Pure. Those of peer.h that are about paths are in peer_path.c too.
 */
#include "base/clock.h"
#include "path/batch.h"
#include "path/life.h"
#include "path/timing.h"
#include "path/traffic.h"

struct peer_session;

struct peer_path {
	struct life life;
	enum path_kind kind;
	size_t mtu;
	uint8_t relay_slot; /* the relay's number of it */
	bool welcoming;     /* HELLO came, WELCOME is not complete */
	bool join_due;
	bool greet_due; /* asks to be greeted: it cannot join what it does not know */
	uint64_t greet_epoch;
	bool open;
	bool blocked; /* a stream that is not read for want of memory */
	mono_t report_due;
	uint32_t report_at; /* next channel of a report under way */
	bool report_now;    /* a heartbeat waits for its echo */
	bool report_books;  /* … and for the books */
	bool bye_due;
	struct timing timing;
	struct traffic traffic;
	counter_t bytes;      /* sent by us */
	uint64_t frames;      /* DATA, MARK and CHANGE frames received */
	counter_t firsts;     /* … of datagrams that were not here before */
	unsigned int unheard; /* requests since anything was heard: the breaker */
};

bool peer_path_any_open(const struct peer_session *s);
/* HELLO came on it, and it is not answered. */
static inline bool
peer_path_is_greeted(const struct peer_path *p)
{
	return p->welcoming || p->join_due || p->greet_due;
}

/* Our clock minus the relay's, by the best path. */
int64_t peer_path_offset_ns(const struct peer_session *s);
/* The relay goes, or is sent away. */
bool peer_path_take_bye(struct peer_session *s, struct peer_path *p,
			const struct wire_frame *f);
void peer_path_say_bye(struct peer_path *p, enum wire_bye reason);
/* We leave: the final report, and BYE behind it, on all paths. */
void peer_path_leave(struct peer_session *s);
bool peer_path_has_left(const struct peer_session *s);
/* BYE is due. */
void peer_path_fill_bye(struct peer_session *s, struct peer_path *p, struct batch *b);
/* Closes those that have ended. */
void peer_path_check(struct peer_session *s, mono_t now);

#endif
