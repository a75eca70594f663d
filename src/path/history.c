/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 6 of 10 (relay): remembers what was sequenced. Gets datagrams from
 * sequence (relay.c), serves cursors and repairs to relay_session. Runs on the
 * lane's thread.
 *
 * The index is a hash of (channel, sequence) to the newest record of the bucket;
 * older ones hang behind it, newest first, linked by position. Records leave in
 * the order in which they came, so a chain is cut simply by a position below the
 * tail: nothing is ever deleted from the index.
 */
#include "path/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum { SKIP = 0xff }; /* the rest of the ring is unused, go on at its start */

/* In front of each payload, 8-byte aligned. */
struct slot {
	uint64_t chain; /* position + 1 of the next older record of the bucket */
	seq_t seq;
	utc_t captured;
	mono_t arrived;
	uint32_t len;
	uint16_t channel;
	uint8_t kind;
};

struct ends {
	seq_t oldest;
	seq_t next;
};

struct history {
	uint8_t *ring;
	uint64_t size;
	uint64_t tail;
	uint64_t head;
	uint64_t pinned_at;
	bool pinned;
	int64_t age_ns;
	uint64_t *buckets; /* position + 1, 0 for none */
	size_t bucket_mask;
	struct ends *ends;
	size_t channels;
	size_t memory_bytes;
};

struct history *
history_new(size_t memory_bytes, int64_t age_ns, size_t channels, bool pinned)
{
	struct history *h = calloc(1, sizeof *h);
	size_t buckets = 1024;

	if (h == NULL)
		return NULL;
	/* A bucket for every 256 bytes: the usual datagram of a feed with its slot. */
	while (buckets * 2 * 256 <= memory_bytes)
		buckets *= 2;
	h->memory_bytes = memory_bytes;
	h->size = (memory_bytes - buckets * sizeof *h->buckets) & ~(uint64_t)7;
	h->ring = malloc(h->size);
	h->buckets = calloc(buckets, sizeof *h->buckets);
	h->ends = calloc(channels, sizeof *h->ends);
	h->bucket_mask = buckets - 1;
	h->channels = channels;
	h->age_ns = age_ns;
	h->pinned = pinned;
	if (h->ring == NULL || h->buckets == NULL || h->ends == NULL) {
		history_free(h);
		return NULL;
	}
	for (size_t i = 0; i < channels; i++)
		h->ends[i] = (struct ends){.oldest = SEQ_FIRST, .next = SEQ_FIRST};
	return h;
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	free(h->ring);
	free(h->buckets);
	free(h->ends);
	free(h);
}

void
history_set_age(struct history *h, int64_t age_ns)
{
	h->age_ns = age_ns;
}

static uint64_t *
bucket(const struct history *h, uint16_t channel, seq_t seq)
{
	/* Fibonacci hashing: neighbours in sequence land far apart. */
	uint64_t hash = (seq.n ^ (uint64_t)channel << 48) * 0x9e3779b97f4a7c15u;

	return &h->buckets[(hash >> 20) & h->bucket_mask];
}

static struct slot *
slot_at(const struct history *h, uint64_t pos)
{
	return (struct slot *)(void *)(h->ring + pos % h->size);
}

static uint64_t
to_ring_end(const struct history *h, uint64_t pos)
{
	return h->size - pos % h->size;
}

static uint64_t
slot_bytes(size_t len)
{
	return (sizeof(struct slot) + len + 7) & ~(uint64_t)7;
}

/* pos, or the start of the next lap when no record begins at pos. */
static uint64_t
over_the_end(const struct history *h, uint64_t pos)
{
	uint64_t rest = to_ring_end(h, pos);

	if (pos == h->head)
		return pos;
	if (rest < sizeof(struct slot) || slot_at(h, pos)->kind == SKIP)
		return pos + rest;
	return pos;
}

/* Lets the oldest record go. False: it is pinned, or there is none. */
static bool
evict(struct history *h)
{
	uint64_t pos = over_the_end(h, h->tail);
	const struct slot *s;

	if (pos == h->head) {
		h->tail = pos;
		return false;
	}
	if (h->pinned && pos >= h->pinned_at)
		return false;
	s = slot_at(h, pos);
	h->ends[s->channel].oldest = seq_add(s->seq, 1);
	h->tail = pos + slot_bytes(s->len);
	return true;
}

/* Where a record of `need` bytes would begin, the end of the ring unused if it
 * does not fit in front of it. */
static uint64_t
place(const struct history *h, uint64_t need)
{
	uint64_t rest = to_ring_end(h, h->head);

	return rest < need ? h->head + rest : h->head;
}

static bool
make_room(struct history *h, uint64_t end)
{
	while (end - h->tail > h->size) {
		if (!evict(h) && end - h->tail > h->size)
			return false;
	}
	return true;
}

static void
skip_to(struct history *h, uint64_t start)
{
	if (start != h->head && to_ring_end(h, h->head) >= sizeof(struct slot))
		slot_at(h, h->head)->kind = SKIP;
	/* An empty ring has no record in front of the gap to lead over it. */
	if (h->tail == h->head)
		h->tail = start;
	h->head = start;
}

static size_t
sum_lengths(const struct iovec *pieces, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += pieces[i].iov_len;
	return len;
}

