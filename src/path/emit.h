/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EMIT_H
#define TOMBOLO_EMIT_H
/*
 * Last stage of the peer, shell: datagrams leave on the multicast domain's
 * interface, in batches of sendmmsg(2). It owns no queue: what the kernel does
 * not take now stays in the window, so EAGAIN and ENOBUFS lose nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/counter.h"
#include "ops/settings.h"

struct emitter;

#define EMIT_BATCH   64
#define EMIT_IOV_MAX 40 /* pieces of one datagram */

/* One datagram to send; all is borrowed until emit_send() returns. */
struct outgoing {
	uint32_t group;
	uint16_t port;
	const struct iovec *iov;
	size_t iov_count;
	size_t len;
};

enum emit_verdict {
	EMIT_SENT,
	EMIT_OVERSIZE, /* longer than the interface's MTU takes in one packet */
	EMIT_ERROR,    /* refused by the kernel for good (a firewall's EPERM) */
	EMIT_AGAIN,    /* not taken now (EAGAIN, ENOBUFS, ENETDOWN …): try again */
};

/* Socket with IP_MULTICAST_IF, _TTL, _LOOP, IP_TOS, IP_MTU_DISCOVER (ip(7)). On error
 * NULL, with a line for the operator in error. */
struct emitter *emit_new(const struct emit_settings *s, char *error,
			 size_t error_bytes);
void emit_free(struct emitter *e);

/* Time to live and DSCP of what is sent from now on; from any thread. 0, or a negative
 * errno with a line for the operator in error: all is as before. */
int emit_mark(struct emitter *e, const struct emit_settings *s, char *error,
	      size_t error_bytes);

/*
 * Sends at most EMIT_BATCH datagrams in order and gives a verdict for each of
 * the first `done` (returned); the rest was not tried or is AGAIN. done < count
 * means: call again with the rest when emit_fd() is writable or, if
 * emit_retry_ns() is not 0, after that time (ENOBUFS and a downed interface make
 * no socket writable).
 */
size_t emit_send(struct emitter *e, const struct outgoing *out, size_t count,
		 enum emit_verdict *verdicts);
int emit_fd(const struct emitter *e);
int64_t emit_retry_ns(const struct emitter *e);

#define EMIT_COUNTERS(X)                                                    \
	X(sent, "datagrams", "Datagrams taken by the kernel")               \
	X(sent_bytes, "bytes", "Payload bytes taken by the kernel")         \
	X(batches, "calls", "sendmmsg calls")                               \
	X(again, "times", "Times the socket buffer was full (EAGAIN)")      \
	X(nobufs, "times", "Times the interface queue was full (ENOBUFS)")  \
	X(down, "times", "Times the interface was down or without a route") \
	X(oversize, "datagrams",                                            \
	  "Refused: longer than the interface takes unfragmented")          \
	X(errors, "datagrams", "Refused by the kernel for another reason")

struct emit_figures {
#define X(id, unit, help) counter_t id;
	EMIT_COUNTERS(X)
#undef X
	gauge_t mtu_bytes;
};
const struct emit_figures *emit_figures(const struct emitter *e);

#endif
