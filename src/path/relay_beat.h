/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_BEAT_H
#define TOMBOLO_RELAY_BEAT_H
/* HEARTBEAT with its ladder, and the books. Pure. */
#include "base/clock.h"
#include "path/batch.h"

struct relay_path;
struct relay_session;

#define RELAY_BOOKS_NS NS_PER_S /* between two rounds with the books */

void relay_beat_start(struct relay_path *p, struct now now);
void relay_beat_after_data(struct relay_session *s, struct relay_path *p, mono_t now);
mono_t relay_beat_deadline(const struct relay_path *p);
void relay_beat_fill(struct relay_session *s, struct now now, struct relay_path *p,
		     struct batch *b);

#endif
