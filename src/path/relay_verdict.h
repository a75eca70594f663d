/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_VERDICT_H
#define TOMBOLO_RELAY_VERDICT_H
/* VERDICT: what is answered instead of a repair. Pure but for relay_verdict_new(). */
#include "path/batch.h"
#include "path/wire.h"

struct relay_session;
struct relay_verdicts;

/* NULL: no memory. */
struct relay_verdicts *relay_verdict_new(void);
void relay_verdict_free(struct relay_verdicts *v);
size_t relay_verdict_memory_bytes(void);

/* Of [from, to), which may be empty. retry_us: THROTTLED only. */
void relay_verdict_give(struct relay_session *s, uint16_t channel,
			enum wire_verdict verdict, seq_t from, seq_t to,
			uint32_t retry_us);
void relay_verdict_fill(struct relay_session *s, struct batch *b);
/* No path is left: nobody waits for them. */
void relay_verdict_forget(struct relay_session *s);
/* For the tests: no more wait than there is room for. */
bool relay_verdict_adds_up(const struct relay_session *s);

#endif
