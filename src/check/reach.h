/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_REACH_H
#define TOMBOLO_REACH_H
/*
 * Whether the remotes that this half dials can be reached, and how long a packet gets
 * there. All at the same time, within the time given. What goes out is the first word
 * of a handshake and no more: a TCP connection that is closed again, and greetings over
 * UDP to the same address and port, each of another length and none to be fragmented.
 * Greetings to a port where only TLS listens are answered too, by ICMP.
 */
#include <stdbool.h>
#include <stdint.h>

#include "check/finding.h"
#include "ops/settings.h"

#define REACH_LENGTHS 14 /* that are tried on one path */

struct reach {
	/* What to try. */
	const char *remote;
	size_t slot;
	const struct path_settings *path;
	/* What came of it. */
	int dial_error;    /* errno before anything was sent; 0 */
	uint32_t source;   /* by which address of ours */
	int device_mtu;    /* of that interface; 0: not known */
	bool tcp_up;       /* of a tls path */
	int tcp_error;     /* errno, or 0: silence */
	int tcp_segment;   /* bytes */
	bool answered;     /* a greeting, by a handshake */
	int udp_error;     /* ECONNREFUSED: the host is there, nobody listens; 0 */
	uint32_t proven;   /* the longest packet that arrived; 0: none is known to */
	uint32_t unproven; /* the shortest that is not known to have; 0: all have */
	uint32_t tried;    /* the longest that was sent */
	uint32_t told_mtu; /* by ICMP, or by the route; 0: nobody told */
};

/* Shell; blocks for timeout_ns at most. count of struct reach, the first three fields
 * set. Returns 0 or negative errno. */
int reach_try(struct reach *r, size_t count, int64_t timeout_ns);

/* Pure. */
void reach_judge_route(struct finding *f, const struct reach *r);
void reach_judge(struct finding *f, const struct reach *r);
void reach_judge_mtu(struct finding *f, const struct reach *r);

#endif
