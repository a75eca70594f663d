/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EMITTED_H
#define TOMBOLO_EMITTED_H
/*
 * Peer: the recent past of a lane, for whoever wants to look at it afterwards: what was
 * emitted, and the marks, in the order in which that happened. Nothing is decided by it.
 * A history (path/history.h) of one channel, in which each record begins with what is
 * said of the datagram here. Pure but for emitted_new().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/seq.h"
#include "ops/settings.h"
#include "path/history.h"

#define EMITTED_CHANNEL 0 /* of the history: its only one */

/* As the lane had it at that moment. */
struct emitted {
	uint32_t remote, channel; /* index of the relay, and of the channel there */
	uint32_t tenant;          /* peer_channel's: whether it is still that channel */
	seq_t seq;                /* of the tunnel */
	utc_t emitted;
	uint32_t group; /* as emitted */
	uint16_t port;
	bool repaired;
};

/* NULL: no memory. */
struct history *emitted_new(const struct history_settings *settings);

/* What is too long for the history is not remembered. */
void emitted_put(struct history *h, mono_t now, const struct emitted *e, utc_t captured,
		 const struct iovec *iov, size_t iov_count);
/* A mark: captured is when the relay found it out, payload the mark as the relay's own
 * history has it. */
void emitted_put_mark(struct history *h, mono_t now, uint32_t remote, utc_t captured,
		      const struct iovec *payload);

/* What the record says; what follows in it is left in rec. */
struct emitted emitted_read(struct history_record *rec);

#endif
