/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_REPORT_H
#define TOMBOLO_PEER_REPORT_H
/* HEARTBEAT and REPORT: how far the two halves are, and their books. Pure. */
#include "path/batch.h"
#include "path/wire.h"

struct peer_channel;
struct peer_path;
struct peer_session;

/* A heartbeat came. False: the relay broke the protocol. */
bool peer_report_heartbeat(struct peer_session *s, struct now now, struct peer_path *p,
			   const struct wire_frame *f);
/* Progress to be reported soon. */
void peer_report_progress(struct peer_session *s, struct peer_channel *c);
/* The final one of a path is to be whole, with all books. */
void peer_report_last(struct peer_session *s, struct peer_path *p);
void peer_report_fill(struct peer_session *s, struct now now, struct peer_path *p,
		      struct batch *b);

#endif