static void
gather(uint8_t *to, const struct iovec *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].iov_len > 0)
			memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
		to += pieces[i].iov_len;
	}
}

seq_t
history_put_pieces(struct history *h, mono_t now, uint16_t channel,
		   enum history_kind kind, utc_t captured, const struct iovec *pieces,
		   size_t count)
{
	size_t len = sum_lengths(pieces, count);
	uint64_t need = slot_bytes(len), start = place(h, need);
	struct ends *ends = &h->ends[channel];
	seq_t seq = ends->next;
	uint64_t *head;
	struct slot *s;

	assert(channel < h->channels);
	if (need > h->size / 4 || !make_room(h, start + need))
		return SEQ_NONE;
	skip_to(h, start);
	head = bucket(h, channel, seq);
	s = slot_at(h, start);
	*s = (struct slot){.chain = *head,
			   .seq = seq,
			   .captured = captured,
			   .arrived = now,
			   .len = (uint32_t)len,
			   .channel = channel,
			   .kind = (uint8_t)kind};
	gather((uint8_t *)(s + 1), pieces, count);
	*head = start + 1;
	h->head = start + need;
	ends->next = seq_add(seq, 1);
	return seq;
}

seq_t
history_put(struct history *h, mono_t now, uint16_t channel, enum history_kind kind,
	    utc_t captured, const void *payload, size_t len)
{
	struct iovec whole = {(void *)(uintptr_t)payload, len};

	return history_put_pieces(h, now, channel, kind, captured, &whole, 1);
}

bool
history_has_room(const struct history *h, size_t len)
{
	uint64_t need = slot_bytes(len);
	uint64_t freed = h->pinned ? h->pinned_at : h->head;

	if (need > h->size / 4)
		return false;
	if (freed < h->tail)
		freed = h->tail;
	return place(h, need) + need - freed <= h->size;
}

void
history_expire(struct history *h, mono_t now)
{
	for (;;) {
		uint64_t pos = over_the_end(h, h->tail);

		if (pos == h->head ||
		    mono_sub(now, slot_at(h, pos)->arrived) < h->age_ns || !evict(h))
			return;
	}
}

void
history_pin(struct history *h, uint64_t pos)
{
	h->pinned_at = pos;
}

uint64_t
history_tail(const struct history *h)
{
	return h->tail;
}

uint64_t
history_head(const struct history *h)
{
	return h->head;
}

static void
fill_record(const struct slot *s, struct history_record *rec)
{
	*rec = (struct history_record){.channel = s->channel,
				       .kind = (enum history_kind)s->kind,
				       .seq = s->seq,
				       .captured = s->captured,
				       .arrived = s->arrived,
				       .payload = (const uint8_t *)(s + 1),
				       .len = s->len};
}

bool
history_at(const struct history *h, uint64_t *pos, struct history_record *rec)
{
	if (*pos < h->tail)
		*pos = h->tail;
	*pos = over_the_end(h, *pos);
	if (*pos >= h->head)
		return false;
	fill_record(slot_at(h, *pos), rec);
	return true;
}

uint64_t
history_after(const struct history *h, uint64_t pos)
{
	return pos + slot_bytes(slot_at(h, pos)->len);
}

enum history_find
history_find(const struct history *h, uint16_t channel, seq_t seq,
	     struct history_record *rec, uint64_t *pos)
{
	const struct ends *ends = &h->ends[channel];
	uint64_t link;

	if (!seq_before(seq, ends->next) || seq_before(seq, SEQ_FIRST))
		return HISTORY_NEVER;
	if (seq_before(seq, ends->oldest))
		return HISTORY_AGED;
	for (link = *bucket(h, channel, seq); link > h->tail;) {
		const struct slot *s = slot_at(h, link - 1);

		if (s->channel == channel && seq_cmp(s->seq, seq) == 0) {
			fill_record(s, rec);
			if (pos != NULL)
				*pos = link - 1;
			return HISTORY_HIT;
		}
		link = s->chain;
	}
	return HISTORY_AGED;
}

/* By halves, since a channel's records arrived in the order of their numbers. */
uint64_t
history_since(const struct history *h, uint16_t channel, mono_t since)
{
	const struct ends *ends = &h->ends[channel];
	uint64_t first = ends->oldest.n, end = ends->next.n, pos;
	struct history_record rec;

	while (first < end) {
		seq_t half = {first + (end - first) / 2};

		if (history_find(h, channel, half, &rec, NULL) == HISTORY_HIT &&
		    !mono_before(rec.arrived, since))
			end = half.n;
		else
			first = half.n + 1;
	}
	if (history_find(h, channel, (seq_t){first}, &rec, &pos) != HISTORY_HIT)
		pos = h->head;
	return pos;
}

seq_t
history_next(const struct history *h, uint16_t channel)
{
	return h->ends[channel].next;
}

seq_t
history_oldest(const struct history *h, uint16_t channel)
{
	return h->ends[channel].oldest;
}

uint64_t
history_backlog(const struct history *h, uint64_t pos)
{
	return h->head - (pos < h->tail ? h->tail : pos);
}

size_t
history_memory_bytes(const struct history *h)
{
	return h->memory_bytes + h->channels * sizeof *h->ends;
}
