/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_DEMAND_H
#define TOMBOLO_PEER_DEMAND_H
/* DEMAND: what the relay is told that we can do without. Pure but for
 * peer_demand_new(). */
#include "base/clock.h"
#include "path/batch.h"
#include "path/wire.h"

struct peer_demand;
struct peer_session;

/* NULL: no memory. */
struct peer_demand *peer_demand_new(void);
void peer_demand_free(struct peer_demand *d);
size_t peer_demand_memory_bytes(void);

/* Channels, where they go, or members are others now. */
void peer_demand_changed(struct peer_session *s);
/* A greeting is complete: the relay may be one that was never told. */
void peer_demand_greeted(struct peer_session *s);
void peer_demand_fill(struct peer_session *s, unsigned int slot, struct batch *b);
/* The relay's answer; false: it broke the protocol. */
bool peer_demand_answered(struct peer_session *s, const struct wire_frame *f);
void peer_demand_tick(struct peer_session *s, mono_t now);
mono_t peer_demand_deadline(const struct peer_session *s);

#endif
