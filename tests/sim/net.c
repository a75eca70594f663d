/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

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

static mono_t
arrival(struct net *n, mono_t now, bool to_peer, size_t len)
{
	const struct line *l = &n->line;
	mono_t *busy = &n->busy[to_peer], at = now;

	if (l->bytes_per_s > 0) {
		if (mono_before(*busy, now))
			*busy = now;
		*busy = mono_add(*busy, (int64_t)(len * NS_PER_S / l->bytes_per_s));
		at = *busy;
	}
	at = mono_add(at, l->delay_ns + (int64_t)dice_below(
						&n->dice, (uint64_t)l->jitter_ns + 1));
	if (l->stream) {
		if (mono_before(at, n->last[to_peer]))
			at = n->last[to_peer];
		n->last[to_peer] = at;
	} else if (dice_chance(&n->dice, l->reorder)) {
		at = mono_add(at, (int64_t)dice_below(&n->dice,
						      (uint64_t)l->delay_ns * 2 + 1));
	}
	return at;
}

static void
send_once(struct net *n, mono_t at, bool to_peer, uint32_t generation,
	  const uint8_t *bytes, size_t len)
{
	struct packet p = {.at = at,
			   .order = n->sent++,
			   .to_peer = to_peer,
			   .generation = generation,
			   .len = len,
			   .bytes = malloc(len)};

	memcpy(p.bytes, bytes, len);
	n->in_flight_bytes[to_peer] += len;
	push(n, p);
}

void
net_send(struct net *n, mono_t now, bool to_peer, uint32_t generation,
	 const uint8_t *bytes, size_t len)
{
	const struct line *l = &n->line;
	mono_t at = arrival(n, now, to_peer, len);

	if (!l->stream && (l->black || dice_chance(&n->dice, l->loss))) {
		n->lost++;
		return;
	}
	send_once(n, at, to_peer, generation, bytes, len);
	if (!l->stream && dice_chance(&n->dice, l->duplicate))
		send_once(n, mono_add(at, (int64_t)dice_below(&n->dice, 2000000)),
			  to_peer, generation, bytes, len);
}

mono_t
net_deadline(const struct net *n)
{
	return n->count > 0 && !(n->line.stream && n->line.black) ? n->heap[0].at
								  : MONO_NEVER;
}

bool
net_take(struct net *n, mono_t now, struct packet *p)
{
	if (!mono_due(net_deadline(n), now))
		return false;
	*p = pop(n);
	n->in_flight_bytes[p->to_peer] -= p->len;
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
