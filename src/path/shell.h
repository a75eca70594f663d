/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SHELL_H
#define TOMBOLO_SHELL_H
/*
 * What the shells of both halves' lanes have around their cores, and do alike: a lane,
 * its tunnel, what is logged of sessions, and the end, when all byes are said.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/counter.h"
#include "path/lane.h"
#include "path/session.h"
#include "path/tunnel.h"
#include "path/wire.h"

/* The first member of whatever a lane gives to its core and its tunnel as arg, so that
 * the callbacks here may be in the tables of either half. */
struct shell {
	struct lane lane;
	const struct remote_settings *remotes;
	gauge_t *since_ns; /* per remote: when its session's state last changed */
	struct tunnel *tunnel;
	unsigned int paths_up;
	_Atomic bool draining; /* the main thread looks too */
	mono_t drain_end;      /* MONO_NEVER: as long as it takes */
	mono_t farewell_end;   /* set when all byes are said */
};

/* 0 or a negative errno. The tunnel is opened later, by shell_open(), since it calls the
 * core, and is freed by its owner before the core. */
int shell_init(struct shell *s, const struct half_settings *settings,
	       const struct lane_ops *ops);
bool shell_open(struct shell *s, const struct half_settings *settings,
		const struct tunnel_ops *ops, char *error, size_t error_bytes);
void shell_fini(struct shell *s);

/* ---- all of this on the lane's thread ---- */

/* For the core, of a path that is up. */
enum path_kind shell_path_kind(enum transport transport);
/* A record's worth, where a path takes more in a single longer frame. */
size_t shell_fill_limit(size_t cap);

void shell_log_session(struct shell *s, unsigned int remote, enum session_state from,
		       enum session_state to, const char *why, uint64_t epoch);
/* relay_ops and peer_ops have these. */
void shell_close(void *arg, unsigned int remote, unsigned int slot,
		 enum wire_bye reason);
void shell_clock(void *arg, unsigned int remote, unsigned int slot, bool apart,
		 int64_t offset_ns, int64_t error_ns);

/* The sooner of due and what a drain waits for. */
mono_t shell_deadline(const struct shell *s, mono_t due);
/* All byes are said: the remotes close now, and one that does not is not waited for
 * longer than a moment. */
void shell_begin_farewell(struct shell *s);
/* The core has said all. True: when that is written too, and nothing is left to wait
 * for. */
bool shell_is_finished(struct shell *s);

#endif
