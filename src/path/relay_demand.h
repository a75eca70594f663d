/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_DEMAND_H
#define TOMBOLO_RELAY_DEMAND_H
/* DEMAND: what the peer can do without. Pure but for relay_demand_new(). */
#include "base/clock.h"
#include "path/batch.h"
#include "path/wire.h"

struct relay_demand;
struct relay_path;
struct relay_session;

/* Of so many channels. NULL: no memory. */
struct relay_demand *relay_demand_new(size_t channels);
void relay_demand_free(struct relay_demand *d);
size_t relay_demand_memory_bytes(size_t channels);

/* False: the peer broke the protocol. */
bool relay_demand_take(struct relay_session *s, struct relay_path *p,
		       const struct wire_frame *f);
/* Another process of the peer: what the one before said stands for a moment. */
void relay_demand_succeed(struct relay_session *s, mono_t now);
void relay_demand_fill(struct relay_path *p, struct batch *b);
void relay_demand_tick(struct relay_session *s, mono_t now);

#endif
