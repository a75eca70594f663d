/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_REPAIR_H
#define TOMBOLO_RELAY_REPAIR_H
/* REQUEST, answered by repairs or by verdicts. Pure but for relay_repair_new(). */
#include "base/clock.h"
#include "path/batch.h"
#include "path/wire.h"

struct relay_path;
struct relay_repairs;
struct relay_session;

/* NULL: no memory. */
struct relay_repairs *relay_repair_new(mono_t now);
void relay_repair_free(struct relay_repairs *r);
size_t relay_repair_memory_bytes(void);

/* False: the peer broke the protocol. */
bool relay_repair_request(struct relay_session *s, unsigned int slot,
			  const struct wire_frame *f);
void relay_repair_fill(struct relay_session *s, struct now now, struct relay_path *p,
		       struct batch *b);
mono_t relay_repair_deadline(const struct relay_session *s);
/* Measures the live rate, which the budget follows. */
void relay_repair_rate(struct relay_session *s, mono_t now);
/* No path is left: nobody waits for what was asked. */
void relay_repair_forget(struct relay_session *s);
/* For the tests: no more waits than there is room for, and nothing where no range does. */
bool relay_repair_adds_up(const struct relay_session *s);

#endif
