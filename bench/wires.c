/* SPDX-License-Identifier: Apache-2.0 */
#include "wires.h"

#include <inttypes.h>
#include <string.h>

#include "tick.h"

#define UNDER_WAY   32768
#define TURN_FRAMES 16 /* from one interface, before what is due has its turn */

bool
wires_init(struct wires *w)
{
	w->under_way = delay_new(UNDER_WAY);
	return w->under_way != NULL;
}

void
wires_fini(struct wires *w)
{
	for (unsigned int i = 0; i < w->end_count; i++)
		port_close(&w->ends[i].port);
	delay_free(w->under_way);
}

bool
wires_add(struct wires *w, const char *name, uint64_t seed)
{
	struct end *e = &w->ends[w->end_count];

	if (!port_open(&e->port, name))
		return false;
	e->other = &w->ends[w->end_count ^ 1];
	line_init(&e->line, seed ^ (uint64_t)w->end_count << 56);
	w->end_count++;
	return true;
}

static void
give(struct wires *w, const struct delay_packet *p)
{
	struct end *to = p->to;
	int64_t late_ns = tick_ns(CLOCK_MONOTONIC) - p->due_ns;

	histogram_record(&w->late, late_ns);
	if (!port_give(&to->port, p->bytes, p->len)) {
		to->refused++;
		return;
	}
	to->given++;
	to->given_bytes += p->len;
}

void
wires_give_due(struct wires *w)
{
	while (delay_next_ns(w->under_way) <= tick_ns(CLOCK_MONOTONIC))
		give(w, delay_take(w->under_way));
}

/* Two copies under way, of which the second is cut off when there is no room. */
static void
put_twice(struct wires *w, struct end *e, const uint8_t *bytes, size_t len,
	  int64_t due_ns)
{
	uint8_t *copy;

	delay_put(w->under_way, len, due_ns, e->other);
	copy = delay_room(w->under_way);
	if (copy == NULL) {
		e->crowded++;
		return;
	}
	memcpy(copy, bytes, len);
	delay_put(w->under_way, len, due_ns, e->other);
}

static void
take(struct wires *w, struct end *e, const uint8_t *bytes, size_t len,
     int64_t arrived_ns)
{
	int64_t due;
	enum line_verdict verdict = line_take(&e->line, len, arrived_ns, &due);

	e->taken++;
	e->taken_bytes += len;
	e->verdicts[verdict]++;
	switch (verdict) {
	case LINE_CARRIED:
	case LINE_REORDERED: delay_put(w->under_way, len, due, e->other); break;
	case LINE_DUPLICATED: put_twice(w, e, bytes, len, due); break;
	case LINE_LOST:
	case LINE_LOST_DARK:
	case LINE_LOST_QUEUE:
	case LINE_VERDICTS: break;
	}
}

/* When there is no room at all, a frame is read and thrown away. False: more may be
 * there. */
static bool
take_frames(struct wires *w, struct end *e)
{
	uint8_t nowhere[DELAY_FRAME_MAX];

	for (int i = 0; i < TURN_FRAMES; i++) {
		uint8_t *room = delay_room(w->under_way);
		int64_t arrived_ns;
		size_t len = port_take(&e->port, room != NULL ? room : nowhere,
				       DELAY_FRAME_MAX, &arrived_ns);

		if (len == 0)
			return true;
		w->busy_ns = w->looked_ns;
		if (room != NULL)
			take(w, e, room, len, arrived_ns - w->utc_ahead_ns);
		else
			e->crowded++;
	}
	return false;
}

bool
wires_look(struct wires *w)
{
	bool all = true;

	w->looked_ns = tick_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < w->end_count; i++)
		all = take_frames(w, &w->ends[i]) && all;
	return all;
}

/* ---- what became of them ---- */

static void
print_end(FILE *f, const char *name, const struct end *e)
{
	const uint64_t *v = e->verdicts;

	fprintf(f,
		"\"%s\": {\"taken\": %" PRIu64 ", \"taken_bytes\": %" PRIu64
		", \"given\": %" PRIu64 ", \"given_bytes\": %" PRIu64,
		name, e->taken, e->taken_bytes, e->other->given, e->other->given_bytes);
	fprintf(f,
		", \"lost\": %" PRIu64 ", \"dark\": %" PRIu64
		", \"queue_full\": %" PRIu64 ", \"duplicated\": %" PRIu64
		", \"reordered\": %" PRIu64 ", \"refused\": %" PRIu64
		", \"crowded\": %" PRIu64 ", \"ring_dropped\": %" PRIu64
		", \"unfit\": %" PRIu64 "}",
		v[LINE_LOST], v[LINE_LOST_DARK], v[LINE_LOST_QUEUE], v[LINE_DUPLICATED],
		v[LINE_REORDERED], e->other->refused, e->crowded,
		port_dropped(&e->port), e->port.unfit);
}

void
wires_print(const struct wires *w, FILE *f)
{
	const struct histogram *h = &w->late;

	fprintf(f, "{\"wires\": [");
	for (unsigned int i = 0; i < w->end_count; i += 2) {
		fprintf(f, "%s{", i > 0 ? ", " : "");
		print_end(f, "ab", &w->ends[i]);
		fprintf(f, ", ");
		print_end(f, "ba", &w->ends[i + 1]);
		fprintf(f, "}");
	}
	fprintf(f,
		"], \"late_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f"
		", \"max\": %.1f}}\n",
		(double)histogram_percentile(h, 50) / 1e3,
		(double)histogram_percentile(h, 99) / 1e3,
		(double)histogram_percentile(h, 99.9) / 1e3,
		(double)gauge_get(&h->max_ns) / 1e3);
}
