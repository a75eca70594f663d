/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_REQUEST_H
#define TOMBOLO_PEER_REQUEST_H
/* REQUEST and VERDICT: gaps are asked for, put off, and given up. Pure. */
#include "base/bucket.h"
#include "path/batch.h"
#include "path/wire.h"

struct peer_path;
struct peer_session;

/* peer_request.c alone, but for stopped. */
struct peer_requests {
	int64_t reorder_ns; /* measured: how late originals fill their gaps */
	mono_t fade_due;
	struct bucket budget;
	bool stopped; /* no path answers any more, and that was told */
};

void peer_request_init(struct peer_session *s, mono_t now);
void peer_request_fill(struct peer_session *s, struct now now, unsigned int slot,
		       struct batch *b);
/* False: the relay broke the protocol. */
bool peer_request_answered(struct peer_session *s, struct now now,
			   const struct wire_frame *f);
/* Nobody could answer now. */
void peer_request_suspend(struct peer_session *s);
/* A path is heard: when requesting had stopped it goes on, and that is told. */
void peer_request_heard(struct peer_session *s);
/* Requests are timed by the path that they go out on: its round trip was measured. */
void peer_request_timed(struct peer_session *s);
/* An original came so long after its gap was found. */
void peer_request_reordered(struct peer_session *s, int64_t late_ns);
void peer_request_tick(struct peer_session *s, mono_t now);

#endif
