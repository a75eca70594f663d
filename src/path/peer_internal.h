/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_INTERNAL_H
#define TOMBOLO_PEER_INTERNAL_H
/* Inside of a peer lane's core, for peer.c and peer_*.c alone. */
#include "path/peer.h"

struct peer {
	const struct peer_settings *settings;
	uint64_t instance;
	const struct peer_ops *ops;
	void *arg;
	struct pool *pool;
	struct peer_session *sessions;
	size_t session_count;
	/* What is ready to be emitted, over all channels, in the order in which it
	 * became so; linked through the pool. */
	uint32_t ready_head, ready_tail;
	uint64_t ready_count;
	struct iovec iov[EMIT_BATCH][POOL_IOV_MAX];
	size_t shown; /* by the last peer_ready() */
	mono_t tick_due;
	bool draining;
};

void peer_queue(struct peer *p, uint32_t chunk);

#endif
