/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_CATCHUP_H
#define TOMBOLO_RELAY_CATCHUP_H
/* How fast a backlog goes out over a datagram path. Pure. */
#include "base/bucket.h"
#include "path/history.h"

struct relay_path;
struct relay_session;

/* The backlog's way out over a datagram path. */
struct catchup {
	bool active; /* what is sent now is of the past */
	bool held;   /* there is more, when the budget allows */
	struct bucket budget;
	uint64_t rate; /* datagrams/s */
	/* The interval that is judged next. */
	mono_t judged;
	uint64_t sent, asked_before;
	uint32_t usual_ppm; /* the path's loss before it began */
};

/* May this record leave now, and if not, when to try again; it left. */
bool relay_catchup_may(struct relay_session *s, struct relay_path *p, mono_t now,
		       const struct history_record *rec);
void relay_catchup_sent(struct relay_path *p, mono_t now);
mono_t relay_catchup_deadline(const struct relay_path *p);

#endif
