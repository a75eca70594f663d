/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "marketgen.h"

#define OPENED_NS (1700000000 * NS_PER_S) /* any instant, always the same */

struct output {
	const struct marketgen *g;
	struct frame_writer *writer;
	uint64_t written, bytes;
	bool holding; /* FAULT_SWAP: one that waits for the next of its channel */
	struct frame_datagram held;
	uint8_t held_payload[FRAME_PAYLOAD_MAX];
};

static void
put(struct output *o, const struct frame_datagram *d)
{
	frame_write(o->writer, d);
	o->written++;
	o->bytes += d->len;
}

static void
release(struct output *o)
{
	if (o->holding)
		put(o, &o->held);
	o->holding = false;
}

static void
hold(struct output *o, const struct frame_datagram *d)
{
	release(o);
	o->held = *d;
	memcpy(o->held_payload, d->payload, d->len);
	o->held.payload = o->held_payload;
	o->holding = true;
}

/* Writes a datagram whose turn it is to be damaged. */
static void
put_damaged(struct output *o, struct frame_datagram *d, uint8_t *payload)
{
	switch (o->g->fault) {
	case FAULT_OMIT: break;
	case FAULT_REPEAT:
		put(o, d);
		put(o, d);
		break;
	case FAULT_FLIP:
		payload[d->len - 1] ^= 1;
		put(o, d);
		break;
	case FAULT_SWAP: hold(o, d); break;
	case FAULT_NONE: put(o, d); break;
	}
}

static void
write_market(struct output *o, struct market *m)
{
	const struct marketgen *g = o->g;
	uint8_t payload[FRAME_PAYLOAD_MAX];

	for (uint64_t i = 1; i <= g->count; i++) {
		struct market_datagram said = market_next(m, OPENED_NS);
		struct frame_datagram d = {
			.group = g->group + said.mark.channel,
			.port = (uint16_t)(g->port + said.mark.channel),
			.captured_ns = OPENED_NS + said.due_ns,
			.payload = payload,
			.len = said.len,
		};

		if (said.due_ns > g->duration_ns)
			break;
		market_payload(m, &said, payload);
		if (g->fault != FAULT_NONE && i % g->fault_every == 0) {
			put_damaged(o, &d, payload);
			continue;
		}
		put(o, &d);
		if (o->holding && o->held.group == d.group)
			release(o);
	}
	release(o);
}

bool
marketgen_file(const struct marketgen *g)
{
	struct frame_style style = g->style;
	struct market *m = market_new(&g->market);
	struct output *o = calloc(1, sizeof(*o));
	bool ok = false;

	if (m == NULL || o == NULL)
		goto out;
	if (style.source == 0)
		style.source = 10u << 24 | 10 << 16 | 9;
	o->g = g;
	o->writer = frame_writer_open(g->file, &style);
	if (o->writer == NULL)
		goto out;
	write_market(o, m);
	ok = frame_writer_close(o->writer);
	if (ok)
		printf("{\"sent\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n", o->written,
		       o->bytes);
	else
		fprintf(stderr, "%s: cannot be written\n", g->file);
out:
	free(o);
	market_free(m);
	return ok;
}
