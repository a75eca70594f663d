/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_INTERNAL_H
#define TOMBOLO_PEER_INTERNAL_H
/* Inside of a peer lane's core, for peer.c and peer_*.c alone. */
#include "path/peer.h"
#include "path/quota.h"
#include "path/ready.h"

struct names;

struct peer {
	const struct peer_settings *settings;
	uint64_t instance;
	const struct peer_ops *ops;
	void *arg;
	struct pool *pool;
	struct peer_session *sessions;
	size_t session_count;
	struct names *outputs; /* of the settings, by index */
	struct quota *quota;
	struct ready *ready;
	struct history *emitted; /* NULL: not remembered */
	/* Taken from there, paid for and shown to the kernel, between peer_ready() and
	 * peer_emitted(). */
	uint32_t shown[EMIT_BATCH];
	size_t shown_count;
	struct iovec iov[EMIT_BATCH][POOL_IOV_MAX];
	/* Groups that have a member, sorted; NULL: not asked for, or no answer yet. */
	uint32_t *groups;
	size_t group_count;
	gauge_t pool_used, emitted_used;
	mono_t tick_due;
	struct now now; /* of the last input or tick, for the log of gaps */
	bool draining;
};

/* Ready to be emitted, and not emitted yet. */
uint64_t peer_waiting(const struct peer *p);

#endif
