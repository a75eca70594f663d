/* SPDX-License-Identifier: Apache-2.0 */
#include "delay.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

/* heap[0, count) is a binary heap, heap[count, room) are the free ones: a packet
 * that leaves the heap becomes the first free one, so that few are ever touched. */
struct delay {
	struct delay_packet *heap;
	uint8_t *bytes;
	size_t count, room;
	uint64_t next_number;
};

struct delay *
delay_new(size_t packets)
{
	struct delay *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->heap = calloc(packets, sizeof(*d->heap));
	d->bytes = calloc(packets, DELAY_FRAME_MAX);
	d->room = packets;
	if (d->heap == NULL || d->bytes == NULL) {
		delay_free(d);
		return NULL;
	}
	for (size_t i = 0; i < packets; i++)
		d->heap[i].bytes = d->bytes + i * DELAY_FRAME_MAX;
	return d;
}

void
delay_free(struct delay *d)
{
	if (d == NULL)
		return;
	free(d->heap);
	free(d->bytes);
	free(d);
}

static bool
goes_before(const struct delay_packet *a, const struct delay_packet *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void
swap(struct delay *d, size_t a, size_t b)
{
	struct delay_packet held = d->heap[a];

	d->heap[a] = d->heap[b];
	d->heap[b] = held;
}

static void
sift_up(struct delay *d, size_t i)
{
	while (i > 0 && goes_before(&d->heap[i], &d->heap[(i - 1) / 2])) {
		swap(d, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static void
sift_down(struct delay *d)
{
	size_t i = 0, first = 0;

	do {
		i = first;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < d->count &&
			    goes_before(&d->heap[child], &d->heap[first]))
				first = child;
		swap(d, i, first);
	} while (first != i);
}

uint8_t *
delay_room(struct delay *d)
{
	return d->count < d->room ? d->heap[d->count].bytes : NULL;
}

void
delay_put(struct delay *d, size_t len, int64_t due_ns, void *to)
{
	struct delay_packet *p = &d->heap[d->count];

	assert(d->count < d->room && len <= DELAY_FRAME_MAX);
	p->due_ns = due_ns;
	p->number = d->next_number++;
	p->to = to;
	p->len = len;
	sift_up(d, d->count++);
}

int64_t
delay_next_ns(const struct delay *d)
{
	return d->count > 0 ? d->heap[0].due_ns : INT64_MAX;
}

const struct delay_packet *
delay_take(struct delay *d)
{
	assert(d->count > 0);
	swap(d, 0, --d->count);
	sift_down(d);
	return &d->heap[d->count];
}
