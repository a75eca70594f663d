/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

/* What waits for the rate longer than this is dropped, datagrams only. */
#define QUEUE_NS     (50 * NS_PER_MS)
#define DUPLICATE_NS (2 * NS_PER_MS)

uint64_t
dice_roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t
dice_below(struct dice *d, uint64_t n)
{
	return n == 0 ? 0 : dice_roll(d) % n;
}

bool
dice_chance(struct dice *d, double probability)
{
	return (double)(dice_roll(d) >> 11) / (double)(UINT64_C(1) << 53) < probability;
}

static bool
earlier(const struct packet *a, const struct packet *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->order < b->order;
}

static void
push(struct net *n, struct packet p)
{
	size_t i = n->count++;

	if (n->count > n->room) {
		n->room = n->room ? 2 * n->room : 256;
		n->heap = realloc(n->heap, n->room * sizeof *n->heap);
	}
	for (; i > 0 && earlier(&p, &n->heap[(i - 1) / 2]); i = (i - 1) / 2)
		n->heap[i] = n->heap[(i - 1) / 2];
	n->heap[i] = p;
}

static struct packet
pop(struct net *n)
{
	struct packet top = n->heap[0], last = n->heap[--n->count];
	size_t i = 0, c;

	while ((c = 2 * i + 1) < n->count) {
		if (c + 1 < n->count && earlier(&n->heap[c + 1], &n->heap[c]))
			c++;
		if (!earlier(&n->heap[c], &last))
			break;
		n->heap[i] = n->heap[c];
		i = c;
	}
	n->heap[i] = last;
	return top;
}

/* Gilbert's two states: within a burst all is lost. */
static bool
is_lost(struct net *n, enum half to)
{
	const struct line *l = &n->line;
	double loss = l->loss[to];

	if (n->black)
		return true;
	if (l->burst <= 1 || loss <= 0)
		return dice_chance(&n->dice, loss);
	n->losing[to] = n->losing[to]
				? !dice_chance(&n->dice, 1 / l->burst)
				: dice_chance(&n->dice, loss / (l->burst * (1 - loss)));
	return n->losing[to];
}

/* When the rate has let it out; MONO_NEVER: the queue in front is full. */
static mono_t
departure(struct net *n, mono_t now, enum half to, size_t len)
{
	const struct line *l = &n->line;
	mono_t *busy = &n->busy[to];

	if (l->bytes_per_s == 0)
		return now;
	if (mono_before(*busy, now))
		*busy = now;
	if (!l->stream && mono_sub(*busy, now) > QUEUE_NS)
		return MONO_NEVER;
	*busy = mono_add(*busy, (int64_t)(len * NS_PER_S / l->bytes_per_s));
	return *busy;
}

static mono_t
arrival(struct net *n, mono_t departed, enum half to)
{
	const struct line *l = &n->line;
	mono_t at = mono_add(
		departed, l->delay_ns + (int64_t)dice_below(
						&n->dice, (uint64_t)l->jitter_ns + 1));

	if (l->stream) {
		if (mono_before(at, n->last[to]))
			at = n->last[to];
		n->last[to] = at;
	} else if (dice_chance(&n->dice, l->reorder)) {
		at = mono_add(
			at, (int64_t)dice_below(&n->dice, (uint64_t)l->reorder_ns + 1));
	}
	return at;
}

static void
put(struct net *n, struct packet p, const uint8_t *bytes)
{
	p.order = n->sent++;
	p.bytes = malloc(p.len + 1);
	memcpy(p.bytes, bytes, p.len);
	n->in_flight_bytes[p.to] += p.len;
	push(n, p);
}

bool
net_send(struct net *n, mono_t now, enum half to, uint32_t connection,
	 const uint8_t *bytes, size_t len)
{
	const struct line *l = &n->line;
	mono_t departed = departure(n, now, to, len);
	struct packet p = {.to = to, .connection = connection, .len = len};

	if (!l->stream && (departed.ns == MONO_NEVER.ns || is_lost(n, to)))
		return false;
	p.at = arrival(n, departed, to);
	put(n, p, bytes);
	if (l->stream || !dice_chance(&n->dice, l->duplicate))
		return true;
	p.at = mono_add(p.at, (int64_t)dice_below(&n->dice, DUPLICATE_NS));
	put(n, p, bytes);
	return true;
}

void
net_send_end(struct net *n, mono_t now, enum half to, uint32_t connection)
{
	struct packet p = {.to = to, .connection = connection, .end = true};

	if (!n->line.stream && is_lost(n, to))
		return;
	p.at = arrival(n, now, to);
	put(n, p, (const uint8_t *)"");
}

mono_t
net_deadline(const struct net *n)
{
	return n->count > 0 && !(n->line.stream && n->black) ? n->heap[0].at
							     : MONO_NEVER;
}

bool
net_take(struct net *n, mono_t now, struct packet *p)
{
	if (!mono_due(net_deadline(n), now))
		return false;
	*p = pop(n);
	n->in_flight_bytes[p->to] -= p->len;
	return true;
}

void
net_clear(struct net *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->heap[i].bytes);
	free(n->heap);
	n->heap = NULL;
	n->count = n->room = 0;
}
