/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_PROBE_H
#define TOMBOLO_RELAY_PROBE_H
/* Whether long datagrams arrive. Pure. */
#include "base/clock.h"
#include "path/batch.h"
#include "path/wire.h"

struct relay_path;
struct relay_session;

/* Two heartbeats, a short and a long datagram, on a datagram path that loses. */
struct probe {
	mono_t due;
	size_t mtu;                /* as the path is said to take */
	int64_t short_ns, long_ns; /* time stamps of the two on the way; 0: none */
	bool short_heard, long_heard;
	unsigned int missed; /* long ones in a row */
	mono_t over; /* until then no other heartbeat, whose echo would replace theirs */
};

void relay_probe_start(struct relay_path *p, size_t mtu);
void relay_probe_heard(struct relay_session *s, struct relay_path *p,
		       const struct wire_timing *t);
/* True: this batch is a probe, complete. */
bool relay_probe_fill(struct relay_session *s, struct now now, struct relay_path *p,
		      struct batch *b);
mono_t relay_probe_deadline(const struct relay_path *p);

#endif
