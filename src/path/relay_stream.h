/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_STREAM_H
#define TOMBOLO_RELAY_STREAM_H
/* Live data and catch-up, from the path's cursor. Pure. */
#include "path/batch.h"
#include "path/history.h"

struct relay_path;
struct relay_session;

void relay_stream_resume(struct relay_session *s, struct relay_path *p);
void relay_stream_fill(struct relay_session *s, struct now now, struct relay_path *p,
		       struct batch *b);

/* A record as a frame, or in pieces where it is too long for a datagram of the
 * path; at says how far it is. False: the batch is full, go on with the next. */
bool relay_stream_put(struct relay_path *p, struct batch *b, uint8_t flags,
		      const struct history_record *rec, size_t *at);

#endif
