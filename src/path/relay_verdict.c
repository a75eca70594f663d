/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): verdicts that wait to be sent: AGED, NEVER and THROTTLED. Gets
 * them from relay_repair and relay_stream. Runs on the lane's thread.
 */
#include "path/relay_verdict.h"

#include <stdlib.h>

#include "path/relay_internal.h"
#include "path/relay_session.h"

#define ANSWERS      1024 /* waiting to be sent */
#define ANSWER_BYTES 23

struct relay_verdicts {
	struct wire_answer answers[ANSWERS];
	unsigned int head, count;
};

struct relay_verdicts *
relay_verdict_new(void)
{
	return calloc(1, sizeof(struct relay_verdicts));
}

void
relay_verdict_free(struct relay_verdicts *v)
{
	free(v);
}

size_t
relay_verdict_memory_bytes(void)
{
	return sizeof(struct relay_verdicts);
}

static void
count_answer(struct relay_figures *f, enum wire_verdict verdict)
{
	switch (verdict) {
	case WIRE_AGED: counter_inc(&f->answers_aged); break;
	case WIRE_NEVER: counter_inc(&f->answers_never); break;
	case WIRE_THROTTLED: counter_inc(&f->answers_throttled); break;
	}
}

/* When the queue is full the verdict is dropped: the peer asks again. */
void
relay_verdict_give(struct relay_session *s, uint16_t channel, enum wire_verdict verdict,
		   seq_t from, seq_t to, uint32_t retry_us)
{
	struct relay_verdicts *v = s->verdicts;

	if (seq_span(from, to) == 0 || v->count == ANSWERS)
		return;
	v->answers[(v->head + v->count++) % ANSWERS] =
		(struct wire_answer){.channel = channel,
				     .verdict = verdict,
				     .first = from,
				     .count = seq_span(from, to),
				     .retry_us = retry_us};
	count_answer(&s->relay->figures, verdict);
}

void
relay_verdict_fill(struct relay_session *s, struct batch *b)
{
	struct relay_verdicts *v = s->verdicts;
	struct wire_draft d;

	if (v->count == 0 || !batch_fits(b, WIRE_HEADER_BYTES + 2 + ANSWER_BYTES))
		return;
	d = wire_begin(&b->w, WIRE_VERDICT, 0);
	wire_entries(&b->w, &d);
	while (v->count > 0 && batch_used(b) + ANSWER_BYTES <= b->limit) {
		wire_put_answer(&b->w, &v->answers[v->head]);
		v->head = (v->head + 1) % ANSWERS;
		v->count--;
		d.entries++;
	}
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
}

void
relay_verdict_forget(struct relay_session *s)
{
	s->verdicts->count = 0;
}

bool
relay_verdict_adds_up(const struct relay_session *s)
{
	return s->verdicts->count <= ANSWERS;
}
