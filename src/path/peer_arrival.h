/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_ARRIVAL_H
#define TOMBOLO_PEER_ARRIVAL_H
/* Stage 8 of 10 (peer): what arrives of a channel, up to where it is ready. Pure. */
#include "base/clock.h"
#include "path/wire.h"

struct peer_channel;

/* A DATA or MARK frame; false: no room now, a stream may be read again later. */
bool peer_arrival_take(struct peer_channel *c, struct now now,
		       const struct wire_data *d, bool repair, bool stream);
/* What waits for nothing any more is ready. */
void peer_arrival_release(struct peer_channel *c);
/* Whatever is held is ready, gaps or not: the channel is not ordered any more. */
void peer_arrival_release_held(struct peer_channel *c);

#endif
