/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_READY_H
#define TOMBOLO_READY_H
/*
 * What is ready to be emitted, over all channels of a lane: in the order in which it
 * became so, but for flows that are at their quota. These wait in lines of their own,
 * each in order, and the others go past them. Datagrams are chunks of the pool and
 * linked through it. Pure but for ready_new().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "path/emit.h"
#include "path/pool.h"
#include "path/quota.h"

struct ready;

/* The flow that the datagram's channel goes to now. */
typedef uint32_t ready_flow(void *arg, const struct held *held);

/* flows: how many there may be. quota: asked before anything leaves, if `paced`. flow:
 * asked of what may leave next, so that a channel moves without a walk over all that is
 * ready. NULL: no memory. */
struct ready *ready_new(struct pool *pool, struct quota *quota, uint32_t flows,
			bool paced, ready_flow *flow, void *arg);
void ready_free(struct ready *r);

/* The quota is asked from now on, or no more: then what waits for it may leave at once,
 * each flow in its order. */
void ready_set_paced(struct ready *r, bool paced);
bool ready_is_paced(const struct ready *r);

/* The newest. */
void ready_put(struct ready *r, uint32_t chunk);

/* The next that may leave now, its held.flow set; POOL_NONE: none. It stays the next
 * until it is taken or another now comes. */
uint32_t ready_next(struct ready *r, mono_t now);
/* That one leaves the queue, unpaid. */
void ready_take(struct ready *r);

/* One that was taken is back, first of all; of several the last is returned first. */
void ready_return(struct ready *r, uint32_t chunk);

/* A channel goes elsewhere: what is ready of it is of flow `to`, and stays in order.
 * None of it may be taken at this moment. Takes as long as chunks of `from` wait. */
void ready_redirect(struct ready *r, unsigned int session, uint32_t channel,
		    uint32_t from, uint32_t to);

/* All that there are. */
uint64_t ready_count(const struct ready *r);
/* When one that waits for the quota may leave; MONO_NEVER: none waits for it. */
mono_t ready_deadline(const struct ready *r);

#endif
